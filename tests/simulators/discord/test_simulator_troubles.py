"""Failures and unusual messages on the simulated Discord, with the real discord.py."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import discord
import pytest
from discord.ext import commands

from discord_simulator import DiscordSimulator


async def test_a_resumed_session_replays_what_is_asked_for_and_then_what_was_missed(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any, seen: Any
) -> None:
    ann = simulator.user("Ann")
    dm = simulator.direct_chat(ann)

    heard, resumed = seen("message"), seen("resumed")
    async with run(bot):
        for text in ("one", "two", "three"):
            await simulator.say(ann, dm, text)
            await heard()
        simulator.cut(replays=2)
        await simulator.say(ann, dm, "four")
        await resumed()
        assert [(await heard()).content for _ in range(3)] == ["two", "three", "four"]


async def test_a_replay_never_begins_the_session_anew(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any, seen: Any
) -> None:
    ann = simulator.user("Ann")
    simulator.group("Friends", ann)

    connected, resumed = seen("connect"), seen("resumed")
    async with run(bot):
        await connected()
        simulator.cut(replays=50)
        await resumed()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connected(), 0.2)


async def test_deleted_places_leave_the_clients_cache(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any, seen: Any
) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)

    threads, channels = seen("raw_thread_delete"), seen("guild_channel_delete")
    async with run(bot):
        thread = simulator.thread(room, "plans")
        await simulator.say(ann, thread, "hello")
        await simulator.delete_chat(thread)
        gone = await threads()

        assert (gone.thread_id, gone.parent_id) == (thread.id, room.id)
        await simulator.delete_chat(room)
        assert (await channels()).id == room.id

        with pytest.raises(discord.NotFound) as caught:
            await bot.fetch_channel(room.id)

        assert caught.value.code == 10003


async def test_a_guild_may_go_for_a_while_or_for_good_and_come_back(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any, seen: Any
) -> None:
    ann = simulator.user("Ann")
    guild = simulator.group("Friends", ann).guild

    gone, back, removed, joined = (
        seen(f"guild_{what}") for what in ("unavailable", "available", "remove", "join")
    )
    async with run(bot):
        await simulator.outage(guild)
        assert (await gone()).id == guild.id
        await simulator.recover(guild)

        assert (await back()).id == guild.id
        await simulator.remove_bot(guild)
        assert (await removed()).id == guild.id
        await simulator.say(ann, guild.channels[0], "unheard")
        await simulator.add_bot(guild)

        assert (await joined()).id == guild.id


async def test_a_client_that_asks_is_recommended_so_many_shards(point_client: Any) -> None:
    async with DiscordSimulator(shards=3) as simulator:
        point_client(simulator)
        client = discord.AutoShardedClient(intents=discord.Intents.default())
        async with client:
            await client.login(simulator.token)
            assert (await client.http.get_bot_gateway())[0] == 3


@pytest.mark.parametrize("is_global", [False, True])
async def test_a_rate_limit_is_waited_for_as_long_as_it_says(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any, is_global: bool
) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    async with run(bot):
        simulator.fail_next("POST", "/messages", status=429, retry_after=0.4, is_global=is_global)
        began = time.monotonic()
        await bot.get_channel(room.id).send("at last")

    assert time.monotonic() - began >= 0.4
    assert [one.text for one in simulator.messages(room)] == ["at last"]


async def test_a_rate_limited_answer_to_an_interaction_is_given_again(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any
) -> None:
    @bot.tree.command()
    async def ping(interaction: discord.Interaction) -> None:
        """Answer."""
        await interaction.response.send_message("pong")

    ann = simulator.user("Ann")
    async with run(bot):
        simulator.fail_next("POST", "/callback", status=429)
        used = await simulator.slash(ann, simulator.direct_chat(ann), "ping")
        assert [one.text for one in await simulator.answered(used)] == ["pong"]


async def test_stickers_polls_and_forwards_of_people_look_as_documented(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any, seen: Any
) -> None:
    ann = simulator.user("Ann")
    room, other = simulator.group("Friends", ann), simulator.group("Others", ann)

    heard = seen("message")
    async with run(bot):
        await simulator.say(ann, room, "", stickers=["wave"])
        assert [one.name for one in (await heard()).stickers] == ["wave"]
        await simulator.say(ann, room, "", poll="Tea?")
        poll = (await heard()).poll

        assert (poll.question, [answer.text for answer in poll.answers]) == ("Tea?", ["yes", "no"])
        original = await simulator.say(ann, other, "said elsewhere", attachments=["a.png"])
        await heard()
        await simulator.forward(ann, original, room)
        forward = await heard()

    assert (forward.content, forward.reference.type.value) == ("", 1)
    (snapshot,) = forward.message_snapshots
    assert (snapshot.content, snapshot.attachments[0].filename) == ("said elsewhere", "a.png")


async def test_a_poll_and_a_forward_of_the_bots_stand_in_the_chat(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any
) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    async with run(bot):
        channel = bot.get_channel(room.id)
        poll = discord.Poll("Tea?", duration=timedelta(hours=1))
        poll.add_answer(text="yes")
        sent = await channel.send(poll=poll)

        assert sent.poll.question == "Tea?"
        first = await channel.send("hello")
        passed_on = await first.forward(channel)

        assert passed_on.message_snapshots[0].content == "hello"

    assert simulator.messages(room)[-1].forwarded is simulator.messages(room)[1]


@pytest.mark.skipif(
    not hasattr(discord.ui, "LayoutView"), reason="discord.py knows layouts since 2.6"
)
async def test_layouts_stand_without_content_and_take_none(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any
) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    view = discord.ui.LayoutView()
    view.add_item(discord.ui.TextDisplay("laid out"))

    async with run(bot):
        sent = await bot.get_channel(room.id).send(view=view)
        assert (sent.content, sent.flags.components_v2) == ("", True)
        body = {"content": "and words", "flags": 1 << 15, "components": view.to_components()}
        with pytest.raises(discord.HTTPException, match="Invalid Form Body"):
            await bot.http.request(
                discord.http.Route("POST", f"/channels/{room.id}/messages"), json=body
            )

"""Places that go: threads, channels, guilds; and what is left of what was said in them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import discord
from discord.ext import commands

import session_plugin_discord
from session_plugin import SessionHub


def stored(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [
            bytes(row[0]).decode()
            for row in database.execute("SELECT content FROM messages ORDER BY seq")
        ]


async def test_a_deleted_thread_is_empty_and_its_channel_is_not(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub):
        thread = on_discord.thread(room, "plans")
        await on_discord.say(ann, room, "outside")
        await on_discord.say(ann, thread, "inside")
        await says(on_discord, thread, ["inside"])
        await on_discord.simulator.delete_chat(thread)
        await says(on_discord, thread, [])
        await says(on_discord, room, ["outside"])


async def test_a_deleted_channel_takes_its_threads_with_it(
    on_discord: Any, hub: SessionHub, says: Any, path: Path
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    other = on_discord.simulator.group("Others", guild=room.guild)
    async with on_discord.running(hub):
        thread = on_discord.thread(room, "plans")
        for number in range(3):
            await on_discord.say(ann, room, f"outside {number}")
        await on_discord.say(ann, thread, "inside")
        await on_discord.say(ann, other, "elsewhere")
        await says(on_discord, thread, ["inside"])
        await says(on_discord, other, ["elsewhere"])
        await on_discord.simulator.delete_chat(room)
        await says(on_discord, room, [])
        await says(on_discord, thread, [])
        await says(on_discord, other, ["elsewhere"])
        assert stored(path) == ["elsewhere"]


async def test_a_channel_that_the_bot_deletes_itself_is_followed_too(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub) as bot:
        await on_discord.say(ann, room, "hello")
        await says(on_discord, room, ["hello"])
        await bot.get_channel(room.id).delete()
        await says(on_discord, room, [])


async def test_a_guild_that_removes_the_bot_keeps_its_history_and_goes_on_in_it(
    on_discord: Any, hub: SessionHub, says: Any, errors: Any
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub) as bot:
        await on_discord.say(ann, room, "before")
        await says(on_discord, room, ["before"])
        await on_discord.simulator.remove_bot(room.guild)
        await on_discord.until(lambda: bot.get_guild(room.guild.id) is None)
        await on_discord.say(ann, room, "unheard")
        await on_discord.simulator.add_bot(room.guild)
        await on_discord.until(lambda: bot.get_guild(room.guild.id))
        await on_discord.say(ann, room, "after")
        await says(on_discord, room, ["before", "after"])
    assert errors() == []


async def test_an_author_may_forget_a_guild_that_removes_the_bot(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    bot = on_discord.make()

    @bot.event
    async def on_guild_remove(guild: discord.Guild) -> None:
        for channel in guild.text_channels:
            chat = session_plugin_discord.to_chat(channel, guild, bot_id=bot.user.id)
            await hub.delete_chat(chat)

    on_discord.install(hub, into=bot)
    async with on_discord.started(bot):
        await on_discord.say(ann, room, "before")
        await says(on_discord, room, ["before"])
        await on_discord.simulator.remove_bot(room.guild)
        await says(on_discord, room, [])


async def test_a_guild_that_is_out_of_reach_for_a_while_loses_nothing(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub) as bot:
        await on_discord.say(ann, room, "before")
        await says(on_discord, room, ["before"])
        await on_discord.simulator.outage(room.guild)
        await on_discord.until(lambda: bot.get_guild(room.guild.id).unavailable)
        await on_discord.simulator.recover(room.guild)
        await on_discord.say(ann, room, "after")
        await says(on_discord, room, ["before", "after"])


async def test_a_post_in_a_thread_that_is_new_is_kept_from_its_first_word(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    bot = on_discord.make()

    @bot.command()
    async def plan(ctx: commands.Context[Any]) -> None:
        thread = await ctx.message.create_thread(name="plans")
        await thread.send("let us plan")

    on_discord.install(hub, into=bot)
    async with on_discord.started(bot):
        said = await on_discord.say(ann, room, "!plan")
        await says(on_discord, room, ["!plan"])
        await on_discord.until(lambda: said.thread)
        (word,) = await says(on_discord, said.thread, ["let us plan"])
    assert word.metadata["parent_id"] == str(room.id)
    assert word.person is None  # an answer in another chat is nobody's there

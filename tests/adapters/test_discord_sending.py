"""What a Discord bot sends: after what it answers is stored, attributed, and recorded although its
event may not come.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from discord.ext import commands

import session_plugin_discord
from discord_simulator import DiscordSimulator
from session_plugin import SessionHub, hookimpl


class Slow:
    """A filter that takes its time with what people say."""

    @hookimpl
    async def session_filter_message(self, event: Any) -> Any:
        if event.role == "user":
            await asyncio.sleep(0.3)
        return event


class Counting:
    """A filter that notes what it sees."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @hookimpl
    def session_filter_message(self, event: Any) -> Any:
        self.seen.append(event.text)
        return event


def stored(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [
            bytes(row[0]).decode()
            for row in database.execute("SELECT content FROM messages ORDER BY seq")
        ]


async def test_an_answer_leaves_only_when_what_it_answers_is_stored(
    on_discord: Any, hub: SessionHub, path: Path
) -> None:
    hub.register(Slow())
    bot = on_discord.make()

    async def on_message(message: discord.Message) -> None:
        if message.author != bot.user:
            await message.channel.send("at once")

    bot.on_message = on_message
    on_discord.install(hub, into=bot)
    ann = on_discord.simulator.user("Ann")
    for place in (
        on_discord.simulator.direct_chat(ann),
        on_discord.simulator.group("Friends", ann),
    ):
        async with on_discord.started(bot):
            said = await on_discord.simulator.say(ann, place, f"hello in {place.kind}")
            await on_discord.simulator.answer(place, after=said)
            assert f"hello in {place.kind}" in stored(path)
        bot = on_discord.make()
        bot.on_message = on_message
        on_discord.install(hub, into=bot)


async def test_a_command_that_answers_at_once_finds_its_own_message(
    on_discord: Any, hub: SessionHub
) -> None:
    hub.register(Slow())
    bot = on_discord.make()

    @bot.command()
    async def recap(ctx: commands.Context[Any]) -> None:
        await ctx.send((await ctx.session.history())[-1].content)

    on_discord.install(hub, into=bot)
    ann = on_discord.simulator.user("Ann")
    async with on_discord.started(bot):
        assert (
            await on_discord.ask(ann, on_discord.simulator.direct_chat(ann), "!recap") == "!recap"
        )
        await on_discord.history(hub, on_discord.simulator.direct_chat(ann), count=2)


async def test_twenty_people_at_once_get_each_their_own_answer(
    on_discord: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        number = int(turn.text)
        await asyncio.sleep((number * 7 % 20) / 100)
        assert turn.session.event.text == turn.text
        await turn.say(f"answer {number}")

    people = [on_discord.simulator.user(f"Person {number}") for number in range(20)]
    room = on_discord.simulator.group("Friends", *people)
    async with on_discord.running(hub, answer):
        for number, user in enumerate(people):
            await on_discord.simulator.say(user, room, str(number))
        history = await on_discord.history(hub, room, count=40)
    assert [one.content for one in history if one.role == "user"] == [
        str(number) for number in range(20)
    ]
    answers = {one.content: one.person for one in history if one.role == "assistant"}
    assert answers == {
        f"answer {number}": on_discord.account(user) for number, user in enumerate(people)
    }


async def test_an_answer_with_a_file_is_attributed_too(
    on_discord: Any, hub: SessionHub, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_bytes(b"12345")

    async def answer(turn: Any) -> None:
        await turn.message.channel.send("here", file=discord.File(notes))

    ann = on_discord.simulator.user("Ann")
    room = on_discord.simulator.group("Friends", ann)
    async with on_discord.running(hub, answer):
        await on_discord.simulator.say(ann, room, "notes?")
        history = await on_discord.history(hub, room, count=2)
    assert (history[1].person, history[1].attachments[0].filename) == (
        on_discord.account(ann),
        "notes.txt",
    )


@pytest.mark.parametrize("echo_first", [True, False])
async def test_own_words_are_in_the_history_when_sending_returns(
    point_discord: Any, on_discord: Any, hub: SessionHub, echo_first: bool
) -> None:
    async with DiscordSimulator(echo_first=echo_first) as simulator:
        point_discord(simulator)
        on_discord.simulator = simulator

        async def answer(turn: Any) -> None:
            for number in range(10):
                await turn.say(f"words {number}")
                assert (await turn.session.history())[-1].content == f"words {number}"
            await turn.say("done")

        ann = simulator.user("Ann")
        for place in (simulator.direct_chat(ann), simulator.group("Friends", ann)):
            async with on_discord.running(hub, answer):
                await simulator.say(ann, place, "hello")
                history = await on_discord.history(hub, place, count=12)
            assert len(history) == 12


async def test_own_words_pass_the_filters_once_although_discord_tells_of_them_twice(
    on_discord: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        await turn.say(f"you said {turn.text}")

    counting = Counting()
    hub.register(counting)
    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    async with on_discord.running(hub, answer):
        for text in ("one", "two"):
            await on_discord.ask(ann, dm, text)
        await on_discord.history(hub, dm, count=4)
    assert sorted(counting.seen) == ["one", "two", "you said one", "you said two"]


async def test_words_whose_event_never_comes_are_in_the_history(
    on_discord: Any, hub: SessionHub
) -> None:
    """Events of the bot's own messages need intents; without them there is the answer to sending
    only.
    """
    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    bot = on_discord.make()
    on_discord.install(hub, into=bot)
    async with on_discord.started(bot):
        user = await bot.fetch_user(ann.id)
        await user.create_dm()
        on_discord.simulator.cut()
        await user.send("are you there?")
        assert [one.content for one in await on_discord.history(hub, dm, count=1)] == [
            "are you there?"
        ]


async def test_a_failed_send_raises_as_ever_and_is_not_recorded(
    on_discord: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        on_discord.simulator.fail_next("POST", "/messages", status=403)
        with pytest.raises(discord.Forbidden):
            await turn.say("lost")
        await turn.say("sent")

    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    async with on_discord.running(hub, answer):
        assert await on_discord.ask(ann, dm, "hello") == "sent"
        history = await on_discord.history(hub, dm, count=2)
    assert [one.content for one in history] == ["hello", "sent"]


async def test_a_send_whose_answer_was_lost_and_repeated_is_recorded_once(
    on_discord: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        on_discord.simulator.fail_next("POST", "/messages", status=502, after_effect=True)
        await turn.say("at last")

    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    async with on_discord.running(hub, answer):
        await on_discord.ask(ann, dm, "hello")
        while (
            len([one for one in on_discord.simulator.calls if one.path.endswith("/messages")]) < 2
        ):
            await asyncio.sleep(0.02)
        history = await on_discord.history(hub, dm, count=2)
    assert [one.content for one in history] == ["hello", "at last"]


async def test_an_own_direct_message_after_a_restart_belongs_to_the_person(
    on_discord: Any, path: Path
) -> None:
    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    hub = SessionHub(path, load_entry_points=False)
    async with on_discord.running(hub):
        await on_discord.simulator.say(ann, dm, "hello")
        await on_discord.history(hub, dm, count=1)
    hub = SessionHub(path, load_entry_points=False)
    async with on_discord.running(hub) as bot:
        await bot.get_partial_messageable(dm.id).send("good morning")
        history = await on_discord.history(hub, dm, count=2)
    assert (history[1].content, history[1].person) == ("good morning", on_discord.account(ann))


async def test_the_first_word_of_the_bot_to_a_stranger_belongs_to_that_person(
    on_discord: Any, hub: SessionHub
) -> None:
    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    async with on_discord.running(hub) as bot:
        await (await bot.fetch_user(ann.id)).send("welcome")
        (welcome,) = await on_discord.history(hub, dm, count=1)
    assert welcome.person == on_discord.account(ann)


async def test_the_handler_of_one_event_does_not_answer_the_author_of_an_earlier_message(
    on_discord: Any, hub: SessionHub
) -> None:
    ann = on_discord.simulator.user("Ann")
    room = on_discord.simulator.group("Friends", ann)
    bot = on_discord.make()

    @bot.event
    async def on_raw_message_delete(payload: Any) -> None:
        await bot.get_channel(payload.channel_id).send("somebody deleted something")

    session_plugin_discord.install(bot, hub)
    async with on_discord.started(bot):
        said = await on_discord.simulator.say(ann, room, "one")
        await on_discord.simulator.say(ann, room, "two")
        await on_discord.simulator.delete(said)
        await on_discord.told(room, "deleted")
        while len(history := await on_discord.history(hub, room, count=2)) != 2:
            await asyncio.sleep(0.01)
    assert [(one.content, one.person) for one in history] == [
        ("two", on_discord.account(ann)),
        ("somebody deleted something", None),
    ]


async def test_a_task_that_a_handler_leaves_behind_answers_for_it_and_a_loop_of_the_bots_answers_nobody(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    tasks: list[asyncio.Task[Any]] = []
    speak = asyncio.Event()

    async def later(channel: Any, text: str) -> None:
        await speak.wait()
        await channel.send(text)

    async def answer(turn: Any) -> None:
        tasks.append(asyncio.create_task(later(turn.message.channel, "in reminder of it")))

    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room = on_discord.group("Friends", ann, bob)
    async with on_discord.running(hub, answer) as bot:
        alone = asyncio.create_task(later(bot.get_channel(room.id), "on its own"))
        await on_discord.say(ann, room, "remind me")
        await says(on_discord, room, ["remind me"])
        await on_discord.until(lambda: tasks)
        speak.set()
        await asyncio.gather(alone, *tasks)
        history = await on_discord.history(hub, room, count=3)
    whose = {one.content: one.person for one in history if one.role == "assistant"}
    assert whose == {"in reminder of it": on_discord.account(ann), "on its own": None}


async def test_the_handler_of_a_later_event_answers_nobody_although_somebody_spoke_before(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room = on_discord.group("Friends", ann)
    bot = on_discord.make()

    @bot.event
    async def on_guild_channel_create(channel: Any) -> None:
        await bot.get_channel(room.id).send("a new channel")

    on_discord.install(hub, into=bot)
    async with on_discord.started(bot):
        await on_discord.say(ann, room, "hello")
        on_discord.simulator.group("Others", bob, guild=room.guild)
        await on_discord.told(room, "a new channel")
        _, told = await says(on_discord, room, ["hello", "a new channel"])
    assert told.person is None


async def test_an_edit_of_the_bots_own_keeps_whom_it_answers(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    async def answer(turn: Any) -> None:
        sent = await turn.say("one moment")
        await sent.edit(content="here it is")

    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub, answer):
        await on_discord.say(ann, room, "hello")
        _, kept = await says(on_discord, room, ["hello", "here it is"])
    assert (kept.person, kept.edited_at is not None) == (on_discord.account(ann), True)


async def test_a_rate_limited_send_is_recorded_once(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    async def answer(turn: Any) -> None:
        on_discord.simulator.fail_next("POST", "/messages", status=429)
        await turn.say("after a while")

    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub, answer):
        await on_discord.ask(ann, room, "hello")
        await says(on_discord, room, ["hello", "after a while"])


async def test_a_send_whose_connection_was_cut_raises_and_is_recorded_because_it_stands(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    async def answer(turn: Any) -> None:
        on_discord.simulator.fail_next("POST", "/messages", status=None, after_effect=True)
        with pytest.raises((OSError, aiohttp.ClientError)):
            await turn.say("did it arrive?")

    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub, answer):
        await on_discord.say(ann, room, "hello")
        _, kept = await says(on_discord, room, ["hello", "did it arrive?"])
    assert kept.person == on_discord.account(ann)


async def test_whose_a_direct_chat_is_stands_in_the_database_for_when_discord_does_not_tell(
    on_discord: Any, path: Path
) -> None:
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    first = SessionHub(path, load_entry_points=False)
    async with on_discord.running(first):
        await on_discord.say(ann, dm, "hello")
        await on_discord.history(first, dm, count=1)
    second = SessionHub(path, load_entry_points=False)
    async with on_discord.running(second) as bot:
        on_discord.simulator.fail_next("GET", f"/channels/{dm.id}", status=403)
        await bot.get_partial_messageable(dm.id).send("good morning")
        history = await on_discord.history(second, dm, count=2)
    assert (history[1].content, history[1].person) == ("good morning", on_discord.account(ann))


async def test_an_answer_to_a_message_that_was_waited_for_leaves_only_when_that_one_is_stored(
    on_discord: Any, hub: SessionHub, path: Path
) -> None:
    """discord.py's wait_for gives a handler a message that it was not started for."""
    hub.register(Slow())
    bot = on_discord.make()

    @bot.command()
    async def quiz(ctx: commands.Context[Any]) -> None:
        await ctx.send("who knows?")
        await bot.wait_for("message", check=lambda message: message.content == "I do")
        await ctx.send("right")

    on_discord.install(hub, into=bot)
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room = on_discord.group("Friends", ann, bob)
    async with on_discord.started(bot):
        await on_discord.say(ann, room, "!quiz")
        await on_discord.told(room, "who knows?")
        await on_discord.history(hub, room, count=2)
        await on_discord.say(bob, room, "I do")
        await on_discord.told(room, "right")
        assert stored(path)[:3] == ["!quiz", "who knows?", "I do"]


async def test_a_filter_may_send_without_waiting_for_itself_and_answers_nobody(
    on_discord: Any, path: Path, says: Any
) -> None:
    class Scolding:
        @hookimpl
        async def session_filter_message(self, event: Any) -> Any:
            if event.role == "user":
                await bot.get_channel(int(event.chat.chat_id)).send("no numbers, please")
            return event

    class Greeting:
        @hookimpl
        async def session_on_message(self, event: Any) -> None:
            if event.author == on_discord.account(bob):
                await bot.get_channel(int(event.chat.chat_id)).send("seen")

    patient = SessionHub(
        path, load_entry_points=False, store_patience=30, plugins=[Scolding(), Greeting()]
    )
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room = on_discord.group("Friends", ann, bob)
    async with on_discord.running(patient) as bot:
        await asyncio.gather(on_discord.say(ann, room, "one"), on_discord.say(bob, room, "two"))
        history = await on_discord.history(patient, room, count=5)
    assert sorted(one.content for one in history) == [
        "no numbers, please",
        "no numbers, please",
        "one",
        "seen",
        "two",
    ]
    assert {one.person for one in history if one.role == "assistant"} == {None}


@pytest.mark.parametrize("echo_first", [True, False])
async def test_an_edit_and_a_deletion_of_the_bots_are_in_the_history_when_they_return(
    point_discord: Any, on_discord: Any, hub: SessionHub, echo_first: bool
) -> None:
    """Their events may come late."""
    found: list[list[str]] = []

    async def answer(turn: Any) -> None:
        sent = [await turn.say(f"thinking {number}") for number in range(4)]
        await sent[0].edit(content="the answer is 42")
        found.append([one.content for one in await turn.session.history()])
        await sent[1].delete()
        if turn.message.guild is not None:
            await turn.message.channel.delete_messages(sent[2:])
        found.append([one.content for one in await turn.session.history()])

    async with DiscordSimulator(echo_first=echo_first) as simulator:
        point_discord(simulator)
        on_discord.simulator = simulator
        ann = simulator.user("Ann")
        thoughts = ["thinking 2", "thinking 3"]
        for place, left in (
            (simulator.direct_chat(ann), thoughts),
            (simulator.group("Friends", ann), []),
        ):
            async with on_discord.running(hub, answer):
                await simulator.say(ann, place, "hello")
                await on_discord.until(lambda: len(found) == 2)
            assert found == [
                ["hello", "the answer is 42", "thinking 1", *thoughts],
                ["hello", "the answer is 42", *left],
            ]
            found.clear()


@pytest.mark.parametrize("echo_first", [True, False])
async def test_an_edit_passes_the_filters_once_although_discord_tells_of_it_twice(
    point_discord: Any, on_discord: Any, hub: SessionHub, echo_first: bool, says: Any
) -> None:
    async def answer(turn: Any) -> None:
        sent = await turn.say("0")
        for number in range(1, 5):
            await sent.edit(content=str(number))

    counting = Counting()
    hub.register(counting)
    async with DiscordSimulator(echo_first=echo_first) as simulator:
        point_discord(simulator)
        on_discord.simulator = simulator
        ann = simulator.user("Ann")
        async with on_discord.running(hub, answer):
            await simulator.say(ann, simulator.direct_chat(ann), "hello")
            await on_discord.told(simulator.direct_chat(ann), "4")
            await asyncio.sleep(0.1)  # in which the events come
            await says(on_discord, simulator.direct_chat(ann), ["hello", "4"])
    assert counting.seen in (["hello", "0", "1", "4"], ["hello", "0", "1", "3", "4"])  # held ones


async def test_an_edit_of_a_bot_that_closes_right_afterwards_is_kept(
    point_discord: Any, on_discord: Any, hub: SessionHub, path: Path
) -> None:
    async with DiscordSimulator(echo_first=False) as simulator:
        point_discord(simulator)
        on_discord.simulator = simulator
        bot = on_discord.make()

        @bot.command()
        async def bye(ctx: commands.Context[Any]) -> None:
            sent = await ctx.send("thinking")
            await sent.edit(content="good bye")
            await bot.close()

        on_discord.install(hub, into=bot)
        ann = simulator.user("Ann")
        async with on_discord.started(bot):
            await simulator.say(ann, simulator.direct_chat(ann), "!bye")
            await on_discord.until(bot.is_closed)
    await hub.close()
    assert stored(path) == ["!bye", "good bye"]


class Menu(discord.ui.View):
    """A button that changes the message above it, in each of the ways that there are."""

    @discord.ui.button(label="Shorter", custom_id="respond")
    async def respond(self, interaction: discord.Interaction, _: Any) -> None:
        await interaction.response.edit_message(content=f"{interaction.message.content}, shorter")  # type: ignore[union-attr]

    @discord.ui.button(label="Later", custom_id="defer")
    async def defer(self, interaction: discord.Interaction, _: Any) -> None:
        await interaction.response.defer()
        await interaction.edit_original_response(content=f"{interaction.message.content}, later")  # type: ignore[union-attr]


@pytest.mark.parametrize("wish", ["private on", "forget"])
@pytest.mark.parametrize("how", ["edit", "respond", "defer"])
async def test_an_edit_of_an_answer_that_is_not_kept_does_not_bring_it_back(
    on_discord: Any, hub: SessionHub, says: Any, how: str, wish: str
) -> None:
    sent: list[discord.Message] = []

    async def answer(turn: Any) -> None:
        if turn.text.startswith("I have"):
            sent.append(await turn.message.channel.send(f"you said: {turn.text}", view=Menu()))

    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room, dm = on_discord.group("Friends", ann, bob), on_discord.direct_chat(ann)
    async with on_discord.running(hub, answer, commands={}):
        if wish == "private on":
            await on_discord.ask(ann, dm, "!private on")
        await on_discord.say(ann, room, "I have X")
        await on_discord.until(lambda: sent)
        if wish == "forget":
            await on_discord.ask(ann, dm, "!forget")
            await on_discord.ask(ann, dm, "!forget confirm")
        if how == "edit":
            await sent[0].edit(content="you said: I have X, view over", view=None)
        else:
            (shown,) = [one for one in on_discord.messages(room) if one.is_from_bot]
            await on_discord.simulator.press(bob, shown, how)
        await on_discord.told(room, "I have X, ")
        await on_discord.say(bob, room, "last")
        await says(on_discord, room, ["last"])


@pytest.mark.parametrize("how", ["respond", "defer"])
async def test_who_presses_a_button_below_an_answer_that_was_never_stored_is_not_who_it_answers(
    point_discord: Any, on_discord: Any, hub: SessionHub, how: str
) -> None:
    async with DiscordSimulator(echo_first=False) as simulator:
        point_discord(simulator)
        on_discord.simulator = simulator
        bob = simulator.user("Bob")
        room = simulator.group("Friends", bob)
        before = on_discord.make()
        async with on_discord.connected(before):
            await before.get_channel(room.id).send("for Ann", view=Menu(timeout=None))
        bot = on_discord.make()
        on_discord.install(hub, into=bot)
        async with on_discord.started(bot):
            bot.add_view(Menu(timeout=None))
            await simulator.press(bob, simulator.messages(room)[0], how)
            await on_discord.told(room, "for Ann, ")
            (kept,) = await on_discord.history(hub, room, count=1)
    assert (kept.role, kept.person, kept.metadata) == (
        "assistant",
        None,
        {"guild_id": str(room.guild.id)},
    )


async def test_a_task_that_outlives_its_handler_answers_nobody_once_somebody_else_has_spoken(
    on_discord: Any, hub: SessionHub
) -> None:
    """A worker, started with the first question, that answers everybody in turn."""
    questions: asyncio.Queue[Any] = asyncio.Queue()
    workers: list[asyncio.Task[Any]] = []

    async def work() -> None:
        while True:
            message = await questions.get()
            await message.channel.send(f"about {message.content}")

    async def answer(turn: Any) -> None:
        if not workers:
            workers.append(asyncio.create_task(work()))
        await questions.put(turn.message)

    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room = on_discord.group("Friends", ann, bob)
    async with on_discord.running(hub, answer):
        for user, text in ((ann, "tea"), (ann, "cake"), (bob, "coffee"), (ann, "milk")):
            await on_discord.say(user, room, text)
            await on_discord.told(room, f"about {text}")
        history = await on_discord.history(hub, room, count=8)
        workers[0].cancel()
    whose = {one.content: one.person for one in history if one.role == "assistant"}
    assert whose == {
        "about tea": on_discord.account(ann),
        "about cake": on_discord.account(ann),
        "about coffee": None,
        "about milk": None,
    }


async def test_a_task_of_a_handler_that_still_runs_answers_for_it_whoever_speaks_meanwhile(
    on_discord: Any, hub: SessionHub
) -> None:
    spoken = asyncio.Event()
    bot = on_discord.make()

    @bot.event
    async def on_message(message: discord.Message) -> None:
        if message.content == "and quickly":
            spoken.set()
        elif message.author != bot.user:
            await spoken.wait()
            await asyncio.gather(*(message.channel.send(f"part {number}") for number in range(2)))

    on_discord.install(hub, into=bot)
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room = on_discord.group("Friends", ann, bob)
    async with on_discord.started(bot):
        await on_discord.say(ann, room, "in parts, please")
        await on_discord.say(bob, room, "and quickly")
        history = await on_discord.history(hub, room, count=4)
    assert {one.person for one in history if one.role == "assistant"} == {on_discord.account(ann)}


async def test_what_a_slash_command_says_beside_its_answer_is_for_who_gave_it_whoever_speaks_meanwhile(
    on_discord: Any, hub: SessionHub
) -> None:
    spoken = asyncio.Event()
    bot = on_discord.make()

    @bot.event
    async def on_message(message: discord.Message) -> None:
        spoken.set()

    @bot.event
    async def setup_hook() -> None:
        await bot.tree.sync()

    @bot.tree.command()
    async def shout(interaction: discord.Interaction) -> None:
        """Answer beside the interaction."""
        await interaction.response.defer()
        await spoken.wait()
        await interaction.channel.send("HELLO")  # type: ignore[union-attr]

    on_discord.install(hub, into=bot)
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room = on_discord.group("Friends", ann, bob)
    async with on_discord.started(bot):
        await on_discord.simulator.slash(ann, room, "shout")
        await on_discord.say(bob, room, "what?")
        history = await on_discord.history(hub, room, count=3)
    assert history[-1].person == on_discord.account(ann)

"""What comes in on Discord: in order, once, with edits and deletions, and nothing that nobody said."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import discord
import pytest
from discord.ext import commands

import session_plugin_discord
from session_plugin import SessionHub, hookimpl
from session_plugin_discord import incoming


async def echo(turn: Any) -> None:
    await turn.say(f"you said {turn.text}")


async def contents(driver: Any, hub: SessionHub, chat: Any) -> list[str]:
    return [one.content for one in await driver.view(hub, chat).history(limit=None)]


async def until_it_says(driver: Any, hub: SessionHub, chat: Any, expected: list[str]) -> None:
    try:
        async with asyncio.timeout(5):
            while await contents(driver, hub, chat) != expected:
                await asyncio.sleep(0.01)
    except TimeoutError:
        assert await contents(driver, hub, chat) == expected


async def test_two_hundred_messages_in_a_burst_are_in_order_and_each_handler_finds_its_own(
    on_discord: Any, hub: SessionHub
) -> None:
    found: list[tuple[str, str]] = []

    async def answer(turn: Any) -> None:
        history = await turn.session.history(limit=None)
        own = [one.content for one in history if one.message_id == str(turn.message.id)]
        found.append((turn.text, *own))

    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    texts = [str(number) for number in range(200)]
    async with on_discord.running(hub, answer):
        await asyncio.gather(*(on_discord.say(ann, room, text) for text in texts))
        history = await on_discord.history(hub, room, count=200)
        assert [one.content for one in history] == texts
        await on_discord.until(lambda: len(found) == 200)
    assert sorted(found) == sorted((text, text) for text in texts)


class Slow:
    """A filter that takes its time."""

    @hookimpl
    async def session_filter_message(self, event: Any) -> Any:
        await asyncio.sleep(0.1)
        return event


async def test_every_kind_of_handler_finds_the_message_that_it_handles(
    on_discord: Any, hub: SessionHub
) -> None:
    found: dict[str, str] = {}

    async def last(source: Any) -> str:
        session = await session_plugin_discord.session(source)
        return (await session.history())[-1].content

    class Cog(commands.Cog):
        @commands.Cog.listener()
        async def on_message(self, message: discord.Message) -> None:
            found["cog"] = await last(message)

        @commands.command()
        async def recap(self, ctx: session_plugin_discord.SessionContext) -> None:
            found["command"] = (await ctx.session.history())[-1].content

    bot = on_discord.make()

    async def listen(message: discord.Message) -> None:
        found["listener"] = await last(message)

    async def check(ctx: session_plugin_discord.SessionContext) -> bool:
        found["check"] = await last(ctx)
        return True

    bot.add_listener(listen, "on_message")
    bot.add_check(check)
    on_discord.install(hub, into=bot)
    hub.register(Slow())
    ann = on_discord.user("Ann")
    async with on_discord.started(bot):
        await bot.add_cog(Cog())
        await on_discord.say(ann, on_discord.direct_chat(ann), "!recap")
        await on_discord.until(lambda: len(found) == 4)
    assert found == dict.fromkeys(("cog", "command", "listener", "check"), "!recap")


async def test_two_messages_of_one_person_at_once_are_two_turns_in_order(
    on_discord: Any, hub: SessionHub
) -> None:
    both = asyncio.Event()
    running: list[str] = []

    async def answer(turn: Any) -> None:
        running.append(turn.text)
        if len(running) == 2:
            both.set()
        await both.wait()
        before = [one.content for one in await turn.session.history(before=turn.session.event)]
        await turn.reply(f"{turn.text} after {[text for text in before if 'after' not in text]}")

    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.running(hub, answer):
        await asyncio.gather(on_discord.say(ann, dm, "one"), on_discord.say(ann, dm, "two"))
        history = await on_discord.history(hub, dm, count=4)
    assert [one.content for one in history][:2] == ["one", "two"]
    told = {one.reply_to: one.content for one in history[2:]}
    assert told == {
        history[0].message_id: "one after []",
        history[1].message_id: "two after ['one']",
    }


async def test_an_authors_slow_prefix_leaves_messages_in_order(
    on_discord: Any, hub: SessionHub
) -> None:
    async def prefix(bot: Any, message: Any) -> str:
        await asyncio.sleep(0.1)
        return "!"

    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    texts = ["what's new?", "one", "a link", "two"]
    async with on_discord.running(hub, prefix=prefix):
        for text in texts:
            await on_discord.simulator.say(ann, dm, text)
        await until_it_says(on_discord, hub, dm, texts)


@pytest.mark.parametrize("text", ["!LINK abcd-efgh", "!Link"])
async def test_commands_of_a_bot_that_minds_no_case_are_not_stored_either(
    on_discord: Any, hub: SessionHub, text: str
) -> None:
    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    async with on_discord.running(hub, case_insensitive=True):
        await on_discord.ask(ann, dm, text)
        await on_discord.simulator.say(ann, dm, "last")
        await until_it_says(on_discord, hub, dm, ["last"])


async def test_a_command_that_another_bot_says_is_only_words(
    on_discord: Any, hub: SessionHub
) -> None:
    room = on_discord.simulator.group("Friends", on_discord.simulator.user("Ann"))
    async with on_discord.running(hub):
        await on_discord.simulator.say_as_bot("Robot", room, "!new")
        await on_discord.simulator.say_as_webhook("News", room, "!link")
        await until_it_says(on_discord, hub, room, ["!new", "!link"])


async def test_a_links_preview_is_no_edit(on_discord: Any, hub: SessionHub) -> None:
    class Edits:
        told = 0

        @hookimpl
        def session_on_edit(self) -> None:
            self.told += 1

    edits = Edits()
    hub.register(edits)
    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    async with on_discord.running(hub, echo):
        said = await on_discord.simulator.say(ann, dm, "see https://example.com/")
        answer = await on_discord.simulator.answer(dm, after=said)
        await on_discord.simulator.unfurl(said)
        await on_discord.simulator.unfurl(answer)
        await on_discord.ask(ann, dm, "next")
        history = await on_discord.history(hub, dm, count=4)
        await hub.settle()
    assert edits.told == 0
    assert all(one.edited_at is None and not one.attachments for one in history)


async def test_the_preview_of_an_unstored_answer_stores_nothing(
    on_discord: Any, hub: SessionHub
) -> None:
    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    async with on_discord.running(hub, echo, commands={}):
        said = await on_discord.simulator.say(ann, dm, "hello")
        await on_discord.simulator.answer(dm, after=said)
        asked = await on_discord.simulator.say(ann, dm, "!whoami")
        await on_discord.told(dm, 'You are "Ann"')
        await on_discord.simulator.unfurl(on_discord.simulator.messages(dm)[-1])
        await on_discord.simulator.unfurl(asked)
        await on_discord.simulator.repeat(asked)
        kept = await on_discord.history(hub, dm, count=3)
    assert not any('You are "Ann"' in one.content or one.content == "!whoami" for one in kept)


async def test_deleted_messages_are_gone(on_discord: Any, hub: SessionHub) -> None:
    ann = on_discord.simulator.user("Ann")
    for place in (
        on_discord.simulator.direct_chat(ann),
        on_discord.simulator.group("Friends", ann),
    ):
        async with on_discord.running(hub):
            said = [
                await on_discord.simulator.say(ann, place, text) for text in ("one", "two", "three")
            ]
            await on_discord.history(hub, place, count=3)
            await on_discord.simulator.delete(said[1])
            await until_it_says(on_discord, hub, place, ["one", "three"])


async def test_a_bulk_deletion_takes_all_of_them(on_discord: Any, hub: SessionHub) -> None:
    ann = on_discord.simulator.user("Ann")
    room = on_discord.simulator.group("Friends", ann)
    async with on_discord.running(hub):
        said = [await on_discord.simulator.say(ann, room, str(number)) for number in range(5)]
        await on_discord.history(hub, room, count=5)
        await on_discord.simulator.delete_bulk(*said[1:4])
        await until_it_says(on_discord, hub, room, ["0", "4"])


async def test_a_deletion_right_behind_its_message_wins(on_discord: Any, hub: SessionHub) -> None:
    class Slow:
        @hookimpl
        async def session_filter_message(self, event: Any) -> Any:
            await asyncio.sleep(0.1)
            return event

    hub.register(Slow())
    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    async with on_discord.running(hub):
        said = await on_discord.simulator.say(ann, dm, "oops")
        await on_discord.simulator.delete(said)
        await on_discord.simulator.say(ann, dm, "last")
        await until_it_says(on_discord, hub, dm, ["last"])
        await on_discord.simulator.repeat(said)
        await on_discord.simulator.say(ann, dm, "really")
        await until_it_says(on_discord, hub, dm, ["last", "really"])


async def test_a_message_that_the_bot_edits_or_deletes_follows(
    on_discord: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        first, second = await turn.say("thinking"), await turn.say("never mind")
        await first.edit(content="thought")
        await second.delete()

    ann = on_discord.simulator.user("Ann")
    room = on_discord.simulator.group("Friends", ann)
    async with on_discord.running(hub, answer):
        await on_discord.simulator.say(ann, room, "hello")
        await until_it_says(on_discord, hub, room, ["hello", "thought"])
        history = await on_discord.history(hub, room, count=2)
    assert history[1].person == on_discord.account(ann)


async def test_guild_text_that_the_bot_may_not_see_is_not_stored_as_empty_and_said_once(
    on_discord: Any, hub: SessionHub, caplog: pytest.LogCaptureFixture
) -> None:
    ann = on_discord.simulator.user("Ann")
    room, dm = on_discord.simulator.group("Friends", ann), on_discord.simulator.direct_chat(ann)
    async with on_discord.running(hub, echo, content=False):
        await on_discord.simulator.say(ann, room, "not for you")
        await on_discord.told(room, "you said")
        await on_discord.ask(ann, room, f"<@{on_discord.bot_id}> for you")
        await on_discord.ask(ann, dm, "in private")
        history = await on_discord.history(hub, room, count=3)
        await on_discord.history(hub, dm, count=2)
    assert [one.content for one in history if one.role == "user"] == [
        f"<@{on_discord.bot_id}> for you"
    ]
    warnings = [
        one
        for one in caplog.records
        if one.levelno == logging.WARNING and one.name == "session_plugin.discord"
    ]
    assert len(warnings) == 1
    assert "message_content" in warnings[0].getMessage()


async def test_a_resumed_connection_that_replays_stores_once(
    on_discord: Any, hub: SessionHub
) -> None:
    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    async with on_discord.running(hub, echo):
        first = await on_discord.simulator.say(ann, dm, "one")
        await on_discord.simulator.answer(dm, after=first)
        on_discord.simulator.cut()
        second = await on_discord.simulator.say(ann, dm, "two")
        await on_discord.simulator.connected()
        await on_discord.simulator.answer(dm, after=second)
        await on_discord.simulator.repeat(second)
        await on_discord.simulator.repeat(on_discord.simulator.messages(dm)[1])
        await on_discord.told(dm, "you said two")
        await on_discord.ask(ann, dm, "three")
        kept = await contents(on_discord, hub, dm)
    assert [text for text in kept if not text.startswith("you")] == ["one", "two", "three"]
    assert kept.count("you said one") == 1


async def test_a_system_message_is_nobodys_words(on_discord: Any, hub: SessionHub) -> None:
    ann = on_discord.simulator.user("Ann")
    room = on_discord.simulator.group("Friends", ann)
    async with on_discord.running(hub):
        await on_discord.simulator.system_message(room)
        await on_discord.simulator.say(ann, room, "hello")
        await until_it_says(on_discord, hub, room, ["hello"])


async def test_a_guild_that_is_not_cached_is_no_direct_chat(
    on_discord: Any, hub: SessionHub
) -> None:
    """Without the guilds intent discord.py knows no guild; what is said there must not become
    somebody's own.
    """
    ann, bob = on_discord.simulator.user("Ann"), on_discord.simulator.user("Bob")
    room, dm = (
        on_discord.simulator.group("Friends", ann, bob),
        on_discord.simulator.direct_chat(ann),
    )
    bot = on_discord.make(echo)
    bot._connection._intents = discord.Intents(
        guild_messages=True, dm_messages=True, message_content=True
    )
    on_discord.install(hub, into=bot)
    async with on_discord.started(bot):
        await on_discord.ask(ann, room, "before all")
        await on_discord.ask(bob, room, "me too")
        await on_discord.ask(ann, dm, "between us")
        history = await on_discord.history(hub, room, count=4)
        private = await on_discord.history(hub, dm, count=2)
    assert {one.content for one in history} == {
        "before all",
        "you said before all",
        "me too",
        "you said me too",
    }
    assert [one.content for one in private] == ["between us", "you said between us"]


async def test_a_thread_is_a_chat_of_its_own_and_names_its_parent(
    on_discord: Any, hub: SessionHub
) -> None:
    ann = on_discord.simulator.user("Ann")
    room = on_discord.simulator.group("Friends", ann)
    async with on_discord.running(hub, echo):
        thread = on_discord.simulator.thread(room, "plans")
        await on_discord.ask(ann, thread, "hello")
        history = await on_discord.history(hub, thread, count=2)
    assert history[0].metadata == {"guild_id": str(room.guild.id), "parent_id": str(room.id)}
    assert history[0].chat.title == "Friends #plans"


async def test_the_preview_of_a_message_that_was_never_heard_stores_nothing(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    said = await on_discord.say(ann, dm, "https://example.com/ while nobody listens")
    async with on_discord.running(hub):
        await on_discord.simulator.unfurl(said)
        await on_discord.say(ann, dm, "last")
        await says(on_discord, dm, ["last"])


async def test_an_edit_of_a_message_that_was_never_heard_is_kept(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    said = await on_discord.say(ann, dm, "while nobody listens")
    async with on_discord.running(hub):
        await on_discord.edit(said, "now you do")
        await says(on_discord, dm, ["now you do"])


async def test_a_prefix_of_the_authors_that_fails_loses_no_message(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    async def prefix(bot: Any, message: Any) -> str:
        raise RuntimeError("the prefixes cannot be read")

    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.running(hub, prefix=prefix):
        await on_discord.say(ann, dm, "what's new?")
        await says(on_discord, dm, ["what's new?"])


async def test_who_handles_an_edit_or_a_deletion_reads_what_is_left(
    on_discord: Any, hub: SessionHub
) -> None:
    hub.register(Slow())
    found: list[list[str]] = []
    bot = on_discord.make()

    async def read(message: discord.Message) -> None:
        session = await session_plugin_discord.session(message)
        found.append([one.content for one in await session.history()])

    @bot.event
    async def on_message_edit(before: discord.Message, after: discord.Message) -> None:
        await read(after)

    @bot.event
    async def on_message_delete(message: discord.Message) -> None:
        await read(message)

    on_discord.install(hub, into=bot)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.started(bot):
        said = await on_discord.say(ann, dm, "helo")
        await on_discord.history(hub, dm, count=1)
        await on_discord.edit(said, "hello")
        await on_discord.until(lambda: found)
        await on_discord.simulator.delete(said)
        await on_discord.until(lambda: len(found) == 2)
    assert found == [["hello"], []]


async def test_a_prefix_of_the_authors_that_hangs_silences_nobody_and_lets_the_bot_close(
    on_discord: Any, hub: SessionHub, says: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "PREFIX_TIMEOUT", 0.3)

    async def prefix(bot: Any, message: Any) -> str:
        if message.content.startswith("what's"):
            await asyncio.Event().wait()
        return "!"

    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    bot = on_discord.make(prefix=prefix)

    async def on_message(message: discord.Message) -> None:
        if message.author != bot.user:
            asyncio.create_task(bot.process_commands(message))  # noqa: RUF006 - it hangs with the prefix
            await message.channel.send(f"you said {message.content}")

    bot.on_message = on_message
    on_discord.install(hub, into=bot)
    async with asyncio.timeout(10), on_discord.started(bot):
        await on_discord.say(ann, dm, "what's new?")
        await on_discord.say(ann, dm, "what's next in the linked list?")
        await on_discord.ask(ann, dm, "hello")
        await on_discord.history(hub, dm, count=6)
        await on_discord.say(ann, dm, "what's to forget?")
    said = [one.content for one in await on_discord.view(hub, dm).history() if one.role == "user"]
    await hub.close()
    assert said == ["what's new?", "what's next in the linked list?", "hello", "what's to forget?"]


class PropertyContext(commands.Context[Any]):
    """A context of an author's own, whose `session` cannot be set."""

    @property
    def session(self) -> str:
        return "a connection"


class AttributeContext(commands.Context[Any]):
    """A context of an author's own that sets a `session`."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.session = "a connection"


@pytest.mark.parametrize("cls", [PropertyContext, AttributeContext])
async def test_a_session_that_the_authors_context_has_already_is_left_alone_and_ours_found_elsewhere(
    on_discord: Any,
    hub: SessionHub,
    cls: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bot = on_discord.make()
    get_context = bot.get_context
    monkeypatch.setattr(bot, "get_context", lambda origin: get_context(origin, cls=cls))

    @bot.command()
    async def recap(ctx: Any) -> None:
        session = await session_plugin_discord.session(ctx)
        await ctx.send(f"{ctx.session}: {(await session.history())[-1].content}")

    on_discord.install(hub, into=bot)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.started(bot):
        assert await on_discord.ask(ann, dm, "!recap") == "a connection: !recap"
        assert await on_discord.ask(ann, dm, "!recap") == "a connection: !recap"
        assert (await on_discord.ask(ann, dm, "!whoami")).startswith('You are "Ann"')
    warnings = [
        one.getMessage() for one in caplog.records if "session of its own" in one.getMessage()
    ]
    assert len(warnings) == 1
    assert "await session_plugin_discord.session(ctx)" in warnings[0]


async def test_a_context_that_has_no_session_yet_is_given_it_when_asked(
    on_discord: Any, hub: SessionHub
) -> None:
    hub.register(Slow())
    found: dict[str, str] = {}
    bot = on_discord.make()

    async def note(place: str, ctx: Any) -> None:
        session = await session_plugin_discord.session(ctx)
        found[place] = (await session.history())[-1].content

    @bot.check_once
    async def once(ctx: Any) -> bool:
        await note("check_once", ctx)
        return True

    @bot.event
    async def on_command_error(ctx: Any, error: Exception) -> None:
        await note(type(error).__name__, ctx)

    @bot.event
    async def setup_hook() -> None:
        await bot.tree.sync()

    @bot.command()
    async def ping(ctx: Any) -> None:
        await note("command", ctx)

    @bot.tree.command()
    async def pong(interaction: discord.Interaction) -> None:
        """Make a context."""
        await note("get_context", await bot.get_context(interaction))

    on_discord.install(hub, into=bot)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.started(bot):
        for text, count in (("!ping", 2), ("!nothing", 3)):
            await on_discord.say(ann, dm, text)
            await on_discord.until(lambda count=count: len(found) == count)
        await on_discord.simulator.slash(ann, dm, "pong")
        await on_discord.until(lambda: len(found) == 4)
    assert found == {
        "check_once": "!ping",
        "command": "!ping",
        "CommandNotFound": "!nothing",
        "get_context": "/pong",
    }


async def test_an_on_message_of_the_authors_tells_our_commands_by_a_session_without_an_event(
    on_discord: Any, hub: SessionHub
) -> None:
    found: dict[str, str | None] = {}

    async def note(turn: Any) -> None:
        found[turn.text] = None if turn.session.event is None else turn.session.event.text

    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.running(hub, note, commands={}):
        await on_discord.say(ann, dm, "hello")
        await on_discord.ask(ann, dm, "!whoami")
    assert found == {"hello": "hello", "!whoami": None}


async def test_of_two_edits_within_a_second_the_later_one_stands_however_they_arrive(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub) as bot:
        said = await on_discord.say(ann, room, "first")
        await says(on_discord, room, ["first"])
        shown = await bot.http.get_message(room.id, said.id)

        for text, seconds in (("third", "30.900000"), ("second", "30.200000")):
            edited = f"2031-01-01T00:00:{seconds}+00:00"
            update = {**shown, "content": text, "edited_timestamp": edited}
            bot._connection.parse_message_update({**update, "guild_id": str(room.guild.id)})
        await on_discord.say(ann, room, "done")
        edited_one, _ = await says(on_discord, room, ["third", "done"])
    assert edited_one.edited_at % 1 == pytest.approx(0.9)


async def test_a_name_in_an_answer_pings_nobody(on_discord: Any, hub: SessionHub) -> None:
    ann = on_discord.user("<@&1> @everyone")
    dm = on_discord.direct_chat(ann)
    async with on_discord.running(hub):
        await on_discord.say(ann, dm, "hello")
        await on_discord.history(hub, dm, count=1)  # from then on the name is known
        assert r"\<@&1>" in await on_discord.ask(ann, dm, "!whoami")
        sent = [call for call in on_discord.simulator.calls if call.method == "POST"][-1]
    assert sent.body["allowed_mentions"]["parse"] == []

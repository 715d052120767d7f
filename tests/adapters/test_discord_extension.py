"""The Discord adapter as an extension, beside an author's setup_hook, and reloaded in a running
bot.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from discord.ext import commands

import session_plugin_discord
from session_plugin import SessionError, SessionHub


async def echo(turn: Any) -> None:
    if not turn.text.startswith("!"):
        await turn.say(f"you said {turn.text}")


@pytest.fixture
def modules() -> Iterator[None]:
    """Put the adapter's modules back that discord.py throws out when it unloads an extension."""
    kept = {
        name: module
        for name, module in sys.modules.items()
        if name.startswith("session_plugin_discord")
    }
    yield
    for name in [name for name in sys.modules if name.startswith("session_plugin_discord")]:
        del sys.modules[name]
    sys.modules.update(kept)


def with_extension(bot: commands.Bot) -> commands.Bot:
    async def setup_hook() -> None:
        await bot.load_extension("session_plugin_discord")

    bot.setup_hook = setup_hook
    return bot


async def test_the_extension_takes_the_bots_hub(
    on_discord: Any, hub: SessionHub, modules: None
) -> None:
    bot = on_discord.make(echo)
    bot.session_hub = hub
    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    async with on_discord.started(with_extension(bot)):
        await on_discord.ask(ann, dm, "hello")
        assert (await on_discord.ask(ann, dm, "!whoami")).startswith('You are "Ann"')
        history = await on_discord.history(hub, dm, count=2)
    assert [one.content for one in history] == ["hello", "you said hello"]


async def test_the_extension_makes_a_hub_from_the_environment(
    on_discord: Any, path: Path, monkeypatch: pytest.MonkeyPatch, modules: None
) -> None:
    monkeypatch.setenv("SESSION_DATABASE", str(path))
    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    async with on_discord.started(with_extension(on_discord.make(echo))):
        await on_discord.ask(ann, dm, "hello")
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    async with SessionHub(path, load_entry_points=False) as hub:
        assert len(await on_discord.history(hub, dm, count=2)) == 2


async def test_without_a_hub_the_extension_names_both_ways(
    on_discord: Any, monkeypatch: pytest.MonkeyPatch, modules: None
) -> None:
    monkeypatch.delenv("SESSION_DATABASE", raising=False)
    with pytest.raises(commands.ExtensionFailed) as caught:
        async with on_discord.started(with_extension(on_discord.make())):
            pass
    assert (
        isinstance(caught.value.original, SessionError)
        or type(caught.value.original).__name__ == "SessionError"
    )
    assert "bot.session_hub" in str(caught.value)
    assert "SESSION_DATABASE" in str(caught.value)


async def test_something_else_than_a_hub_is_refused(on_discord: Any, modules: None) -> None:
    database: Any = "bot.db"
    bot = on_discord.make()
    with pytest.raises(TypeError, match="the hub must be a SessionHub, not str"):
        session_plugin_discord.install(bot, database)
    bot.session_hub = database
    with pytest.raises(commands.ExtensionFailed, match="the hub must be a SessionHub, not str"):
        await bot.load_extension("session_plugin_discord")


async def test_a_reload_records_nothing_twice_and_leaves_nothing_behind(
    on_discord: Any, hub: SessionHub, path: Path, modules: None
) -> None:
    bot = on_discord.make(echo)
    bot.session_hub = hub
    ann = on_discord.simulator.user("Ann")
    room = on_discord.simulator.group("Friends", ann)
    async with on_discord.started(with_extension(bot)):
        await on_discord.ask(ann, room, "before")
        listening = {name: len(waiting) for name, waiting in bot._listeners.items()}
        events = {name: len(listeners) for name, listeners in bot.extra_events.items()}
        for _ in range(2):
            await bot.reload_extension("session_plugin_discord")
        said = await on_discord.simulator.say(ann, room, "after")
        await on_discord.simulator.answer(room, after=said)
        await on_discord.ask(ann, room, "last")
        history = await on_discord.history(hub, room, count=6)
        assert {name: len(waiting) for name, waiting in bot._listeners.items()} == listening
        assert {name: len(listeners) for name, listeners in bot.extra_events.items()} == events
        assert len(hub._parts.leases._held) == 1
    assert [one.content for one in history] == [
        *("before", "you said before", "after", "you said after", "last", "you said last")
    ]
    assert {one.person for one in history} == {on_discord.account(ann)}
    assert [one.name for one in path.parent.iterdir()] == [path.name]


async def test_an_unloaded_extension_sees_nothing_more(
    on_discord: Any, hub: SessionHub, modules: None
) -> None:
    async def answer(message: Any) -> None:
        if not message.author.bot:
            await message.channel.send("fine")

    bot = on_discord.make()
    bot.session_hub = hub
    bot.event(answer)
    bot.on_message = answer
    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    async with hub, on_discord.started(with_extension(bot)):
        await on_discord.ask(ann, dm, "before")
        await on_discord.history(hub, dm, count=2)
        await bot.unload_extension("session_plugin_discord")
        assert await on_discord.ask(ann, dm, "after") == "fine"
        assert len(await on_discord.history(hub, dm, count=2)) == 2
        assert "send_message" not in bot.http.__dict__


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_authors_setup_hook_runs_whether_it_was_set_before_or_after(
    on_discord: Any, hub: SessionHub, when: str, until: Any
) -> None:
    """One that is set after installing replaces ours; then it is made up for when the bot connects."""
    ran: list[str] = []
    bot = on_discord.make(echo)

    def set_hook() -> None:
        @bot.event
        async def setup_hook() -> None:
            ran.append("setup_hook")

    if when == "before":
        set_hook()
    session_plugin_discord.install(bot, hub)
    if when == "after":
        set_hook()
    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    async with on_discord.started(bot):
        await until(lambda: bot.get_cog("session_plugin"))
        await on_discord.ask(ann, dm, "hello")
        history = await on_discord.history(hub, dm, count=2)
    assert ran == ["setup_hook"]
    assert [one.content for one in history] == ["hello", "you said hello"]


async def test_installing_and_loading_the_extension_attaches_once_or_fails(
    on_discord: Any, hub: SessionHub, modules: None
) -> None:
    bot = with_extension(on_discord.make(echo))
    session_plugin_discord.install(bot, hub)
    with pytest.raises(commands.ExtensionFailed, match="not both"):
        async with on_discord.started(bot):
            pass


async def test_a_bot_of_our_own_class_installs_in_its_constructor(
    on_discord: Any, hub: SessionHub
) -> None:
    ann = on_discord.simulator.user("Ann")
    bot = on_discord.make()

    @bot.command()
    async def recap(ctx: session_plugin_discord.SessionContext) -> None:
        earlier = await ctx.session.history(before=ctx.session.event)
        await ctx.send("; ".join(one.content for one in earlier) or "nothing")

    session_plugin_discord.install(bot, hub)
    dm = on_discord.simulator.direct_chat(ann)
    async with on_discord.started(bot):
        await on_discord.simulator.say(ann, dm, "I like tea")
        assert await on_discord.ask(ann, dm, "!recap") == "I like tea"
        assert len(await on_discord.history(hub, dm, count=3)) == 3


async def test_a_command_of_the_authors_of_our_name_is_an_error_that_names_the_way_out(
    on_discord: Any, hub: SessionHub
) -> None:
    bot = on_discord.make()

    @bot.command()
    async def link(ctx: Any) -> None: ...

    session_plugin_discord.install(bot, hub)
    with pytest.raises(SessionError, match="rename the session command"):
        async with on_discord.started(bot):
            pass


async def test_asking_for_a_session_without_a_hub_says_what_to_do(on_discord: Any) -> None:
    ann = on_discord.simulator.user("Ann")
    told: list[str] = []
    bot = on_discord.make()

    async def on_message(message: Any) -> None:
        if message.author.bot:
            return
        with pytest.raises(SessionError, match=r"install\(bot, hub\)") as caught:
            await session_plugin_discord.session(message)
        told.append(str(caught.value))
        await message.channel.send("told")

    bot.on_message = on_message
    async with on_discord.started(bot):
        assert await on_discord.ask(ann, on_discord.simulator.direct_chat(ann), "hello") == "told"
    assert told


async def test_a_bot_that_closes_in_its_own_command_has_stored_its_last_words(
    on_discord: Any, hub: SessionHub, until: Any, path: Path
) -> None:
    async def answer(turn: Any) -> None:
        await turn.say("goodbye")
        await bot.close()

    bot = on_discord.make(answer)
    session_plugin_discord.install(bot, hub)
    ann = on_discord.simulator.user("Ann")
    dm = on_discord.simulator.direct_chat(ann)
    async with on_discord.started(bot):
        await on_discord.ask(ann, dm, "stop")
        await until(bot.is_closed)
    async with SessionHub(path, load_entry_points=False) as again:
        history = await on_discord.history(again, dm, count=2)
    assert [one.content for one in history] == ["stop", "goodbye"]

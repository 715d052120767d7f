"""Starting, stopping, and a database that cannot be used: the author's handlers work on."""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import session_plugin_discord
import session_plugin_telegram
from session_plugin import DatabaseRefused, DatabaseUnavailable, SessionHub, hookimpl


async def echo(turn: Any) -> None:
    await turn.say(f"you said {turn.text}")


@pytest.mark.parametrize("package", [session_plugin_discord, session_plugin_telegram])
def test_every_platform_has_the_same_way_in(package: Any) -> None:
    parameters = inspect.signature(package.install).parameters
    assert list(parameters)[1:] == ["hub", "commands"]
    assert {"CHANNEL", "SessionContext", "install", "to_event"} <= set(package.__all__)


async def test_installing_twice_is_refused(driver: Any, hub: SessionHub) -> None:
    bot = driver.install(hub)
    with pytest.raises(ValueError, match="has a hub already"):
        driver.install(hub, into=bot)


async def test_something_else_than_a_bot_is_refused(driver: Any, hub: SessionHub) -> None:
    with pytest.raises((TypeError, AttributeError)):
        driver.install(hub, into=object())


async def test_the_hub_is_closed_when_the_bot_has_stopped(driver: Any, hub: SessionHub, path: Path) -> None:
    ann = driver.simulator.user("Ann")
    async with driver.running(hub, echo):
        await driver.ask(ann, driver.simulator.direct_chat(ann), "hello")
        await driver.history(hub, driver.simulator.direct_chat(ann), count=2)
    assert path.exists()
    assert [one.name for one in path.parent.iterdir()] == [path.name]


async def test_a_bot_that_never_started_leaves_no_database(driver: Any, hub: SessionHub, path: Path) -> None:
    driver.install(hub)
    assert not path.exists()


async def test_a_restarted_bot_goes_on_in_the_same_session(driver: Any, path: Path) -> None:
    ann = driver.simulator.user("Ann")
    dm = driver.simulator.direct_chat(ann)
    sessions = []
    for text in ("before", "after"):
        hub = SessionHub(path, load_entry_points=False)
        async with driver.running(hub, echo):
            await driver.ask(ann, dm, text)
            await driver.history(hub, dm, count=2)
            sessions.append((await driver.view(hub, dm).info()).session_id)
            history = await driver.view(hub, dm).history()
    assert sessions[0] == sessions[1]
    assert [one.content for one in history] == ["before", "you said before", "after", "you said after"]


async def test_a_message_delivered_again_after_a_restart_is_stored_once(driver: Any, path: Path) -> None:
    seen: list[bool] = []

    async def answer(turn: Any) -> None:
        seen.append(turn.session.is_duplicate)
        await turn.say("done")

    ann = driver.simulator.user("Ann")
    dm = driver.simulator.direct_chat(ann)
    hub = SessionHub(path, load_entry_points=False)
    async with driver.running(hub, answer):
        said = await driver.simulator.say(ann, dm, "hello")
        first = await driver.simulator.answer(dm, after=said)
        await driver.history(hub, dm, count=2)
    hub = SessionHub(path, load_entry_points=False)
    async with driver.running(hub, answer):
        await driver.simulator.repeat(said)
        await driver.simulator.answer(dm, after=first)
        history = await driver.history(hub, dm, count=3)
    assert [one.content for one in history] == ["hello", "done", "done"]
    assert seen == [False, True]


async def test_one_hub_can_serve_a_second_bot_after_the_first(driver: Any, hub: SessionHub) -> None:
    ann = driver.simulator.user("Ann")
    dm = driver.simulator.direct_chat(ann)
    for text in ("before", "after"):
        async with driver.running(hub, echo):
            await driver.ask(ann, dm, text)
            history = await driver.history(hub, dm, count=2)
    assert [one.content for one in history][:1] == ["before"]


async def test_a_database_that_is_refused_stops_the_start_with_its_name(driver: Any, path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)
    before = path.read_bytes()
    with pytest.raises(DatabaseRefused, match=path.name):
        async with driver.running(SessionHub(path, load_entry_points=False), echo):
            pass
    assert path.read_bytes() == before


async def test_after_a_refused_start_the_same_hub_starts_on_a_mended_database(driver: Any, path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)
    hub = SessionHub(path, load_entry_points=False)
    with pytest.raises(DatabaseRefused):
        async with driver.running(hub, echo):
            pass
    path.unlink()
    ann = driver.simulator.user("Ann")
    async with driver.running(hub, echo):
        assert await driver.ask(ann, driver.simulator.direct_chat(ann), "hello") == "you said hello"


async def test_a_locked_database_keeps_nobody_from_an_answer_and_loses_nothing(driver: Any, path: Path) -> None:
    reads: list[str] = []

    async def answer(turn: Any) -> None:
        try:
            await turn.session.history()
        except DatabaseUnavailable:
            reads.append("unavailable")
        await turn.say(f"you said {turn.text}")

    hub = SessionHub(path, load_entry_points=False, store_patience=0.2)
    ann = driver.simulator.user("Ann")
    dm = driver.simulator.direct_chat(ann)
    async with driver.running(hub, answer):
        await driver.ask(ann, dm, "one")
        await driver.history(hub, dm, count=2)
        holder = sqlite3.connect(path, isolation_level=None)
        try:
            holder.execute("BEGIN IMMEDIATE")
            assert await driver.ask(ann, dm, "two") == "you said two"
            assert await driver.ask(ann, dm, "three") == "you said three"
        finally:
            holder.close()
        await asyncio.sleep(0.3)
        history = await driver.history(hub, dm, count=6)
    assert [one.content for one in history if one.role == "user"] == ["one", "two", "three"]
    assert len(history) == 6
    assert reads == ["unavailable"] * 2


class Raising:
    @hookimpl
    def session_filter_message(self, event: Any) -> Any:
        raise RuntimeError("this filter never works")


async def test_a_failing_filter_withholds_the_words_and_nobody_from_an_answer(driver: Any, hub: SessionHub) -> None:
    hub.register(Raising())
    ann = driver.simulator.user("Ann")
    dm = driver.simulator.direct_chat(ann)
    async with driver.running(hub, echo):
        assert await driver.ask(ann, dm, "hello") == "you said hello"
        history = await driver.history(hub, dm, count=2)
    assert [(one.content, one.is_withheld) for one in history] == [("", True), ("", True)]


class KeepsNothing:
    @hookimpl
    def session_filter_message(self, event: Any) -> Any:
        return None


async def test_a_filter_that_keeps_nothing_leaves_the_bot_answering(driver: Any, hub: SessionHub, path: Path) -> None:
    hub.register(KeepsNothing())
    ann = driver.simulator.user("Ann")
    async with driver.running(hub, echo):
        assert await driver.ask(ann, driver.simulator.direct_chat(ann), "hello") == "you said hello"
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM messages").fetchone() == (0,)


async def test_two_bots_of_different_names_share_a_database_and_no_session(driver: Any, path: Path) -> None:
    ann = driver.simulator.user("Ann")
    dm = driver.simulator.direct_chat(ann)
    seen = {}
    for name in ("helper", "jester"):
        hub = SessionHub(path, bot=name, load_entry_points=False)
        async with driver.running(hub, echo):
            await driver.ask(ann, dm, f"hello {name}")
            seen[name] = [one.content for one in await driver.history(hub, dm, count=2)]
    assert seen == {name: [f"hello {name}", f"you said hello {name}"] for name in ("helper", "jester")}


async def test_an_authors_handler_that_raises_loses_no_message(driver: Any, hub: SessionHub) -> None:
    async def answer(turn: Any) -> None:
        if turn.text == "break":
            driver.failures.append(ValueError("the author's own fault"))
            raise driver.failures[0]
        await turn.say("fine")

    ann = driver.simulator.user("Ann")
    dm = driver.simulator.direct_chat(ann)
    with pytest.raises(ValueError, match="the author's own fault"):
        async with driver.running(hub, answer):
            await driver.simulator.say(ann, dm, "break")
            await driver.ask(ann, dm, "hello")
            history = await driver.history(hub, dm, count=3)
            assert [one.content for one in history] == ["break", "hello", "fine"]

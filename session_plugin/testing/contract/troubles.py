"""Filters and handlers that fail: the author's other handlers still work."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from session_plugin import SessionHub, hookimpl
from session_plugin.testing.contract.part import ContractPart
from session_plugin.testing.driver import Driver, Turn


async def echo(turn: Turn) -> None:
    await turn.say(f"you said {turn.text}")


class Raising:
    @hookimpl
    def session_filter_message(self, event: Any) -> Any:
        raise RuntimeError("this filter never works")


class StoresNothing:
    @hookimpl
    def session_filter_message(self, event: Any) -> Any:
        return None


class TroubleContract(ContractPart):
    """If a plugin or a handler fails, the bot still answers, and messages are stored."""

    async def test_a_failing_filter_withholds_the_words_and_nobody_from_an_answer(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        hub.register(Raising())
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, echo):
            assert await driver.ask(ann, dm, "hello") == "you said hello"
            history = await driver.history(hub, dm, count=2)

        assert [(message.content, message.is_withheld) for message in history] == [
            ("", True),
            ("", True),
        ]

    async def test_with_a_filter_that_stores_nothing_the_bot_still_answers(
        self, driver: Driver, hub: SessionHub, path: Path
    ) -> None:
        hub.register(StoresNothing())
        ann = driver.user("Ann")

        async with driver.running(hub, echo):
            assert await driver.ask(ann, driver.direct_chat(ann), "hello") == "you said hello"

        with closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT count(*) FROM messages").fetchone() == (0,)

    async def test_an_authors_handler_that_raises_loses_no_message(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        async def answer(turn: Turn) -> None:
            if turn.text == "break":
                driver.failures.append(ValueError("the author's own fault"))
                raise driver.failures[0]
            await turn.say("fine")

        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        with pytest.raises(ValueError, match="the author's own fault"):
            async with driver.running(hub, answer):
                await driver.say(ann, dm, "break")
                await driver.ask(ann, dm, "hello")
                history = await driver.history(hub, dm, count=3)
                assert [message.content for message in history] == ["break", "hello", "fine"]

"""A database that is slow, locked, full or missing: the bot answers, and messages are stored."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from session_plugin import DatabaseUnavailable, SessionHub
from session_plugin.testing.contract.part import ContractPart
from session_plugin.testing.driver import PATIENCE, Driver, Turn

LONG = 10 * PATIENCE
"""A `store_patience` in seconds that ends in no test."""
SHORT = 0.5
"""A `store_patience` that a test can wait out once, but not for each message."""
MANY = int(2 * PATIENCE / SHORT)
"""Messages: too many to wait out `SHORT` for each of them before the test gives up."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the write lock of a database while the block runs."""
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """Limit the files of this process to the present size of the database's log."""
    resource: Any = pytest.importorskip("resource")
    size = path.with_name(f"{path.name}-wal").stat().st_size
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))

    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


@contextmanager
def gone(path: Path) -> Iterator[None]:
    """Move a database's file away while the block runs."""
    away = path.with_name("away")
    path.rename(away)
    try:
        yield
    finally:
        away.rename(path)


async def echo(turn: Turn) -> None:
    await turn.say(f"you said {turn.text}")


async def recall(turn: Turn) -> None:
    """Answer with the message before, or that the history is unavailable."""
    try:
        found = [
            message.content
            for message in await turn.session.history(limit=1, before=turn.session.event)
        ]
    except DatabaseUnavailable:
        found = ["unavailable"]

    await turn.say(f"{turn.text} after {found[0] if found else 'nothing'}")


def contents(history: list[Any]) -> list[str]:
    return [message.content for message in history]


async def first_answer(driver: Driver, hub: SessionHub, user: Any, chat: Any) -> str:
    """Return the answer to a chat's first message, once both are stored.

    Opening a database may take a slow machine longer than a short patience, so what the answer
    says of the history is not known beforehand.
    """
    answer = await driver.ask(user, chat, "first")
    await driver.history(hub, chat, count=2)
    return answer


class PatienceContract(ContractPart):
    """An unreachable database silences no bot and loses nothing."""

    async def test_no_answer_leaves_before_the_message_it_answers_is_stored(
        self, driver: Driver, path: Path
    ) -> None:
        hub = SessionHub(path, load_entry_points=False, store_patience=LONG)
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, echo):
            await driver.ask(ann, dm, "one")
            await driver.history(hub, dm, count=2)
            with locked(path):
                said = await driver.say(ann, dm, "two")
                await asyncio.sleep(SHORT)
                assert [message.text for message in driver.messages(dm) if message.is_from_bot] == [
                    "you said one"
                ]

            assert (await driver.answer(dm, after=said)).text == "you said two"
            with closing(sqlite3.connect(path)) as database:
                stored = [
                    text
                    for (text,) in database.execute(
                        "SELECT CAST(content AS TEXT) FROM messages ORDER BY seq"
                    )
                ]

        assert stored[:3] == ["one", "you said one", "two"]

    @pytest.mark.parametrize("trouble", [locked, full_disk, gone])
    async def test_after_one_patience_a_bot_answers_as_fast_as_before_and_all_is_stored_in_order(
        self, driver: Driver, path: Path, caplog: pytest.LogCaptureFixture, trouble: Any
    ) -> None:
        hub = SessionHub(path, load_entry_points=False, store_patience=SHORT)
        ann, bob = driver.user("Ann"), driver.user("Bob")
        home, away = driver.direct_chat(ann), driver.direct_chat(bob)
        texts = [str(number) for number in range(MANY // 2)]

        async with driver.running(hub, recall):
            firsts = {
                dm: await first_answer(driver, hub, user, dm)
                for user, dm in ((ann, home), (bob, away))
            }
            caplog.clear()

            with trouble(path):
                async with asyncio.timeout(PATIENCE):
                    for text in texts:
                        assert await driver.ask(ann, home, text) == f"{text} after unavailable"
                        assert await driver.ask(bob, away, text) == f"{text} after unavailable"

            for dm in (home, away):
                said = [f"{text} after unavailable" for text in texts]
                stored = await driver.history(hub, dm, count=2 + 2 * len(texts))
                assert contents([message for message in stored if message.role == "user"]) == [
                    "first",
                    *texts,
                ]
                assert contents([message for message in stored if message.role == "assistant"]) == [
                    firsts[dm],
                    *said,
                ]

        ours = [record for record in caplog.records if record.name.startswith("session_plugin")]
        assert len([record for record in ours if record.levelno >= logging.WARNING]) == 1

    async def test_a_database_that_is_slow_again_and_again_stores_all_in_order(
        self, driver: Driver, path: Path
    ) -> None:
        hub = SessionHub(path, load_entry_points=False, store_patience=SHORT / 5)
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, echo):
            first = await first_answer(driver, hub, ann, dm)
            for number in range(1, 6):
                with locked(path):
                    assert await driver.ask(ann, dm, str(number)) == f"you said {number}"
                history = await driver.history(hub, dm, count=2 * (number + 1))

        assert contents(history) == [
            *("first", first),
            *(text for number in range(1, 6) for text in (str(number), f"you said {number}")),
        ]

    async def test_reading_goes_on_as_soon_as_the_database_is_back(
        self, driver: Driver, path: Path
    ) -> None:
        hub = SessionHub(path, load_entry_points=False, store_patience=SHORT)
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, recall):
            await first_answer(driver, hub, ann, dm)
            with locked(path):
                assert await driver.ask(ann, dm, "two") == "two after unavailable"

            await driver.history(hub, dm, count=4)
            assert await driver.ask(ann, dm, "three") == "three after two after unavailable"

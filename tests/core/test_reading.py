"""Readings awaited on an event loop: each gets its own, a cancelled one harms nobody, and many wake
the loop once.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from session_plugin import DatabaseUnavailable
from session_plugin.database.engine import Engine, Tx
from session_plugin.database.opening import open_engine
from session_plugin.database.reading import read

MORE_THAN_THREADS = 8


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database)
    yield engine
    engine.close()


class Gate:
    """A reading that keeps a thread busy until it is opened; `begun` counts those that have come to
    it.
    """

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.begun: list[object] = []

    def __call__(self, tx: Tx, argument: object) -> object:
        self.begun.append(argument)
        assert self.opened.wait(30)
        return argument


def echo(tx: Tx, argument: object) -> object:
    return argument


def fail(tx: Tx, argument: object) -> object:
    raise ZeroDivisionError(argument)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0.001)


async def test_each_gets_its_own(engine: Engine) -> None:
    assert await asyncio.gather(*(read(engine, echo, number) for number in range(300))) == list(
        range(300)
    )


async def test_one_that_fails_fails_its_caller_alone(engine: Engine) -> None:
    first, wrong, last = await asyncio.gather(
        read(engine, echo, 1), read(engine, fail, 2), read(engine, echo, 3), return_exceptions=True
    )
    assert (first, last) == (1, 3)
    assert isinstance(wrong, ZeroDivisionError)


def fail_with_the_disk(tx: Tx, _: None) -> None:
    """SQLite ends a transaction by itself when its file cannot be read."""
    tx._connection.execute("ROLLBACK")  # type: ignore[attr-defined]
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    raise error


async def test_one_whose_disk_fails_says_so(database_file: Path) -> None:
    engine = open_engine(database_file)
    try:
        with pytest.raises(DatabaseUnavailable, match="disk I/O error"):
            await read(engine, fail_with_the_disk, None)
        assert await read(engine, echo, "the next") == "the next"
    finally:
        engine.close()


async def test_one_that_nobody_waits_for_any_more_is_not_carried_out(engine: Engine) -> None:
    gate = Gate()
    busy = [asyncio.create_task(read(engine, gate, "busy")) for _ in range(MORE_THAN_THREADS)]
    await until(lambda: len(gate.begun) > 0)
    await asyncio.sleep(0.05)  # whichever threads there are have come to the gate
    seen: list[object] = []
    given_up = asyncio.create_task(
        read(engine, lambda tx, argument: seen.append(argument), "given up")
    )
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait([given_up])
    gate.opened.set()
    assert await asyncio.gather(*busy) == ["busy"] * MORE_THAN_THREADS
    assert await read(engine, echo, "afterwards") == "afterwards"
    assert given_up.cancelled()
    assert seen == []


async def test_one_that_is_cancelled_under_way_leaves_the_next_alone(engine: Engine) -> None:
    gate = Gate()
    given_up = asyncio.create_task(read(engine, gate, "given up"))
    await until(lambda: gate.begun == ["given up"])
    given_up.cancel()
    await asyncio.wait([given_up])
    gate.opened.set()
    assert await read(engine, echo, "afterwards") == "afterwards"
    assert given_up.cancelled()


async def test_closing_finishes_what_waits_and_refuses_what_comes_after(engine: Engine) -> None:
    gate = Gate()
    waiting = [
        asyncio.create_task(read(engine, gate, number)) for number in range(MORE_THAN_THREADS)
    ]
    await until(lambda: len(gate.begun) > 0)
    closing = asyncio.create_task(asyncio.to_thread(engine.close))
    await asyncio.sleep(0.05)
    assert not closing.done()
    gate.opened.set()
    assert await asyncio.gather(*waiting) == list(range(MORE_THAN_THREADS))
    await closing
    with pytest.raises(DatabaseUnavailable):
        await read(engine, echo, "afterwards")


class CountingLoop(asyncio.SelectorEventLoop):
    """An event loop that counts how often other threads wake it."""

    woken = 0

    def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> asyncio.Handle:
        self.woken += 1
        return super().call_soon_threadsafe(*args, **kwargs)


def test_the_event_loop_is_woken_once_for_all_that_are_done(engine: Engine) -> None:
    done: list[object] = []

    async def many() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        readings = [
            asyncio.ensure_future(read(engine, lambda tx, number: done.append(number), n))
            for n in range(50)
        ]
        await asyncio.sleep(0)  # all are in line now
        before = loop.woken
        while len(done) < 50:  # the loop is busy with something else meanwhile
            time.sleep(0.001)
        await asyncio.gather(*readings)
        return loop.woken - before

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        assert runner.run(many()) < 10


def test_two_event_loops_read_at_the_same_time(engine: Engine) -> None:
    results: dict[str, list[object]] = {}

    async def many(name: str) -> None:
        results[name] = await asyncio.gather(
            *(read(engine, echo, f"{name}{number}") for number in range(200))
        )

    threads = [
        threading.Thread(target=lambda name=name: asyncio.run(many(name))) for name in ("a", "b")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == {name: [f"{name}{number}" for number in range(200)] for name in ("a", "b")}


def test_a_loop_that_ends_with_a_reading_under_way_leaves_the_others_theirs(engine: Engine) -> None:
    gate = Gate()

    async def leave() -> None:
        reading = asyncio.ensure_future(read(engine, gate, "left"))
        await until(lambda: gate.begun == ["left"])
        reading.cancel()

    asyncio.run(leave())
    gate.opened.set()
    assert asyncio.run(read(engine, echo, "afterwards")) == "afterwards"

"""What waits for a database that is out of reach is bounded, whichever adapter hands it in."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from session_plugin import SessionHub
from session_plugin.incoming import pending_writes
from session_plugin.testing import Driver, Turn


@pytest.fixture(params=["on_discord", "on_telegram"])
def driver(request: pytest.FixtureRequest) -> Driver:
    found: Driver = request.getfixturevalue(request.param)
    return found


async def test_beyond_the_bound_the_oldest_are_dropped_counted_and_told_once(
    driver: Driver, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pending_writes, "MOST_TIMED_OUT", 6)
    seen: list[str] = []

    async def listen(turn: Turn) -> None:
        seen.append(turn.text)

    hub = SessionHub(path, load_entry_points=False, store_patience=0.2)
    ann, bob = driver.user("Ann"), driver.user("Bob")
    home, away = driver.direct_chat(ann), driver.direct_chat(bob)
    async with driver.running(hub, listen):
        for user, dm in ((ann, home), (bob, away)):
            await driver.say(user, dm, "before")
            await driver.history(hub, dm, count=1)
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            for number in range(10):
                await driver.say(*((ann, home) if number % 2 else (bob, away)), str(number))
            await driver.until(lambda: len(seen) == 12)
            status = await hub.status()
        kept = [
            [one.content for one in await driver.history(hub, dm, count=4)] for dm in (home, away)
        ]
    assert (status.dropped, status.waiting) == (4, 6)
    assert kept == [["before", "5", "7", "9"], ["before", "4", "6", "8"]]
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR] == [
        "more than 6 messages wait for the database: the oldest are dropped"
    ]

"""Fixtures for key stores: where one is to be on each backend, master keys, and ids; for hubs whose
database is sealed; and for who has a copy of one and its keys.
"""

from __future__ import annotations

import asyncio
import bisect
import os
import random
import secrets
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from session_plugin import Keys, SessionHub
from session_plugin.encryption import cells, quoted
from session_plugin.encryption.columns import PRIVATE
from session_plugin.encryption.keys import OpenKeys
from session_plugin.encryption.master import cipher
from session_plugin.testing import Talk
from session_plugin.upkeep import resealer

KILLS = int(os.environ.get("SESSION_TEST_KILLS", "4"))
"""How often a process is killed in its work; `SESSION_TEST_KILLS=20` for more."""
SECRET = "what only the tests' hubs know"


@pytest.fixture(autouse=True)
def _no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SESSION_KEY", raising=False)
    monkeypatch.delenv("SESSION_KEY_FILE", raising=False)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test has a process that goes on sealing for some seconds."""
    monkeypatch.setattr(resealer, "OTHERS_FOLLOW", 0.0)


@pytest.fixture
def place(backend: Any) -> Iterator[str]:
    """Where a key store is to be, on each backend in turn; nothing is there yet."""
    with backend.new() as place:
        yield place


@pytest.fixture
def bot_file(tmp_path: Path) -> str:
    """Where the database is whose keys they are; it is not needed."""
    folder = tmp_path / "bot"
    folder.mkdir()
    return str(folder / "bot.db")


@pytest.fixture
def master() -> str:
    return secrets.token_hex(32)


@pytest.fixture
def open_keys(bot_file: str) -> Iterator[Callable[..., OpenKeys]]:
    """Open keys; they are closed when the test is over."""
    opened: list[OpenKeys] = []

    def open_(master: Any, *, may_create: bool = True, **settings: Any) -> OpenKeys:
        opened.append(Keys(master, **settings).open(bot_file, may_create=may_create))
        return opened[-1]

    yield open_
    for keys in opened:
        keys.close()


@pytest.fixture
def new_ids() -> Callable[[int], list[bytes]]:
    return lambda count: [os.urandom(8) for _ in range(count)]


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    """The key store's file."""
    folder = tmp_path / "store"
    folder.mkdir()
    return folder / "bot.keys"


@pytest.fixture
def keys(master: str, store_file: Path) -> Callable[[], Keys]:
    return lambda: Keys(master, store=store_file)


@pytest.fixture
async def new_hub(
    database: str, clock: Any, keys: Callable[[], Keys]
) -> AsyncIterator[Callable[..., SessionHub]]:
    made: list[SessionHub] = []

    def make(*plugins: object, path: str | Path = database, **settings: Any) -> SessionHub:
        hub = SessionHub(
            path,
            **{
                "plugins": plugins,
                "load_entry_points": False,
                "clock": clock,
                "secret": SECRET,
                "encryption": keys(),
                "upkeep_minutes": None,
                **settings,
            },
        )
        made.append(hub)
        return hub

    yield make
    for hub in made:
        await hub.close()


@pytest.fixture
def held(keys: Callable[[], Keys], database: str) -> Callable[[list[bytes]], int]:
    """Count how many of some keys the key store has."""

    def count(key_ids: list[bytes]) -> int:
        opened = keys().open(database, may_create=False)
        try:
            return len(opened.store.unwrap(key_ids))
        finally:
            opened.close()

    return count


IDENTITY = {
    "messages": "seq",
    "accounts": "account_no",
    "chats": "chat_no",
    "sessions": "session_no",
    "users": "user_id",
    "summaries": "summary_no",
    "vectors": "seq",
}


class Reading:
    """What was read of a copy."""

    def __init__(self) -> None:
        self.text = b""
        self.opened: dict[str, int] = dict.fromkeys(PRIVATE, 0)
        self.locked: dict[str, int] = dict.fromkeys(PRIVATE, 0)

    def __contains__(self, word: str) -> bool:
        return word.encode() in self.text


def read_all(copy: str, store: Any) -> Reading:
    """Open every cell of an SQLite file that can be opened, and read every one that is plain."""
    reading = Reading()
    with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
        for (table,) in tables.fetchall():
            for row in connection.execute(f"SELECT * FROM {table}"):
                _read_row(reading, store, table, row)

    return reading


def _read_row(reading: Reading, store: Any, table: str, row: Mapping[str, Any]) -> None:
    for column in row.keys():  # noqa: SIM118 - to go through a row gives its values
        value = row[column]
        if table not in PRIVATE or column not in PRIVATE[table] or not cells.is_sealed(value):
            reading.text += value if isinstance(value, bytes) else str(value).encode()
            continue

        raw = value if isinstance(value, bytes) else cells.from_column_of_text(value)
        if table == "vectors" and len(raw) % 2 == 0:
            continue
        key = store.unwrap([cells.key_id_of(raw)]).get(cells.key_id_of(raw))
        if key is None:
            reading.locked[table] += 1
            continue

        identity = row[IDENTITY[table]]
        place = cells.place(f"{table}.{column}", identity)
        value = cells.unseal(cipher(key), raw, bound_to=place)
        reading.opened[table] += 1
        if table == "messages":
            quote, value = quoted.part(value)
            key = store.unwrap([cells.key_id_of(quote)]).get(cells.key_id_of(quote))
            if quote and key is not None:
                place = b"messages.quote:%d" % identity
                value += cells.unseal(cipher(key), quote, bound_to=place)
        reading.text += value


def points() -> list[float]:
    """Return for each kill at which part of a work it is, from 0, before the first step, to beyond
    1, after the last one.
    """
    return [1.1 * (number + random.random()) / KILLS for number in range(KILLS)]


async def undisturbed(process: Any) -> list[float]:
    """Let a process do its work; return after how many seconds it said each of its lines."""
    assert await asyncio.to_thread(process.stdout.readline) == "begins\n"
    began, times, line = time.monotonic(), [0.0], ""
    while line != "done\n":
        line = await asyncio.to_thread(process.stdout.readline)
        assert line, "it has failed"
        times.append(time.monotonic() - began)
    process.kill()
    process.wait()

    return times


async def killed(process: Any, *, at: float, times: list[float]) -> list[str]:
    """Kill a process at a part of its work, and return the lines that it has said.

    Its lines count for three quarters of the work, its time for one. It is waited for the line
    before that point, so that it makes no difference how fast the machine is just then.
    """
    steps = len(times) - 1
    parts = [(3 * step / steps + seconds / times[-1]) / 4 for step, seconds in enumerate(times)]
    step = bisect.bisect(parts, at)
    lines: list[str] = []
    while len(lines) < step and "done\n" not in lines:
        lines.append(await asyncio.to_thread(process.stdout.readline))
        assert lines[-1], "it has failed"
    if step <= steps:
        share = (at - parts[step - 1]) / (parts[step] - parts[step - 1])
        await asyncio.sleep(share * (times[step] - times[step - 1]))

    process.kill()
    lines += (await asyncio.to_thread(process.stdout.read)).splitlines(keepends=True)
    assert process.wait() == -signal.SIGKILL

    return [line for line in lines if line.endswith("\n")]


async def at_rest(backend: Any, *databases: str) -> None:
    """Wait until a server has noticed that a client of it is gone."""
    busy = (
        "SELECT 1 FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation WHERE "
        "c.relnamespace = CAST(current_schema() AS regnamespace) AND l.pid <> pg_backend_pid()"
    )
    for database in databases:
        while "://" in database:
            await asyncio.sleep(0.05)
            if not backend.rows(database, busy):
                break

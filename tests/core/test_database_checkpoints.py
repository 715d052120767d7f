"""The log of an SQLite file stays bounded, whoever reads and however steadily it is written."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from session_plugin.database import checkpoints, sqlite
from session_plugin.database.engine import Engine, Tx
from session_plugin.database.opening import open_engine

LONG = 200_000


@pytest.fixture(params=["by the wal-index", "by the log"])
def engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Engine]:
    """An engine that learns in either way how long its log is."""
    if request.param == "by the log":
        monkeypatch.setattr(sqlite, "open_wal_index", lambda path: None)
    elif os.name != "posix":
        pytest.skip("Windows is left out")

    monkeypatch.setattr(checkpoints, "LONG", LONG)
    monkeypatch.setattr(checkpoints, "LONGEST_KEPT", 4 * LONG)
    engine = open_engine(tmp_path / "sessions.db")
    yield engine
    engine.close()


def add(tx: Tx, user_id: str) -> None:
    tx.run("add_user", user_id=user_id, created_at=0.0)


def count(tx: Tx) -> int:
    return sum(tx.first("user_by_id", user_id=f"user {n}") is not None for n in range(3000))


def write_without_pause(engine: Engine, log: Path) -> int:
    """Add 3,000 users, a transaction each, and give the greatest length that the log had."""
    longest = 0
    for n in range(3000):
        engine.write(add, f"user {n}").result(30)
        longest = max(longest, log.stat().st_size)
    return longest


def test_the_log_stays_bounded_under_a_load_that_never_pauses(
    engine: Engine, tmp_path: Path
) -> None:
    longest = write_without_pause(engine, tmp_path / "sessions.db-wal")
    assert LONG < longest < 10 * LONG
    assert engine.read(count).result(30) == 3000


def test_readers_elsewhere_of_whom_there_is_always_one_do_not_let_the_log_grow(
    engine: Engine, tmp_path: Path
) -> None:
    is_over = threading.Event()

    def read(turn: int) -> None:
        with closing(sqlite3.connect(tmp_path / "sessions.db", isolation_level=None)) as connection:
            while not is_over.wait(0.01 * turn):
                connection.execute("BEGIN")
                connection.execute("SELECT COUNT(*) FROM users").fetchone()
                time.sleep(0.1)
                connection.execute("ROLLBACK")

    readers = [threading.Thread(target=read, args=(turn,)) for turn in range(1, 5)]
    for reader in readers:
        reader.start()
    try:
        longest = write_without_pause(engine, tmp_path / "sessions.db-wal")
        assert (
            longest < 40 * LONG
        )  # about four times LONG, and seventy without waiting; a slow machine may wait in vain
    finally:
        is_over.set()
        for reader in readers:
            reader.join()


def test_what_an_earlier_log_left_in_the_file_is_not_taken_for_the_log(
    engine: Engine, tmp_path: Path
) -> None:
    log = tmp_path / "sessions.db-wal"
    longest = write_without_pause(engine, log)
    assert log.stat().st_size == longest  # it was not cut, so it is written over
    assert longest < 3 * LONG  # and yet each checkpoint came in time, the later ones too


def test_no_commit_makes_a_checkpoint(engine: Engine) -> None:
    def setting(tx: Tx) -> int:
        found: int = tx._execute("PRAGMA wal_autocheckpoint").fetchone()[0]  # type: ignore[attr-defined]
        return found

    assert engine.write(setting).result(30) == 0

"""One thread writes: in groups, in order, each operation by itself, and nobody is told before it is
on disk.
"""

from __future__ import annotations

import re
import resource
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from session_plugin import DatabaseLocked, DatabaseUnavailable, SessionError
from session_plugin.database.engine import Engine, Tx
from session_plugin.database.opening import open_engine
from session_plugin.database.sqlite import SqliteEngine

Hold = Callable[..., Any]
Committed = Callable[[], list[str]]


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database)
    yield engine
    engine.close()


def add(tx: Tx, user_id: str) -> str:
    tx.run("add_user", user_id=user_id, created_at=0.0)
    return user_id


def add_and_fail(tx: Tx, user_id: str) -> None:
    add(tx, user_id)
    raise ZeroDivisionError(user_id)


def add_twice(tx: Tx, user_id: str) -> None:
    """Break a rule of the database itself."""
    add(tx, user_id)
    for _ in range(2):
        key = {"channel": "c", "channel_user_id": "1"}
        tx.run(
            "add_account",
            **key,
            user_id=user_id,
            home_user_id=user_id,
            display_name="",
            forgotten_until=None,
            left_at=None,
        )


def is_there(tx: Tx, user_id: str) -> bool:
    return tx.first("user_by_id", user_id=user_id) is not None


@pytest.fixture
def committed(raw: Any) -> Committed:
    """Tell who is there for everybody else, in order."""
    return lambda: sorted(row[0] for row in raw.rows("SELECT user_id FROM users"))


class Gate:
    """An operation that keeps the writer busy until it is opened, so that others gather behind it."""

    def __init__(self, engine: Engine) -> None:
        self._reached, self._open = threading.Event(), threading.Event()
        self.future = engine.write(self._wait)
        assert self._reached.wait(10)

    def _wait(self, tx: Tx) -> None:
        self._reached.set()
        assert self._open.wait(10)

    def open(self) -> None:
        self._open.set()


def names(count: int) -> list[str]:
    return [f"user {number:03}" for number in range(count)]


def test_an_operation_that_fails_fails_its_caller_alone(
    engine: Engine, committed: Committed
) -> None:
    gate = Gate(engine)
    before, failing, after = (
        engine.write(add, "a"),
        engine.write(add_and_fail, "b"),
        engine.write(add, "c"),
    )
    gate.open()
    assert (before.result(10), after.result(10)) == ("a", "c")
    with pytest.raises(ZeroDivisionError, match="b"):
        failing.result(10)
    assert committed() == ["a", "c"]


def test_an_operation_that_breaks_a_constraint_fails_its_caller_alone(
    engine: Engine, committed: Committed
) -> None:
    gate = Gate(engine)
    before, failing, after = (
        engine.write(add, "a"),
        engine.write(add_twice, "b"),
        engine.write(add, "c"),
    )
    gate.open()
    assert (before.result(10), after.result(10)) == ("a", "c")
    with pytest.raises(SessionError, match=r"(?i)unique"):
        failing.result(10)
    assert committed() == ["a", "c"]


def test_a_group_shares_one_commit(engine: Engine, committed: Committed) -> None:
    """The last of a group sees its neighbours' work, which nobody else sees yet."""
    gate = Gate(engine)
    futures = [engine.write(add, name) for name in names(100)]
    last = engine.write(lambda tx, name: (is_there(tx, name), committed()), "user 000")
    gate.open()
    assert last.result(10) == (True, [])
    wait(futures, 10)
    assert committed() == names(100)


def test_operations_run_in_the_order_in_which_they_were_handed_in(engine: Engine) -> None:
    gate, ran = Gate(engine), []

    def note(tx: Tx, number: int) -> None:
        ran.append(number)

    futures: list[Future[None]] = [engine.write(note, number) for number in range(1000)]
    gate.open()
    wait(futures, 10)
    assert ran == list(range(1000))


def test_nobody_is_told_before_the_commit(engine: Engine, committed: Committed) -> None:
    seen: list[list[str]] = []
    future = engine.write(add, "a")
    future.add_done_callback(lambda _: seen.append(committed()))
    future.result(10)
    engine.write(is_there, "a").result(10)  # the callback ran on the writer's thread before this
    assert seen == [["a"]]


def test_closing_carries_out_what_waited_for_the_file_to_be_written_anew(
    database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def slowly(_: SqliteEngine) -> bool:
        with closing(sqlite3.connect(database_file, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            begun.set()
            time.sleep(3.0)
        return True

    monkeypatch.setattr(SqliteEngine, "_purge", slowly)
    engine = open_engine(database_file)
    engine.purge()
    assert begun.wait(10)
    future = engine.write_patiently(add, "a")
    engine.close(timeout=0.1)
    assert future.result(10) == "a"


def test_an_operation_that_was_cancelled_while_it_waited_is_not_run(
    engine: Engine, committed: Committed
) -> None:
    gate = Gate(engine)
    unwanted, wanted = engine.write(add, "a"), engine.write(add, "b")
    assert unwanted.cancel()
    gate.open()
    assert wanted.result(10) == "b"
    with pytest.raises(CancelledError):
        unwanted.result(10)
    assert committed() == ["b"]


# A lock that another process holds


def test_a_lock_held_elsewhere_delays_and_loses_nothing(
    engine: Engine, database: str, hold: Hold, committed: Committed
) -> None:
    ran: list[str] = []

    def add_in_turn(tx: Tx, name: str) -> str:
        ran.append(name)
        return add(tx, name)

    with hold(database, seconds=1):
        futures = [engine.write(add_in_turn, name) for name in names(600)]
        assert not futures[0].done()
        assert [future.result(30) for future in futures] == names(600)
    assert ran == committed() == names(600)


def test_reading_goes_on_while_another_process_holds_the_lock(
    engine: Engine, database: str, hold: Hold
) -> None:
    engine.write(add, "a").result(10)
    with hold(database):
        assert engine.read(is_there, "a").result(10)


def test_opening_does_not_wait_for_a_lock_that_another_process_holds(
    engine: Engine, database: str, hold: Hold
) -> None:
    with hold(database):
        second = open_engine(database)
        assert not second.read(is_there, "a").result(10)
        waiting = second.write(add, "a")
        assert not waiting.done()
    assert waiting.result(10) == "a"
    second.close()


def shown(database: str) -> str:
    """Give what errors show of a database: of a URL its scheme, host, port and name."""
    return re.sub("//.*@", "//", database).partition("?")[0]


def test_a_lock_held_for_too_long_is_an_error_that_names_the_database_and_the_way_out(
    database: str, hold: Hold, committed: Committed
) -> None:
    engine = open_engine(database, busy_timeout=0.2)
    with hold(database):
        with pytest.raises(DatabaseLocked, match="find out which") as caught:
            engine.write(add, "a").result(10)
        assert shown(database) in str(caught.value)
    assert engine.write(add, "b").result(10) == "b"
    assert committed() == ["b"]
    engine.close()


def test_a_patient_operation_outlives_the_busy_timeout_in_its_place(
    database: str, hold: Hold
) -> None:
    engine = open_engine(database, busy_timeout=0.2)
    with hold(database):
        first = engine.write_patiently(add, "a")
        with pytest.raises(DatabaseLocked):
            engine.write(add, "b").result(10)
        second = engine.write_patiently(is_there, "a")
        assert not first.done()
    assert (first.result(10), second.result(10)) == ("a", True)
    engine.close()


# A disk that is full


@contextmanager
def full_disk(database_file: Path) -> Iterator[None]:
    """No file may grow beyond what the log has now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (Path(f"{database_file}-wal").stat().st_size + 4096, hard)
    )
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [20_000, 3_000_000], ids=["at the commit", "within the operation"])
def test_a_full_disk_delays_who_is_patient_and_fails_who_is_not(
    database_file: Path, size: int
) -> None:
    """SQLite may end the whole transaction by itself: nothing of a group may be acknowledged then."""
    engine = open_engine(database_file)
    gate = Gate(engine)
    big, other = "big" * size, "other"
    with full_disk(database_file):
        patient, impatient = engine.write_patiently(add, big), engine.write(add, other)
        gate.open()
        with pytest.raises(DatabaseUnavailable, match="is the disk full") as caught:
            impatient.result(30)
        assert str(database_file) in str(caught.value)
        assert not patient.done()
    assert patient.result(30) == big
    assert engine.write(add, "afterwards").result(30) == "afterwards"
    found = engine.read(
        lambda tx, names: [is_there(tx, name) for name in names], [big, other, "afterwards"]
    )
    assert found.result(10) == [True, False, True]
    engine.close()


# Closing


def test_closing_carries_out_what_waits(engine: Engine, committed: Committed) -> None:
    gate = Gate(engine)
    futures = [engine.write(add, name) for name in names(600)]
    closer = threading.Thread(target=engine.close)
    closer.start()
    gate.open()
    closer.join(10)
    assert [future.result(0) for future in futures] == names(600)
    assert committed() == names(600)


def test_closing_answers_everybody_while_another_process_holds_the_lock(
    engine: Engine, database: str, hold: Hold, committed: Committed
) -> None:
    with hold(database):
        futures = [engine.write_patiently(add, name) for name in names(600)]
        engine.close(timeout=0.2)
        assert {type(future.exception(0)) for future in futures} == {DatabaseLocked}
    assert committed() == []


@pytest.mark.parametrize("way", ["read", "write"])
def test_a_closed_database_is_an_error_that_names_it(database: str, way: str) -> None:
    for where in (database, ":memory:"):
        engine = open_engine(where)
        engine.close()
        with pytest.raises(DatabaseUnavailable) as caught:
            getattr(engine, way)(is_there, "a").result(10)
        assert shown(where) in str(caught.value)


def test_closing_twice_does_nothing(engine: Engine) -> None:
    engine.close()
    engine.close()


def test_closing_leaves_one_file(database_file: Path) -> None:
    engine = open_engine(database_file)
    engine.write(add, "a").result(10)
    engine.read(is_there, "a").result(10)
    engine.close()
    assert [path.name for path in database_file.parent.iterdir()] == [database_file.name]


# Reading


def test_a_read_is_a_snapshot(engine: Engine) -> None:
    def twice(tx: Tx, name: str) -> tuple[bool, bool]:
        first = is_there(tx, name)
        engine.write(add, name).result(10)
        return first, is_there(tx, name)

    assert engine.read(twice, "a").result(10) == (False, False)
    assert engine.read(is_there, "a").result(10)


def test_a_read_cannot_write(engine: Engine, committed: Committed) -> None:
    with pytest.raises(SessionError):
        engine.read(add, "a").result(10)
    assert committed() == []


def test_a_read_that_fails_spoils_no_other(engine: Engine) -> None:
    def fail(tx: Tx, name: str) -> None:
        is_there(tx, name)
        raise ZeroDivisionError

    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            engine.read(fail, "a").result(10)
    engine.write(add, "a").result(10)
    assert engine.read(is_there, "a").result(10)

"""The header of the wal-index shows every COMMIT, and looking at it costs SQLite no lock."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from session_plugin.database.opening import open_engine
from session_plugin.database.remembering import Remembering
from session_plugin.database.sqlite import _WriteConnection
from session_plugin.database.wal_index import WalIndex, changes_of, is_next, open_wal_index
from session_plugin.errors import DatabaseUnavailable
from session_plugin.records.upkeep import marks

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows is left out")

WRITE = "INSERT INTO words VALUES (hex(randomblob(200)))"
ONE_COMMIT = {
    "a row": [WRITE],
    "rows in one transaction": ["BEGIN IMMEDIATE", WRITE, WRITE, "COMMIT"],
    "a table": ["CREATE TABLE more (text)"],
    "the file is rewritten": ["VACUUM"],
    "the log begins anew": ["PRAGMA wal_checkpoint(RESTART)", WRITE],
    "the log is emptied": ["PRAGMA wal_checkpoint(TRUNCATE)", WRITE],
    "more than the cache holds": [
        "PRAGMA cache_size = 10",
        "BEGIN IMMEDIATE",
        *[WRITE] * 500,
        "COMMIT",
    ],
}
NO_COMMIT = {
    "a reading": ["SELECT * FROM words"],
    "nothing was written": ["BEGIN IMMEDIATE", "COMMIT"],
    "it was undone": ["BEGIN IMMEDIATE", WRITE, "ROLLBACK"],
    "the log is copied": [WRITE, "PRAGMA wal_checkpoint(PASSIVE)"],
}
HOLDS_LOCK = """
    import fcntl, sys
    with open(sys.argv[1] + "-shm", "r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)  # of all who have it open
        except OSError:
            print("held")
        else:
            print("free")
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "words.db")


@pytest.fixture
def connection(path: str) -> Iterator[sqlite3.Connection]:
    with closing(connected(path)) as connection:
        connection.execute("CREATE TABLE words (text)")
        yield connection


@pytest.fixture
def index(connection: sqlite3.Connection, path: str) -> Iterator[WalIndex]:
    found = open_wal_index(path)
    assert found is not None
    yield found
    found.close()


@pytest.fixture
def is_locked(spawn: Callable[..., subprocess.Popen[str]]) -> Callable[[str], bool]:
    """Check from another process whether this one has the lock of who has a wal-index open."""

    def check(path: str) -> bool:
        answer = spawn(HOLDS_LOCK, path).communicate()[0]
        assert answer in ("held\n", "free\n")
        return answer == "held\n"

    return check


class Nothing(Remembering):
    """Remembers nothing, and counts how often it was told to drop it."""

    def __init__(self) -> None:
        super().__init__()
        self.dropped = 0
        self.noted = 0

    def drop_all(self) -> None:
        self.dropped += 1

    def surely_write(self, tasks: Any) -> bool:
        return all(task.operation is marks.put for task in tasks)

    def note(self, tasks: Any) -> None:
        self.noted += 1


def connected(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


@pytest.mark.parametrize("statements", ONE_COMMIT.values(), ids=ONE_COMMIT)
def test_each_commit_is_the_next_one(connection, index, path, statements):
    connection.execute(WRITE)
    for writing in (connection, other := connected(path)):
        before = index.header()
        for statement in statements:
            writing.execute(statement.replace("more", f"more{id(writing)}")).fetchall()
        assert is_next(index.header(), before)

    other.close()


@pytest.mark.parametrize("statements", NO_COMMIT.values(), ids=NO_COMMIT)
def test_what_commits_nothing_leaves_the_header(connection, index, statements):
    *before, last = statements
    for statement in before:
        connection.execute(statement).fetchall()
    header = index.header()
    connection.execute(last).fetchall()
    assert index.header() == header


def test_a_log_that_begins_anew_looks_different_under_the_same_count(connection, index):
    connection.execute(WRITE)
    header = index.header()
    connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert index.header() != header
    assert changes_of(index.header()) == changes_of(header)


def test_two_commits_are_not_the_next_one(connection, index):
    header = index.header()
    connection.execute(WRITE)
    connection.execute(WRITE)
    assert not is_next(index.header(), header)


def test_after_a_crash_the_header_is_another_even_at_the_same_count(connection, index, path):
    """Who finds a header that was not written to its end reads the log, and counts from 0."""
    for _ in range(3):
        connection.execute(WRITE)
    header = index.header()
    with Path(f"{path}-shm").open("r+b") as file:
        os.pwrite(file.fileno(), b"\0", 48 + 20)
        connection.execute("SELECT COUNT(*) FROM words").fetchone()
        assert changes_of(index.header()) < changes_of(header)
        while changes_of(index.header()) != changes_of(header):
            connection.execute(WRITE)
        assert index.header() != header


def test_it_says_how_many_frames_the_log_has(connection, index, path):
    def as_long_as_the_log() -> int:
        page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
        return (Path(f"{path}-wal").stat().st_size - 32) // (24 + page_bytes)

    for _ in range(3):
        connection.execute(WRITE)
        assert index.frames() == as_long_as_the_log() > 0

    connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
    connection.execute(WRITE)
    assert 0 < index.frames() < as_long_as_the_log()  # what an earlier log left does not count
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert index.frames() == 0


def test_between_transactions_a_short_log_is_not_looked_at(path):
    engine = open_engine(path)
    before = descriptors()
    engine.write(marks.put, "test", 1.0).result()
    engine.write(marks.put, "test", 2.0).result()  # after the pause of the first
    assert descriptors() == before
    engine.close()


def test_an_engine_that_remembers_nothing_keeps_the_locks_of_others_too(path, is_locked):
    first, second = open_engine(path), open_engine(path, remembering=Nothing())
    first.close()
    assert is_locked(path)
    second.close()
    assert not Path(f"{path}-shm").exists()


def test_closing_one_of_two_engines_keeps_the_locks_of_the_other(path, is_locked):
    first = open_engine(path, remembering=Nothing())
    second = open_engine(path, remembering=Nothing())
    first.close()
    assert is_locked(path)
    second.close()


def test_an_engine_that_closes_keeps_the_locks_of_somebody_elses_connection(path, is_locked):
    engine = open_engine(path, remembering=Nothing())
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute("SELECT COUNT(*) FROM users").fetchone()
        engine.close()
        assert is_locked(path)
        open_engine(path, remembering=Nothing()).close()
        assert is_locked(path)

    before = descriptors()
    open_engine(path, remembering=Nothing()).close()
    assert descriptors() < before  # what was kept for that connection is not kept any more


def test_engines_that_come_and_go_leave_no_descriptor(tmp_path):
    before = descriptors()
    for number in range(5):
        engines = [open_engine(tmp_path / f"{number}.db", remembering=Nothing()) for _ in range(3)]
        for engine in engines:
            engine.close()
    assert descriptors() == before


def test_engines_on_one_file_share_a_descriptor(path):
    engines = [open_engine(path, remembering=Nothing())]
    before = shm_descriptors(path)
    engines += [open_engine(path, remembering=Nothing()) for _ in range(3)]
    assert shm_descriptors(path) == before
    for engine in engines:
        engine.close()


def shm_descriptors(path: str) -> int:
    found = Path(f"{path}-shm").stat()
    count = 0
    for name in Path("/dev/fd").iterdir():
        try:
            state = os.fstat(int(name.name))
        except OSError:
            continue
        count += (state.st_dev, state.st_ino) == (found.st_dev, found.st_ino)

    return count


def test_what_is_remembered_is_noted_after_own_commits_and_dropped_after_others(path):
    remembering = Nothing()
    engine = open_engine(path, remembering=remembering)
    try:
        for at in (1.0, 2.0):
            engine.write(marks.put, "test", at).result()
        assert (remembering.noted, remembering.dropped) == (2, 0)

        with closing(sqlite3.connect(path, isolation_level=None)) as theirs:
            theirs.execute("UPDATE marks SET at = 0")
        remembering.drop_outdated()
        remembering.drop_outdated()
        assert remembering.dropped == 1

        with closing(sqlite3.connect(path, isolation_level=None)) as theirs:
            theirs.execute("UPDATE marks SET at = 1")
        engine.write(marks.put, "test", 3.0).result()
        assert (remembering.noted, remembering.dropped) == (3, 2)
    finally:
        engine.close()


@pytest.mark.parametrize("is_looked_at", [False, True])
def test_a_commit_of_another_right_after_the_writers_own_is_seen(path, monkeypatch, is_looked_at):
    remembering = Nothing()
    engine = open_engine(path, remembering=remembering)
    theirs = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    after_commit = remembering.after_commit

    def interrupted() -> None:
        if is_looked_at:
            with remembering.guard:
                assert remembering.is_current()
        theirs.execute("INSERT INTO marks VALUES ('theirs', 1)")
        after_commit()

    monkeypatch.setattr(remembering, "after_commit", interrupted)
    try:
        engine.write(marks.put, "test", 1.0).result()
        remembering.drop_outdated()
        assert (remembering.noted, remembering.dropped) == (is_looked_at, 1)
    finally:
        theirs.close()
        engine.close()


def nothing(tx: Any) -> None:
    """Write nothing."""


@pytest.mark.parametrize("is_looked_at", [False, True])
def test_a_commit_of_another_after_an_empty_one_is_not_taken_for_it(
    path, monkeypatch, is_looked_at
):
    remembering = Nothing()
    engine = open_engine(path, remembering=remembering)
    theirs = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    after_commit = remembering.after_commit

    def interrupted() -> None:
        theirs.execute("INSERT INTO marks VALUES ('theirs', 1)")
        if is_looked_at:
            with remembering.guard:
                assert not remembering.is_current()
        after_commit()

    monkeypatch.setattr(remembering, "after_commit", interrupted)
    try:
        engine.write(nothing).result()
        assert (remembering.noted, remembering.dropped) == (0, 1)
    finally:
        theirs.close()
        engine.close()


def touch(tx: Any, at: float) -> None:
    """Write, though nobody can tell before; SQLite writes nothing that is there already."""
    marks.put(tx, "test", at)


def test_a_commit_that_may_have_been_empty_is_noted_if_nobody_else_has_committed(path):
    remembering = Nothing()
    engine = open_engine(path, remembering=remembering)
    try:
        for at in (1.0, 1.0, 2.0):
            engine.write(touch, at).result()
        assert (remembering.noted, remembering.dropped) == (2, 0)
    finally:
        engine.close()


def test_a_reader_who_sees_the_writers_commit_first_notes_it(path, monkeypatch):
    remembering = Nothing()
    engine = open_engine(path, remembering=remembering)
    after_commit, seen = remembering.after_commit, []

    def looked_at() -> None:
        with remembering.guard:
            seen.append((remembering.is_current(), remembering.noted))
        after_commit()

    monkeypatch.setattr(remembering, "after_commit", looked_at)
    try:
        for at in (1.0, 2.0):
            engine.write(marks.put, "test", at).result()
        assert seen == [(True, 1), (True, 2)]
        assert (remembering.noted, remembering.dropped) == (2, 0)
    finally:
        engine.close()


def test_before_the_writers_commit_what_is_remembered_is_current(path, monkeypatch):
    remembering = Nothing()
    engine = open_engine(path, remembering=remembering)
    before_commit, seen = remembering.before_commit, []

    def looked_at(tasks: Any) -> None:
        before_commit(tasks)
        with remembering.guard:
            seen.append((remembering.is_current(), remembering.may_remember(), remembering.noted))

    monkeypatch.setattr(remembering, "before_commit", looked_at)
    try:
        engine.write(marks.put, "test", 1.0).result()
        assert seen == [(True, True, 0)]
        assert (remembering.noted, remembering.dropped) == (1, 0)
    finally:
        engine.close()


def test_after_a_commit_that_failed_nothing_is_remembered(path, monkeypatch):
    remembering = Nothing()
    engine = open_engine(path, remembering=remembering)
    try:
        engine.write(marks.put, "test", 1.0).result()
        with monkeypatch.context() as patch:
            patch.setattr(_WriteConnection, "commit", failing)
            with pytest.raises(DatabaseUnavailable):
                engine.write(marks.put, "test", 2.0).result()
        assert (remembering.noted, remembering.dropped) == (1, 1)
        engine.write(marks.put, "test", 3.0).result()
        assert (remembering.noted, remembering.dropped) == (2, 1)
    finally:
        engine.close()


def failing(connection: Any) -> Any:
    raise DatabaseUnavailable("the disk is gone")


def test_where_the_version_cannot_be_read_the_write_is_stored_once(path):
    remembering = Nothing()
    engine = open_engine(path, remembering=remembering)
    remembering._version = lambda: failing(None)
    try:
        engine.write(touch, 1.0).result()
        assert (remembering.noted, remembering.dropped) == (0, 1)
    finally:
        engine.close()


def test_a_mistake_in_what_is_remembered_drops_it_and_harms_no_write(path, monkeypatch):
    remembering = Nothing()
    engine = open_engine(path, remembering=remembering)
    monkeypatch.setattr(remembering, "note", failing)
    try:
        engine.write(marks.put, "test", 1.0).result()
        assert remembering.dropped == 1
    finally:
        engine.close()


def test_nothing_is_remembered_of_a_database_in_memory():
    remembering = Nothing()
    engine = open_engine(":memory:", remembering=remembering)
    engine.write(marks.put, "test", 1.0).result()
    assert not remembering.is_usable
    assert remembering.noted == 0
    engine.close()


def test_on_windows_no_wal_index_is_looked_at(connection, path, monkeypatch):
    monkeypatch.setattr("session_plugin.database.wal_index.os.name", "nt")
    assert open_wal_index(path) is None


def test_another_version_of_the_format_is_not_looked_at(connection, path, monkeypatch):
    monkeypatch.setattr("session_plugin.database.wal_index.KNOWN_VERSION", 3_999_000)
    assert open_wal_index(path) is None


def test_a_file_without_a_log_has_no_wal_index(tmp_path):
    assert open_wal_index(str(tmp_path / "none.db")) is None

"""The SQLite engine: one file in WAL mode with `synchronous=FULL`.

What is acknowledged is on disk. Reads use read-only connections of their own, in short snapshots.

A process that has the database open must never open and close its file by other means, because
POSIX then drops the locks that SQLite holds on it. Therefore unknown files, too, are inspected
through SQLite only.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar

from session_plugin.counters import DatabaseCounters
from session_plugin.database.checkpoints import Checkpointer
from session_plugin.database.engine import Purged, Row, Sealer, Tx, Value
from session_plugin.database.memory import Memory, watch
from session_plugin.database.queries import load_queries
from session_plugin.database.remembering import Remembering
from session_plugin.database.sqlite_errors import as_our_errors
from session_plugin.database.sqlite_file import (
    APPLICATION_ID,
    MEMORY,
    READ_ONLY,
    check_readable,
    connect,
    prepare,
    to_text,
)
from session_plugin.database.sqlite_log import mark_log
from session_plugin.database.threads import ThreadedEngine
from session_plugin.database.wal_index import WalIndex, open_wal_index
from session_plugin.errors import DatabaseUnavailable
from session_plugin.logs import FieldLogger

R = TypeVar("R")
T = TypeVar("T")

READERS = 2
"""Threads that read. They only overlap while one waits for the disk, so more are not faster."""
MOST_ROWS = 256
"""Rows of values in one statement: as many as there are messages in a group commit. SQLite's own
limit is 32,766 parameters.
"""
LONGEST_PURGE = 2.0
"""Seconds for which each step of a purge waits for other readers and writers."""
PURGE_PAUSE = 0.02
"""Seconds between attempts to empty the log during another checkpoint; SQLite does not wait."""
LONGEST_BLOCK_MS = 500
"""Milliseconds of one attempt to get the write lock. The writer retries; in between it can be
closed.
"""

_open_here = Counter[str]()
"""How often each file is open in this process. Only SQLite knows, and does not tell."""
_open_here_guard = threading.Lock()

logger = FieldLogger("session_plugin.database")

_PARAMETER = re.compile(r":([a-z_]+)")
_VALUES = re.compile(r"VALUES (\([?,\s]+\))")


def is_open_here(path: str) -> bool:
    """Check whether this process has a file open."""
    with _open_here_guard:
        return _open_here[os.path.realpath(path)] > 0


class SqliteEngine(ThreadedEngine):
    """Runs operations on one SQLite file, or on a database in memory.

    A database in memory has one connection, for reading and writing.
    """

    def __init__(
        self,
        path: str,
        *,
        busy_timeout: float,
        is_read_only: bool = False,
        counters: DatabaseCounters | None = None,
        remembering: Remembering | None = None,
    ) -> None:
        """Prepare the engine for an absolute path; no file is touched before `open`."""
        super().__init__(
            path,
            busy_timeout=busy_timeout,
            is_read_only=is_read_only,
            counters=counters,
            remembering=remembering,
        )
        self._of_thread = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._purger: ThreadPoolExecutor | None = None
        self._writing: _WriteConnection | None = None

    def open(self) -> None:
        """Create the file if it is missing, check and migrate it, and start the threads.

        One that is opened for reading only is checked and left as it is.
        """
        if self._is_read_only:
            with as_our_errors(self.url):
                check_readable(self.url, busy_timeout=self._busy_timeout)
            self._start(None, readers=READERS)
            self._count_open(1)
            return

        with as_our_errors(self.url):
            connection = prepare(self.url, busy_timeout=self._busy_timeout, on_new=self._note_new)

        if self.url == MEMORY:
            readers = 0
        else:
            readers = READERS
            self._purger = ThreadPoolExecutor(1, thread_name_prefix="session_plugin-purger")

        self._writing = _WriteConnection(connection, self.url)
        if self._remembering is not None and self._writing.index is not None:
            self._remembering.begin(
                self._writing.index,
                lambda: int(connection.execute("PRAGMA data_version").fetchone()[0]),
            )
        self._start(self._writing, readers=readers)
        self._count_open(1)

    def seal_with(self, sealer: Sealer, /) -> None:
        """Wrap each transaction from now on, the writer's too."""
        super().seal_with(sealer)
        if self._writing is not None:
            self._writing.seal_with(sealer)

    def close(self, timeout: float = 10.0) -> None:
        """Finish running reads, carry out queued writes, and close the connections."""
        is_open = self._writer is not None or self._readers is not None
        if self._remembering is not None:
            self._remembering.end()
        super().close(timeout)

        if is_open:
            self._count_open(-1)

    def _count_open(self, change: int) -> None:
        with _open_here_guard:
            _open_here[os.path.realpath(self.url)] += change

    @property
    def must_rewrite(self) -> bool:
        """Return True for a file."""
        return self._purger is not None

    def purge(self, *, is_rewritten: bool = False) -> Future[Purged]:
        """Rewrite the file without deleted data (VACUUM), and empty its log.

        `secure_delete` overwrites deleted rows, but not the copies that SQLite leaves on other
        pages when it balances its trees. Searches of real files do find such copies.

        Args:
            is_rewritten: Only empty the log: the file was rewritten since the data was deleted.
        """
        purger = self._purger
        if purger is None:
            done: Future[Purged] = Future()
            done.set_result(Purged.ALL if self._writer is not None else Purged.NOTHING)
            return done

        return purger.submit(self._empty if is_rewritten else self._purge)

    def _purge(self) -> Purged:
        # The log is emptied first: while a reader prevents that, each attempt at VACUUM would add
        # the whole file to it once more.
        if self._empty() is not Purged.ALL:
            return Purged.NOTHING
        if not self._on_purger(self._rewrite):
            return Purged.NOTHING
        return self._empty()

    def _empty(self) -> Purged:
        return Purged.ALL if self._on_purger(_empty_log) else Purged.REWRITTEN

    def _rewrite(self, connection: sqlite3.Connection) -> bool:
        started = time.monotonic()
        connection.execute("VACUUM")
        logger.info(
            "%(database)s was rewritten in %(seconds).1f s",
            database=self.url,
            seconds=time.monotonic() - started,
        )
        return True

    def _on_purger(self, step: Callable[[sqlite3.Connection], bool]) -> bool:
        """Do a step of a purge on a connection of its own; False if others are in its way."""
        if self._writing is None or self._writing.has_lost_its_log():
            return False

        with (
            as_our_errors(self.url),
            closing(connect(self.url, busy_timeout=LONGEST_PURGE)) as connection,
        ):
            try:
                return step(connection)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF in (
                    sqlite3.SQLITE_BUSY,
                    sqlite3.SQLITE_LOCKED,
                    sqlite3.SQLITE_FULL,
                ):
                    return False
                raise

    def _end_reading(self) -> None:
        purger, self._purger = self._purger, None
        if purger is not None:
            purger.shutdown(wait=True)

        for connection in self._opened:
            connection.close()

        self._opened.clear()

    def _read(self, operation: Callable[[Tx], T]) -> T:
        with as_our_errors(self.url):
            connection = getattr(self._of_thread, "connection", None)
            if connection is None:
                connection = connect(self.url, busy_timeout=self._busy_timeout, access=READ_ONLY)
                self._of_thread.connection = connection
                self._opened.append(connection)

            try:
                return self._read_on(connection, operation, text_factory=str)
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise
                # A text cell is not UTF-8, so another program wrote it. Decoding with replacement
                # is slower, so it is not the default.
                return self._read_on(connection, operation, text_factory=to_text)

    def _read_on(
        self,
        connection: sqlite3.Connection,
        operation: Callable[[Tx], T],
        *,
        text_factory: Callable[[bytes], str],
    ) -> T:
        connection.text_factory = text_factory
        connection.execute("BEGIN")

        try:
            return operation(self._wrapped(_SqliteTx(connection)))
        finally:
            # An error, of the disk for example, may have ended the transaction. A failing ROLLBACK
            # would hide that error from the caller.
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _empty_log(connection: sqlite3.Connection) -> bool:
    """Copy the log into the file and truncate it; False if others read from it for too long."""
    until = time.monotonic() + LONGEST_PURGE

    while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() >= until:
            return False
        time.sleep(PURGE_PAUSE)

    return True


class _SqliteTx:
    """Named statements on one connection."""

    def __init__(self, connection: sqlite3.Connection, memory: Memory | None = None) -> None:
        self.memory = memory
        self._connection = connection
        self._execute = connection.execute
        self._execute_many = connection.executemany
        self._queries: Mapping[str, str] = load_queries("sqlite")

    def first(self, query: str, /, **values: Value) -> Row | None:
        row: Row | None = self._execute(self._queries[query], values).fetchone()
        return row

    def one(self, query: str, /, **values: Value) -> Row:
        row = self.first(query, **values)
        if row is None:
            raise LookupError(f"the statement {query} returned no row")
        return row

    def all(self, query: str, /, **values: Value) -> list[Row]:
        return self._execute(self._queries[query], values).fetchall()

    def tuples(self, query: str, /, **values: Value) -> list[tuple[Any, ...]]:
        cursor = self._connection.cursor()
        cursor.row_factory = None

        return cursor.execute(self._queries[query], values).fetchall()

    def at_once(self, query: str, /, **values: Value) -> None:
        """Return None: a file needs no round trips."""

    def run(self, query: str, /, **values: Value) -> int:
        return self._execute(self._queries[query], values).rowcount

    def all_many(self, query: str, rows: Sequence[Mapping[str, Value]], /) -> list[Row]:
        found: list[Row] = []
        for piece in _pieces(rows):
            statement, names = _for_rows(self._queries[query], len(piece))
            values = [row[name] for row in piece for name in names]
            found += self._execute(statement, values).fetchall()

        return found

    def run_many(self, query: str, rows: Sequence[Mapping[str, Value]], /) -> int:
        statement, names = _positional(self._queries[query])
        values: Iterable[Any] = map(itemgetter(*names), rows)
        values = values if len(names) > 1 else zip(values, strict=False)

        return self._execute_many(statement, values).rowcount

    def alone(self) -> None:
        """Do nothing: the write lock is held already."""


@cache
def _positional(statement: str) -> tuple[str, tuple[str, ...]]:
    """Return a statement with positional parameters, and their names in that order.

    SQLite's driver binds positional parameters faster than named ones.
    """
    return _PARAMETER.sub("?", statement), tuple(_PARAMETER.findall(statement))


def _pieces(rows: Sequence[R]) -> Iterator[Sequence[R]]:
    """Yield rows in pieces of 256, 128 ... 1.

    Each length needs a statement of its own, and preparing one takes longer than running it.
    """
    start = 0
    while left := min(len(rows) - start, MOST_ROWS):
        length = 1 << (left.bit_length() - 1)
        yield rows[start : start + length]
        start += length


@cache
def _for_rows(statement: str, count: int) -> tuple[str, tuple[str, ...]]:
    """Return a statement with `count` rows of VALUES instead of one, and its parameter names."""
    positional, names = _positional(statement)
    before, row, after = _VALUES.split(positional)

    return before + "VALUES " + ", ".join([row] * count) + after, names


class _WriteConnection:
    """The writer's connection."""

    def __init__(self, connection: sqlite3.Connection, url: str) -> None:
        self._connection = connection
        self._connection.execute(f"PRAGMA busy_timeout = {LONGEST_BLOCK_MS}")
        self._url = url
        self._file = _file_at(url)
        self._log: _Log | None = None
        self._may_begin_log = True

        self.index: WalIndex | None = None
        self._checkpointer: Checkpointer | None = None
        if url != MEMORY:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # opens the log
            self._log = _Log(url, connection)
            if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                self.index = open_wal_index(url)
            self._checkpointer = Checkpointer(
                url,
                connection,
                index=self.index,
                connect=lambda: connect(url, busy_timeout=LONGEST_BLOCK_MS / 1000),
            )

        self._memory = Memory()
        self._data_version = 0
        self._plain = _SqliteTx(connection, self._memory)
        self._sealer: Sealer | None = None
        self.tx: Tx = self._plain
        watch(connection, self._plain.run, self._memory)

    def seal_with(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self.tx = sealer.wrap(self._plain)

    def begin(self, *, is_alone: bool) -> None:
        """Take the write lock, which excludes all other writers, whatever `is_alone` says.

        Raises:
            DatabaseUnavailable: the file or its log was deleted or replaced. Writes to a deleted
                file succeed and are lost when the last connection closes, so they must not begin.
            DatabaseLocked: another process holds the lock.
        """
        if _file_at(self._url) != self._file:
            raise DatabaseUnavailable(
                f"{self._url} was deleted or replaced while in use: put the file back"
            )

        with as_our_errors(self._url):
            self._connection.execute("BEGIN IMMEDIATE")
            self._look_whether_others_wrote()

        if self._log is not None and self._log.is_gone():  # looked at under the lock
            self.rollback()
            raise DatabaseUnavailable(self._log.save())

    def _look_whether_others_wrote(self) -> None:
        """Empty the memory if another connection has committed, now that none can."""
        version = self._plain.one("data_version")["data_version"]
        if version != self._data_version:
            self._data_version = version
            self._memory.forget()
        if self._sealer is not None:
            self._sealer.begun(self._plain, version)

    def commit(self) -> None:
        with as_our_errors(self._url):
            if self._may_begin_log and self._url != MEMORY:
                mark_log(self._connection, APPLICATION_ID)
            self._connection.execute("COMMIT")
        self._may_begin_log = False

    def pause(self) -> None:
        """Run checkpoints; called after the callers of the last group were notified."""
        if self._checkpointer is not None:
            with suppress(sqlite3.Error):  # the next transaction will show what is wrong
                self._may_begin_log |= self._checkpointer.between_transactions()

    def was_committed(self) -> bool:
        """Return False: SQLite answers every COMMIT, so the writer never has to ask."""
        return False

    def rollback(self) -> None:
        self._forget()
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):  # the error before it may have ended the transaction
                self._connection.execute("ROLLBACK")

    def attempt(self, operation: Callable[[Tx], T], *, is_whole: bool) -> T:
        with as_our_errors(self._url):
            if not self._connection.in_transaction:  # a full disk, for example, ended it
                raise DatabaseUnavailable(
                    f"SQLite rolled back a transaction on {self._url}; its operations run again"
                )

            if not is_whole:
                self._connection.execute("SAVEPOINT operation")

            try:
                result = operation(self.tx)
            except Exception:
                self._undo(is_whole=is_whole)
                raise

            if not is_whole:
                self._connection.execute("RELEASE operation")

            return result

    def _undo(self, *, is_whole: bool) -> None:
        """Undo a failed operation, so that the transaction can go on without it."""
        self._forget()
        if not self._connection.in_transaction:
            return

        if is_whole:
            self._connection.execute("ROLLBACK")
            self._connection.execute("BEGIN IMMEDIATE")
        else:
            self._connection.execute("ROLLBACK TO operation")
            self._connection.execute("RELEASE operation")

    def _forget(self) -> None:
        """Forget what was looked up and may be undone."""
        self._memory.forget()
        if self._sealer is not None:
            self._sealer.rolled_back()

    def has_lost_its_log(self) -> bool:
        """Check whether the log was deleted or replaced; then another connection would mix two."""
        return self._log is not None and self._log.is_gone()

    def close(self) -> None:
        if self._checkpointer is not None:
            self._checkpointer.close()

        if self._log is None or self._log.may_be_closed():
            self._connection.close()
        else:
            # Closing would copy a log into the file that another process has changed since. A
            # thread that never ends keeps the connection, even at the interpreter's end.
            connection, never = self._connection, threading.Event()
            threading.Thread(target=lambda: never.wait() and connection, daemon=True).start()

        if self.index is not None:
            self.index.close()


class _Log:
    """The log that the writer's connection has open, and what to do if it was deleted.

    What is in a deleted log is read and written as before, by those who have it open, and lost when
    they end. The next process to open the database begins another log.
    """

    def __init__(self, url: str, connection: sqlite3.Connection) -> None:
        self._url = url
        self._connection = connection
        self._log, self._index = _file_at(f"{url}-wal"), _file_at(f"{url}-shm")
        self._is_reported = False

    def is_gone(self) -> bool:
        """Check whether another file, or none, is where the log was."""
        return self._log is not None and _file_at(f"{self._url}-wal") != self._log

    def save(self) -> str:
        """Copy the log into the file if nobody has begun another one; return what has happened."""
        is_saved = self._is_alone() and self._checkpoint()
        what = (
            f"all that it held is in {self._url} now"
            if is_saved
            else "what it held cannot be copied into the file yet, so do not end this process"
        )
        message = (
            f"{self._url}-wal was deleted or replaced while in use, and nothing can be stored "
            f"until it is put back: {what}. Restart every process that uses the database, and "
            "delete none of its files while it is in use."
        )

        if is_saved and not self._is_reported:
            self._is_reported = True
            logger.error("%(trouble)s", trouble=message)

        return message

    def may_be_closed(self) -> bool:
        """Check that closing the connection copies nothing into another process's work."""
        return not self.is_gone() or (self._is_alone() and self._checkpoint())

    def _is_alone(self) -> bool:
        """Check that nobody has written to another log of the same file."""
        try:
            is_begun = os.stat(f"{self._url}-wal").st_size > 0  # noqa: PTH116 - as `_file_at` does
        except OSError:
            is_begun = False

        return not is_begun and _file_at(f"{self._url}-shm") in (None, self._index)

    def _checkpoint(self) -> bool:
        try:
            busy, _, _ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:
            return False
        return not busy


def _file_at(url: str) -> tuple[int, int] | None:
    """Return the device and inode of the file at a path; None if there is none, as in memory."""
    try:
        found = os.stat(url)  # noqa: PTH116 - for each transaction, and making a Path costs more
    except OSError:
        return None

    return found.st_dev, found.st_ino

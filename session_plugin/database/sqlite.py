"""The SQLite engine: one file, WAL, `synchronous=FULL`, so that what is acknowledged is on disk.

Reads go over read-only connections of their own, in short snapshots. Nothing in a process that has
the database open may open and close its file by other means: POSIX would drop SQLite's locks with
it. So even looking at a stranger's file is done through SQLite.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar

from session_plugin.database.checkpoints import Checkpointer
from session_plugin.database.engine import Row, Tx, Value
from session_plugin.database.queries import load_queries
from session_plugin.database.sqlite_file import MEMORY, READ_ONLY, connect, prepare, to_text
from session_plugin.database.threads import ThreadedEngine
from session_plugin.errors import DatabaseLocked, DatabaseRefused, DatabaseUnavailable, SessionError

A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")

READERS = 2
"""Threads that read. Python's SQLite lets one run while others wait for the disk; more do not read
faster.
"""
MOST_ROWS = 256
"""Rows of values in one statement. SQLite takes 32,766 parameters; as many as messages are in a
group will do.
"""
LONGEST_PURGE = 2.0
"""Seconds for which writing the file anew, and then emptying its log, waits for others who read or
write them.
"""
PURGE_PAUSE = 0.02
"""Seconds between tries to empty the log while somebody else brings it into the file, which SQLite
does not wait for.
"""
LONGEST_BLOCK_MS = 500
"""How long one try to get the write lock may block; the writer tries again, and can be closed in
between.
"""


_PARAMETER = re.compile(r":([a-z_]+)")
_VALUES = re.compile(r"VALUES (\([?,\s]+\))")


class SqliteEngine(ThreadedEngine):
    """Runs operations on one SQLite file, or on a database in memory, which reads and writes on one
    connection.
    """

    def __init__(self, path: str, *, busy_timeout: float) -> None:
        """Remember the path, an absolute one; nothing is touched before `open`."""
        super().__init__(path, busy_timeout=busy_timeout)
        self._of_thread = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._purger: ThreadPoolExecutor | None = None

    def open(self) -> None:
        """Check the file, create it if there is none, migrate it, start the threads."""
        with as_our_errors(self.url):
            connection = prepare(self.url, busy_timeout=self._busy_timeout)
        if self.url != MEMORY:
            self._purger = ThreadPoolExecutor(1, thread_name_prefix="session_plugin-purger")
        self._start(
            _WriteConnection(connection, self.url), readers=0 if self.url == MEMORY else READERS
        )

    def purge(self) -> Future[bool]:
        """Write the file anew, without what was deleted, and empty its log.

        `secure_delete` overwrites what is deleted, but not the copies that SQLite leaves behind
        when it moves rows from page to page to keep its trees in balance; searching files finds
        them again and again.
        """
        purger = self._purger
        if purger is None:
            done: Future[bool] = Future()
            done.set_result(self._writer is not None)
            return done
        return purger.submit(self._purge)

    def _purge(self) -> bool:
        """Empty the log first: while somebody keeps it from that, each try would write the whole
        file into it once more.
        """
        with (
            as_our_errors(self.url),
            closing(connect(self.url, busy_timeout=LONGEST_PURGE)) as connection,
        ):
            try:
                if not _empty_log(connection):
                    return False
                connection.execute("VACUUM")
                return _empty_log(connection)
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

    def _read(self, operation: Callable[[Tx, A], T], argument: A) -> T:
        with as_our_errors(self.url):
            connection = getattr(self._of_thread, "connection", None)
            if connection is None:
                connection = connect(self.url, busy_timeout=self._busy_timeout, access=READ_ONLY)
                self._of_thread.connection = connection
                self._opened.append(connection)
            try:
                return self._read_on(connection, operation, argument, text_factory=str)
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise
                # A text cell that somebody wrote by hand is no UTF-8; looking at each costs too
                # much to do it always.
                return self._read_on(connection, operation, argument, text_factory=to_text)

    def _read_on(
        self,
        connection: sqlite3.Connection,
        operation: Callable[[Tx, A], T],
        argument: A,
        *,
        text_factory: Callable[[bytes], str],
    ) -> T:
        connection.text_factory = text_factory
        connection.execute("BEGIN")
        try:
            return operation(_SqliteTx(connection), argument)
        finally:
            if (
                connection.in_transaction
            ):  # an error of the disk's, say, has ended it, and is what the caller is to know
                connection.execute("ROLLBACK")


def _empty_log(connection: sqlite3.Connection) -> bool:
    """Bring the log into the file and cut it off; False if others read from it for too long."""
    until = time.monotonic() + LONGEST_PURGE
    while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() >= until:
            return False
        time.sleep(PURGE_PAUSE)
    return True


class _SqliteTx:
    """Named statements on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
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
            raise LookupError(f"the statement {query} gave no row")
        return row

    def all(self, query: str, /, **values: Value) -> list[Row]:
        return self._execute(self._queries[query], values).fetchall()

    def tuples(self, query: str, /, **values: Value) -> list[tuple[Any, ...]]:
        cursor = self._connection.cursor()
        cursor.row_factory = None
        return cursor.execute(self._queries[query], values).fetchall()

    def run(self, query: str, /, **values: Value) -> int:
        return self._execute(self._queries[query], values).rowcount

    def all_many(self, query: str, rows: Sequence[Mapping[str, Value]], /) -> list[Row]:
        found: list[Row] = []
        for some in _pieces(rows):
            statement, names = _for_rows(self._queries[query], len(some))
            found += self._execute(
                statement, [row[name] for row in some for name in names]
            ).fetchall()
        return found

    def run_many(self, query: str, rows: Sequence[Mapping[str, Value]], /) -> None:
        statement, names = _positional(self._queries[query])
        self._execute_many(statement, map(itemgetter(*names), rows))

    def alone(self) -> None:
        """The write lock is held already."""


@cache
def _positional(statement: str) -> tuple[str, tuple[str, ...]]:
    """Give a statement with its parameters by position, which are bound faster, and their names in
    that order.
    """
    return _PARAMETER.sub("?", statement), tuple(_PARAMETER.findall(statement))


def _pieces(rows: Sequence[R]) -> Iterator[Sequence[R]]:
    """Cut rows into pieces of 256, 128 ... 1: each length is a statement, and preparing one takes
    longer than running it.
    """
    start = 0
    while left := min(len(rows) - start, MOST_ROWS):
        length = 1 << (left.bit_length() - 1)
        yield rows[start : start + length]
        start += length


@cache
def _for_rows(statement: str, count: int) -> tuple[str, tuple[str, ...]]:
    """Give a statement that asks about a row of VALUES as one that asks about so many."""
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
        self._checkpointer: Checkpointer | None = None
        if url != MEMORY:
            self._checkpointer = Checkpointer(
                url, connection, connect=lambda: connect(url, busy_timeout=LONGEST_BLOCK_MS / 1000)
            )
        self.tx: Tx = _SqliteTx(connection)

    def begin(self, *, is_alone: bool) -> None:
        """Take the write lock; whoever has it is alone.

        A file that was deleted could still be written, and all of it would be lost with the last
        connection.
        """
        if _file_at(self._url) != self._file:
            raise DatabaseUnavailable(
                f"{self._url} is gone, or another file is in its place: put it back"
            )
        with as_our_errors(self._url):
            self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        with as_our_errors(self._url):
            self._connection.execute("COMMIT")

    def pause(self) -> None:
        """Take care of the log, now that everybody has been told."""
        if self._checkpointer is not None:
            with suppress(
                sqlite3.Error
            ):  # what is wrong with the database shows at the next transaction
                self._checkpointer.between_transactions()

    def was_committed(self) -> bool:
        """No COMMIT goes unanswered here."""
        return False

    def rollback(self) -> None:
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):  # what made it necessary has ended the transaction, too
                self._connection.execute("ROLLBACK")

    def attempt(self, operation: Callable[[Tx, Any], Any], argument: Any, *, is_whole: bool) -> Any:
        with as_our_errors(self._url):
            if (
                not self._connection.in_transaction
            ):  # a full disk, say, ended it for the whole group
                raise DatabaseUnavailable(
                    f"{self._url} gave up a transaction; its operations are run again"
                )
            if not is_whole:
                self._connection.execute("SAVEPOINT operation")
            try:
                result = operation(self.tx, argument)
            except Exception:
                if self._connection.in_transaction and is_whole:
                    self._connection.execute("ROLLBACK")
                    self._connection.execute("BEGIN IMMEDIATE")
                elif self._connection.in_transaction:
                    self._connection.execute("ROLLBACK TO operation")
                    self._connection.execute("RELEASE operation")
                raise
            if not is_whole:
                self._connection.execute("RELEASE operation")
            return result

    def close(self) -> None:
        if self._checkpointer is not None:
            self._checkpointer.close()
        self._connection.close()


def _file_at(url: str) -> tuple[int, int] | None:
    """Tell which file is at a path, by its device and number; None if there is none, as for a
    database in memory.
    """
    try:
        found = os.stat(url)  # noqa: PTH116 - for each transaction, and a Path costs more than asking
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def as_our_errors(url: str) -> Iterator[None]:
    """Turn the driver's errors into ours, by SQLite's result codes."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise DatabaseLocked(
                f"{url} has been held for too long, by another process or by forgetting, which "
                "writes it anew: find out "
                "which, end it or wait for it, and try again"
            ) from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise DatabaseRefused(
                f"{url} is damaged or not an SQLite database ({error}); it was left as it is. "
                "Restore a backup, or recover what can be read with sqlite3's .recover into a "
                "new file."
            ) from error
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise DatabaseUnavailable(
                f"{url} cannot be written: {error}; is the disk full?"
            ) from error
        if code == sqlite3.SQLITE_READONLY:
            raise DatabaseRefused(
                f"{url} is read-only; give this process the right to write it and its folder"
            ) from error
        if code == sqlite3.SQLITE_CANTOPEN:
            raise DatabaseRefused(
                f"{url} cannot be opened: {error}; check its folder and its permissions"
            ) from error
        raise SessionError(f"{url}: {error}") from error

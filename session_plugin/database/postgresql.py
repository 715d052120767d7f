"""The PostgreSQL engine: the same operations over psycopg, for bots on several machines.

Several processes write at the same time, under an advisory lock:
- Operations that change accounts, links or chats take it exclusively, as all writes do on SQLite.
- Messages in known chats, nearly all operations, share it. They lock only their segments, so
  other processes are not blocked.

If the answer to a COMMIT is lost, the server is asked for its outcome as soon as it can be reached.
So nothing is stored twice, and nothing acknowledged is lost.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row, tuple_row
from psycopg.types.numeric import Int8Dumper
from psycopg_pool import ConnectionPool, PoolTimeout

from session_plugin.counters import DatabaseCounters
from session_plugin.database.engine import NotAlone, Purged, Row, Tx, Value
from session_plugin.database.postgresql_arrays import columns, take_columns
from session_plugin.database.postgresql_errors import CONNECT_SECONDS, as_our_errors
from session_plugin.database.postgresql_schema import check_readable, prepare, shown_url
from session_plugin.database.queries import load_queries
from session_plugin.database.threads import ThreadedEngine
from session_plugin.database.writer import GRACE, CommitInDoubt
from session_plugin.errors import DatabaseUnavailable

T = TypeVar("T")
Connection = psycopg.Connection[DictRow]

READERS = 4
"""Threads that read, each with a connection of its own."""
LONGEST_BLOCK_MS = 500
"""Milliseconds of one wait for a lock. The writer retries; in between it can be closed."""
SETTINGS = {
    "lock_timeout": str(LONGEST_BLOCK_MS),
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "join_collapse_limit": "1",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}
"""Every statement looks up rows by key, with its joins in the order in which they are written. The
planner has no statistics of new tables and would scan them, sort all earlier messages of a segment
to find its newest (a bitmap has no order), plan each execution again, and compile queries that take
a tenth of a millisecond.
"""
CONNECTION = {
    "tcp_user_timeout": 30_000,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""In seconds, the first in milliseconds: a connection to a machine that is gone counts as lost
after one minute at most. Parameters of the URL take precedence.
"""
RECONNECT_SECONDS = 5.0
"""Seconds for which the pool tries to replace a connection; the next request for one then starts
again. The pool doubles each pause between attempts, so after a long outage it would take as long to
notice that the server is back.
"""


class PostgresqlEngine(ThreadedEngine):
    """Runs operations on one schema of a PostgreSQL database.

    The schema is the first one on the connection's search path.
    """

    def __init__(
        self,
        url: str,
        *,
        busy_timeout: float,
        is_read_only: bool = False,
        counters: DatabaseCounters | None = None,
    ) -> None:
        """Prepare the engine for a URL; nothing is connected before `open`."""
        super().__init__(
            shown_url(url), busy_timeout=busy_timeout, is_read_only=is_read_only, counters=counters
        )
        self._conninfo = url
        self._pool: ConnectionPool[Connection] | None = None

    def open(self) -> None:
        """Connect, check and migrate the database, and start the threads.

        One that is opened for reading only is checked and left as it is.
        """
        with as_our_errors(self.url):
            if self._is_read_only:
                check_readable(self._conninfo, self.url)
            else:
                prepare(self._conninfo, self.url, on_new=self._note_new)

        in_url = conninfo_to_dict(self._conninfo)
        keepalive = {name: value for name, value in CONNECTION.items() if name not in in_url}
        self._pool = pool = ConnectionPool(
            self._conninfo,
            connection_class=Connection,
            kwargs={
                **keepalive,
                "autocommit": True,
                "row_factory": dict_row,
                "prepare_threshold": 0,
                "client_encoding": "UTF8",
            },
            configure=_set_up_to_read if self._is_read_only else _set_up,
            min_size=1,
            max_size=READERS + 1,
            timeout=CONNECT_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            open=True,
            name="session_plugin",
        )

        writing = None if self._is_read_only else _WriteConnection(pool, self.url)
        self._start(writing, readers=READERS)

    @property
    def must_rewrite(self) -> bool:
        """Return False."""
        return False

    def purge(self, *, is_rewritten: bool = False) -> Future[Purged]:
        """Do nothing: that is all there is to be done here.

        The server's VACUUM removes deleted rows; its log and its backups are up to its operator.
        """
        done: Future[Purged] = Future()
        done.set_result(Purged.ALL)
        return done

    def close(self, timeout: float = 10.0) -> None:
        """Finish running reads, carry out queued writes, and close the connections."""
        super().close(timeout)

        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close(GRACE)

    def _read(self, operation: Callable[[Tx], T]) -> T:
        pool = self._pool
        if pool is None:
            raise self._not_open()

        give_up_at = time.monotonic() + self._busy_timeout
        with as_our_errors(self.url):
            while True:
                try:
                    return self._read_on(pool, operation)
                except errors.LockNotAvailable:  # a table is being altered or rewritten
                    if time.monotonic() >= give_up_at:
                        raise
                except PoolTimeout:
                    raise
                except psycopg.OperationalError:
                    # The connection has died since it was last used, so try a new one.
                    pool.check()
                    return self._read_on(pool, operation)

    def _read_on(self, pool: ConnectionPool[Connection], operation: Callable[[Tx], T]) -> T:
        with pool.connection() as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                return operation(_PostgresqlTx(connection))
            finally:
                # After a ROLLBACK, the driver would prepare all statements again.
                if not connection.closed:
                    connection.execute("COMMIT")


def _set_up(connection: Connection) -> None:
    """Configure a new connection of the pool.

    Integers are sent as BIGINT, waits for locks are limited, and an acknowledged COMMIT is on disk.
    """
    connection.adapters.register_dumper(int, Int8Dumper)
    take_columns(connection)

    for setting, value in SETTINGS.items():
        connection.execute("SELECT set_config(%s, %s, false)", (setting, value))

    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE "
        "current_setting('synchronous_commit') = 'off'"
    )


def _set_up_to_read(connection: Connection) -> None:
    """Configure a new connection on which no transaction can write."""
    _set_up(connection)
    connection.execute("SELECT set_config('default_transaction_read_only', 'on', false)")


class _PostgresqlTx:
    """Named statements on one connection."""

    def __init__(self, connection: Connection) -> None:
        self.is_alone = True
        self.pipeline: psycopg.Pipeline | None = None
        self._connection = connection
        self._cursor = connection.cursor(binary=True)
        self._queries: Mapping[str, str] = load_queries("postgresql")

    def first(self, query: str, /, **values: Value) -> Row | None:
        return self._execute(query, values).fetchone()

    def one(self, query: str, /, **values: Value) -> Row:
        row = self.first(query, **values)
        if row is None:
            raise LookupError(f"the statement {query} returned no row")
        return row

    def all(self, query: str, /, **values: Value) -> list[Row]:
        return list(self._execute(query, values).fetchall())

    def tuples(self, query: str, /, **values: Value) -> list[tuple[Any, ...]]:
        cursor = self._connection.cursor(binary=True, row_factory=tuple_row)
        return cursor.execute(self._queries[query], values).fetchall()

    def run(self, query: str, /, **values: Value) -> int:
        cursor = self._execute(query, values)
        if self.pipeline is not None:
            self.pipeline.sync()

        return cursor.rowcount

    def all_many(self, query: str, rows: Sequence[Mapping[str, Value]], /) -> list[Row]:
        if not rows:
            return []

        values = columns(self._queries[query], rows)
        return list(self._execute(query, values).fetchall())

    def run_many(self, query: str, rows: Sequence[Mapping[str, Value]], /) -> None:
        if rows:
            self.send(query, columns(self._queries[query], rows))

    def send(self, query: str, values: Mapping[str, Any]) -> None:
        """Run a statement without waiting for its result if a pipeline is open.

        It has a cursor of its own, so that its result does not replace another statement's.
        """
        self._connection.cursor(binary=True).execute(self._queries[query], values)

    def alone(self) -> None:
        if not self.is_alone:
            raise NotAlone

    def _execute(self, query: str, values: Mapping[str, Any]) -> psycopg.Cursor[DictRow]:
        return self._cursor.execute(self._queries[query], values)


class _WriteConnection:
    """The writer's connection; a broken one is replaced at the next transaction."""

    def __init__(self, pool: ConnectionPool[Connection], url: str) -> None:
        self._pool = pool
        self._url = url
        self._connection: Connection | None = None
        self._writer_id = uuid.uuid4().hex
        self._group_no = 0
        self._tx: _PostgresqlTx

    @property
    def tx(self) -> Tx:
        return self._tx

    def begin(self, *, is_alone: bool) -> None:
        with as_our_errors(self._url):
            try:
                self._begin(is_alone=is_alone)
            except psycopg.OperationalError:
                if self._connection is None or not self._connection.closed:
                    raise
                # It has died since it was last used, as others in the pool may have.
                self._pool.check()
                self._begin(is_alone=is_alone)

    def _begin(self, *, is_alone: bool) -> None:
        if self._connection is not None and self._connection.closed:
            self._give_back()

        if self._connection is None:
            self._connection = self._pool.getconn()
            self._tx = _PostgresqlTx(self._connection)

        self._group_no += 1
        with self._pipeline(self._connection):
            self._connection.execute("BEGIN")
            lock = "lock_alone" if is_alone else "lock_shared"
            self._tx.send(lock, {"writer_id": self._writer_id, "group_no": self._group_no})

        self._tx.is_alone = is_alone

    def commit(self) -> None:
        assert self._connection is not None

        try:
            with as_our_errors(self._url):
                self._connection.execute("COMMIT")
        except DatabaseUnavailable as error:
            if self._connection.closed:
                raise CommitInDoubt(str(error)) from error
            raise

    def pause(self) -> None:
        """Do nothing: the server runs its checkpoints itself."""

    def was_committed(self) -> bool:
        """Return whether the latest COMMIT, which was not answered, has stored its mark.

        Asking for the state of a transaction id is not enough: after a crash, the server may
        assign the same id to another transaction.

        Raises:
            DatabaseUnavailable: the server cannot be reached, or the transaction has not ended.
        """
        with as_our_errors(self._url), self._pool.connection() as connection:
            row = _PostgresqlTx(connection).one("last_group", writer_id=self._writer_id)

        return bool(row["group_no"] == self._group_no)

    def rollback(self) -> None:
        connection = self._connection
        if connection is not None and not connection.closed:
            with suppress(psycopg.Error):  # the error before it may have ended the connection
                connection.execute("ROLLBACK")

    def attempt(self, operation: Callable[[Tx], T], *, is_whole: bool) -> T:
        connection = self._connection
        assert connection is not None

        with as_our_errors(self._url):
            if not is_whole:
                connection.execute("SAVEPOINT operation")

            try:
                result = self._run(operation, connection)
            except NotAlone:
                raise
            except Exception:
                if not connection.closed and is_whole:
                    connection.execute("ROLLBACK")
                    self.begin(is_alone=self._tx.is_alone)
                elif not connection.closed:
                    connection.execute("ROLLBACK TO operation")
                raise

            if not is_whole:
                connection.execute("RELEASE operation")

            return result

    def _run(self, operation: Callable[[Tx], T], connection: Connection) -> T:
        """Run an operation; under the shared lock, in a pipeline.

        In a pipeline it waits only for results that it uses, and at its end for the others.
        """
        if self._tx.is_alone:
            return operation(self._tx)

        with self._pipeline(connection):
            return operation(self._tx)

    @contextmanager
    def _pipeline(self, connection: Connection) -> Iterator[None]:
        """Send statements without waiting for earlier results; wait for all at the end."""
        if not psycopg.Pipeline.is_supported():  # libpq before 14 has none
            yield
            return

        with connection.pipeline() as pipeline:
            self._tx.pipeline = pipeline
            try:
                yield
            finally:
                self._tx.pipeline = None

    def close(self) -> None:
        if self._connection is not None and not self._connection.closed:
            with suppress(psycopg.Error):  # a mark that is not removed does no harm
                self._tx.run("drop_writer", writer_id=self._writer_id)

        self._give_back()

    def _give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.putconn(connection)

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
from psycopg.rows import DictRow, tuple_row
from psycopg_pool import ConnectionPool, PoolTimeout

from session_plugin.counters import DatabaseCounters
from session_plugin.database.engine import NotAlone, Purged, Row, Sealer, Tx, Value
from session_plugin.database.postgresql_arrays import columns
from session_plugin.database.postgresql_errors import CONNECT_SECONDS, as_our_errors
from session_plugin.database.postgresql_schema import check_readable, prepare, shown_url
from session_plugin.database.postgresql_sessions import (
    Connection,
    Sessions,
    in_pipeline,
    newest_destroyed,
    sessions_of,
)
from session_plugin.database.queries import load_queries
from session_plugin.database.server_url import read_url
from session_plugin.database.threads import ThreadedEngine
from session_plugin.database.writer import GRACE, CommitInDoubt
from session_plugin.errors import DatabaseUnavailable

T = TypeVar("T")
CONNECTION_ERRORS = (
    errors.ConnectionException,
    errors.SqlclientUnableToEstablishSqlconnection,
    errors.ConnectionDoesNotExist,
    errors.SqlserverRejectedEstablishmentOfSqlconnection,
    errors.ConnectionFailure,
    errors.TransactionResolutionUnknown,
    errors.ProtocolViolation,
)
"""Class 08: what became of a statement is not known."""

READERS = 4
"""Threads that read, each with a connection of its own."""
RECONNECT_SECONDS = 2.0
"""Seconds for which the pool tries to replace a connection, and for which one request for one
waits; the next request starts again. The pool doubles each pause between attempts, so after a long
outage or a promotion it would take as long to notice that there is a server.
"""

IDLE_SECONDS = 60.0
"""Seconds after which one more connection that nobody used is closed: a process that is idle has
two at most, its writer's and one to read.
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
        self._server = read_url(url)
        self._pool: ConnectionPool[Connection] | None = None
        self._queries: Mapping[str, str] = {}
        self._sessions: Sessions
        self._writing: _WriteConnection | None = None

    def open(self) -> None:
        """Connect, check and migrate the database, and start the threads.

        One that is opened for reading only is checked and left as it is.
        """
        with as_our_errors(self.url):
            if self._is_read_only:
                statements = check_readable(self._server, self.url)
            else:
                statements = prepare(self._server, self.url, on_new=self._note_new)

        self._queries = load_queries(statements)
        self._sessions = sessions_of(
            self._server,
            is_read_only=self._is_read_only,
            is_distributed=statements == "citus",
        )
        self._pool = pool = ConnectionPool(
            self._server.conninfo,
            connection_class=Connection,
            kwargs=self._sessions.parameters(),
            configure=self._sessions.configure,
            min_size=1,
            max_size=READERS + 1,
            timeout=RECONNECT_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            max_idle=IDLE_SECONDS,
            open=True,
            name="session_plugin",
        )

        if not self._is_read_only:
            self._writing = _WriteConnection(pool, self.url, self._sessions, self._queries)

        self._start(self._writing, readers=READERS)

    def seal_with(self, sealer: Sealer, /) -> None:
        """Wrap each transaction from now on, the writer's too."""
        super().seal_with(sealer)
        if self._writing is not None:
            self._writing.seal_with(sealer)

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

        started_at = time.monotonic()
        with as_our_errors(self.url):
            while True:
                try:
                    return self._read_on(pool, operation)
                except errors.LockNotAvailable:  # a table is being altered or rewritten
                    if time.monotonic() >= started_at + self._busy_timeout:
                        raise
                except PoolTimeout:
                    if time.monotonic() >= started_at + CONNECT_SECONDS:
                        raise
                except psycopg.OperationalError:
                    # The connection has died since it was last used, so try a new one.
                    pool.check()
                    return self._read_on(pool, operation)

    def _read_on(self, pool: ConnectionPool[Connection], operation: Callable[[Tx], T]) -> T:
        with pool.connection() as connection:
            tx = _ReadingTx(connection, self._queries, self._sessions)
            try:
                return operation(self._wrapped(tx))
            finally:
                tx.end()


class _PostgresqlTx:
    """Named statements on one connection."""

    def __init__(self, connection: Connection, queries: Mapping[str, str]) -> None:
        self.memory = None
        self.is_alone = True
        self.pipeline: psycopg.Pipeline | None = None
        self._connection = connection
        self._cursor = connection.cursor(binary=True)
        self._queries = queries

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

    def at_once(self, query: str, /, **values: Value) -> list[tuple[Any, ...]] | None:
        """Return None: what is written is looked up beside it."""
        return None

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

    def run_many(self, query: str, rows: Sequence[Mapping[str, Value]], /) -> int:
        if rows:
            self.send(query, columns(self._queries[query], rows))

        return len(rows)

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


class _ReadingTx(_PostgresqlTx):
    """Statements in one snapshot, which begins with the first of them."""

    def __init__(
        self, connection: Connection, queries: Mapping[str, str], sessions: Sessions
    ) -> None:
        super().__init__(connection, queries)
        self._sessions = sessions
        self._is_begun = False

    def tuples(self, query: str, /, **values: Value) -> list[tuple[Any, ...]]:
        self._begin()
        return super().tuples(query, **values)

    def at_once(self, query: str, /, **values: Value) -> list[tuple[Any, ...]] | None:
        if self._is_begun:
            return None

        cursor = self._connection.cursor(binary=True, row_factory=tuple_row)
        return self._sessions.read_at_once(cursor, self._queries[query], values)

    def end(self) -> None:
        """End the transaction, if there is one."""
        # After a ROLLBACK, the driver would prepare all statements again.
        if self._is_begun and not self._connection.closed:
            self._connection.execute("COMMIT")

    def _execute(self, query: str, values: Mapping[str, Any]) -> psycopg.Cursor[DictRow]:
        self._begin()
        return super()._execute(query, values)

    def _begin(self) -> None:
        if not self._is_begun:
            self._is_begun = True
            self._sessions.begin_reading(self._connection)


class _WriteConnection:
    """The writer's connection; a broken one is replaced at the next transaction."""

    def __init__(
        self,
        pool: ConnectionPool[Connection],
        url: str,
        sessions: Sessions,
        queries: Mapping[str, str],
    ) -> None:
        self._pool = pool
        self._url = url
        self._sessions = sessions
        self._queries = queries
        self._connection: Connection | None = None
        self._writer_id = uuid.uuid4().hex
        self._group_no = 0
        self._is_begun = True
        self._sealer: Sealer | None = None
        self._tx: _PostgresqlTx

    @property
    def tx(self) -> Tx:
        return self._tx if self._sealer is None else self._sealer.wrap(self._tx)

    def seal_with(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def begin(self, *, is_alone: bool) -> None:
        """Begin a transaction. Under the shared lock it is begun with its first operation, in one
        round trip with what that asks first.
        """
        self._is_begun = False
        self._group_no += 1
        with as_our_errors(self._url):
            self._connected(lambda: self._begin(is_alone=is_alone))

    def _connected(self, begin: Callable[[], T]) -> T:
        """Do what begins a transaction; once more if the connection turns out to be dead."""
        try:
            return begin()
        except errors.ReadOnlySqlTransaction:
            # The next connection is made to the host that takes writes then.
            if self._connection is not None:
                self._connection.close()
            raise
        except psycopg.OperationalError:
            if self._connection is None or not self._connection.closed:
                raise
            # It has died since it was last used, as others in the pool may have.
            self._forget()
            self._pool.check()
            return begin()

    def _begin(self, *, is_alone: bool) -> None:
        connection = self._connect()
        self._tx.is_alone = is_alone
        if is_alone or not self._sessions.can_send_ahead:
            lock = "lock_alone" if is_alone else "lock_shared"
            newest = self._sessions.begin_locked(lock, connection, **self._mark())
            self._is_begun = True
            self._note_begun(newest)

    def _begin_with(self, operation: Callable[[Tx], T]) -> T:
        """Begin a transaction under the shared lock, and run its first operation."""
        connection = self._connect()
        self._tx.is_alone = False
        with self._pipeline(connection):
            locked = self._sessions.send_locked("lock_shared", connection, **self._mark())
            result = operation(self.tx)

        self._note_begun(newest_destroyed(locked))
        return result

    def _note_begun(self, newest: int | None) -> None:
        if self._sealer is not None:
            self._sealer.begun(self._tx, newest)

    def _mark(self) -> dict[str, str | int]:
        return {"writer_id": self._writer_id, "group_no": self._group_no}

    def _connect(self) -> Connection:
        if self._connection is not None and self._connection.closed:
            self._give_back()

        if self._connection is None:
            self._connection = self._pool.getconn()
            self._tx = _PostgresqlTx(self._connection, self._queries)

        return self._connection

    def commit(self) -> None:
        assert self._connection is not None
        if not self._is_begun:  # every operation of the group was cancelled
            return

        try:
            with as_our_errors(self._url):
                self._connection.execute("COMMIT")
        except DatabaseUnavailable as error:
            # A pooler that has lost its server may keep the connection to us.
            if self._connection.closed or isinstance(error.__cause__, CONNECTION_ERRORS):
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
            self._sessions.begin_writing(connection)
            row = _PostgresqlTx(connection, self._queries).one(
                "last_group", writer_id=self._writer_id
            )

        return bool(row["group_no"] == self._group_no)

    def rollback(self) -> None:
        self._forget()
        connection = self._connection
        if connection is not None and not connection.closed:
            with suppress(psycopg.Error):  # the error before it may have ended the connection
                connection.execute("ROLLBACK")

            # A pooler that has lost its server may leave the connection in the midst of something.
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                connection.close()

    def attempt(self, operation: Callable[[Tx], T], *, is_whole: bool) -> T:
        assert self._connection is not None

        with as_our_errors(self._url):
            if not is_whole:
                self._connection.execute("SAVEPOINT operation")

            try:
                result = self._run(operation)
            except NotAlone:
                raise
            except Exception:
                self._forget()
                if not self._connection.closed and is_whole:
                    self._connection.execute("ROLLBACK")
                    self.begin(is_alone=self._tx.is_alone)
                elif not self._connection.closed:
                    self._connection.execute("ROLLBACK TO operation")
                    self._sessions.go_on(self._connection)
                raise

            if not is_whole:
                self._connection.execute("RELEASE operation")

            return result

    def _run(self, operation: Callable[[Tx], T]) -> T:
        """Run an operation; under the shared lock, in a pipeline.

        In a pipeline it waits only for results that it uses, and at its end for the others.
        """
        if not self._is_begun:
            result = self._connected(lambda: self._begin_with(operation))
            self._is_begun = True
            return result

        if self._tx.is_alone:
            return operation(self.tx)

        assert self._connection is not None
        with self._pipeline(self._connection):
            return operation(self.tx)

    def _forget(self) -> None:
        """Forget what was looked up and may be undone."""
        if self._sealer is not None:
            self._sealer.rolled_back()

    @contextmanager
    def _pipeline(self, connection: Connection) -> Iterator[None]:
        """Send statements without waiting for earlier results; wait for all at the end."""
        with in_pipeline(connection) as pipeline:
            self._tx.pipeline = pipeline
            try:
                yield
            finally:
                self._tx.pipeline = None

    def close(self) -> None:
        if self._connection is not None and not self._connection.closed:
            with suppress(psycopg.Error):  # a mark that is not removed does no harm
                self._sessions.begin_writing(self._connection)
                self._tx.run("drop_writer", writer_id=self._writer_id)
                self._connection.execute("COMMIT")

        self._give_back()

    def _give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.putconn(connection)

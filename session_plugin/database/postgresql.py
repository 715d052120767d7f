"""The PostgreSQL engine: the same operations over psycopg, for bots that have outgrown one machine.

Several processes write at once. What changes who and where people are runs alone, as it does on
SQLite; messages for known places, which are nearly all there is, only share: they lock their
segments and hinder no other process's. A COMMIT whose answer was lost is asked for when the server
is back, so nothing is stored twice and nothing acknowledged is lost.
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
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from session_plugin.database.engine import NotAlone, Row, Tx, Value
from session_plugin.database.postgresql_arrays import columns, take_columns
from session_plugin.database.postgresql_schema import prepare, safe_url
from session_plugin.database.queries import load_queries
from session_plugin.database.threads import ThreadedEngine
from session_plugin.database.writer import GRACE, CommitInDoubt
from session_plugin.errors import DatabaseLocked, DatabaseRefused, DatabaseUnavailable, SessionError

A = TypeVar("A")
T = TypeVar("T")
Connection = psycopg.Connection[DictRow]

READERS = 4
"""Threads that read, each on a connection of its own."""
LONGEST_BLOCK_MS = 500
"""How long one wait for a lock may take; the writer tries again, and can be closed in between."""
SETTINGS = {
    "lock_timeout": str(LONGEST_BLOCK_MS),
    "enable_seqscan": "off",
    "join_collapse_limit": "1",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}
"""Every statement of ours looks things up by key, in the order in which it is written. The server,
which knows little of tables that are new to it, would rather read them whole at first, plan anew
what is always carried out alike, and compile what takes a tenth of a millisecond.
"""
CONNECTION = {
    "tcp_user_timeout": 30_000,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""Milliseconds, and seconds: after a minute at most, a connection to a machine that is gone counts
as lost. A URL may say otherwise.
"""
RECONNECT_SECONDS = 5.0
"""How long the pool tries to replace a connection by itself. Each of its pauses is twice as long as
the one before, so that it would let a server that is back wait for as long as that was away; who
needs a connection then has it begin anew.
"""
CONNECT_SECONDS = 10.0
"""How long to wait for a connection before the database counts as out of reach."""


class PostgresqlEngine(ThreadedEngine):
    """Runs operations on one schema of a PostgreSQL database: the first of the connection's search
    path.
    """

    def __init__(self, url: str, *, busy_timeout: float) -> None:
        """Remember where; nothing is connected before `open`."""
        super().__init__(safe_url(url), busy_timeout=busy_timeout)
        self._conninfo = url
        self._pool: ConnectionPool[Connection] | None = None

    def open(self) -> None:
        """Connect, check the database, migrate it, start the threads."""
        with as_our_errors(self.url):
            prepare(self._conninfo, self.url)
        self._pool = pool = ConnectionPool(
            self._conninfo,
            connection_class=Connection,
            kwargs={
                **{
                    name: value
                    for name, value in CONNECTION.items()
                    if name not in conninfo_to_dict(self._conninfo)
                },
                **{
                    "autocommit": True,
                    "row_factory": dict_row,
                    "prepare_threshold": 0,
                    "client_encoding": "UTF8",
                },
            },
            configure=_set_up,
            min_size=1,
            max_size=READERS + 1,
            timeout=CONNECT_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            open=True,
            name="session_plugin",
        )
        self._start(_WriteConnection(pool, self.url), readers=READERS)

    def purge(self) -> Future[bool]:
        """Leave it to the server: rows that are gone are VACUUM's, and what its log and backups
        hold is the operator's.
        """
        done: Future[bool] = Future()
        done.set_result(True)
        return done

    def close(self, timeout: float = 10.0) -> None:
        """Finish what waits, end the connections."""
        super().close(timeout)
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close(GRACE)

    def _read(self, operation: Callable[[Tx, A], T], argument: A) -> T:
        pool = self._pool
        if pool is None:
            raise self._not_open()
        give_up_at = time.monotonic() + self._busy_timeout
        with as_our_errors(self.url):
            while True:
                try:
                    return self._read_on(pool, operation, argument)
                except errors.LockNotAvailable:  # somebody alters a table, or writes it anew
                    if time.monotonic() >= give_up_at:
                        raise
                except PoolTimeout:
                    raise
                except (
                    psycopg.OperationalError
                ):  # a connection that has died since it was last used; a fresh one may do
                    pool.check()
                    return self._read_on(pool, operation, argument)

    def _read_on(
        self, pool: ConnectionPool[Connection], operation: Callable[[Tx, A], T], argument: A
    ) -> T:
        with pool.connection() as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                return operation(_PostgresqlTx(connection), argument)
            finally:
                if not connection.closed:
                    connection.execute(
                        "COMMIT"
                    )  # after a ROLLBACK the driver would prepare all statements anew


def _set_up(connection: Connection) -> None:
    """Set a connection up: numbers are BIGINT, waiting has an end, and a COMMIT that is answered is
    on disk.
    """
    connection.adapters.register_dumper(int, Int8Dumper)
    take_columns(connection)
    for setting, value in SETTINGS.items():
        connection.execute("SELECT set_config(%s, %s, false)", (setting, value))
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE "
        "current_setting('synchronous_commit') = 'off'"
    )


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
            raise LookupError(f"the statement {query} gave no row")
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
        return (
            list(self._execute(query, columns(self._queries[query], rows)).fetchall())
            if rows
            else []
        )

    def run_many(self, query: str, rows: Sequence[Mapping[str, Value]], /) -> None:
        if rows:
            self.send(query, columns(self._queries[query], rows))

    def send(self, query: str, values: Mapping[str, Any]) -> None:
        """Run a statement whose answer, in a pipeline, comes later: on a cursor of its own, so that
        answers do not meet.
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
                # it had died since it was last used, and others may have; a fresh one may do
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
        """The server takes care of itself."""

    def was_committed(self) -> bool:
        """Ask what became of a COMMIT that was not answered: whether its mark is there.

        The server's own word on a transaction's id would not do: after a crash it may give that id
        to somebody else.

        Raises:
            DatabaseUnavailable: nobody can be asked yet, or the transaction is not over.
        """
        with as_our_errors(self._url), self._pool.connection() as connection:
            row = _PostgresqlTx(connection).one("last_group", writer_id=self._writer_id)
        return bool(row["group_no"] == self._group_no)

    def rollback(self) -> None:
        connection = self._connection
        if connection is not None and not connection.closed:
            with suppress(
                psycopg.Error
            ):  # what made it necessary may have ended the connection, too
                connection.execute("ROLLBACK")

    def attempt(self, operation: Callable[[Tx, Any], Any], argument: Any, *, is_whole: bool) -> Any:
        connection = self._connection
        assert connection is not None
        with as_our_errors(self._url):
            if not is_whole:
                connection.execute("SAVEPOINT operation")
            try:
                result = self._run(operation, argument, connection)
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

    def _run(
        self, operation: Callable[[Tx, Any], Any], argument: Any, connection: Connection
    ) -> Any:
        """Run an operation. Beside others, it waits only for the answers that it needs, and at its
        end for the rest.
        """
        if self._tx.is_alone:
            return operation(self._tx, argument)
        with self._pipeline(connection):
            return operation(self._tx, argument)

    @contextmanager
    def _pipeline(self, connection: Connection) -> Iterator[None]:
        """Send statements without waiting for the answers of those before them; wait for all that
        are left at the end.
        """
        if not psycopg.Pipeline.is_supported():  # by libpq before 14
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
            with suppress(psycopg.Error):  # a mark that stays is in nobody's way
                self._tx.run("drop_writer", writer_id=self._writer_id)
        self._give_back()

    def _give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.putconn(connection)


@contextmanager
def as_our_errors(url: str) -> Iterator[None]:
    """Turn the driver's errors into ours, by their SQLSTATE. What they quote of the data is left
    out.
    """
    try:
        yield
    except (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure) as error:
        raise DatabaseLocked(
            f"other processes have held {url} for too long; find out which, and try again"
        ) from error
    except (errors.DiskFull, errors.OutOfMemory) as error:
        raise DatabaseUnavailable(
            f"{url} cannot be written: {_said(error)}; is the server's disk full?"
        ) from error
    except errors.ReadOnlySqlTransaction as error:
        raise DatabaseRefused(
            f"{url} is read-only, perhaps a standby; give the primary's URL"
        ) from error
    except errors.InsufficientPrivilege as error:
        raise DatabaseRefused(
            f"{url}: {_said(error)}; grant this role the right to its schema and tables"
        ) from error
    except (
        errors.ProgramLimitExceeded,
        errors.QueryCanceled,
    ) as error:  # what was asked for is at fault, not the server
        raise SessionError(f"{url}: {_said(error)}") from error
    except (PoolTimeout, PoolClosed) as error:
        raise DatabaseUnavailable(
            f"{url} cannot be reached: no connection within {CONNECT_SECONDS:g} s"
        ) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise DatabaseUnavailable(f"{url} cannot be reached just now: {_said(error)}") from error
    except psycopg.Error as error:
        raise SessionError(f"{url}: {_said(error)}") from error


def _said(error: psycopg.Error) -> str:
    """Give what the server says, without the values that it quotes in its details."""
    return error.diag.message_primary or type(error).__name__

"""What holds in a session of the server, and how a transaction begins there.

On a connection of our own, settings are made once. Behind a pooler that gives each transaction
another session of the server, they are made in each transaction, in one message with its BEGIN, and
end with it: the pooler's other clients never see them. Knows no operation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg.types.numeric import Int8Dumper

from session_plugin.database.postgresql_arrays import take_columns
from session_plugin.database.postgresql_names import SharedNames, choose_names, session_at_hand
from session_plugin.database.postgresql_schema import CONNECT_SECONDS, primary_only, use_schema
from session_plugin.database.queries import load_queries
from session_plugin.database.server_url import ServerUrl

Connection = psycopg.Connection[DictRow]
Cursor = psycopg.Cursor[tuple[Any, ...]]
Lock = psycopg.Cursor[DictRow]
"""What a statement returns that takes a lock."""

LONGEST_BLOCK_MS = 500
"""Milliseconds of one wait for a lock. The writer retries; in between it can be closed."""
LONGEST_PAUSE_MS = 60_000
"""Milliseconds between two statements of a transaction, after which the server ends it: a process
that hangs must not hold the lock for ever.
"""
SETTINGS = {
    "lock_timeout": str(LONGEST_BLOCK_MS),
    "idle_in_transaction_session_timeout": str(LONGEST_PAUSE_MS),
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
ON_CITUS = {"plan_cache_mode": "auto"}
"""Settings that differ where tables are spread over servers: which of them a statement is sent to
depends on its values.
"""
CONNECTION = {
    "connect_timeout": CONNECT_SECONDS,
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
"""In seconds, the second in milliseconds: a connection to a machine that is gone counts as lost
after 20 seconds at most. Parameters of the URL take precedence.
"""
_PLACE = re.compile(r"%\((\w+)\)s")

READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
WRITE = "BEGIN"


class Sessions(Protocol):
    """How connections are made, and how their transactions begin."""

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of a new connection besides the URL."""

    def configure(self, connection: Connection) -> None:
        """Prepare a new connection of the pool."""

    def begin_reading(self, connection: Connection) -> None:
        """Begin a transaction that reads."""

    def read_at_once(
        self, cursor: Cursor, statement: str, values: Mapping[str, Any]
    ) -> list[tuple[Any, ...]] | None:
        """Read by one statement, outside any transaction; None if it cannot be had so."""

    def begin_writing(self, connection: Connection) -> None:
        """Begin a transaction that writes, without a lock."""

    def begin_locked(self, lock: str, connection: Connection, **values: str | int) -> int | None:
        """Begin a transaction that writes, run the statement named `lock`, and return the number of
        the newest key that was destroyed.
        """

    @property
    def can_send_ahead(self) -> bool:
        """Whether what follows the lock can be sent before the lock is granted."""

    def send_locked(self, lock: str, connection: Connection, **values: str | int) -> Lock:
        """Do what `begin_locked` does in a pipeline that is open, without waiting for it; when that
        ends, `newest_destroyed` is in what this returns.
        """

    def go_on(self, connection: Connection) -> None:
        """Go on in a transaction of which a part was rolled back."""


def sessions_of(server: ServerUrl, *, is_read_only: bool, is_distributed: bool) -> Sessions:
    """Return how connections to a server are used."""
    kind = SharedSessions if server.shares_sessions else OwnSessions
    settings = SETTINGS | (ON_CITUS if is_distributed else {})

    return kind(server, is_read_only=is_read_only, is_distributed=is_distributed, settings=settings)


class OwnSessions:
    """Each connection has a session of the server to itself, whose settings last."""

    def __init__(
        self,
        server: ServerUrl,
        *,
        is_read_only: bool,
        is_distributed: bool,
        settings: Mapping[str, str],
    ) -> None:
        """Let no transaction write if it `is_read_only`."""
        self._server = server
        self._is_read_only = is_read_only
        self._is_distributed = is_distributed
        self._settings = settings
        self._queries = load_queries("postgresql")

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of a new connection: its statements are prepared at first use."""
        return {
            **_parameters(self._server, is_read_only=self._is_read_only),
            "prepare_threshold": 0,
        }

    def configure(self, connection: Connection) -> None:
        """Make the settings of a new connection; an acknowledged COMMIT is on disk."""
        _adapt(connection)
        if self._server.schema:
            use_schema(connection, self._server.schema, is_local=False)

        settings = dict(self._settings)
        if self._is_read_only:
            settings["default_transaction_read_only"] = "on"

        set_setting = self._queries["set_setting"]
        for name, value in settings.items():
            connection.execute(set_setting, {"name": name, "value": value, "is_local": False})

        connection.execute(self._queries["commit_to_disk"], {"is_local": False})

    def begin_reading(self, connection: Connection) -> None:
        """Begin a transaction that reads."""
        connection.execute(READ)

    def read_at_once(
        self, cursor: Cursor, statement: str, values: Mapping[str, Any]
    ) -> list[tuple[Any, ...]] | None:
        """Read by one statement, in one round trip; not from several servers."""
        return None if self._is_distributed else cursor.execute(statement, values).fetchall()

    def begin_writing(self, connection: Connection) -> None:
        """Begin a transaction that writes, without a lock."""
        connection.execute(WRITE)

    def begin_locked(self, lock: str, connection: Connection, **values: str | int) -> int | None:
        """Begin a transaction that writes, and run the statement named `lock` in the same round
        trip.
        """
        with in_pipeline(connection):
            locked = self.send_locked(lock, connection, **values)

        return newest_destroyed(locked)

    @property
    def can_send_ahead(self) -> bool:
        """Return True, unless libpq is too old."""
        return psycopg.Pipeline.is_supported()

    def send_locked(self, lock: str, connection: Connection, **values: str | int) -> Lock:
        """Do what `begin_locked` does in a pipeline that is open, without waiting for it."""
        connection.execute(WRITE)
        return connection.execute(self._queries[lock], values)

    def go_on(self, connection: Connection) -> None:
        """Do nothing: what was made here is still there."""


class SharedSessions:
    """A pooler gives each transaction some session of the server."""

    def __init__(
        self,
        server: ServerUrl,
        *,
        is_read_only: bool,
        is_distributed: bool,
        settings: Mapping[str, str],
    ) -> None:
        """Compose what begins a transaction; a standby will do if it `is_read_only`."""
        self._server = server
        self._is_read_only = is_read_only
        self._is_distributed = is_distributed
        if server.schema:
            settings = {**settings, "search_path": sql.Identifier(server.schema).as_string(None)}

        made = _spelled_out(
            "settings_of_transaction", names=list(settings), settings=list(settings.values())
        )
        durable = _spelled_out("commit_to_disk", is_local=True)
        self._at_hand = session_at_hand()
        self._read = f"{READ}; {made}; {self._at_hand}".encode()
        self._write = f"{WRITE}; {made}; {durable}"

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of a new connection."""
        return _parameters(self._server, is_read_only=self._is_read_only)

    def configure(self, connection: Connection) -> None:
        """Make no setting, which would be left in a session of the server."""
        _adapt(connection)
        choose_names(connection, self._server.schema)

    def begin_reading(self, connection: Connection) -> None:
        """Begin a transaction that reads, with all its settings in one message."""
        self._begin(connection, self._read)

    def read_at_once(
        self, cursor: Cursor, statement: str, values: Mapping[str, Any]
    ) -> list[tuple[Any, ...]] | None:
        """Read by one statement, which shares a round trip with the COMMIT after it; not from
        several servers.
        """
        if self._is_distributed:
            return None

        self._begin(cursor.connection, self._read)
        with in_pipeline(cursor.connection):
            cursor.execute(statement, values)
            cursor.connection.execute("COMMIT")

        return cursor.fetchall()

    def begin_writing(self, connection: Connection) -> None:
        """Begin a transaction that writes, with all its settings in one message."""
        self._begin(connection, f"{self._write}; {self._at_hand}".encode())

    def begin_locked(self, lock: str, connection: Connection, **values: str | int) -> int | None:
        """Begin a transaction that writes, with its settings and the lock in one message."""
        taken = _spelled_out(lock, **values)
        message = f"{self._write}; {taken}; {self._at_hand}".encode()
        *_, locked, _ = self._begin(connection, message)
        newest: int | None = locked["newest_destroyed"]

        return newest

    @property
    def can_send_ahead(self) -> bool:
        """Return False: which names the session has is known with the lock."""
        return False

    def send_locked(self, lock: str, connection: Connection, **values: str | int) -> Lock:
        """Raise NotImplementedError: `can_send_ahead` is False."""
        raise NotImplementedError("through a pooler nothing is sent ahead of the lock")

    def go_on(self, connection: Connection) -> None:
        """Ask again which names the session has: what failed may have kept some from it."""
        self._begin(connection, self._at_hand.encode())

    def _begin(self, connection: Connection, message: bytes) -> list[DictRow]:
        """Run the statements of a message, and return all rows of their results."""
        cursor = connection.execute(message, prepare=False)
        rows = cursor.fetchall() if cursor.description else []
        while cursor.nextset():
            rows += cursor.fetchall() if cursor.description else []

        at_hand = rows[-1]
        if at_hand["is_standby"] and not self._is_read_only:
            connection.close()
            raise psycopg.errors.ReadOnlySqlTransaction("the pooler leads to a standby")

        if isinstance(connection._prepared, SharedNames):
            connection._prepared.note(at_hand["names"])

        return rows


def newest_destroyed(locked: Lock) -> int | None:
    """Return the number of the newest key that was destroyed, as the statement says it which took
    the lock; None if none was.
    """
    (row,) = locked
    newest: int | None = row["newest_destroyed"]
    return newest


@contextmanager
def in_pipeline(connection: Connection) -> Iterator[psycopg.Pipeline | None]:
    """Send statements without waiting for earlier results, and wait for all at the end.

    Yields:
        The pipeline; None where libpq, before 14, has none.
    """
    if not psycopg.Pipeline.is_supported():
        yield None
        return

    with connection.pipeline() as pipeline:
        yield pipeline


def _spelled_out(query: str, **values: object) -> str:
    """Return the statement named `query` with its values in it: several such go in one message."""
    statement = load_queries("postgresql")[query]
    return _PLACE.sub(lambda place: sql.Literal(values[place[1]]).as_string(None), statement)


def _parameters(server: ServerUrl, *, is_read_only: bool) -> dict[str, Any]:
    in_url = conninfo_to_dict(server.conninfo)
    return {
        **{name: value for name, value in CONNECTION.items() if name not in in_url},
        **primary_only(server.conninfo, is_needed=not is_read_only),
        "autocommit": True,
        "row_factory": dict_row,
        "client_encoding": "UTF8",
    }


def _adapt(connection: Connection) -> None:
    """Send integers as BIGINT, and columns as they are."""
    connection.adapters.register_dumper(int, Int8Dumper)
    take_columns(connection)

"""A key store in a schema of its own on a PostgreSQL server.

A key that is destroyed is in no file of the tables any more, because its table is rewritten, while
it is small; in a large one its bytes stay until VACUUM and other rows take their place. The
server's write-ahead log, its replicas and its backups have it, wrapped, until they are recycled.
Knows wrapped keys; knows no words and no people.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from session_plugin.database.postgresql_errors import as_our_errors
from session_plugin.database.postgresql_schema import (
    OLDEST_SERVER,
    connect,
    refuse_read_only,
    shown_url,
    transaction,
)
from session_plugin.database.postgresql_sessions import CONNECTION, LONGEST_PAUSE_MS
from session_plugin.database.queries import load_migrations, load_queries
from session_plugin.database.server_url import read_url
from session_plugin.encryption.master import MasterKeys
from session_plugin.encryption.stores import KEY_BYTES
from session_plugin.errors import DatabaseRefused, DatabaseUnavailable
from session_plugin.logs import FieldLogger

SCHEMA = "key_store_postgresql"
BUSY_SECONDS = 5.0
"""Seconds to wait for other processes, whose transactions take milliseconds."""

MOST_REWRITTEN = 4 * 2**20
"""Bytes of a table that is rewritten when keys are destroyed: about 30,000 keys, a tenth of a
second.
"""
IDLE_SECONDS = 5.0
"""Seconds after which a connection is tried before it is used."""

Connection = psycopg.Connection[tuple[object, ...]]

logger = FieldLogger("session_plugin.encryption")


class PostgresqlKeyStore:
    """Wrapped keys on a server; its methods are those of `KeyStore`."""

    def __init__(
        self,
        url: str,
        masters: MasterKeys,
        *,
        may_create: bool = True,
        busy_timeout: float = BUSY_SECONDS,
    ) -> None:
        """Connect, and make the tables if they are missing.

        Args:
            url: A `postgresql://` URL, with `?schema=` for a schema that exists.
            masters: The master key, and earlier ones.
            may_create: Make the tables if they are missing.
            busy_timeout: Seconds to wait for other processes.

        Raises:
            WrongMasterKey: its keys are wrapped with none of the master keys.
            DatabaseRefused: the tables are missing or of a newer version, or the schema or the
                server cannot be used.
            DatabaseUnavailable: the server cannot be reached.
        """
        self.name = shown_url(url)
        """Names it in errors and logs; contains no password."""
        self._masters = masters
        self._server = read_url(url)
        self._busy_timeout = busy_timeout
        self._guard = threading.Lock()
        self._queries = {
            name: statement.encode() for name, statement in load_queries("postgresql").items()
        }
        self._connection: Connection | None = None
        self._used_at = 0.0
        self._is_closed = False

        try:
            with self._transaction() as connection:
                self._check(connection)
                self._set_up(connection, may_create=may_create)
        except BaseException:
            self.close()
            raise

    def create(self, key_ids: Sequence[bytes], /) -> dict[bytes, bytes]:
        """Make keys; those that exist are returned as they are."""
        ids = list(dict.fromkeys(key_ids))
        with self._transaction() as connection:
            master_id = self._only(connection.execute(self._queries["key_master_shared"]))
            master = self._masters.in_use(master_id, self.name)
            keys = {key_id: secrets.token_bytes(KEY_BYTES) for key_id in ids}
            wrapped = [master.wrap(key_id, key) for key_id, key in keys.items()]

            added = connection.execute(
                self._queries["add_wrapped_keys"], {"key_ids": ids, "wrapped": wrapped}
            )
            if added.rowcount == len(ids):
                return keys

            found = self._unwrapped(connection, ids)
            if len(found) < len(ids):
                raise DatabaseRefused(f"the key store {self.name} is damaged: a key does not open")

            return found

    def unwrap(self, key_ids: Sequence[bytes], /) -> dict[bytes, bytes]:
        """Return the keys that exist. One that is damaged is left out, and logged."""
        with self._transaction() as connection:
            return self._unwrapped(connection, key_ids)

    def destroy(self, key_ids: Sequence[bytes], /) -> int:
        """Delete keys, and rewrite their table if that takes no longer than a moment."""
        with self._transaction() as connection:
            connection.execute(self._queries["key_master_alone"])
            gone = connection.execute(
                self._queries["destroy_wrapped_keys"], {"key_ids": list(key_ids)}
            )

        if key_ids:  # also if none is left: who deleted them may have been killed before this
            self._rewrite()

        return gone.rowcount

    def _rewrite(self) -> None:
        """Rewrite the table, unless somebody reads it just now, as a backup does for long."""
        try:
            with self._transaction() as connection:
                if self._is_small(connection):
                    connection.execute(self._queries["wait_for_no_reader"])
                    connection.execute(self._queries["rewrite_wrapped_keys"])
        except DatabaseUnavailable as error:
            logger.info(
                "destroyed keys stay in the file of their table until VACUUM: %(error)s",
                error=error,
            )

    def _is_small(self, connection: Connection) -> bool:
        row = connection.execute(self._queries["size_of_wrapped_keys"]).fetchone()
        assert row is not None and isinstance(row[0], int)
        return row[0] <= MOST_REWRITTEN

    def rewrap(self) -> int:
        """Wrap all keys with the current master key, in one transaction."""
        new = self._masters.current
        with self._transaction() as connection:
            master_id = self._only(connection.execute(self._queries["key_master_shared"]))
            if master_id == new.master_id:
                return 0

        with self._transaction() as connection:
            master_id = self._only(connection.execute(self._queries["key_master_alone"]))
            old = self._masters.of(master_id, self.name)
            if old is new:
                return 0

            rows: Sequence[Any] = connection.execute(self._queries["all_wrapped_keys"]).fetchall()
            anew = old.rewrap(rows, new)
            if len(anew) < len(rows):
                raise DatabaseRefused(
                    f"the key store {self.name} is damaged: {len(rows) - len(anew)} of its keys do "
                    "not open; nothing was changed. Restore a backup of it, or go on with the old "
                    "master key."
                )

            connection.execute(
                self._queries["replace_wrapped_keys"],
                {"key_ids": [key_id for key_id, _ in rows], "wrapped": anew},
            )
            connection.execute(self._queries["change_key_master"], {"master_id": new.master_id})
            connection.execute(self._queries["rewrite_wrapped_keys"])

        return len(anew)

    def close(self) -> None:
        """Close the connection."""
        with self._guard:
            self._is_closed = True
            self._disconnect()

    def _unwrapped(self, connection: Connection, key_ids: Sequence[bytes]) -> dict[bytes, bytes]:
        rows: Sequence[Any] = connection.execute(
            self._queries["wrapped_of_keys"], {"key_ids": list(key_ids)}
        ).fetchall()

        found: dict[bytes, bytes] = {}
        for key_id, wrapped, master_id in rows:
            key = self._masters.in_use(master_id, self.name).unwrap(key_id, wrapped)
            if key is not None:
                found[key_id] = key
            else:
                logger.error(
                    "%(store)s is damaged: key %(key)s does not open",
                    store=self.name,
                    key=key_id.hex(),
                )

        return found

    def _only(self, cursor: psycopg.Cursor[tuple[object, ...]]) -> bytes:
        row: Any = cursor.fetchone()
        if row is None:
            raise DatabaseRefused(f"the key store {self.name} is damaged: a row is missing")

        return bytes(row[0])

    # Opening

    def _check(self, connection: Connection) -> None:
        refuse_read_only(connection, self.name)
        if connection.info.server_version < OLDEST_SERVER:
            raise DatabaseRefused(
                f"{self.name} is PostgreSQL {connection.info.server_version // 10000}; 13 or newer "
                "is needed"
            )
        if connection.execute("SELECT current_schema()").fetchone() == (None,):
            raise DatabaseRefused(
                f"{self.name} has no schema for keys; create it and add ?schema=its_name to the URL"
            )
        if connection.execute(self._queries["schema_table"]).fetchone() is not None:
            raise DatabaseRefused(
                f"{self.name}: a bot's database is in this schema, and its copies must not have "
                "the keys. Create another schema, or better another database, and give its URL: "
                "postgresql://...?schema=its_name"
            )

    def _set_up(self, connection: Connection, *, may_create: bool) -> None:
        """Make the tables if they are missing, and check whose the master key is."""
        connection.execute(self._queries["lock_schema"])
        known = load_migrations(SCHEMA)

        if connection.execute(self._queries["key_store_table"]).fetchone() is None:
            if not may_create:
                raise DatabaseRefused(
                    f"the key store {self.name} is missing: put it back, or a backup of it. "
                    "Without its keys nobody can read what is stored."
                )
            for script in known:
                connection.execute(script.encode())
            connection.execute(
                self._queries["make_key_store"],
                {"version": len(known), "master_id": self._masters.current.master_id},
            )

        row: Any = connection.execute(self._queries["key_store_version"]).fetchone()
        version, master_id = (0, b"") if row is None else row
        if version > len(known):
            raise DatabaseRefused(
                f"the key store {self.name} has schema {version}, newer than this session_plugin "
                f"knows ({len(known)}); it was left as it is. Install the version that wrote it, "
                "or a newer one."
            )

        self._masters.of(master_id, self.name)

    # The connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """Yield the connection in a transaction, which is on disk when it is over."""
        with self._guard, as_our_errors(f"the key store {self.name}"):
            connection = self._connected()
            try:
                with transaction(connection, self._server):
                    self._settle(connection)
                    yield connection
            except psycopg.Error:
                if connection.broken:
                    self._disconnect()
                raise

    def _settle(self, connection: Connection) -> None:
        """Make settings of a transaction: with a pooler in the URL, none lasts longer."""
        settings = {
            "lock_timeout": str(int(self._busy_timeout * 1000)),
            "idle_in_transaction_session_timeout": str(LONGEST_PAUSE_MS),
        }
        connection.execute(
            self._queries["settings_of_transaction"],
            {"names": list(settings), "settings": list(settings.values())},
        )
        connection.execute(self._queries["commit_to_disk"], {"is_local": True})

    def _connected(self) -> Connection:
        if self._is_closed:
            raise DatabaseUnavailable(f"the key store {self.name} is closed")

        if self._connection is not None and time.monotonic() - self._used_at > IDLE_SECONDS:
            try:
                self._connection.execute("SELECT 1")
            except psycopg.Error:  # the server, or something on the way, has closed it
                self._disconnect()

        if self._connection is None or self._connection.closed:
            in_url = conninfo_to_dict(self._server.direct)
            lasting = {name: value for name, value in CONNECTION.items() if name not in in_url}
            self._connection = connect(self._server, self.name, **lasting)

        self._used_at = time.monotonic()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

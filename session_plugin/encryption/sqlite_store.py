"""A key store in an SQLite file of its own.

A key that is destroyed becomes zeros where it stood, and no other copy of it is left in the file or
next to it: rows never move between pages, and the rollback journal is deleted by each commit, which
takes effect by it. The file is read by SQLite only: closing any other descriptor of it would drop
the locks of this process. Knows wrapped keys; knows no words and no people.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from session_plugin.database.queries import load_migrations, load_queries, statements
from session_plugin.database.sqlite_file import (
    DAMAGED,
    LARGEST_CHECKED,
    MEMORY,
    SQLITE_HEADER,
    UNTOUCHED,
    connect,
    create_file,
    protect,
)
from session_plugin.encryption.master import MasterKey, MasterKeys
from session_plugin.encryption.stores import KEY_BYTES
from session_plugin.errors import (
    DatabaseLocked,
    DatabaseRefused,
    DatabaseUnavailable,
    SessionError,
)
from session_plugin.logs import FieldLogger

APPLICATION_ID = 0x53504C4B
"""`SPLK`, in the field of the header that SQLite reserves for it."""
SCHEMA = "key_store_sqlite"
BUSY_SECONDS = 5.0
"""Seconds to wait for other processes, whose transactions take milliseconds."""
JOURNAL = "-journal"

logger = FieldLogger("session_plugin.encryption")

# Held while a file is inspected: one that another thread is creating must not be closed meanwhile.
_preparing = threading.Lock()


class SqliteKeyStore:
    """Wrapped keys in a file; its methods are those of `KeyStore`."""

    def __init__(
        self,
        path: str,
        masters: MasterKeys,
        *,
        may_create: bool = True,
        busy_timeout: float = BUSY_SECONDS,
    ) -> None:
        """Open the file, or create it.

        Args:
            path: Its absolute path, or `":memory:"`.
            masters: The master key, and earlier ones.
            may_create: Create the file if it is missing.
            busy_timeout: Seconds to wait for other processes.

        Raises:
            WrongMasterKey: its keys are wrapped with none of the master keys.
            DatabaseRefused: it is missing, damaged, read-only, of a newer version or another
                program's.
            DatabaseLocked: another process holds it.
            DatabaseUnavailable: the disk is full, or fails.
        """
        self.name = path
        """Names it in errors and logs."""
        self._masters = masters
        self._busy_timeout = busy_timeout
        self._guard = threading.Lock()
        self._queries = load_queries("sqlite")
        self._file: tuple[int, int] | None = None
        self._connection: sqlite3.Connection | None = None
        self._is_closed = False

        with self._guard:
            try:
                self._connection = self._open(may_create=may_create)
            except sqlite3.Error as error:
                raise self._ours(error) from error

    def create(self, key_ids: Sequence[bytes], /) -> dict[bytes, bytes]:
        """Make keys; those that exist are returned as they are."""
        with self._transaction() as connection:
            found = self._unwrapped(connection, key_ids, is_strict=True)
            new = dict.fromkeys(one for one in key_ids if one not in found)
            if not new:
                return found

            row = connection.execute(self._queries["key_master"]).fetchone()
            master = self._masters.in_use(row["master_id"], self.name)

            made = {key_id: secrets.token_bytes(KEY_BYTES) for key_id in new}
            connection.executemany(
                self._queries["add_wrapped_key"],
                [
                    {"key_id": key_id, "wrapped": master.wrap(key_id, key)}
                    for key_id, key in made.items()
                ],
            )

        return found | made

    def unwrap(self, key_ids: Sequence[bytes], /) -> dict[bytes, bytes]:
        """Return the keys that exist. One that is damaged is left out, and logged."""
        if len(key_ids) == 1:  # as of most conversations
            with self._used() as connection:
                return self._unwrapped(connection, key_ids)

        with self._transaction("BEGIN") as connection:  # the file is locked once for all
            return self._unwrapped(connection, key_ids)

    def destroy(self, key_ids: Sequence[bytes], /) -> int:
        """Write zeros over keys."""
        count = 0
        with self._transaction() as connection:
            for key_id in key_ids:
                done = connection.execute(self._queries["destroy_wrapped_key"], {"key_id": key_id})
                count += done.rowcount

        return count

    def rewrap(self) -> int:
        """Wrap all keys with the current master key, in one transaction."""
        with self._used() as connection:
            if self._is_current(connection):
                return 0

        with self._transaction() as connection:
            if self._is_current(connection):
                return 0

            return self._rewrap(connection)

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            self._is_closed = True
            self._disconnect()

    def _rewrap(self, connection: sqlite3.Connection) -> int:
        row = connection.execute(self._queries["key_master"]).fetchone()
        old, new = self._masters.of(row["master_id"], self.name), self._masters.current

        rows = connection.execute(self._queries["wrapped_keys"]).fetchall()
        anew = old.rewrap([(key_id, wrapped) for _, key_id, wrapped in rows], new)
        if len(anew) < len(rows):
            raise DatabaseRefused(
                f"{self.name} is damaged: {len(rows) - len(anew)} of its keys do not open; nothing "
                "was changed. Restore a backup of it, or go on with the old master key."
            )

        connection.executemany(
            self._queries["replace_wrapped_key"],
            [
                {"key_no": row[0], "wrapped": wrapped}
                for row, wrapped in zip(rows, anew, strict=True)
            ],
        )
        connection.execute(self._queries["set_key_master"], {"master_id": new.master_id})

        return len(anew)

    def _is_current(self, connection: sqlite3.Connection) -> bool:
        row = connection.execute(self._queries["key_master"]).fetchone()
        found: MasterKey = self._masters.of(row["master_id"], self.name)

        return found is self._masters.current

    def _unwrapped(
        self, connection: sqlite3.Connection, key_ids: Sequence[bytes], *, is_strict: bool = False
    ) -> dict[bytes, bytes]:
        found = {}
        for key_id in key_ids:
            row = connection.execute(self._queries["wrapped_key"], {"key_id": key_id}).fetchone()
            if row is None:
                continue

            wrapped, master_id = row
            key = self._masters.in_use(master_id, self.name).unwrap(key_id, wrapped)
            if key is not None:
                found[key_id] = key
            elif is_strict:
                raise DatabaseRefused(f"{self.name} is damaged: key {key_id.hex()} does not open")
            else:
                logger.error(
                    "%(store)s is damaged: key %(key)s does not open",
                    store=self.name,
                    key=key_id.hex(),
                )

        return found

    # The connection

    @contextmanager
    def _used(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection to the file that is there now."""
        with self._guard:
            try:
                self._check_file()
                if self._connection is None:
                    self._connection = self._open_again()

                yield self._connection
            except sqlite3.Error as error:
                raise self._ours(error) from error

    @contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[sqlite3.Connection]:
        with self._used() as connection:
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
                self._check_file()  # what was written to a file that is gone is not stored
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _check_file(self) -> None:
        if self._is_closed:
            raise DatabaseUnavailable(f"the key store {self.name} is closed")
        if self._connection is None or self.name == MEMORY:
            return

        if _place_of(self.name) != self._file:
            self._disconnect()
            raise DatabaseUnavailable(
                f"the key store {self.name} was removed or replaced while it was in use; put it "
                "back. What was not stored waits for it."
            )

    def _open_again(self) -> sqlite3.Connection:
        try:
            return self._open(may_create=False)
        except DatabaseRefused as error:
            raise DatabaseUnavailable(f"the key store cannot be used: {error}") from error

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _open(self, *, may_create: bool) -> sqlite3.Connection:
        with _preparing:
            if self.name != MEMORY:
                _prepare(self.name, may_create=may_create)

            connection = connect(self.name, busy_timeout=self._busy_timeout)
            try:
                # EXTRA: after a loss of power, a deleted journal does not come back.
                connection.execute("PRAGMA journal_mode = DELETE")
                connection.execute("PRAGMA synchronous = EXTRA")
                self._set_up(connection)
            except BaseException:
                connection.close()
                raise

        self._file = _place_of(self.name)
        return connection

    def _set_up(self, connection: sqlite3.Connection) -> None:
        """Make the tables of a new file; check the file, and that it can be written."""
        migrations = load_migrations(SCHEMA)
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(migrations):
                raise DatabaseRefused(
                    f"the key store {self.name} has schema {version}, newer than this "
                    f"session_plugin knows ({len(migrations)}); it was left as it is. Install the "
                    "version that wrote it, or a newer one."
                )

            for script in migrations[version:]:
                for statement in statements(script, is_complete=sqlite3.complete_statement):
                    connection.execute(statement)
            if version < len(migrations):
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {len(migrations)}")

            self._refuse_damaged(connection)
            master = connection.execute(self._queries["key_master"]).fetchone()
            if master is None:
                connection.execute(
                    self._queries["set_key_master"],
                    {"master_id": self._masters.current.master_id},
                )
            else:
                self._masters.of(master["master_id"], self.name)

            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _refuse_damaged(self, connection: sqlite3.Connection) -> None:
        if self.name != MEMORY and Path(self.name).stat().st_size > LARGEST_CHECKED:
            return

        finding = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if finding != "ok":
            raise _damaged(self.name, finding)

    def _ours(self, error: sqlite3.Error) -> SessionError:
        """Return an error of the driver as one of this package."""
        code = getattr(error, "sqlite_errorcode", 0)
        if code == getattr(sqlite3, "SQLITE_READONLY_DBMOVED", -1):
            self._disconnect()

        return _translated(error, code & 0xFF, self.name, is_open=self._file is not None)


def _translated(error: sqlite3.Error, code: int, name: str, *, is_open: bool) -> SessionError:
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DatabaseLocked(
            f"another process has locked the key store {name} for too long: find it, end it, and "
            "try again"
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _damaged(name, str(error))
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN) and not is_open:
        return DatabaseRefused(
            f"the key store {name} cannot be written ({error}): give this process the right to "
            "write it and its folder"
        )

    return DatabaseUnavailable(f"the key store {name} cannot be used: {error}; is the disk full?")


def _damaged(name: str, finding: str) -> DatabaseRefused:
    return DatabaseRefused(
        f"the key store {name} is damaged ({finding}); it was left as it is. Restore a backup of "
        "it: keys that were made since then are lost, and so is what they sealed."
    )


def _prepare(path: str, *, may_create: bool) -> None:
    """Check that a file is a key store, or may become one; leave any other as it is.

    Raises:
        DatabaseRefused: it is missing and must not be created, or is another program's.
    """
    if not Path(path).exists():
        journal = Path(path + JOURNAL)
        if journal.exists() and journal.stat().st_size:
            raise DatabaseRefused(
                f"the key store {path} is missing, but its journal lies there: {journal}; nothing "
                "was changed. Put the file back next to it."
            )
        if not may_create:
            raise DatabaseRefused(
                f"the key store {path} is missing: put it back, or a backup of it. Without its "
                "keys nobody can read what is stored."
            )

    create_file(Path(path))
    if _is_key_store(path):
        protect(path, "", JOURNAL)
    elif not may_create:
        raise DatabaseRefused(
            f"the key store {path} is empty: put back the file that was there, or a backup of it"
        )


def _is_key_store(path: str) -> bool:
    """Return whether a file is a key store; False for an empty file, which may become one."""
    try:
        with closing(connect(path, busy_timeout=0.0, access=UNTOUCHED)) as connection:
            # Whoever was killed in a COMMIT leaves a header that counts pages which are not there
            # yet. Opened for writing, the journal mends it; here it is read all the same.
            connection.execute("PRAGMA writable_schema = ON")
            if connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
                return True

            # To SQLite, a file of a single byte is an empty database as well.
            is_cut = 0 < Path(path).stat().st_size < SQLITE_HEADER
            if connection.execute("PRAGMA page_count").fetchone()[0] == 0 and not is_cut:
                return False
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in DAMAGED:
            raise

    raise DatabaseRefused(
        f"{path} is not a key store, but another file; it was left as it is. Give another path."
    )


def _place_of(path: str) -> tuple[int, int] | None:
    """Return what tells a file from another one of its name; None if there is none."""
    try:
        state = os.stat(path)  # noqa: PTH116 - no descriptor, and no object for each call
    except OSError:
        return None

    return state.st_dev, state.st_ino

"""Inspect, create and migrate an SQLite file before it is used.

A file is ours if its application id says so; an empty file may become ours. Any other file is left
unchanged. The id is written before anything else, so that every process recognises a file that is
being created.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from session_plugin.database.queries import load_migrations, statements
from session_plugin.database.sqlite_log import (
    cookie_of,
    hint_at_log,
    number_file,
    refuse_foreign_log,
    refuse_orphaned_log,
)
from session_plugin.errors import DatabaseRefused
from session_plugin.logs import FieldLogger

APPLICATION_ID = 0x53504C47
"""`SPLG`, in the field of the header that SQLite reserves for it; the command `file` shows it."""
OLDEST_SQLITE = (3, 35, 0)
"""The first version with RETURNING."""
SQLITE_HEADER = 100
"""Bytes of the header of every SQLite file that is not empty."""
LARGEST_CHECKED = 32 * 1024 * 1024
"""Bytes up to which opening checks the whole file, in about 50 ms. Damage to a larger file is found
when it is read.
"""

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps next to a file, by the ends of the names."""
SECRET = ".secret"
"""The end of the name of the secret's file, which lies next to its database."""
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

MEMORY = ":memory:"
READ_WRITE, READ_ONLY = "mode=rw", "mode=ro"
UNTOUCHED = "mode=ro&immutable=1"
"""Reads the file alone, without locks and log, and creates no file next to it."""

logger = FieldLogger("session_plugin.database")

# Held while a file is prepared: inspecting one that another thread is creating drops its locks.
_preparing = threading.Lock()


def connect(path: str, *, busy_timeout: float, access: str = READ_WRITE) -> sqlite3.Connection:
    """Return a new connection to an existing file or to memory, with our settings.

    Raises:
        sqlite3.Error: the file is missing or cannot be opened.
    """
    target = "file::memory:" if path == MEMORY else f"{Path(path).as_uri()}?{access}"

    connection = sqlite3.connect(
        target,
        uri=True,
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.row_factory = sqlite3.Row
    connection.text_factory = to_text

    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # overwrites what is deleted
    connection.execute("PRAGMA temp_store = MEMORY")  # sorts in no file that could stay behind

    return connection


def to_text(raw: bytes) -> str:
    """Return a text cell decoded; invalid UTF-8, written by another program, is replaced."""
    return raw.decode("utf-8", "replace")


def prepare(
    path: str, *, busy_timeout: float, on_new: Callable[[], None] = lambda: None
) -> sqlite3.Connection:
    """Create the database if it is missing, check and migrate it, and return a write connection.

    `on_new` is called if nothing was in it before.

    Raises:
        DatabaseRefused: this version of SQLite is too old, or the file cannot be used.
        sqlite3.Error: SQLite reports any other error.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise DatabaseRefused(
            f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or newer is needed"
        )

    with _preparing:
        if path != MEMORY:
            refuse_orphaned_log(Path(path))
            create_file(Path(path))
            _inspect(path, busy_timeout)
            protect(path, "", *BESIDE)

        connection = connect(path, busy_timeout=busy_timeout)
        try:
            _set_up(connection, busy_timeout)
            if _migrate(connection, path) and path != MEMORY:
                on_new()
        except BaseException:
            connection.close()
            raise

        return connection


def check_readable(path: str, *, busy_timeout: float) -> None:
    """Check that a file can be read by this version as it is; nothing is created or changed.

    Raises:
        DatabaseRefused: there is no file, it is another program's, or its schema is not the one
            that this version knows.
        sqlite3.Error: SQLite reports any other error.
    """
    if path == MEMORY:
        raise DatabaseRefused(
            "a database in memory can be read only by the process that made it; give a file"
        )
    if not Path(path).is_file():
        raise DatabaseRefused(f"{path} is no file; give the path of the bot's database")

    with _preparing:
        refuse_orphaned_log(Path(path))
        refuse_log_of_another(path, busy_timeout)
        if not is_ours(path, busy_timeout):
            raise DatabaseRefused(f"{path} is empty; give the path of the bot's database")

        with closing(connect(path, busy_timeout=busy_timeout, access=READ_ONLY)) as connection:
            version = _version(connection, path)

    known = len(load_migrations("sqlite"))
    if version < known:
        raise DatabaseRefused(
            f"{path} has schema {version}, older than this session_plugin reads ({known}); start "
            "the bot with this version once, which brings it up to date"
        )


def create_file(path: Path) -> None:
    """Create an empty file that only its owner can read, unless there is a file.

    Raises:
        DatabaseRefused: it cannot be created, the path is not a file, or the file is empty and
            its permissions cannot be changed.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        if not path.is_file():
            raise DatabaseRefused(
                f"{path} cannot be opened: it is not a file; give another path"
            ) from error

        try:
            if path.stat().st_size == 0:
                path.chmod(0o600)
        except OSError as denied:
            raise DatabaseRefused(
                f"{path} is empty, and this process may not change its permissions so that only "
                f"its owner can read it ({denied.strerror}): remove it to have it created"
            ) from denied
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DatabaseRefused(
            f"{path} cannot be created: {reason}; check the folder and its permissions"
        ) from error


def protect(path: str, *suffixes: str) -> None:
    """Let only their owner read a database and what lies next to it, and say so where it was not.

    A file of another user is theirs to protect, so it is only reported.
    """
    if os.name != "posix":
        return

    for suffix in suffixes:
        file = Path(path + suffix)
        with suppress(OSError):  # it is gone, or its folder hides it
            state = file.stat()
            if not state.st_mode & 0o077:
                continue
            if state.st_uid == os.geteuid():
                file.chmod(state.st_mode & 0o600)
                logger.warning(
                    "%(file)s could be read by other users; it cannot any more", file=file
                )
            else:
                logger.warning(
                    "%(file)s can be read by other users: let its owner chmod 600 it", file=file
                )


def _inspect(path: str, busy_timeout: float) -> None:
    """Check that a file can be used, leaving no change in it and no new file next to it.

    Raises:
        DatabaseRefused: it is another program's, damaged, or newer than this version.
    """
    refuse_log_of_another(path, busy_timeout)
    if not is_ours(path, busy_timeout):
        return

    log = Path(f"{path}-wal")
    had_log = log.exists()
    connection = connect(path, busy_timeout=busy_timeout, access=READ_ONLY)

    try:
        _version(connection, path)
        _refuse_damaged(connection, path)
    except BaseException as error:
        connection.close()
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY_ROLLBACK:
            return  # the process that created it was killed; opening it for writing rolls back

        if log.exists() and not had_log:
            _remove_empty_log(path, busy_timeout)
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGED:
            raise _damaged(path, str(error)) from error

        raise

    connection.close()


def check_copy(path: str, source: str) -> None:
    """Check the whole of a new copy, which nobody else has open.

    Raises:
        DatabaseRefused: what was copied is damaged, or newer than this version.
    """
    with closing(connect(path, busy_timeout=0.0)) as connection:
        _version(connection, source)
        finding = connection.execute("PRAGMA quick_check(1)").fetchone()[0]

    if finding != "ok":
        raise _damaged(source, finding)


def refuse_log_of_another(path: str, busy_timeout: float) -> None:
    """Check that the log next to a file belongs to it, if the file is one of ours.

    Raises:
        DatabaseRefused: it belongs to another one.
    """
    with (
        suppress(sqlite3.Error),  # what is wrong with the file is found next
        closing(connect(path, busy_timeout=busy_timeout, access=UNTOUCHED)) as connection,
    ):
        if connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
            refuse_foreign_log(path, cookie=cookie_of(connection))


def _remove_empty_log(path: str, busy_timeout: float) -> None:
    """Remove the empty log that reading a file in WAL mode has created.

    SQLite removes it when the last connection that can write is closed.
    """
    with suppress(sqlite3.Error), closing(connect(path, busy_timeout=busy_timeout)) as writer:
        writer.execute("SELECT 1 FROM sqlite_master").fetchone()


def is_ours(path: str, busy_timeout: float) -> bool:
    """Return whether a file is ours; False for an empty file, which may become ours.

    A log without an index is not read, because reading it would create one.

    Raises:
        DatabaseRefused: the file belongs to the original SessionStore or to another program.
    """
    is_in_use = Path(f"{path}-shm").exists()
    access = READ_ONLY if is_in_use else UNTOUCHED

    with closing(connect(path, busy_timeout=busy_timeout, access=access)) as connection:
        connection.execute("BEGIN")  # one snapshot: another process may be creating it
        application_id = connection.execute("PRAGMA application_id").fetchone()[0]
        if application_id == APPLICATION_ID:
            return True

        if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
            # To SQLite, a file of a single byte is an empty database as well.
            if 0 < Path(path).stat().st_size < SQLITE_HEADER:
                raise DatabaseRefused(
                    f"{path} is not an SQLite database; it was left as it is. Give another path."
                )
            return False

        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        tables = {row[0] for row in connection.execute(query)}

    if {"sessions", "session_messages"} <= tables or "channel_sessions" in tables:
        raise DatabaseRefused(
            f"{path} was written by the original SessionStore, whose tables this version does not "
            "use; it was left as it is. Give the new store another path, and import the old "
            "sessions with the method import_original(path) of the hub or store."
        )

    raise DatabaseRefused(
        f"{path} is another program's database; it was left as it is. Give another path."
    )


def _refuse_damaged(connection: sqlite3.Connection, path: str) -> None:
    if Path(path).stat().st_size > LARGEST_CHECKED:
        return

    finding = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if finding != "ok":
        raise _damaged(path, finding)


def _damaged(path: str, finding: str) -> DatabaseRefused:
    return DatabaseRefused(
        f"{path} is damaged ({finding}); it was left as it is. Restore a backup, or recover what "
        f"can be read into a new file with sqlite3's .recover.{hint_at_log(path)}"
    )


def _refuse_unknown(version: int, path: str) -> None:
    known = len(load_migrations("sqlite"))
    if version < 0:
        raise _with_another_schema(version, path)

    if version > known:
        raise DatabaseRefused(
            f"{path} has schema {version}, newer than this session_plugin knows ({known}); it was "
            "left as it is. Install the version that wrote it, or a newer one."
        )


def _with_another_schema(version: int, path: str) -> DatabaseRefused:
    return DatabaseRefused(
        f"{path} does not have the schema that it claims to have ({version}), so another program "
        "has changed it; it was left as it is. Restore a backup, or give another path."
    )


def _set_up(connection: sqlite3.Connection, busy_timeout: float) -> None:
    """Mark the file as ours and set WAL mode; wait while another process does the same."""
    deadline = time.monotonic() + busy_timeout

    while True:
        try:
            if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                _make_ours(connection)
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # Here SQLite does not always call its busy handler.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            break

    connection.execute("PRAGMA synchronous = FULL")


def _make_ours(connection: sqlite3.Connection) -> None:
    """Mark an empty file as ours and number it, unless another process has done so meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            number_file(connection)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _migrate(connection: sqlite3.Connection, path: str) -> bool:
    """Bring the schema up to date, with one transaction for each migration; return whether this
    connection made the first tables.

    Of two processes that do so at once, the second finds nothing to do. If the schema is up to
    date, no lock is taken, so opening never waits for a writer.
    """
    migrations, is_new = load_migrations("sqlite"), False

    while _version(connection, path) < len(migrations):
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection, path)
            if version == len(migrations):
                break

            script = migrations[version]
            for statement in statements(script, is_complete=sqlite3.complete_statement):
                connection.execute(statement)

            connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
            is_new |= version == 0
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                raise
            # A table that the migration creates exists, or one that it changes is missing.
            raise _with_another_schema(version, path) from error
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    return is_new


def _version(connection: sqlite3.Connection, path: str) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]

    _refuse_unknown(version, path)
    return version

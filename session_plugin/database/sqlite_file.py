"""Look at an SQLite file before it is used, create it, migrate it. Whatever is not ours stays as it
is.

A file is ours if its application id says so, and may become ours if it is empty; the id is written
before anything else is, so a file in the making is known from the start, by every process.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

from session_plugin.database.queries import load_migrations, statements
from session_plugin.errors import DatabaseRefused

APPLICATION_ID = (
    0x53504C47  # "SPLG", in the header field that SQLite keeps for this; `file` shows it
)
OLDEST_SQLITE = (3, 35, 0)  # the first with RETURNING
SQLITE_HEADER = 100  # bytes that every SQLite file has that is not empty
LARGEST_CHECKED = 32 * 1024 * 1024
"""Bytes up to which a file is checked whole at opening (about 50 ms); a larger one shows damage
where it is read.
"""

MEMORY = ":memory:"
READ_WRITE, READ_ONLY = "mode=rw", "mode=ro"
# no locks, no journals: what the file itself says, and nothing is made beside it
UNTOUCHED = "mode=ro&immutable=1"

_preparing = (
    threading.Lock()
)  # one at a time in a process: looking at a file that another thread creates drops its locks


def connect(path: str, *, busy_timeout: float, access: str = READ_WRITE) -> sqlite3.Connection:
    """Open a connection as all of ours are set up; an existing file only, or memory."""
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
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    connection.execute("PRAGMA temp_store = MEMORY")  # and is sorted in no file that stays behind
    return connection


def to_text(raw: bytes) -> str:
    """Decode a text cell; one that is not UTF-8, which somebody wrote by hand, costs that cell and
    not its row.
    """
    return raw.decode("utf-8", "replace")


def prepare(path: str, *, busy_timeout: float) -> sqlite3.Connection:
    """Create, check and migrate the database, and give the connection that writes it.

    Raises:
        DatabaseRefused: this SQLite is too old, or the file is not one that may be used.
        sqlite3.Error: whatever else SQLite says.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise DatabaseRefused(
            f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or newer is needed"
        )
    with _preparing:
        if path != MEMORY:
            _create(Path(path))
            _inspect(path, busy_timeout)
        connection = connect(path, busy_timeout=busy_timeout)
        try:
            _set_up(connection, busy_timeout)
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def _create(path: Path) -> None:
    """Make an empty file that only its owner may read, unless there is one."""
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
                f"{path} is empty, and this process may not keep others from reading it "
                f"({denied.strerror}): remove it, "
                "and it is made anew"
            ) from denied
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DatabaseRefused(
            f"{path} cannot be created: {reason}; check the folder and its permissions"
        ) from error


def _inspect(path: str, busy_timeout: float) -> None:
    """Refuse a database that is somebody else's, damaged or newer, without a trace in it or beside
    it.
    """
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
            # whoever created it was killed half-way; the connection that writes rolls that back
            return
        if log.exists() and not had_log:
            # Reading a file in WAL mode leaves an empty log beside it; SQLite takes it away when a
            # writer closes.
            with (
                suppress(sqlite3.Error),
                closing(connect(path, busy_timeout=busy_timeout)) as writer,
            ):
                writer.execute("SELECT 1 FROM sqlite_master").fetchone()
        raise
    connection.close()


def is_ours(path: str, busy_timeout: float) -> bool:
    """Tell whether a file is ours already; False for an empty one, which may become ours.

    A log in WAL mode that nobody keeps an index of is not read, because reading would make one.

    Raises:
        DatabaseRefused: it is the original's, or another program's.
    """
    is_in_use = Path(f"{path}-shm").exists()
    access = READ_ONLY if is_in_use else UNTOUCHED
    with closing(connect(path, busy_timeout=busy_timeout, access=access)) as connection:
        connection.execute("BEGIN")  # one look: another process may be creating it
        application_id = connection.execute("PRAGMA application_id").fetchone()[0]
        if application_id == APPLICATION_ID:
            return True
        if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
            if (
                0 < Path(path).stat().st_size < SQLITE_HEADER
            ):  # a single byte is an empty database to SQLite
                raise DatabaseRefused(
                    f"{path} is not an SQLite database; it was left as it is. Give another path."
                )
            return False
        tables = {
            row[0]
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
    if {"sessions", "session_messages"} <= tables:
        raise DatabaseRefused(
            f"{path} was written by the original SessionStore, whose tables this version does "
            "not continue; it was left "
            "as it is. Give the new store another path, and take the old sessions in with "
            "import_original(path), which "
            "hubs and stores have."
        )
    raise DatabaseRefused(
        f"{path} is another program's database; it was left as it is. Give another path."
    )


def _refuse_damaged(connection: sqlite3.Connection, path: str) -> None:
    if Path(path).stat().st_size > LARGEST_CHECKED:
        return
    finding = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if finding != "ok":
        raise DatabaseRefused(
            f"{path} is damaged ({finding}); it was left as it is. Restore a backup, or "
            "recover what can be read "
            "with sqlite3's .recover into a new file."
        )


def _refuse_unknown(version: int, path: str) -> None:
    known = len(load_migrations("sqlite"))
    if version < 0:
        raise _with_another_schema(version, path)
    if version > known:
        raise DatabaseRefused(
            f"{path} has schema {version}, newer than this session_plugin knows ({known}); it "
            "was left as it is. "
            "Install the version that wrote it, or a newer one."
        )


def _with_another_schema(version: int, path: str) -> DatabaseRefused:
    return DatabaseRefused(
        f"{path} does not have the schema that it says it has ({version}), so something else "
        "has changed it; it was left as "
        "it is. Restore a backup, or give another path."
    )


def _set_up(connection: sqlite3.Connection, busy_timeout: float) -> None:
    """Mark the file as ours and set it to WAL; both wait while another process does the same."""
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # SQLite does not always ask its busy handler here.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            break
    connection.execute("PRAGMA synchronous = FULL")


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the schema up to date, one transaction a migration; a process that comes second finds
    nothing to do.

    A schema that is up to date takes no lock, so opening does not wait for whoever holds it.
    """
    migrations = load_migrations("sqlite")
    while _version(connection, path) < len(migrations):
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection, path)
            if version == len(migrations):
                break
            for statement in statements(
                migrations[version], is_complete=sqlite3.complete_statement
            ):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                raise
            # What is to be made is there, or what is to be changed is not.
            raise _with_another_schema(version, path) from error
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection, path: str) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    _refuse_unknown(version, path)
    return version

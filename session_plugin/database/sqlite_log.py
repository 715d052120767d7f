"""Check that the write-ahead log next to an SQLite file belongs to it, before SQLite reads either.

SQLite replays whatever log lies next to a file, and removes one that lies next to an empty file. So
a log without its file is refused, and so is one that was begun for another file. Each file has a
number in its schema cookie, drawn at random when it is created and again when it is copied. It is
on the first page, which the writer puts into each log (`mark_log`), so a log knows the number of
its own file (https://www.sqlite.org/fileformat2.html#schema_cookie).
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from session_plugin.errors import DatabaseRefused

HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
COOKIE = slice(40, 44)
"""Where the schema cookie is on the first page."""
COOKIES = 2**32
MOST_CHANGES = 10_000
"""Changes of the schema, each of which adds 1 to the cookie, between a file and its log. VACUUM is
one, too.
"""


def number_file(connection: sqlite3.Connection) -> None:
    """Give a file a number of its own, in a transaction that creates or copies it."""
    number = secrets.randbelow(2**31 - 2 * MOST_CHANGES) + MOST_CHANGES  # the pragma's are signed
    connection.execute(f"PRAGMA schema_version = {number}")


def mark_log(connection: sqlite3.Connection, application_id: int) -> None:
    """Write the first page, with the file's number, in a transaction that begins a log."""
    connection.execute(f"PRAGMA application_id = {application_id}")


def refuse_orphaned_log(path: Path) -> None:
    """Check that no log lies where a file is missing or empty: creating the file would destroy it.

    Raises:
        DatabaseRefused: there is one.
    """
    # In this order: a process that creates the file now makes its log only after the file has
    # content, so a log that was there before the file is nobody's.
    logs = [log for log in (f"{path}-wal", f"{path}-journal") if _size_of(Path(log))]
    size = _size_of(path)
    if size is None and not path.is_symlink():
        state = "missing"
    elif size == 0 and logs[:1] == [f"{path}-wal"]:
        state = "empty"
    else:
        return

    if logs:
        raise DatabaseRefused(
            f"{path} is {state}, but its log lies there: {logs[0]}. It has what was said last, and "
            "a new database would destroy it, so nothing was changed. Put the file back next to "
            "it, or a backup with session_plugin.restore_database(backup, path). To start with "
            "an empty database, move the log away."
        )


def refuse_foreign_log(path: str, *, cookie: int) -> None:
    """Check that the log next to a file was begun for this file, as far as the log can tell.

    Args:
        path: The file.
        cookie: Its schema cookie, without what is in the log.

    Raises:
        DatabaseRefused: it was begun for another one.
    """
    for _ in range(2):  # a page that is being written just now may look like any other
        found = False
        for of_log in _cookies_in(Path(f"{path}-wal")):
            found = True
            if (of_log - cookie + MOST_CHANGES) % COOKIES <= 2 * MOST_CHANGES:
                return
        if not found:
            return

    raise DatabaseRefused(
        f"{path}-wal is not the log of {path}, but of another file, perhaps of the one that a "
        "backup has replaced; both were left as they are. Let session_plugin.restore_database("
        f"backup, path) put the backup in place, or move {path}-wal and {path}-shm away."
    )


def hint_at_log(path: str) -> str:
    """Return what to add to an error that calls a file damaged: its log may be the reason."""
    if not _size_of(Path(f"{path}-wal")):
        return ""

    return (
        f" If a backup was put in its place, {path}-wal belongs to the file that was there before: "
        "use session_plugin.restore_database(backup, path)."
    )


def cookie_of(connection: sqlite3.Connection) -> int:
    """Return the schema cookie that a connection sees."""
    return int(connection.execute("PRAGMA schema_version").fetchone()[0]) % COOKIES


def _cookies_in(log: Path) -> Iterator[int]:
    """Yield the cookie of each first page in a log."""
    # Closing it drops no locks of SQLite: it has none on the log's file.
    with suppress(FileNotFoundError, PermissionError), closing(log.open("rb")) as file:
        header = file.read(HEADER_BYTES)
        page_bytes = int.from_bytes(header[8:12], "big")

        while len(frame := file.read(FRAME_HEADER_BYTES)) == FRAME_HEADER_BYTES:
            if frame[8:16] != header[16:24]:  # of an earlier log in the same file
                return
            if int.from_bytes(frame[:4], "big") == 1:
                page = file.read(page_bytes)
                if len(page) == page_bytes:  # else whoever wrote it was killed
                    yield int.from_bytes(page[COOKIE], "big")
            else:
                file.seek(page_bytes, 1)


def _size_of(path: Path) -> int | None:
    """Return the size of a file; None if there is none."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return None

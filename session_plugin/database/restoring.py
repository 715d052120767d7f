"""Put a backup in the place of an SQLite database, and move aside what was there.

Each step leaves something that a start either opens as it was or refuses: the backup has a number
that the old log does not know (`sqlite_log`), so the two are never mixed.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from session_plugin.database.copying import copy_file
from session_plugin.database.opening import located_file
from session_plugin.database.sqlite import is_open_here
from session_plugin.database.sqlite_errors import as_our_errors
from session_plugin.database.sqlite_file import (
    APPLICATION_ID,
    BESIDE,
    SECRET,
    UNTOUCHED,
    connect,
    protect,
)
from session_plugin.errors import DatabaseRefused

SHARED_LOCK = (0x40000002, 510)
"""The bytes that a process locks while it has a file open
(https://www.sqlite.org/c3ref/c_lock_exclusive.html, `os_unix.c`).
"""


def restore_database(backup: str | Path, path: str | Path) -> tuple[Path, ...]:
    """Put a backup in the place of an SQLite database, whose bot must have been stopped.

    What is at `path` is moved aside, with its log and a copy of its secret: to files of the same
    name and `.before-` with the time. They can be opened there as they were. The backup itself
    stays where it is.

    A secret file next to the backup (`backup.db.secret`) is put in place, too. Without one, the
    secret at `path` stays; opening refuses the database if it is not the one that belongs to it.

    Args:
        backup: A file that `hub.backup` or `copy_database` has made, or another copy.
        path: Where the database is, or was.

    Returns:
        The files that were moved aside.

    Raises:
        DatabaseRefused: the backup cannot be used, the database is open, or something else than a
            database of ours is at `path`.

    Example:
        SessionStore("bot.db").close()
        copy_database("bot.db", "bot-of-today.db")
        restore_database("bot-of-today.db", "bot.db")
    """
    source, target = check_restore(backup, path)

    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _draft_of(target) as draft, as_our_errors(str(source)):
        copy_file(str(source), str(draft))  # numbers it, and checks that it is one of ours
        aside = _free_name(target)
        moved = _keep(target, aside)
        draft.replace(target)

    moved += _move_beside(target, aside)
    moved += _put_secret(source, target, aside)
    protect(str(target), "", SECRET)
    _sync_folder(target.parent)

    return moved


def check_restore(backup: str | Path, path: str | Path) -> tuple[Path, Path]:
    """Return where the backup and the database are, if the one can be put in the other's place.

    Raises:
        DatabaseRefused: they are the same file, or the database is open, or is none of ours.
    """
    source, target = located_file(backup), located_file(path)
    if source == target or (target.exists() and source.exists() and source.samefile(target)):
        raise DatabaseRefused(f"{target} is the backup itself; give the path of the database")

    if target.exists():
        _refuse_foreign(target)
    _refuse_open(target)

    return source, target


def _refuse_foreign(path: Path) -> None:
    """Check that a path is that of a database of ours, or of a damaged file.

    Raises:
        DatabaseRefused: it is a folder or a device, or another program's database or a key store.
    """
    if not path.is_file():
        raise DatabaseRefused(f"{path} is not a file; give the path of the database")
    if is_open_here(str(path)):
        return  # and refused for that: closing the file here would drop its locks

    with (
        suppress(sqlite3.DatabaseError),  # damaged, as what a backup is put in place of may be
        closing(connect(str(path), busy_timeout=0.0, access=UNTOUCHED)) as file,
    ):
        number = file.execute("PRAGMA application_id").fetchone()[0]
        is_empty = file.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        if number != APPLICATION_ID and (number or not is_empty):
            raise DatabaseRefused(
                f"{path} is another program's database; it was left as it is. Give the path of the "
                "bot's database."
            )


def _refuse_open(path: Path) -> None:
    """Check that nobody has a database open: at its end SQLite removes the log by its name.

    Raises:
        DatabaseRefused: somebody has.
    """
    # Looking at the file here would drop the locks that this process holds on it.
    if is_open_here(str(path)) or _is_locked(path):
        raise DatabaseRefused(
            f"{path} is open; stop the bot and whatever else uses it, and restore then"
        )


def _is_locked(path: Path) -> bool:
    try:
        import fcntl  # noqa: PLC0415 - Windows has none, and does not rename an open file
    except ImportError:
        return False

    start, length = SHARED_LOCK
    try:
        with path.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
    except BlockingIOError:
        return True
    except OSError:  # there is none, or it may not be written, which moving it will show
        return False

    return False


@contextmanager
def _draft_of(path: Path) -> Iterator[Path]:
    """Create an empty file next to `path`, for its owner only, and remove it if it is left."""
    draft = path.with_name(f"{path.name}.restoring")
    try:
        draft.unlink(missing_ok=True)  # of a restore that was cut off
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise DatabaseRefused(
            f"{draft} cannot be created: {error.strerror}; check the folder and its permissions"
        ) from error

    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _free_name(path: Path) -> Path:
    """Return where to move a database and what lies next to it; nothing is there yet."""
    when = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    aside, number = path.with_name(f"{path.name}.before-{when}"), 1
    while any(Path(f"{aside}{suffix}").exists() for suffix in ("", *BESIDE, SECRET)):
        number += 1
        aside = path.with_name(f"{path.name}.before-{when}-{number}")

    return aside


def _keep(path: Path, aside: Path) -> tuple[Path, ...]:
    """Give a file a second name, so that it never lacks its first one; move it otherwise."""
    if not path.exists():
        return ()

    try:
        aside.hardlink_to(path)
    except OSError:  # the file system has no such links
        path.replace(aside)

    return (aside,)


def _move_beside(path: Path, aside: Path) -> tuple[Path, ...]:
    moved = []
    for suffix in BESIDE:
        with suppress(FileNotFoundError):
            moved.append(Path(f"{path}{suffix}").replace(f"{aside}{suffix}"))
    return tuple(moved)


def _put_secret(source: Path, path: Path, aside: Path) -> tuple[Path, ...]:
    """Copy the old secret aside, and put the backup's own in its place if it has one."""
    old, own, kept = Path(f"{path}{SECRET}"), Path(f"{source}{SECRET}"), Path(f"{aside}{SECRET}")
    moved: tuple[Path, ...] = ()
    if old.exists():
        _copy_privately(old, kept)
        moved = (kept,)

    if own.exists():
        draft = Path(f"{old}.restoring")
        _copy_privately(own, draft)
        draft.replace(old)

    return moved


def _copy_privately(path: Path, to: Path) -> None:
    to.unlink(missing_ok=True)
    descriptor = os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file, path.open("rb") as source:
        shutil.copyfileobj(source, file)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

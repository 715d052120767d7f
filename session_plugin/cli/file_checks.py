"""What can be wrong with an SQLite file before it is opened."""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from session_plugin.cli.findings import Finding, command, note, ok, trouble
from session_plugin.cli.output import when
from session_plugin.database.existing import BUSY_SECONDS, schema_version
from session_plugin.database.queries import load_migrations
from session_plugin.database.sqlite_file import BESIDE, SECRET, refuse_log_of_another
from session_plugin.database.sqlite_log import refuse_orphaned_log
from session_plugin.errors import DatabaseRefused, SessionError

LARGE_LOG = 64 * 1024 * 1024
"""Bytes of a log that the writer keeps well below, unless somebody reads without end."""
NETWORKS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs"}
"""File systems without the shared memory and locks that SQLite's log needs."""
OLD_BACKUP = 2 * 86_400.0


def check_file(where: str) -> Iterator[Finding]:
    """Yield what is found; the file is left as it is."""
    path = Path(where)
    yield from _modes(path)
    yield from _file_system(path)
    yield from _log_size(path)
    yield from _room(path)


def check_log(where: str) -> Finding | None:
    """Return what is wrong with the log next to a file; None if nothing is.

    Nothing else of the file may be looked at while there is something.
    """
    path, log = Path(where), f"{where}-wal"
    aside = f"{log}.aside-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    away = f"mv {shlex.quote(log)} {shlex.quote(aside)}"
    if Path(f"{where}-shm").exists():
        away += f"; mv {shlex.quote(where + '-shm')} {shlex.quote(aside + '-shm')}"

    try:
        refuse_orphaned_log(path)
        if path.is_file():
            refuse_log_of_another(where, BUSY_SECONDS)
    except DatabaseRefused as error:
        return trouble("log", f"{error} Stop the bot first.", away)

    return None


def check_version(where: str) -> Finding:
    """Return whether the schema is the one of this version."""
    known = len(load_migrations("postgresql" if "://" in where else "sqlite"))
    try:
        version = schema_version(where)
    except SessionError as error:
        says = str(error)
        if "newer than" in says:
            return trouble("schema", says, "pip install --upgrade session-plugin")
        if "damaged" in says:
            return trouble("schema", says, command(where, "restore", "BACKUP", "--yes"))
        return trouble("schema", says)

    if version < known:
        return trouble(
            "schema",
            f"schema {version} is older than this version uses ({known}). Stop the bot first.",
            command(where, "upgrade"),
        )

    return ok("schema", f"version {version}")


def check_backup(where: str, backup: str) -> Iterator[Finding]:
    """Yield what is wrong with a backup."""
    path = Path(backup)
    again = command(where, "backup", f"{backup}.new")
    try:
        schema_version(backup)
    except SessionError as error:
        yield trouble("backup", str(error), again)
        return

    age = time.time() - path.stat().st_mtime
    if age > OLD_BACKUP:
        yield trouble("backup", f"{backup} is {age / 86_400:.0f} days old", again)
    else:
        yield ok("backup", f"{backup} is of {when(path.stat().st_mtime)}")

    secret = Path(f"{backup}{SECRET}")
    if secret.exists():
        yield note(
            "backup",
            f"{secret} lies next to the backup: who has both can test who was forgotten. Keep it "
            "in another place.",
        )


def _modes(path: Path) -> Iterator[Finding]:
    if os.name != "posix":
        yield note("modes", "on Windows, the folder's permissions decide who can read the file")
        return

    names = [Path(f"{path}{end}") for end in ("", *BESIDE, SECRET)]
    found = [name for name in names if name.exists()]
    readable = [str(name) for name in found if name.stat().st_mode & 0o077]
    if readable:
        yield trouble(
            "modes",
            f"other users of this machine can read {', '.join(readable)}",
            f"chmod 600 {shlex.join(readable)}",
        )
    elif found:
        yield ok("modes", "only the owner can read the files")


def _file_system(path: Path) -> Iterator[Finding]:
    kind = _kind_of(path)
    if kind in NETWORKS:
        yield trouble(
            "file system",
            f"{path} is on {kind}, where SQLite's log is not safe. Stop the bot, and move the file "
            "to a local disk, or to PostgreSQL.",
            command(str(path), "copy", "postgresql://..."),
        )
    elif kind == "tmpfs":
        yield note("file system", f"{path} is in memory (tmpfs): it is gone after a restart")
    elif kind is not None:
        yield ok("file system", kind)


def _kind_of(path: Path) -> str | None:
    """Return the file system of a path; None where that cannot be seen."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
        here = str(path.resolve())
    except OSError:
        return None

    best, kind = "", None
    for line in lines:
        _, place, name, *_ = line.split(" ")
        place = place.replace("\\040", " ")
        is_above = here == place or here.startswith(place.rstrip("/") + "/")
        if is_above and len(place) >= len(best):
            best, kind = place, name

    return kind


def _log_size(path: Path) -> Iterator[Finding]:
    log = Path(f"{path}-wal")
    if not log.exists():
        return

    size = log.stat().st_size
    if size > max(LARGE_LOG, path.stat().st_size):
        yield trouble(
            "log",
            f"{log} has {size // 2**20} MB: a program reads the database without end, so the log "
            "cannot be emptied. End that program; then this empties it.",
            command(str(path), "status"),
        )
    else:
        yield ok("log", f"{size // 1024} KB")


def _room(path: Path) -> Iterator[Finding]:
    if not path.exists():
        return

    free, size = shutil.disk_usage(path.parent).free, path.stat().st_size
    if free < size + LARGE_LOG:
        yield trouble(
            "disk",
            f"{free // 2**20} MB are free, less than the file needs to be rewritten after somebody "
            f"was forgotten ({(size + LARGE_LOG) // 2**20} MB). Make room.",
        )
    else:
        yield ok("disk", f"{free // 2**20} MB free")

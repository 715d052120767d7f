"""Errors of the sqlite3 module as errors of this package. Knows no connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from session_plugin.errors import DatabaseLocked, DatabaseRefused, DatabaseUnavailable, SessionError


@contextmanager
def as_our_errors(url: str) -> Iterator[None]:
    """Raise errors of the driver as errors of this package, by SQLite's result codes."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translated(error, url) from error


def _translated(error: sqlite3.Error, url: str) -> SessionError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF

    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DatabaseLocked(
            f"{url} has been locked for too long, by another process or by forgetting, which "
            "rewrites the file: find out which, end it or wait for it, and try again"
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DatabaseRefused(
            f"{url} is damaged or not an SQLite database ({error}); it was left as it is. Restore "
            "a backup, or recover what can be read into a new file with sqlite3's .recover."
        )
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return DatabaseUnavailable(f"{url} cannot be written: {error}; is the disk full?")

    if code == sqlite3.SQLITE_READONLY:
        return DatabaseRefused(
            f"{url} is read-only; give this process the right to write it and its folder"
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return DatabaseRefused(
            f"{url} cannot be opened: {error}; check its folder and its permissions"
        )

    return SessionError(f"{url}: {error}")

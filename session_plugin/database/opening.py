"""Which engine serves a database, by its path or URL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from session_plugin.database.engine import Engine
from session_plugin.database.sqlite import SqliteEngine
from session_plugin.database.sqlite_file import MEMORY
from session_plugin.errors import DatabaseRefused

POSTGRESQL = ("postgresql", "postgres")
"""How its URLs may begin."""


def open_engine(database: str | Path, *, busy_timeout: float = 30.0) -> Engine:
    """Choose the engine for `database` and open it.

    Args:
        database: A path, `":memory:"`, or a `postgresql://` URL.
        busy_timeout: Seconds to wait for a lock that another process holds.

    Raises:
        DatabaseRefused: no engine serves this URL, what it needs is not installed, or the database
            may not be used.
        DatabaseUnavailable: the server cannot be reached.
    """
    engine = _engine_for(located(database), busy_timeout)
    engine.open()
    return engine


def _engine_for(where: str, busy_timeout: float) -> Engine:
    """Return the engine that serves a database; an optional driver is imported only here."""
    if "://" not in where:
        return SqliteEngine(where, busy_timeout=busy_timeout)
    scheme = where.partition("://")[0]
    if scheme not in POSTGRESQL:
        raise DatabaseRefused(
            f"no engine serves {scheme}:// URLs; give the path of an SQLite file, or postgresql://..."
        )
    with needs_psycopg():
        from session_plugin.database.postgresql import PostgresqlEngine  # noqa: PLC0415 - see above
    return PostgresqlEngine(where, busy_timeout=busy_timeout)


@contextmanager
def needs_psycopg() -> Iterator[None]:
    """Return how to get the driver where it cannot be imported."""
    try:
        yield
    except ImportError as error:
        raise DatabaseRefused(
            f"postgresql:// needs psycopg, which cannot be imported ({error}): pip install "
            "'session-plugin[postgres]'"
        ) from error


def located(database: str | Path) -> str:
    """Return `database` as it is to be found from any working directory: a path absolute, anything
    else as it is.

    No shell has looked at a path from a file of settings, so a leading `~` is the home folder here,
    too.

    Raises:
        DatabaseRefused: it is a mistyped URL of PostgreSQL, which must not become a file of that
            name.
    """
    if not isinstance(database, str | os.PathLike):
        raise TypeError(
            f"a database is a path or a URL, not {type(database).__name__}: {database!r}"
        )
    where = os.fspath(database)
    if where == MEMORY or "://" in where:
        return where
    scheme, colon, _ = where.partition(":")
    if colon and scheme in POSTGRESQL:
        raise DatabaseRefused(
            f"{scheme}: without // is no URL; give the path of an SQLite file, or postgresql://..."
        )
    path = Path(where)
    return str((path.expanduser() if path.parts[:1] == ("~",) else path).absolute())

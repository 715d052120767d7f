"""Which engine serves a database, by its path or URL."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from session_plugin.counters import DatabaseCounters
from session_plugin.database.engine import Engine
from session_plugin.database.remembering import Remembering
from session_plugin.database.sqlite import SqliteEngine
from session_plugin.database.sqlite_file import MEMORY
from session_plugin.errors import DatabaseRefused

POSTGRESQL = ("postgresql", "postgres")
"""How its URLs may begin."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_KEYWORD = re.compile(
    r"(?:^|[\s;])(?:host|hostaddr|server|data source|port|dbname|database|user|user id|username|"
    r"uid|password|pwd|passfile|service|ssl\w*|options|application_name|driver)\s*=",
    re.IGNORECASE,
)
"""A setting of a connection string, as libpq, ODBC and ADO.NET write it."""
_NO_SCHEME = re.compile(r"(?://)?[^/@\s]*:.*@[^@/]+(?:/|$)|(?://)?[^/\s]+:[0-9]+/")
"""`user:password@host/...` or `host:5432/...`, a URL without its scheme."""
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_FORM = "give the path of an SQLite file, or postgresql://..."


def open_engine(
    database: str | Path,
    *,
    busy_timeout: float = 30.0,
    is_read_only: bool = False,
    counters: DatabaseCounters | None = None,
    remembering: Remembering | None = None,
) -> Engine:
    """Choose the engine for `database` and open it.

    Args:
        database: A path, `":memory:"`, or a `postgresql://` URL.
        busy_timeout: Seconds to wait for a lock that another process holds.
        is_read_only: Open no connection that can write; create and migrate nothing.
        counters: Where its commits and reads are counted.
        remembering: What may be remembered of it between two COMMITs; only of a file.

    Raises:
        DatabaseRefused: no engine serves this URL, what it needs is not installed, or the database
            may not be used.
        DatabaseUnavailable: the server cannot be reached.
    """
    engine = _engine_for(
        located(database),
        busy_timeout,
        is_read_only=is_read_only,
        counters=counters,
        remembering=remembering,
    )
    engine.open()
    return engine


def _engine_for(
    where: str,
    busy_timeout: float,
    *,
    is_read_only: bool,
    counters: DatabaseCounters | None,
    remembering: Remembering | None,
) -> Engine:
    """Return the engine that serves a database; an optional driver is imported only here."""
    if "://" not in where:
        return SqliteEngine(
            where,
            busy_timeout=busy_timeout,
            is_read_only=is_read_only,
            counters=counters,
            remembering=remembering,
        )

    check_scheme(where)
    with needs_psycopg():
        from session_plugin.database.postgresql import PostgresqlEngine  # noqa: PLC0415 - see above

    return PostgresqlEngine(
        where, busy_timeout=busy_timeout, is_read_only=is_read_only, counters=counters
    )


def check_scheme(url: str) -> None:
    """Check that an engine serves a URL.

    Raises:
        DatabaseRefused: none does.
    """
    scheme = url.partition("://")[0]
    if scheme not in POSTGRESQL:
        # What stands before :// may be a password, unless it is spelt as a scheme is.
        shown = f"{scheme}:// URLs" if _SCHEME.fullmatch(scheme) else "this URL"
        raise DatabaseRefused(f"no engine serves {shown}; {_FORM}")


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
        TypeError: it is neither a path nor text. It may hold a password, so it is not shown.
        DatabaseRefused: it is a mistyped URL or a connection string, which must not become a file
            of that name.
    """
    if not isinstance(database, str | os.PathLike) or isinstance(os.fspath(database), bytes):
        raise TypeError(f"a database is a path or a URL, not {type(database).__name__}")

    where = os.fspath(database)
    if where == MEMORY or "://" in where:
        return where

    scheme, colon, _ = where.partition(":")
    if colon and scheme.lower() in POSTGRESQL:
        raise DatabaseRefused(f"{scheme}: without // is no URL; {_FORM}")

    _refuse_connection_string(where)

    path = Path(where)

    return str((path.expanduser() if path.parts[:1] == ("~",) else path).absolute())


def located_file(path: str | Path) -> Path:
    """Return the absolute path of a file that is no server's address.

    Raises:
        DatabaseRefused: it is a URL, which is not shown, or looks like a connection string.
    """
    where = located(path)
    if "://" in where:
        raise DatabaseRefused("this takes the path of an SQLite file, not a URL")

    return Path(where)


def _refuse_connection_string(where: str) -> None:
    """Check that a path is not what another program takes for the address of a server.

    It is not shown, because a password may be anywhere in it.

    Raises:
        DatabaseRefused: it looks like one.
    """
    begins_as_path = where.startswith(("/", "\\", "./", "../", "~")) and where[:2] != "//"
    if begins_as_path or _DRIVE.match(where):
        return

    if _KEYWORD.search(where) or _NO_SCHEME.match(where):
        raise DatabaseRefused(
            "the database looks like a connection string, which is not shown here; "
            f"{_FORM}: postgresql://user:password@host:5432/database, with %40 for @, %2F for /, "
            "%23 for # and %3F for ? in the password. A file of that name is given as ./name."
        )

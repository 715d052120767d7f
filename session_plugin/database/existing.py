"""Open a database only if it exists and has the schema of this version.

What looks into a bot's database from outside must not create one at a mistyped path, nor change
the schema under a bot of another version. Knows files and servers; knows no operation.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from session_plugin.counters import DatabaseCounters
from session_plugin.database.engine import Engine
from session_plugin.database.opening import check_scheme, located, needs_psycopg, open_engine
from session_plugin.database.queries import load_migrations
from session_plugin.database.server_url import read_url
from session_plugin.database.sqlite_errors import as_our_errors
from session_plugin.database.sqlite_file import (
    MEMORY,
    READ_ONLY,
    UNTOUCHED,
    connect,
    is_ours,
    refuse_log_of_another,
)
from session_plugin.database.sqlite_log import refuse_orphaned_log
from session_plugin.errors import DatabaseRefused, DatabaseUnavailable

BUSY_SECONDS = 5.0


def open_existing(database: str | Path, *, counters: DatabaseCounters | None = None) -> Engine:
    """Open a database that exists and needs no migration.

    Args:
        database: A path or a `postgresql://` URL.
        counters: Where its commits and reads are counted.

    Raises:
        DatabaseRefused: it may not be used, or has an older schema.
        DatabaseUnavailable: it does not exist, or cannot be reached.
    """
    version = schema_version(database)
    known = len(load_migrations("postgresql" if "://" in located(database) else "sqlite"))
    if version < known:
        raise DatabaseRefused(
            f"{shown(database)} has schema {version}, older than this session_plugin uses "
            f"({known}); it was left as it is. Stop the bot, upgrade its session_plugin, and run: "
            "session-plugin upgrade"
        )

    return open_engine(database, counters=counters)


def schema_version(database: str | Path) -> int:
    """Return the number of the newest migration of a database, which is left as it is.

    Raises:
        DatabaseRefused: it is another program's, empty, or newer than this version knows.
        DatabaseUnavailable: it does not exist, or cannot be reached.
    """
    where = located(database)
    if where == MEMORY:
        raise DatabaseRefused("a database in memory ends with its bot; give a path or a URL")

    return _version_of_server(where) if "://" in where else _version_of_file(where)


def shown(database: str | Path) -> str:
    """Return what may be shown of a database: its path, or its URL without user and password.

    Raises:
        DatabaseRefused: it is a URL that no engine serves.
    """
    where = located(database)
    if "://" not in where:
        return where

    check_scheme(where)
    with needs_psycopg():
        from session_plugin.database.postgresql_schema import shown_url  # noqa: PLC0415 - optional

    return shown_url(where)


def _version_of_file(where: str) -> int:
    path = Path(where)
    refuse_orphaned_log(path)
    if not path.exists():
        raise DatabaseUnavailable(f"{where} does not exist; check the path")
    if not path.is_file():
        raise DatabaseRefused(f"{where} is not a file; give the path of the database")

    refuse_log_of_another(where, BUSY_SECONDS)
    with as_our_errors(where):
        if not is_ours(where, BUSY_SECONDS):
            raise DatabaseRefused(f"{where} is empty; start the bot once, or check the path")

        access = READ_ONLY if Path(f"{where}-wal").exists() else UNTOUCHED
        with closing(connect(where, busy_timeout=BUSY_SECONDS, access=access)) as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])

    known = len(load_migrations("sqlite"))
    if version > known:
        raise DatabaseRefused(
            f"{where} has schema {version}, newer than this session_plugin knows ({known}); it was "
            "left as it is. Install the version that wrote it, or a newer one."
        )

    return version


def _version_of_server(url: str) -> int:
    name = shown(url)  # imports the driver, or says how to get it
    from session_plugin.database import postgresql_errors, postgresql_schema  # noqa: PLC0415

    with postgresql_errors.as_our_errors(name):
        version = postgresql_schema.version_of(read_url(url), name)

    if version is None:
        raise DatabaseRefused(
            f"{name} has no tables of session_plugin; start the bot once, or check the name, and "
            "the schema in ?schema=its_name"
        )

    return version

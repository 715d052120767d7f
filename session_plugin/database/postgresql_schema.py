"""Inspect and migrate a PostgreSQL schema before it is used.

Our tables are in the first schema of the connection's search path. The schema is ours if it has our
table of the schema's version; it may become ours if it has no table with the name of one of ours.
Any other schema is left unchanged.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import conninfo

from session_plugin.database.queries import load_migrations, load_queries
from session_plugin.errors import DatabaseRefused, DatabaseUnavailable

OLDEST_SERVER = 130000
"""PostgreSQL 13, the oldest supported version when this was written; older ones are untested."""

PASSING = (
    "starting up",
    "shutting down",
    "recovery mode",
    "too many clients",
    "remaining connection slots",
)
"""Parts of the messages of a server that will accept connections later."""

Connection = psycopg.Connection[tuple[object, ...]]


def safe_url(url: str) -> str:
    """Return a URL without its passwords, for errors and logs."""
    parts = urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    netloc = user.partition(":")[0] + at + place

    secret = ("password", "sslpassword")
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in secret]

    shown = (parts.scheme, netloc, parts.path, urlencode(query, quote_via=quote), "")
    return urlunsplit(shown)


def prepare(url: str, shown: str) -> None:
    """Check the server and the schema, and bring the schema up to date.

    Args:
        url: The URL to connect to.
        shown: The URL without passwords, for errors.

    Raises:
        DatabaseRefused: the URL is wrong, the server refuses the connection, or the schema cannot
            be used.
        DatabaseUnavailable: the server cannot be reached at the moment.
        psycopg.Error: the driver reports any other error.
    """
    with _connect(url, shown) as connection:
        _refuse_unfit(connection, shown)
        _migrate(connection, shown)


def _connect(url: str, shown: str) -> Connection:
    try:
        conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise DatabaseRefused(
            f"{shown} is not a PostgreSQL URL; write postgresql://user@host:5432/database"
        ) from error

    try:
        return psycopg.connect(
            url, autocommit=True, connect_timeout=10, application_name="session_plugin"
        )
    except psycopg.OperationalError as error:
        reason = _reason(error)
        if "FATAL" in reason and not any(passing in reason for passing in PASSING):
            raise DatabaseRefused(
                f"{shown} refuses the connection: {reason}; check the user, the password and the "
                "database's name"
            ) from error

        raise DatabaseUnavailable(
            f"{shown} cannot be reached: {reason}; is the server running there?"
        ) from error


def _reason(error: psycopg.Error) -> str:
    """Return the driver's reason for a failed connection; of several addresses, the last one's."""
    lines = [
        line.strip()
        for line in str(error).splitlines()
        if line.strip() and not line.startswith("\t")
    ]

    return lines[-1].rpartition("failed: ")[2] if lines else type(error).__name__


def _refuse_unfit(connection: Connection, shown: str) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise DatabaseRefused(
            f"{shown} is PostgreSQL {connection.info.server_version // 10000}; 13 or newer is "
            "needed"
        )

    if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
        raise DatabaseRefused(
            f"{shown} has the encoding {encoding}, which cannot store every text; create a "
            "database with the encoding UTF8"
        )

    if connection.execute("SELECT current_schema()").fetchone() == (None,):
        raise DatabaseRefused(
            f"{shown} has no schema on its search path; create it, or change the search path"
        )

    is_new = _version(connection, shown) == 0
    taken = _only(connection, "taken_table") if is_new else None
    # If it is ours now, another process created the table between the two statements.
    if taken is not None and _version(connection, shown) == 0:
        raise DatabaseRefused(
            f"{shown} has a table {taken} of another program; it was left as it is. Give another "
            "database, or create a schema and add ?options=-csearch_path%3Dits_name to the URL."
        )


def _migrate(connection: Connection, shown: str) -> None:
    """Bring the schema up to date, with one transaction for each migration.

    Of two processes that do so at once, the second finds nothing to do.
    """
    migrations = load_migrations("postgresql")

    while _version(connection, shown) < len(migrations):
        with connection.transaction():
            _only(connection, "lock_schema")
            version = _version(connection, shown)
            if version == len(migrations):
                return

            connection.execute(migrations[version].encode())
            queries = load_queries("postgresql")
            connection.execute(queries["set_schema_version"].encode(), {"version": version + 1})


def _version(connection: Connection, shown: str) -> int:
    """Return the number of the schema's newest migration; 0 for a schema without our tables."""
    if _only(connection, "schema_table") is None:
        return 0

    version = int(str(_only(connection, "schema_version")))
    known = len(load_migrations("postgresql"))
    if version > known:
        raise DatabaseRefused(
            f"{shown} has schema {version}, newer than this session_plugin knows ({known}); it was "
            "left as it is. Install the version that wrote it, or a newer one."
        )
    return version


def _only(connection: Connection, query: str) -> object:
    """Return the only value of the statement named `query`; None if it returns no row."""
    row = connection.execute(load_queries("postgresql")[query].encode()).fetchone()
    return None if row is None else row[0]

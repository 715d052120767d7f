"""Look at a PostgreSQL schema before it is used, and migrate it. What is not ours stays as it is.

Our tables lie in the first schema of the connection's search path. It is ours if it has our table
of the schema's version, and may become ours if it has none of our tables' names.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import conninfo

from session_plugin.database.queries import load_migrations, load_queries
from session_plugin.errors import DatabaseRefused, DatabaseUnavailable

OLDEST_SERVER = 130000
"""PostgreSQL 13, the oldest that its makers still cared for when this was written; nothing older
was tried.
"""

PASSING = (
    "starting up",
    "shutting down",
    "recovery mode",
    "too many clients",
    "remaining connection slots",
)
"""What a server says that will let us in later."""
Connection = psycopg.Connection[tuple[object, ...]]


def safe_url(url: str) -> str:
    """Give a URL as it may be shown: without passwords."""
    parts = urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    query = [
        (name, value)
        for name, value in parse_qsl(parts.query)
        if name not in ("password", "sslpassword")
    ]
    return urlunsplit(
        (
            parts.scheme,
            user.partition(":")[0] + at + place,
            parts.path,
            urlencode(query, quote_via=quote),
            "",
        )
    )


def prepare(url: str, shown: str) -> None:
    """Check the server and the schema, and bring the schema up to date.

    Raises:
        DatabaseRefused: the URL is wrong, the server does not let us in, or the schema may not be
            used.
        psycopg.Error: whatever else the driver says.
    """
    with _connect(url, shown) as connection:
        _refuse_unfit(connection, shown)
        _migrate(connection, shown)


def _connect(url: str, shown: str) -> Connection:
    try:
        conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise DatabaseRefused(
            f"{shown} is no PostgreSQL URL; write postgresql://user@host:5432/database"
        ) from error
    try:
        return psycopg.connect(
            url, autocommit=True, connect_timeout=10, application_name="session_plugin"
        )
    except psycopg.OperationalError as error:
        reason = _reason(error)
        if "FATAL" in reason and not any(passing in reason for passing in PASSING):
            raise DatabaseRefused(
                f"{shown} does not let us in: {reason}; check the user, the password and the "
                "database's name"
            ) from error
        raise DatabaseUnavailable(
            f"{shown} cannot be reached: {reason}; is the server running there?"
        ) from error


def _reason(error: psycopg.Error) -> str:
    """Give why a connection failed, in the words of the driver: the last one, where it tried
    several addresses.
    """
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
            f"{shown} has the encoding {encoding}; create a database with UTF8, which takes "
            "any text"
        )
    if connection.execute("SELECT current_schema()").fetchone() == (None,):
        raise DatabaseRefused(
            f"{shown} has no schema on its search path; create it, or change the search path"
        )
    is_new = _version(connection, shown) == 0
    taken = _only(connection, "taken_table") if is_new else None
    if (
        taken is not None and _version(connection, shown) == 0
    ):  # else another process of ours has made it in between
        raise DatabaseRefused(
            f"{shown} has a table {taken} of another program; it was left as it is. Give "
            "another database, or a schema "
            "of its own: create one, and add ?options=-csearch_path%3Dits_name to the URL."
        )


def _migrate(connection: Connection, shown: str) -> None:
    """Bring the schema up to date, one transaction a migration; a process that comes second finds
    nothing to do.
    """
    migrations = load_migrations("postgresql")
    while _version(connection, shown) < len(migrations):
        with connection.transaction():
            _only(connection, "lock_schema")
            version = _version(connection, shown)
            if version == len(migrations):
                return
            connection.execute(migrations[version].encode())
            connection.execute(
                load_queries("postgresql")["set_schema_version"].encode(), {"version": version + 1}
            )


def _version(connection: Connection, shown: str) -> int:
    """Give the number of the newest migration that the schema has had; 0 for a schema without our
    tables.
    """
    if _only(connection, "schema_table") is None:
        return 0
    version = int(str(_only(connection, "schema_version")))
    known = len(load_migrations("postgresql"))
    if version > known:
        raise DatabaseRefused(
            f"{shown} has schema {version}, newer than this session_plugin knows ({known}); it "
            "was left as it is. "
            "Install the version that wrote it, or a newer one."
        )
    return version


def _only(connection: Connection, query: str) -> object:
    """Give the only value that the statement named `query` answers with; None for no row."""
    row = connection.execute(load_queries("postgresql")[query].encode()).fetchone()
    return None if row is None else row[0]

"""Inspect and migrate a PostgreSQL schema before it is used.

Our tables are in the first schema of the connection's search path. The schema is ours if it has our
table of the schema's version; it may become ours if it has no table with the name of one of ours.
Any other schema is left unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import conninfo, sql

from session_plugin.database.queries import load_migrations, load_queries, statements
from session_plugin.database.server_url import ServerUrl, read_url
from session_plugin.errors import DatabaseRefused, DatabaseUnavailable

OLDEST_SERVER = 130000
"""PostgreSQL 13, the oldest supported version when this was written; older ones are untested."""

CONNECT_SECONDS = 10
"""Seconds for which one host is tried."""

PORT = re.compile(r"[0-9,]*")
"""A port, or one for each of several hosts."""

PASSING = (
    "starting up",
    "shutting down",
    "recovery mode",
    "too many clients",
    "remaining connection slots",
    "no more connections allowed",
    "client connections",  # Supabase: max client connections reached
    "query_wait_timeout",
    "client_login_timeout",
    "cannot connect to server",
    "connect failed",
    "server login has been failing",
    "server conn crashed",
    "pgbouncer is",  # ... shutting down
)
"""Parts of the messages of a server, or of a pooler, that will accept connections later."""

Connection = psycopg.Connection[tuple[object, ...]]


def shown_url(url: str) -> str:
    """Return what errors and logs may show of a URL: its scheme, host, port and database.

    They are what the driver itself parsed, so no other reading can take a part of the password
    for one of them.

    Raises:
        DatabaseRefused: the driver cannot parse it, or would take a part of the user or password
            for something else.
    """
    url = read_url(url).conninfo
    try:
        parsed = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parsed = {}

    scheme, _, rest = url.partition("://")
    place = rest.partition("/")[0]

    # An @ after the first / means that the driver ends the host before the password does.
    is_misread = rest.count("@") != place.count("@") or place.count("@") > 1
    port = str(parsed.get("port", ""))
    if not parsed or is_misread or not PORT.fullmatch(port):
        # The driver's own message quotes the URL, so it is not chained either.
        raise DatabaseRefused(
            f"what follows {scheme}:// is not a PostgreSQL URL, or is one with an unescaped "
            "character; write postgresql://user@host:5432/database. In a user or a password, write "
            "%40 for @, %2F for /, %23 for #, %3F for ?, %25 for % and %20 for a space, as "
            "urllib.parse.quote(password, safe='') does."
        )

    host = quote(str(parsed.get("host", "")), safe=",:")
    if ":" in host:
        host = f"[{host}]"

    return f"{scheme}://{host}{port and ':'}{port}/{quote(str(parsed.get('dbname', '')), safe='')}"


def prepare(server: ServerUrl, shown: str, *, on_new: Callable[[], None] = lambda: None) -> str:
    """Check the server and the schema, bring the schema up to date, and return by which name
    `load_queries` has its statements.

    Args:
        server: The server to connect to, without its pooler where that is known.
        shown: What errors may show of it; see `shown_url`.
        on_new: Called if there was no table of ours before.

    Raises:
        DatabaseRefused: the server refuses the connection, or the schema cannot
            be used.
        DatabaseUnavailable: the server cannot be reached at the moment.
        psycopg.Error: the driver reports any other error.
    """
    with connect(server, shown) as connection:
        with transaction(connection, server):
            refuse_read_only(connection, shown)
            _refuse_unfit(connection, shown)

        if _migrate(connection, server, shown):
            on_new()

        with transaction(connection, server):
            return _variant(connection)


def version_of(server: ServerUrl, shown: str) -> int | None:
    """Return the number of a schema's newest migration; None if it has no tables of ours.

    Raises:
        DatabaseRefused: the server refuses the connection, or the schema is newer than this code.
        DatabaseUnavailable: the server cannot be reached at the moment.
        psycopg.Error: the driver reports any other error.
    """
    with connect(server, shown) as connection, transaction(connection, server):
        return _version(connection, shown) or None


def check_readable(server: ServerUrl, shown: str) -> str:
    """Check that the schema can be read by this version as it is, and return by which name
    `load_queries` has its statements; nothing is created or changed.

    Raises:
        DatabaseRefused: as for `prepare`; or our tables are not there, or of an older version.
        DatabaseUnavailable: the server cannot be reached at the moment.
        psycopg.Error: the driver reports any other error.
    """
    with connect(server, shown) as connection, transaction(connection, server):
        version, known = _version(connection, shown), len(load_migrations("postgresql"))
        variant = _variant(connection)

    if not version:
        raise DatabaseRefused(
            f"{shown} has no tables of session_plugin in the first schema of its search path; give "
            "the URL that the bot uses"
        )
    if version < known:
        raise DatabaseRefused(
            f"{shown} has schema {version}, older than this session_plugin reads ({known}); start "
            "the bot with this version once, which brings it up to date"
        )

    return variant


@contextmanager
def transaction(connection: psycopg.Connection[Any], server: ServerUrl) -> Iterator[None]:
    """Do what follows in one transaction, which ends in the schema that the URL names.

    What is set holds until its end only, as a pooler may need it.
    """
    with connection.transaction():
        if server.schema:
            use_schema(connection, server.schema, is_local=True)
        yield


def use_schema(connection: psycopg.Connection[Any], schema: str, *, is_local: bool) -> None:
    """Make a schema the first one of the search path, until the transaction or the session ends."""
    path = sql.Identifier(schema).as_string(None)
    connection.execute(
        load_queries("postgresql")["set_setting"].encode(),
        {"name": "search_path", "value": path, "is_local": is_local},
    )


def primary_only(conninfo_or_url: str, *, is_needed: bool = True) -> dict[str, Any]:
    """Return the parameters with which a connection is made to a primary only.

    Whatever the URL says of it counts; so a connection for reading only may say it needs none.
    """
    if not is_needed or "target_session_attrs" in conninfo.conninfo_to_dict(conninfo_or_url):
        return {}

    # Before libpq 14 there is no other word; it also avoids primaries that are set to read-only.
    word = "primary" if psycopg.pq.version() >= 140000 else "read-write"
    return {"target_session_attrs": word}


def connect(server: ServerUrl, shown: str, **parameters: Any) -> Connection:
    """Return a new connection to the server, without its pooler where that is known.

    Raises:
        DatabaseRefused: the server refuses the connection.
        DatabaseUnavailable: the server cannot be reached at the moment.
    """
    try:
        return psycopg.connect(
            server.direct,
            autocommit=True,
            application_name="session_plugin",
            prepare_threshold=None,
            **primary_only(server.direct, is_needed="," in shown),
            **{"connect_timeout": CONNECT_SECONDS, **parameters},
        )
    except psycopg.OperationalError as error:
        reason = _reason(error)
        if "hot standby" in reason or "session is read-only" in reason:
            raise DatabaseUnavailable(
                f"none of the hosts of {shown} takes writes at the moment: {reason}"
            ) from error
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


def refuse_read_only(connection: Connection, shown: str) -> None:
    """Check that a server takes writes.

    Raises:
        DatabaseRefused: it does not.
    """
    row = connection.execute(load_queries("postgresql")["server_role"].encode()).fetchone()
    assert row is not None
    is_standby, is_read_only = row

    if is_standby:
        raise DatabaseRefused(
            f"{shown} is a standby, which takes no writes and may be behind; give the primary's "
            "URL, or all hosts as postgresql://user@one,two/database"
        )
    if is_read_only:
        raise DatabaseRefused(
            f"{shown} takes no writes (default_transaction_read_only is on); give another server's "
            "URL, or turn it off"
        )


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
            f"{shown} has no schema on its search path; create it, or change the search path "
            "(&schema=its_name in the URL)"
        )

    is_new = _version(connection, shown) == 0
    taken = _only(connection, "taken_table") if is_new else None
    # If it is ours now, another process created the table between the two statements.
    if taken is not None and _version(connection, shown) == 0:
        raise DatabaseRefused(
            f"{shown} has a table {taken} of another program; it was left as it is. Give another "
            "database, or create a schema and add ?schema=its_name to the URL."
        )


def _migrate(connection: Connection, server: ServerUrl, shown: str) -> bool:
    """Bring the schema up to date, with one transaction for each migration; return whether this
    connection made the first tables.

    Of two processes that do so at once, the second finds nothing to do.
    """
    migrations, is_new = load_migrations("postgresql"), False
    with transaction(connection, server):
        version = _version(connection, shown)

    while version < len(migrations):
        with transaction(connection, server):
            _only(connection, "lock_schema")
            version = _version(connection, shown)
            if version == len(migrations):
                break

            is_new |= version == 0
            # one by one: of several, Citus sends all to its other servers, which refuse that
            for statement in statements(migrations[version], is_complete=_is_complete):
                connection.execute(statement.encode())
            version += 1
            queries = load_queries("postgresql")
            connection.execute(queries["set_schema_version"].encode(), {"version": version})

    return is_new


def _is_complete(script: str) -> bool:
    """Check whether the lines of a migration so far end with a statement: one on its own line, and
    no body of a function.
    """
    return script.rstrip().endswith(";") and script.count("$$") % 2 == 0


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


def _variant(connection: Connection) -> str:
    """Return `citus` if tables are spread over several servers, else `postgresql`."""
    if _only(connection, "citus_version") is None:
        return "postgresql"

    spread = connection.execute(load_queries("citus")["distributed_tables"].encode()).fetchone()
    return "postgresql" if spread is None else "citus"


def _only(connection: Connection, query: str) -> object:
    """Return the only value of the statement named `query`; None if it returns no row."""
    row = connection.execute(load_queries("postgresql")[query].encode()).fetchone()
    return None if row is None else row[0]

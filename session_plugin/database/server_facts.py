"""What a PostgreSQL server says of itself, and whether a pooler stands in front of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from session_plugin.database.existing import shown
from session_plugin.database.queries import load_queries
from session_plugin.database.server_url import read_url


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """Settings on which promises rest.

    `switches_backends` means that a pooler gives statements of one connection to several server
    processes, as transaction pooling does: locks and settings of a session do not hold then.
    """

    fsync: str
    full_page_writes: str
    most_connections: int
    connections: int
    has_pooler: bool
    switches_backends: bool


def server_facts(url: str) -> ServerFacts:
    """Ask a server that `schema_version` has reached.

    Raises:
        DatabaseUnavailable: it cannot be reached any more.
    """
    name = shown(url)
    import psycopg  # noqa: PLC0415 - `shown` has imported it

    from session_plugin.database.postgresql_errors import as_our_errors  # noqa: PLC0415 - optional

    queries = load_queries("postgresql")
    connect = partial(
        psycopg.connect,
        read_url(url).conninfo,
        autocommit=True,
        prepare_threshold=None,
        connect_timeout=10,
        application_name="session_plugin",
    )

    with as_our_errors(name), connect() as one:
        facts = one.execute(queries["server_facts"].encode()).fetchone()
        first = one.execute(queries["backend_pid"].encode()).fetchone()
        # A pooler hands out a number of its own, by which it cancels statements.
        has_pooler = first != (one.info.backend_pid,)

        # Another connection takes the process that a transaction pooler has just taken back.
        with connect() as other, other.transaction():
            other.execute(queries["backend_pid"].encode())
            second = one.execute(queries["backend_pid"].encode()).fetchone()

    assert facts is not None
    assert first is not None

    return ServerFacts(
        fsync=str(facts[0]),
        full_page_writes=str(facts[1]),
        most_connections=int(facts[2]),
        connections=int(facts[3]),
        has_pooler=has_pooler,
        switches_backends=first != second,
    )

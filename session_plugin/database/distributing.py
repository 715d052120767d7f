"""Spread what grows with what is said over several servers, by Citus.

Messages, and what hangs on them, go to the servers by chat. People, chats, sessions and segments
stay on the coordinator, so that links and locks are what they are on one server. Knows no
operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from session_plugin.database.existing import schema_version, shown
from session_plugin.database.queries import load_queries
from session_plugin.database.server_url import read_url
from session_plugin.errors import DatabaseRefused

if TYPE_CHECKING:
    from psycopg import Connection

DISTRIBUTED = ("messages", "quotes", "vectors", "tombstones")
"""Each has the chat in its key, so that a chat's rows lie on one server."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """What `distribute_database` did."""

    distributed: tuple[str, ...]
    """Tables that it spread; none if all were already."""
    references: tuple[str, ...]
    """Foreign keys that it dropped: Citus keeps none to tables of the coordinator."""
    shards: int
    """Pieces of each table."""


def distribute_database(url: str, *, shards: int = 8) -> Distribution:
    """Spread the tables of a Citus coordinator, empty or filled; what is spread already stays.

    Stop the bots before: rows are moved, and what opened the database earlier does not know of it.
    An interrupted run changes nothing.

    Args:
        url: The coordinator's URL.
        shards: Pieces of each table; as many as servers there will ever be. Each costs what asks
            all of them.

    Raises:
        DatabaseRefused: the database has no tables of ours, or its server is no coordinator.
        DatabaseUnavailable: it cannot be reached.

    Example:
        def spread():
            print(distribute_database("postgresql://bot@127.0.0.1:5432/bot").distributed)
    """
    if "://" not in url:
        raise DatabaseRefused("only a postgresql:// URL has servers; give the coordinator's")

    schema_version(url)  # imports the driver, or says how to get it
    import psycopg  # noqa: PLC0415 - optional

    from session_plugin.database import postgresql_errors, postgresql_schema  # noqa: PLC0415

    name, server, queries = shown(url), read_url(url), load_queries("citus")
    with (
        postgresql_errors.as_our_errors(name),
        psycopg.connect(server.direct, autocommit=True, prepare_threshold=None) as connection,
        postgresql_schema.transaction(connection, server),
    ):
        if connection.execute(queries["citus_version"].encode()).fetchone() is None:
            raise DatabaseRefused(
                f"{name} has no extension citus; run CREATE EXTENSION citus on all servers, and "
                "give the coordinator's URL"
            )

        connection.execute(queries["lock_schema"].encode())
        found = connection.execute(queries["distributed_tables"].encode()).fetchall()
        already = {str(table).rpartition(".")[2]: int(count) for table, count in found}
        left = [table for table in DISTRIBUTED if table not in already]
        if not left:
            return Distribution((), (), max(already.values()))

        dropped = _drop_references(connection, left)
        connection.execute(queries["one_shard_after_the_other"].encode())
        for table in left:
            connection.execute(
                queries["distribute_table"].encode(), {"name": table, "shards": shards}
            )

    return Distribution(tuple(left), tuple(dropped), shards)


def _drop_references(connection: Connection[Any], tables: list[str]) -> list[str]:
    from psycopg import sql  # noqa: PLC0415 - the caller has imported it

    rows = connection.execute(
        load_queries("citus")["references_to_drop"].encode(), {"names": tables}
    ).fetchall()
    for table, name in rows:
        connection.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
                sql.Identifier(table.rpartition(".")[2]), sql.Identifier(name)
            )
        )

    return [str(name) for _, name in rows]

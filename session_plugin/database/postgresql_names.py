"""Prepared statements where a pooler gives each transaction some session of the server.

Planning a statement anew each time doubles what it costs the server. Older poolers pass the names
of prepared statements on, so a name means what the session at hand was told, by whichever client.
So our names are made from the statements, and each transaction begins by asking which of them its
session has. Newer poolers translate names, and the driver's own will do. Knows no operation.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import psycopg
from psycopg import capabilities, sql
from psycopg._preparing import Key, Prepare, PrepareManager
from psycopg._queries import PostgresQuery

from session_plugin.database.queries import load_queries

PREFIX = "sp_"
"""How the names of our prepared statements begin."""


class SharedNames(PrepareManager):
    """Replaces the driver's names, which are for a session that one client has to itself.

    The driver offers no other way to choose the name of a prepared statement.
    """

    prepare_threshold = 0

    def __init__(self, schema: str) -> None:
        """Name statements of one schema: in another one, the same text is about other tables."""
        super().__init__()
        self._schema = schema.encode()
        self._named: dict[Key, bytes] = {}
        self._in_session: set[bytes] = set()

    def note(self, names: Iterable[str]) -> None:
        """Note the names that the session of this transaction has."""
        self._in_session = {name.encode() for name in names}

    def has_any(self) -> bool:
        """Return whether the session has a name that was made here."""
        return not self._in_session.isdisjoint(self._named.values())

    def get(self, query: PostgresQuery, prepare: bool | None = None) -> tuple[Prepare, bytes]:
        """Return the statement's name, and whether it has to be prepared under it first.

        What has no parameters, such as a COMMIT, is sent as it is.
        """
        if prepare is False or query.params is None:
            return Prepare.NO, b""

        key = self.key(query)
        name = self._named.get(key) or self._name(key)
        return (Prepare.YES if name in self._in_session else Prepare.SHOULD), name

    def maybe_add_to_cache(self, query: PostgresQuery, prep: Prepare, name: bytes) -> Key | None:
        """Note what is being prepared."""
        if prep is Prepare.SHOULD:
            self._in_session.add(name)
        return None

    def clear(self) -> bool:
        """Leave the names in the session, where other clients use them."""
        return False

    def _name(self, key: Key) -> bytes:
        text, types = key
        digest = blake2b(b"%b\0%r\0%b" % (text, types, self._schema), digest_size=8)
        name = self._named[key] = f"{PREFIX}{digest.hexdigest()}".encode()
        return name


def session_at_hand() -> str:
    """Return the statement that asks about the session of a transaction, with its value in it."""
    statement = load_queries("postgresql")["session_at_hand"]
    return statement.replace("%(prefix)s", sql.Literal(PREFIX).as_string(None))


def choose_names(connection: psycopg.Connection[Any], schema: str) -> None:
    """Let a new connection through a pooler prepare its statements in a way that the pooler takes:
    under names that all our clients share, or under the driver's own, or not at all.
    """
    connection._prepared = names = SharedNames(schema)
    try:
        with connection.transaction():
            names.note(_listed(connection))
            connection.execute(load_queries("postgresql")["session_at_hand"], {"prefix": PREFIX})
            names.note(_listed(connection))
    except psycopg.DatabaseError:
        if connection.closed:
            raise
        is_refused = True
    else:
        is_refused = False

    if is_refused or not names.has_any():
        connection._prepared = PrepareManager()
        # The message that ends a name which a pooler translates is in libpq since 17.
        can_end = capabilities.has_send_close_prepared() and not is_refused
        connection.prepare_threshold = 0 if can_end else None


def _listed(connection: psycopg.Connection[Any]) -> list[str]:
    row = connection.execute(session_at_hand()).fetchone()
    assert row is not None
    return list(row["names"])

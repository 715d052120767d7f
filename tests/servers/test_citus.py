"""A Citus cluster, where SESSION_TEST_CITUS is the URL of its coordinator: the tests for all
backends run on it as well then, and these are about what is where.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from session_plugin import DatabaseRefused, SessionHub, SessionStore, copy_database
from session_plugin.database import postgresql_schema
from session_plugin.database.distributing import DISTRIBUTED, distribute_database
from session_plugin.database.opening import open_engine
from session_plugin.database.queries import load_migrations, load_queries
from session_plugin.testing import Talk

psycopg = pytest.importorskip("psycopg")
needs_citus = pytest.mark.skipif(
    not os.environ.get("SESSION_TEST_CITUS"), reason="SESSION_TEST_CITUS names no Citus coordinator"
)

ONE_CHAT = (
    "message_by_key",
    "tombstone",
    "add_message",
    "add_tombstone",
    "edit_message",
    "segment_tail",
    "private_columns",
    "set_private_columns",
)
"""What recording, editing, deleting and reading in one chat ask of the servers."""
ONLY_ONE_SERVER = {"tail_at_once"}
"""What is asked where tables are on one server, and by nobody where they are spread."""
PLACE = re.compile(r"%\((\w+)\)s")
PLANNED = re.compile("SELECT|WITH|INSERT|UPDATE|DELETE")
ELSEWHERE = re.compile("sqlite_|pragma_|session_plugin_key")
"""Of statements for SQLite, or for a store of keys."""
TYPES = """SELECT CAST(parameter_types AS TEXT[]) AS types FROM pg_prepared_statements
    WHERE name = 'planned'"""

BYTES = {"content", "metadata", "attachments", "parts"}
TEXTS = {"message_id", "role", "author_name", "channel", "reply_to", "turn"}


@pytest.fixture
def spread(request: pytest.FixtureRequest) -> Iterator[str]:
    with request.getfixturevalue("citus").empty() as database:
        yield database


@needs_citus
@pytest.mark.parametrize("query", ONE_CHAT)
def test_what_names_the_chat_asks_one_shard(spread, query):
    def tasks(tx: Any) -> str:
        statement = tx._queries[query]
        values = {
            name: 1.0 if name.endswith(("_at", "at")) else b"x" if name in BYTES else 1
            for name in re.findall(r"%\((\w+)\)s", statement)
        }
        values |= {name: "x" for name in values if name in TEXTS}
        rows = tx._connection.execute(f"EXPLAIN {statement}", values).fetchall()
        return "\n".join(row["QUERY PLAN"] for row in rows)

    engine = open_engine(spread)
    plan = engine.write(tasks).result(30)
    engine.close()
    assert "Task Count: 1" in plan, plan


@needs_citus
def test_citus_can_plan_every_statement(spread):
    """It refuses some, as joins of its tables with the coordinator's, before it runs them."""

    def plan(execute: Any, statement: str) -> None:
        names = list(dict.fromkeys(PLACE.findall(statement)))
        numbered = PLACE.sub(lambda place: f"${names.index(place[1]) + 1}", statement)
        execute(f"PREPARE planned AS {numbered.replace('%%', '%')}")
        (types,) = (row["types"] for row in execute(TYPES))
        given = ", ".join(map(value_of, types))
        execute(f"EXPLAIN EXECUTE planned{given and f'({given})'}")

    def refused(tx: Any) -> dict[str, str]:
        execute = partial(tx._connection.execute, prepare=False)
        found = {}
        for query, statement in tx._queries.items():
            if query.startswith("original_") or ELSEWHERE.search(statement):
                continue
            if not PLANNED.match(statement):
                continue
            execute("SAVEPOINT before")
            try:
                plan(execute, statement)
            except psycopg.Error as error:
                found[query] = str(error)
            execute("ROLLBACK TO SAVEPOINT before")
            execute("DEALLOCATE ALL")
        return found

    engine = open_engine(spread)
    found = engine.write(refused).result(60)
    engine.close()
    assert found.keys() == ONLY_ONE_SERVER, found


def value_of(kind: str) -> str:
    """Return a constant of a type, or an array of one."""
    element = kind.removesuffix("[]")
    value = {"text": "x", "bytea": "ab"}.get(element, "1")
    return f"'{value}'" if kind == element else f"'{{{value}}}'"


@needs_citus
@pytest.mark.parametrize("version", range(1, len(load_migrations("postgresql"))))
def test_a_database_that_is_spread_already_is_migrated(citus, monkeypatch, version):
    with citus.new() as database:
        with monkeypatch.context() as patch:
            known = load_migrations("postgresql")[:version]
            patch.setattr(postgresql_schema, "load_migrations", lambda _: known)
            open_engine(database).close()
            assert distribute_database(database, shards=4).distributed == DISTRIBUTED
        with SessionStore(database) as store:
            store.save_message(store.get_or_create("ann").session_id, "user", "hi")
            found = [message.content for message in store.get_or_create("ann").messages]
        migrated = citus.schema(database)
    with citus.empty() as fresh:
        assert migrated == citus.schema(fresh)
    assert found == ["hi"]


@needs_citus
def test_a_filled_database_is_spread_with_its_rows_and_only_once(citus, tmp_path):
    with SessionStore(tmp_path / "bot.db") as store:
        store.save_message(store.get_or_create("ann").session_id, "user", "hi")
    with citus.new() as database:
        copy_database(tmp_path / "bot.db", database)
        assert distribute_database(database, shards=4).distributed == DISTRIBUTED
        assert distribute_database(database).distributed == ()
        with SessionStore(database) as store:
            store.save_message(store.get_or_create("ann").session_id, "user", "again")
        copy_database(database, tmp_path / "copy.db")
    with SessionStore(tmp_path / "copy.db") as store:
        found = [message.content for message in store.get_or_create("ann").messages]
    assert found == ["hi", "again"]


def test_a_server_without_citus_is_refused_with_what_to_do(postgresql):
    with postgresql.empty() as database:
        SessionStore(database).close()
        with pytest.raises(DatabaseRefused, match="CREATE EXTENSION citus"):
            distribute_database(database)


async def test_statements_in_another_form_for_citus_read_the_same(postgresql):
    """On one server, which takes both forms."""
    talk = Talk()
    ann, bob = talk.account("ann"), talk.account("bob")
    lobby = talk.group()

    def compare(tx: Any, query: str, **columns: list[Any]) -> list[tuple[Any, ...]]:
        asked = list(zip(*itertools.product(*columns.values()), strict=True))
        values = {name: list(column) for name, column in zip(columns, asked, strict=True)}
        values["position"] = list(range(len(asked[0])))
        one, other = (
            sorted(row for row in map(tuple, map(dict.values, rows)) if None not in row[-1:])
            for rows in (
                tx._connection.execute(load_queries(kind)[query], values)
                for kind in ("postgresql", "citus")
            )
        )
        assert one == other
        return one

    def compare_all(tx: Any) -> None:
        def numbers(column: str, table: str) -> list[int]:
            query = f"SELECT {column} AS number FROM {table} ORDER BY 1"
            return [row["number"] for row in tx._connection.execute(query)]

        chats, seqs = numbers("chat_no", "chats"), numbers("seq", "messages")
        quoted = compare(
            tx,
            "accounts_quoted",
            chat_no=chats,
            person=[ann.channel_user_id, "nobody", None],
            chat_id=[talk.direct(ann).chat_id, lobby.chat_id, "nowhere", None],
            message_id=["m1", "m2", "m3", "m4", "m9", None],
        )
        assert len({account_no for *_, account_no in quoted}) == 2
        spoken = compare(
            tx,
            "first_words",
            account_no=numbers("account_no", "accounts"),
            segment_no=numbers("segment_no", "segments"),
            from_seq=[0, seqs[2], seqs[4]],
        )
        assert len({seq for _, seq in spoken}) > 3

    with postgresql.empty() as database:
        async with SessionHub(database, load_entry_points=False, secret="s" * 16) as hub:
            for event in (
                talk.said(ann, "hi"),
                talk.answered(ann, "hello"),
                *(talk.said(lobby, "hi all", author=account) for account in (bob, ann, bob, ann)),
                talk.said(bob, "hi"),
            ):
                await hub.record(event)
        engine = open_engine(database)
        engine.write(compare_all).result(30)
        engine.close()

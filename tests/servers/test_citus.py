"""A Citus cluster, where SESSION_TEST_CITUS is the URL of its coordinator: the tests for all
backends run on it as well then, and these are about what is where.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from session_plugin import DatabaseRefused, SessionStore, copy_database
from session_plugin.database.distributing import DISTRIBUTED, distribute_database
from session_plugin.database.opening import open_engine

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
)
"""What recording, editing, deleting and reading in one chat ask of the servers."""


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

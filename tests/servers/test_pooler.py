"""Behind pgbouncer, which gives each transaction some session of the server: what works on a
connection of our own works there, and nothing of ours is left in the sessions.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from session_plugin import (
    Account,
    DatabaseRefused,
    MessageEvent,
    SessionHub,
    SessionStore,
    copy_database,
)
from session_plugin.cli.content_checks import check_server
from session_plugin.database.existing import schema_version
from session_plugin.database.opening import open_engine
from session_plugin.database.postgresql_schema import prepare, shown_url
from session_plugin.database.queries import load_migrations
from session_plugin.database.server_url import read_url
from session_plugin.testing import Talk

psycopg = pytest.importorskip("psycopg")
SECRET = "what only these hubs know"
PROCESSES, MESSAGES = 3, 20

PROCESS = """
import asyncio, sys
from session_plugin import Account, Chat, MessageEvent, SessionHub

async def main(database, number, messages):
    async with SessionHub(database, secret="what only these hubs know") as hub:
        for each in range(messages):
            chat, who = Chat("telegram", "group", kind="group"), Account("telegram", number)
            event = MessageEvent(chat=chat, message_id=f"m{each}", role="user", text=f"{each}", sent_at=0.0, author=who)
            await hub.record(event)
            own = MessageEvent(chat=Chat("telegram", number), message_id=None, role="user", text=f"{each}", sent_at=0.0, author=who)
            await hub.record(own)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


@pytest.fixture(scope="module")
def schemas() -> Iterator[str]:
    return (f"pooled_{number}" for number in count())


@pytest.fixture
def schema(cluster: Any, schemas: Iterator[str]) -> str:
    """A schema of the test's own, in which nothing is yet."""
    name = next(schemas)
    cluster.with_schema(name)
    return name


def said(account: Account, text: str, *, message_id: str | None = None) -> MessageEvent:
    return Talk().said(account, text, message_id=message_id)


async def test_a_conversation_goes_on_over_a_link_and_a_restart(pgbouncer, schema):
    database = pgbouncer.url(schema)
    ann, ann_too = Account("discord", "1"), Account("telegram", "2")
    async with SessionHub(database, secret=SECRET) as hub:
        await hub.record(said(ann, "before"))
        await hub.record(said(ann_too, "elsewhere"))
        code = await hub.request_link(ann)
        preview = await hub.redeem_link(ann_too, code.code)
        await hub.confirm_link(ann_too, shown=preview)
        linked = await hub.confirm_link(ann, shown=preview)
    assert linked is not None

    async with SessionHub(database, secret=SECRET) as hub:
        view = (await hub.record(said(ann, "after"))).session
        history = await view.history()
        assert [message.content for message in history] == ["before", "elsewhere", "after"]
        await hub.unlink(ann_too)
        user_id = (await hub.identity_of(ann)).user_id
        assert [row async for row in hub.export(user_id)]
        await hub.forget(user_id)
        assert await view.history() == []


def test_several_processes_open_a_new_schema_at_once_and_store_each_message_once(
    pgbouncer, cluster, schema
):
    database = pgbouncer.url(schema)
    running = [
        subprocess.Popen([sys.executable, "-c", PROCESS, database, str(number), str(MESSAGES)])
        for number in range(PROCESSES)
    ]
    assert [process.wait(timeout=120) for process in running] == [0] * PROCESSES
    with psycopg.connect(cluster.url()) as connection:
        rows = connection.execute(f"SELECT COUNT(*), COUNT(message_id) FROM {schema}.messages")
        assert rows.fetchone() == (MESSAGES + PROCESSES * MESSAGES, MESSAGES)


async def test_pooler_and_server_that_are_killed_in_turns_lose_nothing_acknowledged(
    pgbouncer, cluster, schema, traffic
):
    """SESSION_TEST_CHAOS is for how many seconds; without it, each is killed twice."""
    over_at = time.monotonic() + float(os.environ.get("SESSION_TEST_CHAOS", "0"))

    def kill_server() -> None:
        cluster.kill()
        cluster.start()

    def kills() -> Iterator[Any]:
        yield from (pgbouncer.restart, kill_server) * 2
        while time.monotonic() < over_at:
            yield from (pgbouncer.restart, kill_server)

    seen = await traffic(pgbouncer.url(schema), kills())
    assert seen.failed == []
    print(f"{len(seen.acknowledged)} acknowledged, longest wait {seen.longest:.1f} s")


async def test_other_clients_of_the_pooler_get_sessions_as_the_server_makes_them(pgbouncer, schema):
    database = pgbouncer.url(schema)
    settings = ["enable_seqscan", "lock_timeout", "search_path", "jit", "enable_bitmapscan"]
    plain = read_url(database).conninfo

    def look() -> list[tuple[Any, ...]]:
        with psycopg.connect(plain, autocommit=True, prepare_threshold=None) as connection:
            return [
                connection.execute(f"SHOW {setting}").fetchone()
                for _ in range(4)
                for setting in settings
            ]

    before = look()
    async with SessionHub(database, secret=SECRET) as hub:
        view = (await hub.record(said(Account("telegram", "1"), "hi"))).session
        await asyncio.gather(*(view.history() for _ in range(8)))
        assert look() == before
    assert look() == before


def prepared(tx: Any) -> set[str]:
    """Give the names and texts of statements about this schema's users in the session at hand."""
    rows = tx._connection.execute("SELECT name, statement FROM pg_prepared_statements").fetchall()
    return {f"{row['name']} {row['statement']}" for row in rows}


def test_clients_share_the_names_of_prepared_statements(pgbouncer, schema):
    """So a session of the server has each once, however many processes come to it."""
    if os.environ.get("SESSION_TEST_PGBOUNCER"):
        pytest.skip("newer ones translate names")
    pgbouncer.restart()  # to sessions that nobody has used
    seen: set[str] = set()
    counts = []
    for _ in range(3):
        engine = open_engine(pgbouncer.url(schema))
        for _ in range(3):
            engine.read(lambda tx: tx.all("user_by_id", user_id="ann")).result(30)
            seen |= engine.read(prepared).result(30)
        engine.close()
        counts.append(sum("FROM users" in statement for statement in seen))
    assert counts == [1, 1, 1]


def test_a_statement_that_fails_leaves_those_after_it_usable(pgbouncer, schema):
    """What a failed operation was about to prepare was not prepared."""
    engine = open_engine(pgbouncer.url(schema))

    def fail(tx: Any, user_id: str) -> None:
        tx.run("add_user", user_id=user_id + secrets.token_hex(4000), created_at=0.0)

    def succeed(tx: Any, user_id: str) -> bool:
        tx.run("add_user", user_id=user_id, created_at=0.0)
        return tx.first("user_by_id", user_id=user_id) is not None

    for number in range(3):
        results = [
            engine.write(operation, f"{operation.__name__} {number}.{each}")
            for each in range(3)
            for operation in (fail, succeed)
        ]
        assert all(result.exception(30) for result in results[::2])
        assert [result.result(30) for result in results[1::2]] == [True] * 3
    engine.close()


def test_session_pooling_needs_no_more_than_the_schema(session_pooler, cluster, schema):
    database = session_pooler.url(schema, pooler="session")
    with SessionStore(database) as store:
        store.save_message(store.get_or_create("ann").session_id, "user", "hi")
        assert [message.content for message in store.get_or_create("ann").messages] == ["hi"]


def test_a_copy_goes_through_a_pooler_both_ways(pgbouncer, schema, cluster, tmp_path):
    with SessionStore(tmp_path / "bot.db") as store:
        store.save_message(store.get_or_create("ann").session_id, "user", "hi")
    database = pgbouncer.url(schema)
    copy_database(tmp_path / "bot.db", database)
    copy_database(database, tmp_path / "copy.db")
    with SessionStore(tmp_path / "copy.db") as store:
        assert [message.content for message in store.get_or_create("ann").messages] == ["hi"]


def test_tables_are_made_by_the_direct_url(cluster, schema):
    """Nothing listens where the pooler is said to be."""
    nowhere = "postgresql://bot@127.0.0.1:1/postgres"
    hub = SessionHub(nowhere, pooler="transaction", schema=schema, direct_url=cluster.url())
    database = str(hub._parts.database.path)
    prepare(read_url(database), shown_url(database))
    assert schema_version(database) == len(load_migrations("postgresql"))


def test_only_what_is_there_is_read_through_a_pooler(pgbouncer, schema):
    database = pgbouncer.url(schema)
    with pytest.raises(DatabaseRefused, match="has no tables of session_plugin"):
        open_engine(database, is_read_only=True)
    open_engine(database).close()
    engine = open_engine(database, is_read_only=True)
    assert engine.read(lambda tx: tx.all("user_by_id", user_id="ann")).result(30) == []
    engine.close()


def test_options_in_the_url_are_refused_with_what_replaces_them(pgbouncer, schema):
    url = f"postgresql://bot@127.0.0.1:{pgbouncer.port}/postgres?pooler=transaction"
    with pytest.raises(DatabaseRefused, match="write &schema=its_name"):
        SessionStore(f"{url}&options=-csearch_path%3D{schema}")


@pytest.mark.parametrize(("is_said", "state"), [(True, "ok"), (False, "needs a hand")])
def test_doctor_compares_the_pooler_with_the_url(pgbouncer, schema, is_said, state):
    database = pgbouncer.url(schema)
    url = database if is_said else database.replace("pooler=transaction", "pooler=session")
    (finding,) = [one for one in check_server(url) if one.check == "pooler"]
    assert finding.state == state


@pytest.mark.parametrize(
    "place",
    [
        "bot@aws-0-eu-central-1.pooler.supabase.com:6543/postgres",
        "bot:a?b@db.x.supabase.co:6543/postgres",
        "bot@ep-cool-pooler.eu-central-1.aws.neon.tech/neondb?sslmode=require",
        "bot@x.proxy-abc.eu-west-1.rds.amazonaws.com/db",
        "bot@x.postgres.database.azure.com:6432/db",
        "bot@127.0.0.1/db?pgbouncer=true",
    ],
)
def test_a_well_known_pooler_is_recognised_by_its_url(place):
    server = read_url(f"postgresql://{place}")
    assert server.shares_sessions
    assert "pgbouncer" not in server.conninfo
    assert not read_url(
        f"postgresql://{place}{'&' if '?' in place.partition('@')[2] else '?'}pooler=session"
    ).shares_sessions


@pytest.mark.parametrize(
    "place",
    [
        "bot:6543@supabase.com/db",
        "bot@db.x.supabase.co:5432/postgres",
        "bot:-pooler.neon.tech@h/db",
    ],
)
def test_what_only_looks_like_a_pooler_is_none(place):
    assert not read_url(f"postgresql://{place}").shares_sessions


def test_settings_of_a_hub_are_refused_where_they_make_no_sense(tmp_path):
    with pytest.raises(ValueError, match="only a postgresql:// URL"):
        SessionHub(tmp_path / "bot.db", pooler="transaction")
    with pytest.raises(ValueError, match="pooler must be"):
        SessionHub("postgresql://h/db", pooler="statement")
    with pytest.raises(DatabaseRefused, match="pooler is transaction or session"):
        SessionStore("postgresql://h/db?pooler=statement")

"""PostgreSQL in trouble: killed and started again, out of reach, with the answer to a COMMIT lost;
and what it refuses.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from session_plugin import (
    Account,
    Chat,
    DatabaseUnavailable,
    MessageEvent,
    SessionError,
    SessionHub,
    SessionMessage,
    SessionStore,
    SessionView,
)
from session_plugin.database import writer
from session_plugin.database.opening import open_engine

psycopg = pytest.importorskip("psycopg")
PASSWORD = "a password: with@signs/of?every&kind"
QUOTED = "a%20password%3A%20with%40signs%2Fof%3Fevery%26kind"


def said(writer: int, text: str, *, message_id: str | None) -> MessageEvent:
    chat, author = Chat("telegram", str(writer)), Account("telegram", str(writer))
    return MessageEvent(
        chat=chat, message_id=message_id, role="user", text=text, sent_at=0.0, author=author
    )


async def stored(database: str, writers: int) -> Counter[str]:
    async with SessionHub(database, load_entry_points=False) as hub:
        found: Counter[str] = Counter()
        for writer in range(writers):
            view = hub.session_of(Chat("telegram", str(writer)), Account("telegram", str(writer)))
            found.update(
                message.content for message in await view.history(limit=None, include_previous=True)
            )
        return found


@pytest.mark.parametrize("end", ["kill", "restart"])
async def test_a_server_that_ends_under_traffic_loses_nothing_acknowledged_and_doubles_nothing(
    cluster, traffic, end
):
    """Half of the messages have no id by which a second copy could be known."""

    def end_it() -> None:
        if end == "kill":
            cluster.kill()
            cluster.start()
        else:
            cluster.restart()

    await traffic(cluster.with_schema(f"of_{end}"), [end_it] * 3)


async def test_a_server_that_is_away_is_said_to_be_and_is_used_again_when_it_is_back(cluster):
    database = cluster.with_schema("of_absence")
    async with SessionHub(database, store_patience=0.5, load_entry_points=False) as hub:
        await hub.record(said(1, "before", message_id=None))
        cluster.kill()
        try:
            recorded = await hub.record(said(1, "during", message_id=None))
            assert not recorded.is_stored
            with pytest.raises(DatabaseUnavailable):
                await recorded.session.history()
        finally:
            await asyncio.to_thread(cluster.start)
    assert await stored(database, 2) == Counter(["before", "during"])


async def test_a_server_that_was_away_for_long_is_used_as_soon_as_it_is_back(cluster):
    """The pool's own pauses become longer and longer: at 15 and then at 31 seconds it would try
    again.
    """
    database = cluster.with_schema("of_long_absence")
    async with SessionHub(database, store_patience=0.2, load_entry_points=False) as hub:
        await hub.record(said(1, "before", message_id=None))
        cluster.kill()
        try:
            await hub.record(said(1, "during", message_id=None))
            await asyncio.sleep(17.0)
        finally:
            await asyncio.to_thread(cluster.start)
        async with asyncio.timeout(9.0):
            while hub._parts.intake.waiting:
                await asyncio.sleep(0.05)
    assert await stored(database, 2) == Counter(["before", "during"])


async def test_what_comes_while_the_server_is_away_at_first_is_stored_in_order_when_it_is_there(
    cluster,
):
    database = cluster.with_schema("of_beginning")
    hub = SessionHub(database, store_patience=0.2, load_entry_points=False)
    cluster.kill()
    try:
        for number in range(5):
            assert not (await hub.record(said(1, str(number), message_id=None))).is_stored
    finally:
        await asyncio.to_thread(cluster.start)
    view = hub.session_of(Chat("telegram", "1"), Account("telegram", "1"))
    async with asyncio.timeout(30):
        while len(found := await unless_unavailable(view)) < 5:
            await asyncio.sleep(0.05)
    assert [message.content for message in found] == ["0", "1", "2", "3", "4"]
    await hub.close()


async def unless_unavailable(view: SessionView) -> list[SessionMessage]:
    try:
        return await view.history()
    except DatabaseUnavailable:
        return []


# The answer to a COMMIT


class Proxy:
    """Passes on what a client and a server say to each other; when it is told to, it loses a COMMIT
    or its answer.
    """

    PARSED = re.compile(rb"P.{4}([^\0]*)\0COMMIT\0", re.DOTALL)
    COMMITTED = b"COMMIT\0"

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port
        self._names: set[bytes] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.loses = ""
        self.is_frozen = False

    async def open(self) -> int:
        self._listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._listening.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        server_reader, server_writer = await asyncio.open_connection(*self._server)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, server_writer, "request", self._has_commit))
                both.create_task(
                    self._pass_on(server_reader, writer, "answer", self._says_committed)
                )
        except* ConnectionError:
            pass  # one side has gone, so the other goes too
        finally:
            writer.close()
            server_writer.close()
            self._tasks.discard(task)

    async def _pass_on(self, source: Any, target: Any, what: str, is_it: Any) -> None:
        while data := await source.read(65536):
            while self.is_frozen:
                await asyncio.sleep(0.01)
            if is_it(data) and self.loses == what:
                self.loses = ""
                break
            target.write(data)
            await target.drain()
        raise ConnectionResetError

    def _has_commit(self, data: bytes) -> bool:
        """Tell whether a client asks for a COMMIT: in words, or by a name that it gave it before."""
        self._names.update(self.PARSED.findall(data))
        by_name = any(b"\0" + name + b"\0" in data for name in self._names if name)
        return b"COMMIT\0" in data or by_name

    def _says_committed(self, data: bytes) -> bool:
        return self.COMMITTED in data


@pytest.fixture
async def proxy(postgresql: Any) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy, and the URL of a database of the test's own through it."""
    with postgresql.empty() as database:
        parts = psycopg.conninfo.conninfo_to_dict(database)
        proxy = Proxy(str(parts["host"]), int(parts["port"]))
        port = await proxy.open()
        yield proxy, database.replace(f"{parts['host']}:{parts['port']}", f"127.0.0.1:{port}")
        await proxy.close()


@pytest.mark.parametrize("lost", ["answer", "request"])
async def test_what_became_of_a_commit_whose_answer_was_lost_is_asked_for(proxy, lost):
    """Nothing has an id by which a second copy could be known."""
    between, database = proxy
    async with SessionHub(database, store_patience=60.0, load_entry_points=False) as hub:
        await asyncio.gather(
            *(hub.record(said(writer, f"{writer}.0", message_id=None)) for writer in range(4))
        )
        for number in range(1, 6):
            between.loses = lost
            recorded = await asyncio.gather(
                *(
                    hub.record(said(writer, f"{writer}.{number}", message_id=None))
                    for writer in range(4)
                )
            )
            assert all(one.is_stored for one in recorded)
            assert between.loses == "", "one was lost"
    found = await stored(database, 4)
    assert found == Counter(f"{writer}.{number}" for writer in range(4) for number in range(6))


async def test_who_does_not_wait_long_is_told_too_what_became_of_a_commit(proxy):
    """To be told of a failure, to try again, and to have it twice is what must not be."""
    between, database = proxy

    def pay() -> list[str]:
        with SessionStore(database) as store:
            session_id = store.get_or_create("ann").session_id
            between.loses = "answer"
            store.save_message(session_id, "user", "pay 5")
            return [message.content for message in store.get_or_create("ann").messages]

    assert await asyncio.to_thread(pay) == ["pay 5"]
    assert between.loses == "", "one was lost"


@pytest.mark.parametrize(("said", "counts"), [("", "15000"), ("&tcp_user_timeout=5000", "5000")])
def test_a_machine_that_is_gone_is_noticed_unless_the_url_says_otherwise(postgresql, said, counts):
    def timeout(tx: Any) -> str:
        return str(tx._connection.info.get_parameters()["tcp_user_timeout"])

    with postgresql.empty() as database:
        engine = open_engine(database + said)
        assert engine.read(timeout).result(30) == counts
        engine.close()


def test_connections_that_were_cut_while_nobody_used_them_are_replaced_before_anybody_notices(
    postgresql,
):
    name = f"cut-{secrets.token_hex(8)}"
    with (
        postgresql.empty() as database,
        SessionStore(f"{database}&application_name={name}") as store,
    ):
        session_id = store.get_or_create("ann").session_id
        store.list_sessions()
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ?"
        assert len(postgresql.rows(database, cut, name)) >= 2
        store.save_message(session_id, "user", "hi")
        assert [message.content for message in store.get_or_create("ann").messages] == ["hi"]


async def test_a_table_that_somebody_alters_delays_a_reading(postgresql):
    with postgresql.empty() as database:
        async with SessionHub(database, load_entry_points=False) as hub:
            view = (await hub.record(said(1, "hi", message_id=None))).session
            with psycopg.connect(database) as connection:
                connection.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
                reading = asyncio.create_task(view.history())
                await asyncio.wait({reading}, timeout=1.5)  # three times what one try waits
                assert not reading.done()
                connection.rollback()
            assert len(await reading) == 1


def test_what_an_index_does_not_take_fails_its_caller_alone(postgresql):
    def too_long(tx: Any, user_id: str) -> None:
        tx.run("add_user", user_id=user_id, created_at=0.0)

    with postgresql.empty() as database:
        engine = open_engine(database)
        written = [
            engine.write(too_long, user_id) for user_id in ("ann", secrets.token_hex(4000), "bob")
        ]
        with pytest.raises(SessionError, match="index row size"):
            written[1].result(30)
        assert [written[0].result(30), written[2].result(30)] == [None, None]
        engine.close()


async def test_closing_does_not_wait_for_a_server_that_does_not_answer(proxy, monkeypatch):
    monkeypatch.setattr(writer, "GRACE", 0.1)
    between, database = proxy
    engine = await asyncio.to_thread(open_engine, database)
    await asyncio.wrap_future(engine.read(lambda tx: tx.all("user_by_id", user_id="ann")))
    await asyncio.wrap_future(
        engine.write(lambda tx: tx.run("add_user", user_id="bob", created_at=0.0))
    )
    between.is_frozen = True
    left = [
        engine.write(lambda tx, name: tx.run("add_user", user_id=name, created_at=0.0), "ann"),
        *(engine.read(lambda tx: tx.all("user_by_id", user_id="ann")) for _ in range(8)),
    ]
    started = time.monotonic()
    await asyncio.to_thread(engine.close, 1.0)
    assert time.monotonic() - started < 10.0
    between.is_frozen = False
    results = await asyncio.wait_for(
        asyncio.gather(*map(asyncio.wrap_future, left), return_exceptions=True), 30
    )
    assert "may be stored" in str(results[0])
    assert {type(result) for result in results if isinstance(result, Exception)} == {
        writer.CommitInDoubt,
        DatabaseUnavailable,
    }


# What is refused


def refusal(url: str, caplog: pytest.LogCaptureFixture) -> str:
    """Give what an opening says, once it is sure that the password is nowhere to be seen."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SessionError) as caught:
        SessionStore(url).list_sessions()
    message = str(caught.value)
    for secret in (PASSWORD, QUOTED, "secret word"):
        assert secret not in message + caplog.text
    return message


def test_a_wrong_password_is_said_to_be_wrong_and_not_shown(cluster, caplog):
    message = refusal(cluster.url(password="secret%20word"), caplog)
    assert f"postgresql://127.0.0.1:{cluster.port}/postgres refuses the connection" in message
    assert "password authentication failed" in message
    assert "check the user, the password and the database's name" in message


def test_a_missing_database_is_said_to_be_missing(cluster, caplog):
    message = refusal(cluster.url(database="nowhere"), caplog)
    assert 'database "nowhere" does not exist' in message
    assert "check the user" in message


def test_a_server_out_of_reach_is_said_to_be(caplog):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    message = refusal(f"postgresql://bot:{QUOTED}@127.0.0.1:{port}/postgres", caplog)
    assert f"postgresql://127.0.0.1:{port}/postgres cannot be reached" in message
    assert "is the server running there?" in message


def test_a_role_without_rights_is_told_which_it_needs(cluster, caplog):
    with psycopg.connect(cluster.url(), autocommit=True) as administrator:
        administrator.execute("CREATE ROLE guest LOGIN PASSWORD 'secret word'")
        administrator.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    message = refusal(cluster.url(user="guest", password="secret%20word"), caplog)
    assert "permission denied for schema public; grant this role the right" in message


@pytest.mark.parametrize("url", [f"mysql://bot:{QUOTED}@host/db", f"redis://:{QUOTED}@host"])
def test_an_unknown_scheme_is_refused_without_its_password(url, caplog):
    assert "give the path of an SQLite file, or postgresql://..." in refusal(url, caplog)


def test_what_is_no_url_is_refused_without_its_password(caplog):
    assert "write postgresql://user@host:5432/database" in refusal(
        f"postgresql://bot:{QUOTED}@host/db?port of=call", caplog
    )


def test_without_its_driver_the_way_out_is_named(spawn):
    process = spawn("""
        import sys
        sys.modules["psycopg"] = None
        from session_plugin import SessionError, SessionStore, copy_database
        for use in (SessionStore, lambda url: copy_database(url, "copy.db")):
            try:
                use("postgresql://bot:secret@host/db")
            except SessionError as error:
                print(error)
    """)
    lines = process.communicate(timeout=60)[0].splitlines()
    assert len(lines) == 2
    for line in lines:
        assert "pip install 'session-plugin[postgres]'" in line
        assert "secret" not in line


def test_what_was_prepared_for_reading_stays_prepared(postgresql):
    """A plan takes several times as long to make as to carry out."""

    def plan_of_a_connection(tx: Any) -> tuple[int, Any]:
        tx.all("segments_of_session", session_no=0)
        before, _, _ = tx._queries["segments_of_session"].partition("%(session_no)s")
        prepared = "FROM pg_prepared_statements WHERE starts_with(statement, %s)"
        (row,) = tx._cursor.execute(
            f"SELECT pg_backend_pid() AS pid, prepare_time {prepared}", (before,)
        )
        return row["pid"], row["prepare_time"]

    with postgresql.empty() as database:
        engine = open_engine(database)
        plans = [engine.read(plan_of_a_connection).result() for _ in range(12)]
        engine.close()
    assert len(set(plans)) == len({pid for pid, _ in plans})


async def test_a_plain_reading_is_one_round_trip(postgresql, monkeypatch):
    with postgresql.empty() as database:
        async with SessionHub(database, load_entry_points=False) as hub:
            view = None
            for number in range(3):
                view = (await hub.record(said(1, f"1.{number}", message_id=f"{number}"))).session
            assert len(await view.history(limit=2)) == 2
            statements = []
            execute = psycopg.Cursor.execute

            def noted(cursor: Any, query: Any, *args: Any, **options: Any) -> Any:
                statements.append(query)
                return execute(cursor, query, *args, **options)

            monkeypatch.setattr(psycopg.Cursor, "execute", noted)
            assert len(await view.history(limit=2)) == 2
            assert len(await view.history(limit=2, before=view.event)) == 2
            monkeypatch.undo()
    assert len(statements) == 2


@pytest.mark.parametrize(
    "query",
    [
        "known_of_newcomers",
        "last_ended_of_scopes",
        "live_direct_session",
        "live_group_session",
        "ordinary_places",
        "reader_in_chat",
        "tail_at_once",
    ],
)
@pytest.mark.parametrize("is_analyzed", [False, True], ids=["unknown", "empty"])
def test_what_each_message_looks_up_is_found_by_key_though_the_server_knows_nothing_of_the_tables(
    postgresql, query, is_analyzed
):
    """By another index each message would go through all live sessions of its bot, or a reading
    through all chats.
    """

    def plan(tx: Any) -> list[str]:
        names: list[str] = []
        numbered = re.sub(
            r"%\((\w+)\)s",
            lambda name: names.append(name[1]) or f"${len(names)}",
            tx._queries[query],
        )
        tx._begin()
        tx._cursor.execute(f"PREPARE asked AS {numbered}")
        nulls = ", ".join(["NULL"] * len(names))
        return [
            row["QUERY PLAN"].strip()
            for row in tx._cursor.execute(f"EXPLAIN EXECUTE asked ({nulls})")
        ]

    with postgresql.new() as database:
        open_engine(database).close()
        if is_analyzed:
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(
                    "ANALYZE sessions, segments, chats, accounts, messages, tombstones"
                )
        engine = open_engine(database)
        lines = engine.read(plan).result()
        engine.close()
    found = {line: following for line, following in pairwise(lines) if "Scan using" in line}
    assert found
    for scan, condition in found.items():
        assert condition.startswith("Index Cond"), scan
        if " on sessions" in scan:
            assert re.search(r"\buser_id = |\bchat_no = ", condition), scan


async def test_a_libpq_without_pipelines_will_do(postgresql, monkeypatch):
    entered = []
    monkeypatch.setattr(psycopg.Pipeline, "is_supported", lambda: False)
    monkeypatch.setattr(psycopg.Pipeline, "__enter__", entered.append)
    with postgresql.empty() as database:
        async with SessionHub(database, load_entry_points=False) as hub:
            for number in range(3):
                texts = [f"{writer}.{number}" for writer in range(3)]
                await asyncio.gather(
                    *(hub.record(said(int(text[0]), text, message_id=None)) for text in texts)
                )
        found = await stored(database, 3)
    assert found == Counter(f"{writer}.{number}" for writer in range(3) for number in range(3))
    assert not entered

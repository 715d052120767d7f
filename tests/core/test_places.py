"""Where messages go is remembered, and forgotten as soon as anything changes it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from session_plugin import Account, Chat, MessageEvent
from session_plugin.database import memory
from session_plugin.database.memory import Memory
from session_plugin.database.opening import open_engine
from session_plugin.database.queries import load_queries
from session_plugin.database.sqlite_file import prepare
from session_plugin.records.conversation import removing
from session_plugin.records.conversation.bulk import RECORD
from session_plugin.records.conversation.recording import Recording
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people.accounts import set_privacy
from session_plugin.rules.policies import Policies
from session_plugin.testing import Clock

ANN, BEN = Account("discord", "ann"), Account("discord", "ben")
OF_ANN, OF_BEN = Chat("discord", "of ann"), Chat("discord", "of ben")
HOUR = 3600.0


@pytest.fixture
def said() -> Callable[..., Recording]:
    """Make messages of people in their direct chats, at one time."""
    ids = count()

    def make(text: str, author: Account = ANN, chat: Chat = OF_ANN, **details: Any) -> Recording:
        context = OperationContext(
            bot="",
            now=details.pop("now", 0.0),
            policies=Policies(max_age=24 * HOUR),
            new_id=lambda: f"id {next(ids)}",
        )
        event = MessageEvent(
            chat=chat, message_id=text, role="user", text=text, sent_at=0, author=author, **details
        )
        return Recording(context=context, event=event)

    return make


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    opened = open_engine(tmp_path / "chats.db")
    yield opened
    opened.close()


def write_in_one_group(engine: Any, *work: tuple[Any, ...]) -> list[Any]:
    """Run operations in one transaction, and return their results or errors."""
    with engine._writer._changed:  # the writer comes to none before all are in line
        futures = [engine.write(*each) for each in work]

    return [future.exception() or future.result() for future in futures]


def fates(results: list[Any]) -> list[str]:
    return [result.value.fate for result in results]


def contents_of(engine: Any, account: Account) -> list[str]:
    """Return what is stored in the direct chat of an account."""
    with closing(sqlite3.connect(engine.url)) as connection:
        rows = connection.execute(
            "SELECT m.content FROM messages AS m JOIN chats AS c ON c.chat_no = m.chat_no "
            "JOIN accounts AS a ON a.account_no = c.peer_no WHERE a.channel_user_id = ? "
            "ORDER BY m.seq",
            (account.channel_user_id,),
        ).fetchall()
    return [content.decode() for (content,) in rows]


def counters_of(engine: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(engine.url)) as connection:
        return connection.execute(
            "SELECT live_count, total_count, last_activity FROM segments ORDER BY segment_no"
        ).fetchall()


# What it saves


def test_messages_in_places_that_are_known_ask_nothing(engine: Any, said: Any) -> None:
    """All that is asked is whether another connection has written, and which number is next."""
    for author, chat in ((ANN, OF_ANN), (BEN, OF_BEN)):
        for text in ("new", "known"):
            engine.write(RECORD, said(f"{text} {chat.chat_id}", author, chat)).result()

    ran: list[str] = []
    engine._writing._connection.set_trace_callback(ran.append)
    group = [said(f"{n}", author, chat) for n in range(50) for author, chat in ((ANN, OF_ANN),)]
    group += [said(f"{n}", BEN, OF_BEN) for n in range(50)]
    stored = engine.write(RECORD.many, group).result()
    engine._writing._connection.set_trace_callback(None)

    assert fates(stored) == ["stored"] * 100
    kinds = [" ".join(statement.split()[:2]) for statement in ran]
    assert kinds == [
        *("BEGIN IMMEDIATE", "PRAGMA data_version", "SELECT COALESCE((SELECT"),
        *["INSERT INTO"] * 100,
        *["UPDATE segments"] * 2,
        "COMMIT",
    ]


def test_no_more_places_are_remembered_than_a_bound(
    engine: Any, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MOST_PLACES", 3)
    people = [Account("discord", f"{n}") for n in range(10)]
    for round_no in range(3):
        for one in people:
            chat = Chat("discord", f"of {one.channel_user_id}")
            message = said(f"{round_no}", one, chat)
            assert engine.write(RECORD, message).result().value.fate == "stored"
            kept = engine._writing._memory
            assert len(kept.places) <= 4
            assert len(kept.sessions) <= 4

    assert [contents_of(engine, one) for one in people] == [["0", "1", "2"]] * 10


# What it may not change


def test_a_duplicate_in_a_place_that_is_known_changes_nothing(engine: Any, said: Any) -> None:
    for text in ("a", "b", "c"):
        engine.write(RECORD, said(text)).result()

    before = counters_of(engine)
    again = [said("b", now=HOUR), said("new"), said("c"), said("new"), said("newer")]
    results = write_in_one_group(engine, *((RECORD, one) for one in again))

    assert fates(results) == ["duplicate", "stored", "duplicate", "duplicate", "stored"]
    assert results[0].value.known.content == "b"
    assert contents_of(engine, ANN) == ["a", "b", "c", "new", "newer"]
    ((live, total, _),) = before
    assert counters_of(engine) == [(live + 2, total + 2, 0.0)]
    assert engine.write(RECORD, said("last")).result().value.live_count == 6


def test_a_message_that_was_deleted_before_it_came_stays_deleted(engine: Any, said: Any) -> None:
    for text in ("a", "b"):
        engine.write(RECORD, said(text)).result()

    context = said("-").context
    engine.write(removing.delete, context, OF_ANN, ("c", "b")).result()
    results = write_in_one_group(engine, *((RECORD, said(text)) for text in ("b", "c", "d")))
    assert fates(results) == ["deleted", "deleted", "stored"]
    assert contents_of(engine, ANN) == ["a", "d"]

    results = write_in_one_group(engine, *((RECORD, said(text)) for text in ("b", "e")))
    assert fates(results) == ["deleted", "stored"]


@pytest.mark.parametrize("is_whole", [True, False], ids=["alone", "after another operation"])
def test_what_was_rolled_back_is_no_place(engine: Any, said: Any, is_whole: bool) -> None:
    """Within the operation that fails, Ann wants her messages stored again."""
    engine.write(RECORD, said("hello")).result()
    context = said("-").context
    engine.write(set_privacy, context, ANN, is_private=True).result()

    def fail_after(tx: Any, recording: Recording) -> None:
        set_privacy(tx, context, ANN, is_private=False)
        assert fates(RECORD.many(tx, [recording])) == ["stored"]
        raise ValueError("this operation fails")

    lost = (fail_after, said("lost"))
    work = [lost] if is_whole else [(lambda tx: None,), lost]
    results = write_in_one_group(engine, *work)
    assert isinstance(results[-1], ValueError)

    assert fates([engine.write(RECORD, said("private")).result()]) == ["private"]
    assert contents_of(engine, ANN) == ["hello"]


def test_what_another_connection_changed_is_seen(engine: Any, said: Any) -> None:
    for text in ("a", "b"):
        engine.write(RECORD, said(text)).result()

    with closing(sqlite3.connect(engine.url)) as other:
        other.execute("UPDATE accounts SET private = 1")
        other.commit()

    assert engine.write(RECORD, said("c")).result().value.fate == "private"


def test_a_message_counts_as_received_no_earlier_than_what_one_alone_brought(
    engine: Any, said: Any
) -> None:
    """A message that quotes is not stored with others; a clock is set back by a minute after it."""
    for text in ("a", "b"):
        engine.write(RECORD, said(text, now=10.0)).result()

    quoting = {"metadata": {"quote": {"text": "a", "message_id": "a"}}}
    engine.write(RECORD, said("c", now=100.0, **quoting)).result()
    stored = engine.write(RECORD, said("d", now=40.0)).result()
    assert stored.value.live_count == 4
    assert counters_of(engine) == [(4, 4, 100.0)]
    with closing(sqlite3.connect(engine.url)) as connection:
        times = connection.execute("SELECT received_at FROM messages ORDER BY seq").fetchall()
    assert [at for (at,) in times] == [10.0, 10.0, 100.0, 100.0]


# What empties it


LOBBY = Chat("discord", "lobby", "group", title="Lobby")
ANN_TOO = Account("telegram", "ann")
DIRECT, DIRECT_TOO = Chat("discord", "of ann"), Chat("telegram", "of ann")
PLACES = ((ANN, DIRECT), (ANN_TOO, DIRECT_TOO), (ANN, LOBBY), (BEN, LOBBY))


class Life:
    """What people do between messages: what one hub remembers, this or another hub changes."""

    def __init__(self, hub: Any, other: Any, clock: Any, link: Any) -> None:
        self._hub, self._other, self._clock, self._link = hub, other, clock, link
        self._numbers = count()
        self._seen: dict[str, str] = {}

    async def say(self, author: Account, chat: Chat, **details: Any) -> tuple[Any, ...]:
        """Return what became of a message, and in which session, by when that was first seen."""
        self._clock.advance(seconds=1)
        event = MessageEvent(
            chat=chat,
            message_id=details.pop("message_id", f"{next(self._numbers)}"),
            role="user",
            text=f"message {next(self._numbers)}",
            sent_at=details.pop("sent_at", self._clock()),
            author=author,
            author_name=details.pop("author_name", author.channel_user_id.title()),
        )
        try:
            recorded = await self._hub.record(event)
        except ValueError as error:
            return (str(error),)
        info = await recorded.session.info()
        session = None if info is None else info.session_id
        history = [message.content for message in await recorded.session.history(limit=None)]
        which = None if session is None else self._seen.setdefault(session, f"{len(self._seen)}")

        return recorded.is_stored, recorded.is_new, which, history

    async def new(self) -> None:
        await self._other.session_of(DIRECT, ANN).start_new()

    async def privacy(self) -> None:
        await self._other.set_private(ANN_TOO, True)

    async def forgetting(self) -> None:
        await self._other.forget(ANN)

    async def deletion(self) -> None:
        await self._other.delete(LOBBY, ["1000", "0"])

    async def linking(self) -> None:
        await self._link(self._other, ANN, ANN_TOO)

    async def linking_and_unlinking(self) -> None:
        await self._link(self._other, ANN, ANN_TOO)
        for author, chat in PLACES:
            await self.say(author, chat)
        await self._other.unlink(ANN_TOO)

    async def moving(self) -> None:
        await self._other.move_chat(LOBBY, Chat("discord", "hall", "group"))

    async def renaming(self) -> None:
        await self.say(ANN, DIRECT, author_name="Anna")

    async def silence(self) -> None:
        self._clock.advance(hours=25)

    async def decay(self) -> None:
        self._clock.advance(days=400)
        await self._other.upkeep(confirm_clock=True)

    async def moving_account(self) -> None:
        await self._other.move_account(ANN, Account("discord", "ann moved"))


CHANGES = [name for name in vars(Life) if not name.startswith("_") and name != "say"]


async def lived(new_hub: Any, path: str, link: Any, change: str, who: str) -> Any:
    clock = Clock()
    hub, another = (new_hub(path=path, clock=clock, store_patience=60) for _ in range(2))
    other = hub if who == "itself" else another
    life = Life(hub, other, clock, link)
    told: list[Any] = []
    for _ in range(3):
        told += [await life.say(author, chat) for author, chat in PLACES]
    await getattr(life, change)()
    for _ in range(2):
        told += [await life.say(author, chat) for author, chat in PLACES]
        told.append(await life.say(BEN, LOBBY, message_id="1000"))
        told.append(await life.say(BEN, LOBBY, message_id="0"))
        told.append(await life.say(ANN, DIRECT, sent_at=1.0))
    who_is = [await hub.identity_of(account) for account in (ANN, ANN_TOO, BEN)]
    told.append([None if one is None else one.display_name for one in who_is])
    for one in (hub, another):
        await one.close()

    return told


@pytest.mark.parametrize("who", ["itself", "another"])
@pytest.mark.parametrize("change", CHANGES)
async def test_after_any_change_messages_go_where_they_would_go_without_memory(
    new_hub: Any,
    new_databases: Any,
    link: Any,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    who: str,
) -> None:
    remembered = await lived(new_hub, new_databases(), link, change, who)
    monkeypatch.setattr(Memory, "make_room", Memory.forget)
    looked_up = await lived(new_hub, new_databases(), link, change, who)
    assert remembered == looked_up


# Nothing that matters is overlooked


@pytest.fixture
def uses_of(tmp_path: Path) -> Any:
    """Say what a statement reads, changes and calls, triggers included: SQLite's own word."""
    connection = prepare(str(tmp_path / "chats.db"), busy_timeout=1.0)
    for name, arguments in (("forget_places", 0), ("forget_session", 1), ("note_deletion", 1)):
        connection.create_function(name, arguments, lambda *_: None)
    for name in memory.WATCHES:
        connection.execute(load_queries("sqlite")[name])

    def used_by(statement: str) -> set[tuple[int, str | None, str | None]]:
        used: set[tuple[int, str | None, str | None]] = set()

        def note(action: int, what: str | None, more: str | None, *_: Any) -> int:
            used.add((action, what, more))
            return sqlite3.SQLITE_OK

        connection.set_authorizer(note)
        names = dict.fromkeys(re.findall(r":([a-z_]+)", statement), 1)
        connection.execute(f"EXPLAIN {statement}", names).fetchall()
        connection.set_authorizer(None)

        return used

    yield used_by
    connection.close()


ELSEWHERE = re.findall(
    r"^-- name: ([a-z_]+)",
    "".join(
        (Path(memory.__file__).parents[1] / "sql/queries" / name).read_text()
        for name in ("original_file.sql", "key_stores.sql")
    ),
    re.MULTILINE,
)
"""Statements on the files of others, and on those of keys."""
REMEMBERED = ("accounts", "chats", "sessions", "segments")
COUNTERS = {("segments", "live_count"), ("segments", "last_activity")}
WATCHING = {"forget_places", "forget_session", "note_deletion"}


def test_whatever_changes_a_place_is_noticed(uses_of: Any) -> None:
    """Of changes of columns that places are looked up by, and of rows that are gone."""
    queries = load_queries("sqlite")
    looked_up = {
        (table, column)
        for action, table, column in uses_of(queries["ordinary_places"])
        if action == sqlite3.SQLITE_READ and table in REMEMBERED
    }
    assert looked_up >= COUNTERS | {("accounts", "private"), ("chats", "became")}

    overlooked = []
    for name, statement in queries.items():
        if re.match("PRAGMA|CREATE", statement) or name in ELSEWHERE:
            continue
        used = uses_of(statement)
        changed = {(what, more) for action, what, more in used if action == sqlite3.SQLITE_UPDATE}
        removed = {
            what
            for action, what, _ in used
            if action == sqlite3.SQLITE_DELETE and what in REMEMBERED
        }
        is_noticed = any(
            action == sqlite3.SQLITE_FUNCTION and more in WATCHING for action, _, more in used
        )
        if (changed & looked_up or removed) and not is_noticed:
            overlooked.append(name)

    assert overlooked == ["count_messages"]

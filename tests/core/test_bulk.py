"""Recording many messages at once leaves exactly what recording them one by one leaves."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_plugin.database.opening import open_engine
from session_plugin.model import Account, Attachment, Chat, MessageEvent
from session_plugin.records.conversation import bulk, removing
from session_plugin.records.conversation.recording import Recording, record
from session_plugin.records.operation_context import OperationContext
from session_plugin.rules.policies import Policies

PEOPLE = (Account("discord", "1"), Account("telegram", "1"))
GROUPS = (Chat("discord", "lobby", "group"), Chat("discord", "lobby", "group", thread_id="7"))
HOUR = 3600.0


@st.composite
def recordings(draw: st.DrawFn) -> list[tuple[float, bool, MessageEvent, str]]:
    """What is said by two people in their direct chats and a group, to two bots, with few ids,
    names and titles.
    """
    said = []
    now = 0.0
    for number in range(draw(st.integers(4, 20))):
        now += draw(st.sampled_from([0.0, 0.0, 1.0, 1.0, 1.0, 30 * HOUR]))
        person = draw(st.sampled_from(PEOPLE))
        direct = Chat(
            person.channel,
            f"of {person.channel_user_id}",
            title=draw(st.sampled_from(["", "A", "B"])),
        )
        chat = draw(st.sampled_from([direct, direct, *GROUPS]))
        speaks = draw(st.sampled_from(["person", "person", "bot", "nobody"]))
        event = MessageEvent(
            chat=chat,
            message_id=draw(st.sampled_from([None, str(number), str(number), "0", "1", "2", "3"])),
            role="assistant" if speaks == "bot" else "user",
            text=draw(st.sampled_from(["", "hello", "a\0b\ud800"])),
            sent_at=now,
            author=person if speaks == "person" else None,
            author_name=draw(st.sampled_from(["", "Ann", "Bob"])),
            answers=person if speaks != "nobody" and draw(st.booleans()) else None,
            reply_to=draw(st.sampled_from([None, "1", "2"])),
            attachments=draw(st.sampled_from([(), (Attachment(id="x", size=1),)])),
            metadata=draw(st.sampled_from([{}, {"k": "v\udfff"}])),
        )
        said.append(
            (now, draw(st.booleans()), event, draw(st.sampled_from(["", "", "", "scribe"])))
        )
    return said


def operation_context(now: float, bot: str, ids: Any) -> OperationContext:
    return OperationContext(
        bot=bot, now=now, policies=Policies(max_age=24 * HOUR), new_id=lambda: f"id {next(ids)}"
    )


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    connection = sqlite3.connect(path)
    connection.text_factory = bytes
    tables = [
        row[0].decode()
        for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    found = {
        table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr) for table in tables
    }
    connection.close()
    return found


@settings(max_examples=100, deadline=None)
@given(
    recordings(),
    st.lists(st.integers(1, 8), min_size=20, max_size=20),
    st.sets(st.integers(0, 19), max_size=3),
)
def test_many_at_once_leave_what_one_by_one_leaves(
    said: list[tuple[float, bool, MessageEvent, str]], sizes: list[int], deleted_before: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outcomes = []
        for name in ("single", "many"):
            ids = count()
            requests = [
                Recording(
                    context=operation_context(now, bot, ids), event=event, is_withheld=withheld
                )
                for now, withheld, event, bot in said
            ]
            engine = open_engine(Path(folder) / name)
            told: list[Any] = []
            done, groups = 0, iter(sizes)
            while done < len(requests):
                group = requests[done : done + next(groups)]
                if done in deleted_before and group[0].event.message_id is not None:
                    first = group[0]
                    ids = (first.event.message_id,)
                    engine.write(removing.delete, first.context, first.event.chat, ids).result()
                if name == "single":
                    told += [engine.write(record, request).result() for request in group]
                else:
                    told += engine.write(bulk.record_many, group).result()
                done += len(group)
            engine.close()
            outcomes.append([(replace(t.value, live_count=0), t.announcements) for t in told])
        assert outcomes[0] == outcomes[1]
        assert contents(Path(folder) / "single") == contents(Path(folder) / "many")


OF_ANN, OF_BEN = Chat("discord", "of Ann"), Chat("telegram", "of Ben")


def recording_of(ids: Iterator[int], author: Account, chat: Chat, text: str) -> Recording:
    event = MessageEvent(
        chat=chat, message_id=text, role="user", text=text, sent_at=0, author=author
    )
    return Recording(context=operation_context(0, "", ids), event=event)


def test_one_that_is_not_ordinary_takes_no_strangers_with_it_on_the_way_of_single_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, (ann, ben) = count(), PEOPLE
    engine = open_engine(tmp_path / "chats.db")

    said = partial(recording_of, ids)
    engine.write(record, said(ben, OF_BEN, "b")).result()
    alone: list[str] = []

    def noted(tx: Any, recording: Recording) -> Any:
        alone.append(recording.event.text)
        return record(tx, recording)

    monkeypatch.setattr(bulk, "record", noted)
    quoting = said(ann, OF_ANN, "as somebody said")
    metadata = {"quote": {"text": "hello", "person": "2"}}
    quoting = replace(quoting, event=replace(quoting.event, metadata=metadata))
    engine.write(
        bulk.record_many, [quoting, said(ann, OF_ANN, "and more"), said(ben, OF_BEN, "c")]
    ).result()
    engine.close()
    assert alone == ["as somebody said", "and more"]


def test_groups_of_all_lengths_are_asked_about_by_a_few_statements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Preparing one takes longer than running it, and each that is kept takes memory."""
    prepared: set[str] = set()

    class Noting(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            prepared.add(statement)
            return super().execute(statement, *values)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Noting))
    ids, numbers, ann = count(), count(), PEOPLE[0]
    engine = open_engine(tmp_path / "chats.db")
    lengths = [1, *range(1, 70), 255, 300]
    for length in lengths:
        engine.write(lambda tx: tx.memory.forget()).result()
        group = [recording_of(ids, ann, OF_ANN, f"{next(numbers)}") for _ in range(length)]
        outcomes = engine.write(bulk.record_many, group).result()
        assert [done.value.fate for done in outcomes] == ["stored"] * length
    engine.close()
    asked = "WITH asked (position, bot, channel, bot_id, chat_id, kind, thread_id, scope_name, message_id"
    assert len([statement for statement in prepared if asked in statement]) == 9
    with closing(sqlite3.connect(tmp_path / "chats.db")) as connection:
        stored = [
            content.decode()
            for (content,) in connection.execute("SELECT content FROM messages ORDER BY seq")
        ]
    assert stored == [f"{number}" for number in range(sum(lengths))]


def test_one_that_cannot_be_stored_fails_alone_among_many_that_wait(tmp_path: Path) -> None:
    ids, (ann, ben) = count(), PEOPLE
    engine = open_engine(tmp_path / "chats.db")

    said = partial(recording_of, ids)
    for known in (said(ann, OF_ANN, "a"), said(ben, OF_BEN, "b")):
        engine.write(record, known).result()

    def wait_for_it(_: Any, until: threading.Event) -> None:
        until.wait(10)

    all_wait = threading.Event()
    engine.write(wait_for_it, all_wait)  # so that what follows is one group
    group = [
        said(ann, OF_ANN, "c"),
        said(ben, OF_ANN, "in a stranger's chat"),
        said(ann, OF_ANN, "c"),
        said(ben, OF_BEN, "d"),
    ]
    futures = [engine.write(bulk.RECORD, recording) for recording in group]
    all_wait.set()
    assert [future.result().value.fate for future in (futures[0], futures[2], futures[3])] == [
        "stored",
        "duplicate",
        "stored",
    ]
    with pytest.raises(ValueError, match="another account"):
        futures[1].result()
    engine.close()


def test_a_full_disk_doubles_nothing_that_waits(tmp_path: Path) -> None:
    """SQLite ends the whole transaction by itself then; what is run again must not meet half of it."""
    ids, ann, path = count(), PEOPLE[0], tmp_path / "chats.db"
    engine = open_engine(path)

    def said(text: str, message_id: str | None) -> Recording:
        event = MessageEvent(
            chat=Chat("discord", "of Ann"),
            message_id=message_id,
            role="user",
            text=text,
            sent_at=0,
            author=ann,
        )
        return Recording(context=operation_context(0, "", ids), event=event)

    def limit_pages(
        tx: Any, more: int
    ) -> sqlite3.Connection:  # SQLite's own way to run out of space
        writing: sqlite3.Connection = tx._execute.__self__
        pages = writing.execute("PRAGMA page_count").fetchone()[0]
        writing.execute(f"PRAGMA max_page_count = {pages + more}")
        return writing

    engine.write(record, said("first", "first")).result()
    writing = engine.write(limit_pages, 3).result()
    texts = [f"{number} " + "y" * (200_000 if number == 4 else 2_500) for number in range(8)]
    futures = [
        engine.write_patiently(bulk.RECORD, said(text, f"m{number}" if number % 2 else None))
        for number, text in enumerate(texts)
    ]
    while "cannot be written" not in engine.trouble:
        time.sleep(0.01)
    writing.execute("PRAGMA max_page_count = 1000000")
    fates = [future.result(timeout=20).value.fate for future in futures]
    engine.close()
    connection = sqlite3.connect(path)
    stored = [
        row[0].decode() for row in connection.execute("SELECT content FROM messages ORDER BY seq")
    ]
    connection.close()
    assert stored == ["first", *texts]
    assert fates == ["stored"] * len(texts)

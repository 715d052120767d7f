"""Recording many messages at once leaves exactly what recording them one by one leaves."""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from session_plugin.database.opening import open_engine
from session_plugin.model import Account, Attachment, Chat, MessageEvent
from session_plugin.records import bulk, messages
from session_plugin.records.outcomes import Moment

PEOPLE = tuple(Account(channel, name) for channel in ("discord", "telegram") for name in ("1", "2"))
GROUPS = (Chat("discord", "lobby", "group"), Chat("discord", "lobby", "group", thread_id="7"))
HOUR = 3600.0


@st.composite
def recordings(draw: st.DrawFn) -> list[tuple[float, bool, MessageEvent, str]]:
    """What is said by four people in their direct chats and a group, to two bots, with few ids, names and titles."""
    said = []
    now = 0.0
    for _ in range(draw(st.integers(1, 25))):
        now += draw(st.sampled_from([0.0, 1.0, 30 * HOUR]))
        person = draw(st.sampled_from(PEOPLE))
        direct = Chat(person.channel, f"of {person.channel_user_id}", title=draw(st.sampled_from(["", "A", "B"])))
        chat = draw(st.sampled_from([direct, direct, *GROUPS]))
        speaks = draw(st.sampled_from(["person", "person", "bot", "nobody"]))
        event = MessageEvent(
            chat=chat,
            message_id=draw(st.sampled_from([None, "1", "2", "3", "4", "5", "6", "7", "8"])),
            role="assistant" if speaks == "bot" else "user",
            text=draw(st.sampled_from(["", "hello", "a\0b\ud800"])),
            sent_at=now,
            author=person if speaks == "person" else None,
            author_name=draw(st.sampled_from(["", "Ann", "Bob"])),
            answers=person if speaks == "bot" and draw(st.booleans()) else None,
            reply_to=draw(st.sampled_from([None, "1", "2"])),
            attachments=draw(st.sampled_from([(), (Attachment(id="x", size=1),)])),
            metadata=draw(st.sampled_from([{}, {"k": "v\udfff"}])),
        )
        said.append((now, draw(st.booleans()), event, draw(st.sampled_from(["", "", "scribe"]))))
    return said


def moment(now: float, bot: str, ids: Any) -> Moment:
    return Moment(bot=bot, now=now, max_age=24 * HOUR, new_id=lambda: f"id {next(ids)}")


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    connection = sqlite3.connect(path)
    connection.text_factory = bytes
    tables = [row[0].decode() for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr) for table in tables}
    connection.close()
    return found


@settings(max_examples=150, deadline=None)
@given(recordings(), st.lists(st.integers(1, 8), min_size=25, max_size=25), st.sets(st.integers(0, 24), max_size=3))
def test_many_at_once_leave_what_one_by_one_leaves(
    said: list[tuple[float, bool, MessageEvent, str]], sizes: list[int], deleted_before: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outcomes = []
        for name in ("single", "many"):
            ids = count()
            requests = [
                messages.Recording(moment=moment(now, bot, ids), event=event, is_withheld=withheld)
                for now, withheld, event, bot in said
            ]
            engine = open_engine(Path(folder) / name)
            told: list[Any] = []
            done, groups = 0, iter(sizes)
            while done < len(requests):
                group = requests[done : done + next(groups)]
                if done in deleted_before and group[0].event.message_id is not None:
                    deletion = messages.Deletion(
                        moment=group[0].moment, chat=group[0].event.chat, message_ids=(group[0].event.message_id,)
                    )
                    engine.write(messages.delete, deletion).result()
                if name == "single":
                    told += [engine.write(messages.record, request).result() for request in group]
                else:
                    told += engine.write(bulk.record_many, group).result()
                done += len(group)
            engine.close()
            outcomes.append([(replace(t.value, live_count=0), t.announcements) for t in told])
        assert outcomes[0] == outcomes[1]
        assert contents(Path(folder) / "single") == contents(Path(folder) / "many")

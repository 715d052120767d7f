"""Putting several summaries in place at once leaves exactly what putting them one by one leaves."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_plugin.database.opening import open_engine
from session_plugin.model import Account, Chat, MessageEvent
from session_plugin.records.conversation import editing, recording, removing
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.results import Consolidated
from session_plugin.records.upkeep import summaries
from session_plugin.rules.policies import Policies

LEFT = (
    "SELECT * FROM summaries ORDER BY summary_no",
    "SELECT segment_no, summary_no, from_seq, to_seq FROM summary_parts ORDER BY 1, 2",
    "SELECT segment_no, live_from, live_count, changed, moved FROM segments ORDER BY 1",
    "SELECT session_no, failures FROM consolidation_failures ORDER BY 1",
)


@pytest.fixture
def open_filled() -> Any:
    """Open a database in which four people have said six things each; the third one's summary has
    failed before.
    """
    engines = []

    def opened(database: str) -> Any:
        ids = count()
        context = OperationContext(
            bot="", now=1.0, policies=Policies(max_age=60.0), new_id=lambda: f"id {next(ids)}"
        )
        engine = open_engine(database)
        engines.append(engine)
        for number in range(24):
            author = Account("discord", str(number % 4))
            chat = Chat("discord", f"of {author.channel_user_id}")
            event = MessageEvent(
                chat=chat,
                message_id=str(number),
                role="user",
                text="hello",
                sent_at=0,
                author=author,
            )
            engine.write(
                recording.record, recording.Recording(context=context, event=event)
            ).result()
        engine.write(summaries.note_failure, 3, reason="", now=1.0).result()
        return engine

    yield opened
    for engine in engines:
        engine.close()


def written(
    engine: Any, session_no: int, text: str, *, threshold: int | None = 2
) -> summaries.Written:
    plan = engine.read(
        summaries.plan, summaries.PlanRequest(session_no=session_no, threshold=threshold)
    ).result()
    return summaries.Written(plan=plan, text=text, made_by="test", made_at=2.0)


def hand_in(engine: Any, several: list[summaries.Written]) -> list[Future[Any]]:
    """Hand summaries in that become one group: they come while the writer is busy."""
    may_go_on = threading.Event()
    engine.write(lambda _tx, until: until.wait(10), may_go_on)
    futures = [engine.write(summaries.PUT, one) for one in several]
    may_go_on.set()
    return futures


def put_at_once(engine: Any, several: list[summaries.Written]) -> list[Any]:
    return [future.result() for future in hand_in(engine, several)]


def put_one_by_one(engine: Any, several: list[summaries.Written]) -> list[Any]:
    return [engine.write(summaries.put, one).result() for one in several]


def test_several_summaries_at_once_leave_what_one_by_one_leaves(
    backend: Any, open_filled: Any
) -> None:
    """The second session has one already, which another process put there; the third is told twice,
    the fourth anew.
    """
    left = []
    for put in (put_one_by_one, put_at_once):
        with backend.new() as database:
            engine = open_filled(database)
            late = written(engine, 2, "too late")
            put_one_by_one(engine, [written(engine, 2, "in time"), written(engine, 4, "before")])
            twice = written(engine, 3, "once")
            several = [
                written(engine, 1, "a"),
                late,
                twice,
                replace(twice, text="twice"),
                written(engine, 4, "after"),
            ]
            done = put(engine, several)
            assert [one.value for one in done] == [True, False, True, False, True]
            assert [one.announcements for one in done if one.value] == [
                (Consolidated(no),) for no in (1, 3, 4)
            ]
            left.append([backend.rows(database, query) for query in LEFT])
            engine.close()
    assert left[0] == left[1]
    assert left[0][3] == []


def test_a_summary_made_again_in_bulk_takes_the_place_of_the_withdrawn_one(
    backend: Any, open_filled: Any
) -> None:
    left = []
    for put in (put_one_by_one, put_at_once):
        with backend.new() as database:
            engine = open_filled(database)
            for text in ("first", "second"):
                put_one_by_one(engine, [written(engine, number, text) for number in (1, 2)])
            for segment_no in (1, 2):
                engine.write(
                    lambda tx, no: summaries.withdraw(tx, no, [(no, no)], reason="edited"),
                    segment_no,
                ).result()
            done = put(
                engine, [written(engine, number, "again", threshold=None) for number in (1, 2)]
            )
            assert [one.value for one in done] == [True, True]
            left.append([backend.rows(database, query) for query in LEFT])
            engine.close()
    assert left[0] == left[1]
    assert sorted(bytes(row[2] or b"") for row in left[0][0]) == [b"", b"", b"again", b"again"], (
        "the first are superseded"
    )


def test_a_summary_that_cannot_be_put_in_place_fails_alone(backend: Any, open_filled: Any) -> None:
    with backend.new() as database:
        engine = open_filled(database)
        good = [written(engine, number, "good") for number in (1, 2)]
        nobodys = replace(good[0], made_by=None, plan=written(engine, 4, "").plan)
        futures = hand_in(engine, [good[0], nobodys, good[1]])
        assert futures[0].result().value
        assert futures[2].result().value
        with pytest.raises(Exception, match=r"(?i)null"):
            futures[1].result()
        engine.close()


def test_summaries_are_not_put_in_place_while_another_process_writes_messages(
    postgresql: Any, open_filled: Any
) -> None:
    """They count what is there, and what is not committed yet would be missing from the count."""
    psycopg = pytest.importorskip("psycopg")
    with postgresql.new() as database, psycopg.connect(database) as other:
        engine = open_filled(database)
        several = [written(engine, number, "good") for number in (1, 2)]
        other.execute("SELECT pg_advisory_xact_lock_shared(1397771335, hashtext(current_schema()))")
        futures = [engine.write_patiently(summaries.PUT, one) for one in several]
        time.sleep(0.2)
        assert not any(future.done() for future in futures)
        other.rollback()
        assert all(future.result().value for future in futures)
        engine.close()


CHANGES = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.sampled_from(["edit", "edit", "delete", "put", "put and undo", "said"]),
        st.integers(0, 5),
    ),
    max_size=5,
)
"""In whose session what happens after it was planned, and to which of its messages."""


def happen(engine: Any, session_no: int, kind: str, number: int) -> None:
    context = OperationContext(
        bot="", now=5.0, policies=Policies(max_age=60.0), new_id=lambda: "another"
    )
    author = Account("discord", str(session_no - 1))
    event = MessageEvent(
        chat=Chat("discord", f"of {author.channel_user_id}"),
        message_id=str(session_no - 1 + 4 * number),
        role="user",
        text=f"{kind} {time.monotonic_ns()}",
        sent_at=0,
        author=author,
        edited_at=5.0,
    )
    if kind == "edit":
        engine.write(editing.edit, recording.Recording(context=context, event=event)).result()
    elif kind == "delete":
        engine.write(removing.delete, context, event.chat, [event.message_id]).result()
    elif kind == "said":
        new = replace(event, message_id=None, edited_at=None)
        engine.write(recording.record, recording.Recording(context=context, event=new)).result()
    else:
        other = written(engine, session_no, "others", threshold=2)
        if other.plan is not None:  # else nothing is left that is not summarised
            put_one_by_one(engine, [other])
        if kind == "put and undo":
            engine.write(summaries.undo, session_no).result()


def test_just_those_under_which_nothing_changed_are_put_in_place(
    backend: Any, open_filled: Any
) -> None:
    """Each stands for the first three of six messages. An edit of one that is deleted is none."""

    def check(changes: list[tuple[int, str, int]]) -> None:
        left = [
            what_is_left(backend, open_filled, changes, put)
            for put in (put_one_by_one, put_at_once)
        ]
        assert left[0] == left[1]

    with backend.empty() as database:
        is_quick = "://" not in database
    settings(max_examples=30 if is_quick else 6, deadline=None)(given(changes=CHANGES)(check))()


def what_is_left(
    backend: Any, open_filled: Any, changes: list[tuple[int, str, int]], put: Any
) -> list[Any]:
    with backend.new() as database, closing(open_filled(database)) as engine:
        several = [written(engine, number, f"of {number}") for number in range(1, 5)]
        for change in changes:
            happen(engine, *change)

        done = put(engine, several)
        untrue = {
            session_no
            for session_no, kind, number in changes
            if kind.startswith("put") or (kind in ("edit", "delete") and number < 3)
        }
        assert [one.value for one in done] == [number not in untrue for number in range(1, 5)]
        return [sorted(backend.rows(database, query), key=repr) for query in LEFT]

"""An answer that is edited while it grows is one message and costs one write a second; the last
edit is always stored, and a deletion beats what is held.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time

import pytest

from session_plugin import hookimpl

EDITS = 100


@pytest.fixture
def grown():
    """Return an answer after an edit, by its number."""
    return lambda event, number: dataclasses.replace(
        event, text=f"{event.text} {number}", edited_at=10.0, version=number
    )


@pytest.fixture
async def answer(hub, talk):
    """Return a stored answer of the bot."""
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "go"))
    event = talk.answered(ann, "word")
    await hub.record(event)
    return event


@pytest.fixture
def changes(backend, database):
    """Count the changes of stored messages, as the database counts them."""
    return lambda: sum(row[0] for row in backend.rows(database, "SELECT changed FROM segments"))


async def stream(hub, event, grown, *, count: int = EDITS, seconds: float = 2.0) -> None:
    """Edit a message again and again, evenly over some seconds."""
    started = time.monotonic()
    for number in range(1, count + 1):
        await hub.edit(grown(event, number))
        await asyncio.sleep(max(0.0, started + seconds * number / count - time.monotonic()))


async def test_a_hundred_edits_in_two_seconds_are_stored_three_times_at_most(
    new_hub, event_log, talk, grown, texts, changes
):
    hub, ann = new_hub(event_log), talk.account("ann")
    event = talk.answered(ann, "word")
    await hub.record(event)
    before = changes()

    await stream(hub, event, grown)
    await hub.settle()

    stored = [entry["event"].text for entry in event_log.of("edit")]
    assert 2 <= len(stored) <= 4
    assert stored[-1] == f"word {EDITS}"
    assert changes() - before == len(stored)
    assert await texts(hub, ann) == [f"word {EDITS}"]


@pytest.mark.plain("reads contents in the database")
async def test_the_last_edit_is_stored_by_itself_within_a_second(
    hub, answer, grown, backend, database
):
    for number in (1, 2, 3):
        await hub.edit(grown(answer, number))

    await asyncio.sleep(1.3)
    found = backend.rows(database, "SELECT content FROM messages ORDER BY seq")
    assert bytes(found[-1][0]) == b"word 3"


async def test_the_callers_of_held_edits_wait_for_no_second(hub, answer, grown):
    started = time.monotonic()
    for number in range(1, 20):
        assert await hub.edit(grown(answer, number))
    assert time.monotonic() - started < 0.9


async def test_reading_the_chat_finds_the_newest_edit_at_once(hub, answer, grown, talk):
    view = (await hub.record(talk.said(answer.answers, "and?"))).session
    for number in (1, 2, 3):
        await hub.edit(grown(answer, number))

    started = time.monotonic()
    said = [message.content for message in await view.history()]
    assert said == ["go", "word 3", "and?"]
    assert time.monotonic() - started < 0.9


async def test_a_reader_does_not_wait_for_edits_that_come_later(hub, answer, grown, talk):
    streaming = asyncio.create_task(stream(hub, answer, grown, count=60, seconds=1.5))
    await asyncio.sleep(0.1)

    view = hub.session_of(answer.chat, answer.answers)
    for _ in range(3):
        started = time.monotonic()
        await view.history()
        assert time.monotonic() - started < 0.9

    await streaming


async def test_another_thread_reads_the_newest_edit(hub, answer, grown):
    for number in (1, 2, 3):
        await hub.edit(grown(answer, number))

    view = hub.session_of(answer.chat, answer.answers)
    read = asyncio.to_thread(lambda: asyncio.run(view.history()))
    assert [message.content for message in await read][-1] == "word 3"


async def test_an_older_edit_does_not_replace_a_held_one(hub, answer, grown, texts):
    await hub.edit(grown(answer, 1))
    await hub.edit(grown(answer, 5))
    assert not await hub.edit(grown(answer, 4))
    assert await texts(hub, answer.answers) == ["go", "word 5"]


async def test_a_deletion_drops_what_is_held(new_hub, event_log, talk, grown, texts):
    hub, ann = new_hub(event_log), talk.account("ann")
    event = talk.answered(ann, "word")
    await hub.record(event)
    for number in (1, 2, 3):
        await hub.edit(grown(event, number))

    assert await hub.delete(event.chat, [event.message_id]) == 1
    await hub.edit(grown(event, 4))
    await asyncio.sleep(1.2)
    await hub.settle()
    assert await texts(hub, ann) == []
    assert [entry["event"].text for entry in event_log.of("edit")] == ["word 1"]


async def test_the_deletion_of_a_chat_drops_what_is_held(hub, answer, grown, texts):
    for number in (1, 2, 3):
        await hub.edit(grown(answer, number))

    await hub.delete_chat(answer.chat)
    await hub.settle()
    assert await texts(hub, answer.answers) == []


async def test_an_edit_by_the_author_beats_what_is_held(hub, answer, grown, talk):
    view = hub.session_of(answer.chat, answer.answers)
    stored = (await view.history())[-1]
    for number in (1, 2):
        await hub.edit(grown(answer, number))

    assert await view.edit(stored, "said otherwise")
    await asyncio.sleep(1.2)
    assert (await view.history())[-1].content == "said otherwise"


async def test_who_is_forgotten_leaves_no_held_edit_behind(hub, answer, grown, texts):
    for number in (1, 2, 3):
        await hub.edit(grown(answer, number))

    await hub.forget(answer.answers)
    await asyncio.sleep(1.2)
    await hub.settle()
    assert await texts(hub, answer.answers) == []


async def test_closing_stores_what_is_held(hub, answer, grown, new_hub, texts):
    for number in (1, 2, 3):
        await hub.edit(grown(answer, number))

    await hub.close()
    assert await texts(new_hub(), answer.answers) == ["go", "word 3"]


@pytest.mark.plain("reads contents in the database")
async def test_an_adapter_that_stops_stores_what_it_handed_in(
    hub, answer, grown, backend, database
):
    first, second = hub.attach("discord", "1"), hub.attach("telegram", "2")
    await first.open()
    await second.open()
    for number in (1, 2, 3):
        await hub.edit(grown(answer, number))

    await first.release()
    found = backend.rows(database, "SELECT content FROM messages ORDER BY seq")
    assert bytes(found[-1][0]) == b"word 3"
    await second.release()


async def test_edits_by_people_are_stored_each(new_hub, event_log, talk, grown):
    hub = new_hub(event_log)
    event = talk.said(talk.account("ann"), "word")
    await hub.record(event)
    for number in range(1, 6):
        await hub.edit(grown(event, number))

    await hub.settle()
    assert len(event_log.of("edit")) == 5


async def test_a_summary_over_a_message_that_grows_is_withdrawn_once(
    new_hub, talk, grown, event_log
):
    written = []

    class Summaries:
        @hookimpl
        def session_summarize(self, session, messages, previous):
            written.append(len(messages))
            return "They spoke."

    hub = new_hub(Summaries(), event_log, consolidation_threshold=4)
    ann = talk.account("ann")
    event = talk.answered(ann, "word")
    await hub.record(event)
    for number in range(4):
        await hub.record(talk.said(ann, f"a rather long message, number {number}"))
    await hub.settle()
    assert len(written) == 1

    await stream(hub, event, grown, count=30, seconds=2.2)
    assert len(written) == 1, "made again while the message still grows"

    await hub.settle()
    assert len(written) == 2
    context = await hub.session_of(event.chat, ann).for_model()
    assert context.summary is not None


async def test_a_session_that_grows_meanwhile_is_consolidated_afterwards(new_hub, talk, grown):
    hub, ann = new_hub(consolidation_threshold=4), talk.account("ann")
    event = talk.answered(ann, "word")
    await hub.record(event)
    for number in (1, 2):
        await hub.edit(grown(event, number))
    for number in range(6):
        await hub.record(talk.said(ann, f"message {number}"))

    await hub.settle()
    context = await hub.session_of(event.chat, ann).for_model()
    assert context.summary is not None


async def test_filters_see_the_edits_that_are_stored(new_hub, talk, grown, texts):
    seen = []

    class Redact:
        @hookimpl
        def session_filter_message(self, event):
            seen.append(event.text)
            return dataclasses.replace(event, text=event.text.replace("word", "***"))

    hub, ann = new_hub(Redact()), talk.account("ann")
    event = talk.answered(ann, "word")
    await hub.record(event)
    for number in range(1, 6):
        await hub.edit(grown(event, number))

    assert await texts(hub, ann) == ["*** 5"]
    assert seen == ["word", "word 1", "word 5"]


async def test_messages_of_the_chat_do_not_wait_for_a_held_edit(hub, answer, grown, talk):
    for number in (1, 2, 3):
        await hub.edit(grown(answer, number))

    started = time.monotonic()
    await hub.record(talk.said(answer.answers, "meanwhile"))
    assert time.monotonic() - started < 0.9

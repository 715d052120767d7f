"""What one turn of an event loop hands in goes to the writer together, and nobody can tell."""

import asyncio
import gc
import threading
import time
import weakref
from itertools import count

import pytest

from session_plugin import SessionHub
from session_plugin.incoming.submissions import Submission


class Words(str):
    """Text of which one can tell whether anybody still has it."""


@pytest.fixture
def ann(talk):
    return talk.account("ann")


async def idle(hub):
    """Wait until the writer waits for work."""
    writer = (await hub._parts.database.open())._writer
    async with asyncio.timeout(30):
        while not (writer._is_idle and not writer._waiting):
            await asyncio.sleep(0.001)


async def begun(work):
    """Start work in this turn of the event loop, and go on in the same turn."""
    task = asyncio.create_task(work)
    await asyncio.sleep(0)
    return task


def start_and_block(hub, event):
    """Hand in a message on another event loop, which is then blocked in the same turn.

    Return what unblocks it and what waits for its end.
    """
    handed_in, done = threading.Event(), threading.Event()

    async def hand_in_and_block():
        mine = await begun(hub.record(event))
        handed_in.set()
        done.wait(30)
        return await mine

    thread = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(hand_in_and_block())))
    return handed_in, done, thread


# What a turn shares


async def test_messages_of_one_turn_share_a_commit(hub, talk, ann):
    """Also if the writer could have begun with the first of them."""
    await hub.record(talk.said(ann, "before"))
    await idle(hub)
    commits = hub._parts.counters.database.commit_operations
    before = commits.distribution().count

    async def let_the_writer_run():
        time.sleep(0.2)

    await asyncio.gather(
        *(hub.record(talk.said(ann, str(number))) for number in range(25)),
        let_the_writer_run(),
        *(hub.record(talk.said(ann, str(number))) for number in range(25)),
    )
    assert commits.distribution().count == before + 1


async def test_messages_of_one_turn_share_a_reading_of_the_clock_and_turns_do_not(
    new_hub, talk, ann, raw
):
    ticks = count(1_700_000_000)
    hub = new_hub(clock=lambda: float(next(ticks)), upkeep_minutes=None)
    await hub.record(talk.said(ann, "before", sent_at=1_700_000_000.0))
    for turn in ("first", "second"):
        said = [talk.said(ann, turn, sent_at=1_700_000_000.0) for _ in range(10)]
        await asyncio.gather(*map(hub.record, said))
    times = [at for (at,) in raw.rows("SELECT received_at FROM messages ORDER BY seq")]
    assert [len(set(times[:1])), len(set(times[1:11])), len(set(times[11:]))] == [1, 1, 1]
    assert times[0] < times[1] < times[11]


@pytest.mark.plain("reads contents in the database")
async def test_a_platforms_time_that_one_message_tells_counts_for_the_next_of_its_turn(
    new_hub, talk, clock, raw
):
    """Our clock is ten days behind, and some messages are delivered late."""
    hub = new_hub(upkeep_minutes=None)
    await hub.identity_of("nobody")  # opens it
    now, day = clock(), 86_400.0
    said = [
        talk.said(talk.account(name), name, sent_at=now + days * day)
        for name, days in (("late", -2), ("now", 10), ("also late", -2))
    ]
    await asyncio.gather(*map(hub.record, said))
    times = raw.rows("SELECT content, received_at FROM messages")
    found = {bytes(text).decode(): (at - now) / day for text, at in times}
    assert found == {"late": 0, "now": 10, "also late": 10}


async def test_a_lone_message_is_handed_over_at_once(hub, talk, ann):
    """It waits for no other one, and for no timer."""
    await hub.record(talk.said(ann, "before"))
    await idle(hub)
    waiting = await begun(hub.record(talk.said(ann, "alone")))
    await asyncio.sleep(0)  # its turn has ended
    assert not hub._parts.intake._writes._open_turns
    assert (await waiting).is_stored


# Order


async def test_a_deletion_of_the_same_turn_finds_its_message(hub, talk, texts, ann):
    first, second = talk.said(ann, "first"), talk.said(ann, "second")
    await hub.record(talk.said(ann, "before"))
    stored, removed, also = await asyncio.gather(
        hub.record(first), hub.delete(first.chat, [first.message_id]), hub.record(second)
    )
    assert (stored.is_stored, removed, also.is_stored) == (True, 1, True)
    assert await texts(hub, ann) == ["before", "second"]


async def test_an_edit_of_the_same_turn_finds_its_message(hub, talk, texts, ann):
    said = talk.said(ann, "one")
    changed = talk.said(ann, "two", message_id=said.message_id, edited_at=said.sent_at + 1)
    await hub.record(talk.said(ann, "before"))
    _, is_changed = await asyncio.gather(hub.record(said), hub.edit(changed))
    assert is_changed
    assert await texts(hub, ann) == ["before", "two"]


async def test_messages_keep_their_order_whether_anything_is_asked_of_them_or_not(
    hub, talk, texts, ann
):
    """What looks like a link code is asked about, in a group."""
    lobby = talk.group("lobby")
    words = [f"{number} {'ABCD-EFGH-JKMN' if number % 3 == 1 else 'hello'}" for number in range(12)]
    await hub.record(talk.said(lobby, "before", author=ann))
    await asyncio.gather(*(hub.record(talk.said(lobby, text, author=ann)) for text in words))
    assert await texts(hub, lobby) == ["before", *words]


async def test_nothing_is_left_of_what_was_said_in_the_turn_of_a_forgetting(hub, talk, ann, raw):
    await hub.record(talk.said(ann, "before"))
    said = await begun(hub.record(talk.said(ann, "just before")))
    await hub.forget(ann)
    assert (await said).is_stored
    assert raw.rows("SELECT seq FROM messages") == []


# Reading


async def test_reading_finds_what_was_handed_in_in_its_turn(hub, talk, texts, ann):
    await hub.record(talk.said(ann, "before"))
    said = await begun(hub.record(talk.said(ann, "just now")))
    assert await texts(hub, ann) == ["before", "just now"]
    assert (await said).is_stored


async def test_reading_finds_what_a_blocked_event_loop_has_handed_in(new_hub, talk, texts, ann):
    hub = new_hub(store_patience=30.0)
    await hub.record(talk.said(ann, "before"))
    await idle(hub)
    handed_in, done, other = start_and_block(hub, talk.said(ann, "of the other loop"))
    try:
        await asyncio.to_thread(handed_in.wait, 30)
        async with asyncio.timeout(20):
            assert await texts(hub, ann) == ["before", "of the other loop"]
    finally:
        done.set()
    assert (await other).is_stored


async def test_a_reader_between_two_steps_of_handing_in_leaves_no_message_behind(
    new_hub, talk, ann, monkeypatch
):
    hub = new_hub(store_patience=5.0)
    await hub.record(talk.said(ann, "before"))
    await idle(hub)
    writer, writes = hub._parts.database.engine._writer, hub._parts.intake._writes
    enqueue = writer.enqueue

    def enqueue_after_a_look(task, **how):
        reader = threading.Thread(target=writes.newest, args=(talk.direct(ann),))
        reader.start()
        reader.join(0.2)
        enqueue(task, **how)

    monkeypatch.setattr(writer, "enqueue", enqueue_after_a_look)
    assert (await hub.record(talk.said(ann, "just now"))).is_stored


async def test_a_turn_that_a_blocked_loop_does_not_end_spends_nobodys_patience(
    new_hub, talk, texts, ann
):
    hub, bob = new_hub(store_patience=0.3), talk.account("bob")
    await hub.identity_of("nobody")
    while not (await hub.record(talk.said(ann, "before", message_id="first"))).is_stored:
        pass
    await idle(hub)
    handed_in, done, other = start_and_block(hub, talk.said(bob, "of the other loop"))
    try:
        await asyncio.to_thread(handed_in.wait, 30)
        await asyncio.sleep(0.6)  # twice the patience
        assert await texts(hub, bob) == ["of the other loop"]
    finally:
        done.set()
    assert (await other).is_stored


# Callers that do not wait, hubs that close, loops that end


async def test_a_message_whose_caller_is_cancelled_in_its_turn_is_stored(hub, talk, texts, ann):
    await hub.record(talk.said(ann, "before"))
    said = await begun(hub.record(talk.said(ann, "given up")))
    said.cancel()
    with pytest.raises(asyncio.CancelledError):
        await said
    assert await texts(hub, ann) == ["before", "given up"]


async def test_a_message_that_is_handed_in_in_the_turn_of_closing_is_stored_and_announced(
    new_hub, event_log, talk, texts, ann
):
    hub = new_hub(event_log)
    await hub.record(talk.said(ann, "before"))
    said = await begun(hub.record(talk.said(ann, "at the end")))
    await hub.close()
    assert (await said).is_stored
    assert [told["event"].text for told in event_log.of("message")] == ["before", "at the end"]
    assert await texts(hub, ann) == ["before", "at the end"]


def test_a_loop_that_ends_in_the_turn_of_a_message_leaves_no_chat_unreadable(
    database, clock, talk, ann, texts
):
    hub = SessionHub(database, clock=clock, load_entry_points=False, store_patience=10.0)
    asyncio.run(hub.record(talk.said(ann, "before")))
    ended = asyncio.new_event_loop()
    left = ended.create_task(hub.record(talk.said(ann, "left behind")))
    ended.run_until_complete(asyncio.sleep(0))
    ended.close()

    async def go_on():
        async with hub:
            async with asyncio.timeout(9):
                read = await texts(hub, ann)
            return read, hub._parts.intake.waiting

    assert asyncio.run(go_on()) == (["before", "left behind"], 0)
    left._log_destroy_pending = False


def test_no_words_are_kept_for_an_event_loop_that_has_ended(database, clock, talk, ann):
    hub = SessionHub(database, clock=clock, load_entry_points=False, upkeep_minutes=None)
    asyncio.run(hub.record(talk.said(ann, "before")))
    ended = asyncio.new_event_loop()
    event = talk.said(ann, Words("left behind"))
    words = weakref.ref(event.text)
    left = ended.create_task(hub.record(event))
    ended.run_until_complete(asyncio.sleep(0))
    ended.close()
    left._log_destroy_pending = False
    del event, left

    async def go_on():
        async with hub:
            assert (await hub.record(talk.said(ann, "after"))).is_stored
            async with asyncio.timeout(30):
                while words() is not None:
                    gc.collect()
                    await asyncio.sleep(0.01)

    asyncio.run(go_on())


async def test_stored_messages_leave_memory_without_the_garbage_collector(hub, talk, ann):
    await hub.record(talk.said(ann, "before"))
    gc.collect()
    gc.disable()
    others = {id(one) for one in gc.get_objects() if isinstance(one, Submission)}
    try:
        words = Words("soon gone")
        gone = weakref.ref(words)
        event = talk.said(ann, words)
        await asyncio.gather(hub.record(event))
        del words, event
        await idle(hub)
        await asyncio.sleep(0)
        assert gone() is None
        left = [one for one in gc.get_objects() if isinstance(one, Submission)]
        assert [one for one in left if id(one) not in others] == []
    finally:
        gc.enable()


async def test_several_event_loops_at_once_keep_the_order_of_each_chat(hub, talk, texts):
    people = [talk.account(name) for name in ("ann", "bob", "cleo")]
    for one in people:
        await hub.record(talk.said(one, "before"))
    said = {one: [talk.said(one, str(number)) for number in range(200)] for one in people}

    async def record_all(one):
        return await asyncio.gather(*map(hub.record, said[one]))

    recorded = await asyncio.gather(
        *(asyncio.to_thread(lambda one=one: asyncio.run(record_all(one))) for one in people)
    )
    assert all(one.is_stored for of_one in recorded for one in of_one)
    for one in people:
        assert (await texts(hub, one))[1:] == [str(number) for number in range(200)]

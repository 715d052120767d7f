"""While another process holds the database the bot goes on, and nothing is lost or out of order."""

import asyncio
import gc
import logging
import sqlite3
import threading
import time
import weakref
from contextlib import closing
from functools import partial

import pytest

from session_plugin import DatabaseRefused, DatabaseUnavailable, SessionHub, SessionStore, hookimpl
from session_plugin.database import opening, writer
from session_plugin.incoming import pending_writes


@pytest.fixture
async def patient_hub(new_hub):
    hub = new_hub(store_patience=0.3)
    await hub.identity_of("nobody")  # opening spends none of the patience
    return hub


async def store(hub, event):
    """Record a message until it is stored, however busy the machine is; again is the same message,
    and stored once.
    """
    async with asyncio.timeout(60):
        while not (await hub.record(event)).is_stored:
            await asyncio.sleep(0.01)


def left_threads():
    return [one.name for one in threading.enumerate() if "session_plugin" in one.name]


async def test_the_bot_goes_on_after_the_patience(patient_hub, talk, hold, database):
    ann = talk.account("ann")
    await store(patient_hub, talk.said(ann, "before"))
    with hold(database):
        started = time.perf_counter()
        recorded = await patient_hub.record(talk.said(ann, "during"))
        took = time.perf_counter() - started
    assert (recorded.is_stored, recorded.message) == (False, None)
    assert 0.3 <= took < 5.0


async def test_the_patience_is_spent_once_and_not_for_each_message(new_hub, talk, hold, database):
    hub = new_hub(store_patience=1.0)
    people = [talk.account(name) for name in ("ann", "bob")]
    for one in people:
        await store(hub, talk.said(one, "before"))
    with hold(database):
        async with asyncio.timeout(30):  # a hundred times the patience would be far more
            for number in range(100):
                recorded = await hub.record(talk.said(people[number % 2], "during"))
                assert not recorded.is_stored
                with pytest.raises(DatabaseUnavailable):
                    await recorded.session.history()
    await hub.settle()
    assert (await hub.record(talk.said(people[0], "after"))).is_stored


async def test_a_handler_that_blocks_the_event_loop_spends_no_patience(patient_hub, talk):
    ann, bob = talk.account("ann"), talk.account("bob")
    await store(patient_hub, talk.said(bob, "before"))
    bobs = asyncio.create_task(patient_hub.record(talk.said(bob, "handed in")))
    await asyncio.sleep(0)
    time.sleep(1.0)  # a model that is asked without await, say
    assert (await patient_hub.record(talk.said(ann, "after"))).is_stored
    assert (await bobs).is_stored


async def test_an_event_loop_that_is_blocked_spends_no_other_ones_patience(patient_hub, talk):
    ann, bob = talk.account("ann"), talk.account("bob")
    done = threading.Event()

    async def hand_in_and_block():
        mine = asyncio.create_task(patient_hub.record(talk.said(bob, "of the other loop")))
        await asyncio.sleep(0)
        done.wait(30)
        return await mine

    other = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(hand_in_and_block())))
    try:
        await asyncio.sleep(0.6)  # twice the patience
        recorded = await patient_hub.record(talk.said(ann, "of this loop"))
        assert recorded.is_stored
        assert len(await recorded.session.history()) == 1
        assert len(await patient_hub.session_of(talk.direct(bob), bob).history()) == 1
    finally:
        done.set()
    assert (await other).is_stored


def test_an_event_loop_that_ends_before_it_is_told_leaves_no_chat_unreadable(database, clock, talk):
    hub = SessionHub(database, clock=clock, load_entry_points=False, store_patience=0.3)
    ann, bob = talk.account("ann"), talk.account("bob")
    asyncio.run(store(hub, talk.said(bob, "before")))
    ended = asyncio.new_event_loop()
    left = [
        ended.create_task(hub.record(talk.said(ann, "left behind"))),
        ended.create_task(hub.delete(talk.direct(ann), ["x"])),
    ]
    ended.run_until_complete(asyncio.sleep(0))
    time.sleep(0.5)  # it is stored, and the loop is told, but never runs again
    left += asyncio.all_tasks(ended)
    ended.close()

    async def go_on():
        async with hub:
            assert (await hub.record(talk.said(bob, "after"))).is_stored
            async with asyncio.timeout(30):
                while hub._parts.intake.waiting:
                    await asyncio.sleep(0.001)
            return [
                len(await hub.session_of(talk.direct(one), one).history()) for one in (ann, bob)
            ]

    assert asyncio.run(go_on()) == [1, 2]
    for task in left:
        task._log_destroy_pending = False


async def test_a_filter_that_is_slow_in_one_chat_spends_nobody_elses_patience(
    new_hub, talk, database
):
    slow = asyncio.Event()

    class Slow:
        @hookimpl
        async def session_filter_message(self, event):
            if event.text == "slow":
                await slow.wait()
            return event

    hub = new_hub(Slow(), store_patience=0.3)
    await hub.identity_of("nobody")
    assert not (await hub.record(talk.said(talk.account("ann"), "slow"))).is_stored
    await store(hub, talk.said(talk.account("bob"), "fast"))
    slow.set()
    await hub.settle()


async def test_reading_says_that_it_cannot_while_messages_wait(patient_hub, talk, hold, database):
    ann = talk.account("ann")
    await store(patient_hub, talk.said(ann, "before"))
    with hold(database):
        recorded = await patient_hub.record(talk.said(ann, "during"))
        for read in (
            recorded.session.history,
            recorded.session.for_model,
            recorded.session.info,
            recorded.session.previous,
        ):
            with pytest.raises(DatabaseUnavailable):
                await read()


async def test_a_chat_in_which_nothing_waits_can_be_read_all_the_same(
    patient_hub, talk, texts, hold, database
):
    ann, bob = talk.account("ann"), talk.account("bob")
    await patient_hub.record(talk.said(bob, "of bob"))
    with hold(database):
        await patient_hub.record(talk.said(ann, "waits"))
        assert await texts(patient_hub, bob) == ["of bob"]


async def test_what_waited_is_stored_in_order_when_the_lock_goes(
    patient_hub, event_log, talk, texts, hold, database
):
    patient_hub.register(event_log)
    ann = talk.account("ann")
    await patient_hub.record(talk.said(ann, "0"))
    with hold(database):
        await asyncio.gather(
            *(patient_hub.record(talk.said(ann, str(number))) for number in range(1, 20))
        )
        await asyncio.gather(
            *(patient_hub.record(talk.said(ann, str(number))) for number in range(20, 30))
        )
    while len(event_log.of("message")) < 30:
        await patient_hub.settle()
    assert await texts(patient_hub, ann) == [str(number) for number in range(30)]
    assert [told["event"].text for told in event_log.of("message")] == [
        str(number) for number in range(30)
    ]


async def test_edits_and_deletions_wait_in_the_same_line(patient_hub, talk, texts, hold, database):
    ann = talk.account("ann")
    first, second = talk.said(ann, "one"), talk.said(ann, "two")
    await patient_hub.record(first)
    with hold(database):
        await patient_hub.record(second)
        assert not await patient_hub.edit(
            talk.said(ann, "1", message_id=first.message_id, edited_at=2.0)
        )
        assert await patient_hub.delete(second.chat, [second.message_id]) == 0
    await asyncio.sleep(0)
    while True:
        try:
            assert await texts(patient_hub, ann) == ["1"]
        except DatabaseUnavailable:
            continue
        break


async def test_one_warning_is_logged_for_one_outage(patient_hub, talk, hold, database, caplog):
    ann = talk.account("ann")
    await store(patient_hub, talk.said(ann, "before"))
    caplog.clear()
    with hold(database):
        for number in range(4):
            await patient_hub.record(talk.said(ann, str(number)))
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1


async def test_a_message_that_waits_twice_is_stored_once(patient_hub, talk, texts, hold, database):
    ann = talk.account("ann")
    await store(patient_hub, talk.said(ann, "before"))
    event = talk.said(ann, "again and again")
    with hold(database):
        for _ in range(3):
            await patient_hub.record(event)
    await patient_hub.close()
    assert await texts(patient_hub, ann) == ["before", "again and again"]


async def test_only_so_many_messages_wait(
    patient_hub, talk, texts, hold, database, monkeypatch, caplog
):
    monkeypatch.setattr(pending_writes, "MOST_TIMED_OUT", 5)
    ann = talk.account("ann")
    await store(patient_hub, talk.said(ann, "before"))
    with hold(database):
        for number in range(8):
            await patient_hub.record(talk.said(ann, str(number)))
    await patient_hub.close()
    first, *left = await texts(patient_hub, ann)
    assert (first, left[-5:]) == ("before", ["3", "4", "5", "6", "7"])
    assert len(left) == 5 or "://" in database  # what was sent to a server cannot be dropped
    assert [r.message for r in caplog.records if r.levelno == logging.ERROR] == [
        "more than 5 messages wait for the database: the oldest are dropped"
    ]


# A database that moves


@pytest.fixture
def narrow(monkeypatch):
    """Let little fit into the queue and less be kept, and let each write have its own COMMIT."""
    monkeypatch.setattr(pending_writes, "QUEUE_CAPACITY", 50)
    monkeypatch.setattr(pending_writes, "MOST_TIMED_OUT", 20)
    monkeypatch.setattr(writer, "MOST_IN_A_GROUP", 1)


@pytest.mark.parametrize("chats", [1, 40])
async def test_a_burst_is_waited_for_and_nothing_of_it_is_dropped(
    new_hub, talk, texts, narrow, chats
):
    """It takes several times the patience, and has no capacity most of the time."""
    hub, people = new_hub(store_patience=1.0), [talk.account(str(one)) for one in range(chats)]
    for one in people:
        await store(hub, talk.said(one, "before"))
    events = [talk.said(people[number % chats], str(number)) for number in range(1200)]
    recorded = await asyncio.gather(*(hub.record(event) for event in events))
    assert all(one.is_stored for one in recorded)
    assert (await hub.status()).dropped == 0
    assert (await texts(hub, people[0]))[1:] == [str(number) for number in range(0, 1200, chats)]


async def test_messages_keep_their_order_when_the_queue_is_full(
    new_hub, talk, texts, narrow, monkeypatch
):
    """Also those that come just when there is room again, while others of their chat wait."""
    monkeypatch.setattr(writer, "MOST_IN_A_GROUP", 10)
    hub, ann = new_hub(store_patience=30.0), talk.account("ann")
    await store(hub, talk.said(ann, "before"))
    events = [talk.said(ann, str(number)) for number in range(3000)]
    await asyncio.gather(*(hub.record(event) for event in events))
    assert (await texts(hub, ann))[1:] == [str(number) for number in range(3000)]


async def test_a_read_waits_for_a_burst_in_its_chat(new_hub, talk, texts, narrow):
    hub, ann = new_hub(store_patience=1.0), talk.account("ann")
    await store(hub, talk.said(ann, "before"))
    burst = [asyncio.create_task(hub.record(talk.said(ann, str(number)))) for number in range(2000)]
    await asyncio.sleep(0)
    assert len(await texts(hub, ann)) == 2001
    await asyncio.gather(*burst)


async def test_a_database_that_stops_in_a_burst_lets_every_caller_go_on(
    new_hub, talk, texts, narrow, hold, database
):
    hub, people = new_hub(store_patience=0.5), [talk.account(name) for name in ("ann", "bob")]
    for one in people:
        await store(hub, talk.said(one, "before"))
    burst = [
        asyncio.create_task(hub.record(talk.said(people[number % 2], str(number))))
        for number in range(60)
    ]
    await asyncio.sleep(0)
    with hold(database):
        started = time.monotonic()
        late = [one for one in await asyncio.gather(*burst) if not one.is_stored]
        assert time.monotonic() - started < 10.0
        assert late
    await hub.settle()
    assert (await hub.status()).dropped <= max(0, len(late) - 20)


async def test_a_slow_filter_has_the_patience_of_its_chat_while_the_database_moves(new_hub, talk):
    slow = asyncio.Event()

    class Slow:
        @hookimpl
        async def session_filter_message(self, event):
            if event.text == "slow":
                await slow.wait()
            return event

    hub, ann, bob = new_hub(Slow(), store_patience=0.5), talk.account("ann"), talk.account("bob")
    await store(hub, talk.said(ann, "before"))
    started = time.monotonic()
    waiting = [
        asyncio.create_task(hub.record(talk.said(ann, text))) for text in ("slow", "behind it")
    ]
    while not all(one.done() for one in waiting):
        await hub.record(talk.said(bob, "meanwhile"))
        assert time.monotonic() - started < 10.0
    assert not any(one.result().is_stored for one in waiting)
    slow.set()
    await hub.settle()


class Words(str):
    """Text of which one can tell whether anybody still has it."""


async def test_what_is_dropped_is_not_kept_in_memory(
    patient_hub, talk, hold, database, monkeypatch
):
    monkeypatch.setattr(pending_writes, "MOST_TIMED_OUT", 5)
    ann = talk.account("ann")
    await store(patient_hub, talk.said(ann, "before"))
    with hold(database):
        said = []
        for number in range(8):
            event = talk.said(ann, Words(number))
            said.append(weakref.ref(event.text))
            await patient_hub.record(event)
            del event
        async with asyncio.timeout(30):
            while [words() for words in said] != [None, None, None, "3", "4", "5", "6", "7"]:
                gc.collect()
                await asyncio.sleep(0.01)
    await patient_hub.close()


async def test_however_many_are_dropped_few_are_kept_in_memory(
    new_hub, talk, hold, database, monkeypatch
):
    """Also those that come faster than the writer looks at them."""
    monkeypatch.setattr(pending_writes, "MOST_TIMED_OUT", 100)
    monkeypatch.setattr(writer, "CROWDED", 200)
    hub, ann = new_hub(store_patience=0.01), talk.account("ann")
    await store(hub, talk.said(ann, "before"))
    with hold(database):
        for _ in range(20):
            await asyncio.gather(
                *(hub.record(talk.said(ann, "\N{PARTY POPPER}")) for _ in range(100))
            )
        gc.collect()
        assert sum(isinstance(one, pending_writes.PendingWrite) for one in gc.get_objects()) < 1000
        assert (await hub.status()).dropped > 1500


async def test_closing_stores_what_waits(patient_hub, talk, texts, hold, database):
    ann = talk.account("ann")
    await store(patient_hub, talk.said(ann, "before"))
    with hold(database, seconds=0.6):
        await patient_hub.record(talk.said(ann, "during"))
        await patient_hub.close()
    assert await texts(patient_hub, ann) == ["before", "during"]


async def test_what_is_stored_while_the_hub_closes_is_told_and_leaves_nothing_open(
    new_hub, event_log, talk, hold, database
):
    hub, ann = new_hub(event_log, store_patience=0.05), talk.account("ann")
    await store(hub, talk.said(ann, "before"))
    with hold(database, seconds=0.6):
        assert not (await hub.record(talk.said(ann, "during"))).is_stored
        await hub.close()
    assert [told["event"].text for told in event_log.of("message")] == ["before", "during"]
    assert left_threads() == []


async def test_the_loop_goes_on_turning_while_a_message_waits(patient_hub, talk, hold, database):
    ann = talk.account("ann")
    await store(patient_hub, talk.said(ann, "before"))
    turns = 0
    with hold(database):
        recording = asyncio.create_task(patient_hub.record(talk.said(ann, "during")))
        while not recording.done():
            await asyncio.sleep(0.005)
            turns += 1
    assert turns >= 5


async def test_a_hub_that_opens_while_the_database_is_held_goes_on_after_the_patience(
    new_hub, talk, hold, database
):
    ann = talk.account("ann")
    first = new_hub()
    await store(first, talk.said(ann, "before"))
    await first.close()
    second = new_hub(store_patience=0.1)
    with hold(database):
        recorded = await asyncio.wait_for(second.record(talk.said(ann, "during")), 3)
    assert not recorded.is_stored


# A database that cannot be opened


@pytest.fixture
def kept_file(database_file, monkeypatch):
    """Give a file that cannot even be read until the connection beside it is closed; an opening
    gives up soon.
    """
    monkeypatch.setattr(opening, "open_engine", partial(opening.open_engine, busy_timeout=0.1))
    SessionStore(database_file).close()
    with closing(sqlite3.connect(database_file, isolation_level=None)) as keeper:
        keeper.execute("PRAGMA locking_mode = EXCLUSIVE")
        keeper.execute("BEGIN EXCLUSIVE")
        yield database_file, keeper


async def test_what_comes_while_the_database_cannot_be_opened_is_stored_in_order_when_it_can(
    new_hub, talk, texts, kept_file
):
    path, keeper = kept_file
    hub, ann = new_hub(path=path, store_patience=0.5), talk.account("ann")
    first = await hub.record(talk.said(ann, "0"))
    assert not first.is_stored
    started = time.monotonic()
    for number in range(1, 20):
        assert not (await hub.record(talk.said(ann, str(number)))).is_stored
    assert time.monotonic() - started < 5.0, "the patience is spent once"
    with pytest.raises(DatabaseUnavailable):
        await first.session.history()
    await asyncio.sleep(1.0)  # it is tried more than once
    keeper.close()
    while not (await hub.record(talk.said(ann, "20", message_id="twentieth"))).is_stored:
        await asyncio.sleep(0.05)
    assert await texts(hub, ann) == [str(number) for number in range(21)]


async def test_a_hub_that_closes_before_its_database_could_be_opened_leaves_nothing_that_tries(
    new_hub, talk, kept_file
):
    path, keeper = kept_file
    hub = new_hub(path=path, store_patience=0.1)
    assert not (await hub.record(talk.said(talk.account("ann"), "hi"))).is_stored
    async with asyncio.timeout(10):
        await hub.close()
    keeper.close()
    await asyncio.sleep(1.0)
    assert left_threads() == []


async def test_a_hub_that_closes_between_two_attempts_to_open_makes_no_other(
    new_hub, talk, monkeypatch
):
    attempts = []

    def refusing(database, **_given):
        attempts.append(database)
        raise DatabaseUnavailable("not yet")

    monkeypatch.setattr(opening, "open_engine", refusing)
    hub = new_hub(store_patience=0.05)
    for _ in range(3):
        assert not (await hub.record(talk.said(talk.account("ann"), "hi"))).is_stored
        await hub.close()
        made = len(attempts)
        await asyncio.sleep(0.7)
        assert len(attempts) == made


async def test_a_hub_that_closes_while_its_database_is_being_opened_leaves_nothing_open(
    new_hub, talk, monkeypatch
):
    open_at_once = opening.open_engine

    def open_slowly(database, **given):
        time.sleep(0.5)
        return open_at_once(database, **given)

    monkeypatch.setattr(opening, "open_engine", open_slowly)
    hub = new_hub(store_patience=0.1)
    assert not (await hub.record(talk.said(talk.account("ann"), "hi"))).is_stored
    await hub.close()
    async with asyncio.timeout(20):  # the thread that opened it may be at its end still
        while left_threads():
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.7)  # longer than it takes to open another one
    assert left_threads() == []


def test_a_loop_that_ended_before_the_database_could_be_opened_spends_nobodys_patience(
    talk, kept_file
):
    path, keeper = kept_file
    hub = SessionHub(path, store_patience=2.0, load_entry_points=False, upkeep_minutes=None)
    ended = asyncio.new_event_loop()
    left = {ended.create_task(hub.record(talk.said(talk.account("ann"), "left behind")))}
    ended.run_until_complete(asyncio.sleep(0.3))
    left |= asyncio.all_tasks(ended)
    ended.close()
    time.sleep(2.0)  # its patience would be over
    keeper.close()

    async def go_on() -> bool:
        recorded = await hub.record(talk.said(talk.account("bob"), "hello"))
        await hub.close()
        return recorded.is_stored

    assert asyncio.run(go_on())
    for task in left:
        task._log_destroy_pending = False


async def test_a_database_that_is_refused_is_not_waited_for(new_hub, talk, tmp_path):
    (tmp_path / "notes.txt").write_text("no database " * 100)
    hub = new_hub(path=tmp_path / "notes.txt", store_patience=60.0)
    with pytest.raises(DatabaseRefused):
        await hub.record(talk.said(talk.account("ann"), "hi"))


# Callers that do not wait


async def test_a_message_whose_caller_is_cancelled_is_stored(
    patient_hub, talk, texts, hold, database
):
    ann = talk.account("ann")
    await store(patient_hub, talk.said(ann, "before"))
    with hold(database):
        recording = asyncio.create_task(patient_hub.record(talk.said(ann, "during")))
        await asyncio.sleep(0.02)
        recording.cancel()
        with pytest.raises(asyncio.CancelledError):
            await recording
    await patient_hub.close()
    assert await texts(patient_hub, ann) == ["before", "during"]


async def test_a_refused_message_whose_caller_is_cancelled_raises_nowhere(hub, talk, caplog):
    ann, bob = talk.account("ann"), talk.account("bob")
    await hub.record(talk.said(ann, "hello"))
    refused = asyncio.create_task(hub.record(talk.said(talk.direct(ann), "I am bob", author=bob)))
    await asyncio.sleep(0)
    refused.cancel()
    await hub.close()
    assert refused.cancelled()
    del refused
    gc.collect()
    assert [record for record in caplog.records if record.name == "asyncio"] == []


async def test_a_caller_cancelled_while_the_hub_opens_leaves_it_usable(hub, talk, texts):
    ann = talk.account("ann")
    recording = asyncio.create_task(hub.record(talk.said(ann, "given up")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    recording.cancel()
    with pytest.raises(asyncio.CancelledError):
        await recording
    assert (await hub.record(talk.said(ann, "hello"))).is_stored
    assert "hello" in await texts(hub, ann)


async def test_a_link_whose_caller_is_cancelled_is_told_all_the_same(
    new_hub, event_log, talk, clock, hold, database
):
    hub, ann, bob = new_hub(event_log), talk.account("ann"), talk.account("bob")
    code = await hub.request_link(ann)
    clock.advance(seconds=1)
    await hub.show_pending_link(await hub.redeem_link(bob, code.code))
    await hub.confirm_link(bob)
    await hub.settle()
    with hold(database):
        confirming = asyncio.create_task(hub.confirm_link(ann))
        await asyncio.sleep(0.02)
        confirming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await confirming
    await hub.settle()
    assert (await hub.identity_of(ann)).accounts == (ann, bob)
    assert [
        told["event"].account
        for told in event_log.of("identity")
        if told["event"].change == "linked"
    ] == [bob]


async def test_reading_does_not_complain_of_a_message_that_was_refused(hub, talk, texts, caplog):
    ann, bob = talk.account("ann"), talk.account("bob")
    await hub.record(talk.said(ann, "hello"))
    refused = asyncio.create_task(hub.record(talk.said(talk.direct(ann), "I am bob", author=bob)))
    await asyncio.sleep(0)
    assert await texts(hub, ann) == ["hello"]
    with pytest.raises(ValueError, match="another account"):
        await refused
    await hub.close()
    assert [record for record in caplog.records if record.name == "asyncio"] == []

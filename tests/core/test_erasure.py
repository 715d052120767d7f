"""No byte of what was forgotten stays in an SQLite file, its log or its shared memory, however it
got there.
"""

import asyncio
import logging
import random
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from session_plugin import Account, Chat, MessageEvent
from session_plugin.database import sqlite
from session_plugin.upkeep import eraser

pytestmark = pytest.mark.plain("the file is rewritten later, at a quiet time")


@pytest.fixture(autouse=True)
def careless_sqlite(monkeypatch):
    """Give connections as an SQLite makes them that overwrites nothing, unless somebody asks for
    it.
    """
    connect = sqlite3.connect

    def careless(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("PRAGMA temp_store = FILE")
        return connection

    monkeypatch.setattr(sqlite3, "connect", careless)


@pytest.fixture
def database(database_file):
    """A server's files are its own."""
    return database_file


@pytest.fixture
def bytes_of(database):
    """Read all that lies in the database's file and beside it."""

    def read():
        return b"".join(path.read_bytes() for path in sorted(database.parent.iterdir()))

    return read


@pytest.fixture
def ann(talk):
    return talk.account("ann")


async def until(is_true):
    async with asyncio.timeout(30):
        while not is_true():
            await asyncio.sleep(0.05)


@pytest.mark.plain("finds the words in the file before it is rewritten")
async def test_no_word_and_no_name_is_left(hub, talk, bytes_of, ann):
    bob = talk.account("bob")
    for number in range(50):
        for account in (ann, bob):
            said = talk.said(
                account,
                f"zanzibar-of-{account.channel_user_id} " * 5,
                author_name=f"Name of {account.channel_user_id}",
            )
            await hub.record(said)
            await hub.record(
                talk.said(talk.group(), f"zanzibar-of-{account.channel_user_id}", author=account)
            )
            if number % 5 == 0:
                await hub.edit(
                    talk.said(
                        account,
                        f"zanzibar-of-{account.channel_user_id} edited",
                        message_id=said.message_id,
                    )
                )
    assert bytes_of().count(b"ann-on-discord") > 100
    receipt = await hub.forget(ann)
    assert not receipt.is_pending
    assert b"ann-on-discord" not in bytes_of()
    assert bytes_of().count(b"zanzibar-of-bob-on-discord") > 100


async def test_no_byte_of_what_was_searched_and_found_is_left(hub, talk, bytes_of, ann):
    for number in range(50):
        await hub.record(talk.said(ann, f"Zanzíbar {number} of {ann.channel_user_id}"))
    session = hub.session_of(talk.direct(ann), ann)
    for query in ("zanzibar", "ZANZI", '"zanzibar 7"', "madagaskar"):
        await session.search(query)
        await hub.search_for(ann, session.chat, query, limit=5)
    await hub.edit(talk.said(ann, "nothing of it", message_id="m7"))
    assert not (await hub.forget(ann)).is_pending
    assert (await session.search("zanzibar")).hits == ()
    left = bytes_of().lower()
    for word in ("zanzíbar", "zanzibar", "madagaskar", "nothing of it"):
        assert word.encode() not in left


async def test_no_byte_of_a_summary_is_left(new_hub, talk, bytes_of, ann):
    hub = new_hub(consolidation_threshold=4)
    for number in range(20):
        await hub.record(talk.said(ann, f"zanzibar {number}"))
        await hub.record(talk.said(talk.group(), f"zanzibar {number} in the group", author=ann))
    await hub.settle()
    await hub.forget(ann)
    await hub.settle()
    await hub.forget(ann)
    assert b"zanzibar" not in bytes_of()


async def test_rows_that_sqlite_moved_about_leave_no_copy(new_hub, database, bytes_of):
    """Pages that fill up and empty again leave copies of what stood in them: that is what writing
    the file anew is for.
    """
    chance = random.Random(3)
    hub = new_hub()
    people = [Account("discord", f"person-{number:02}") for number in range(24)]

    async def say(number):
        who = chance.choice(people)
        text = f"zanzibar-of-{who.channel_user_id}-{number} " * chance.choice((1, 2, 8, 40, 250))
        chat = Chat("discord", f"chat of {who.channel_user_id}")
        event = MessageEvent(
            chat=chat, message_id=f"m{number}", role="user", text=text, sent_at=1.0, author=who
        )
        await hub.record(event)
        if number % 4 == 0:
            await hub.edit(
                MessageEvent(
                    chat=chat,
                    message_id=f"m{number}",
                    role="user",
                    text=text * 2,
                    sent_at=1.0,
                    author=who,
                )
            )
        if number % 7 == 0:
            await hub.delete(chat, [f"m{number}"])

    for start in range(0, 1200, 50):
        await asyncio.gather(*(say(number) for number in range(start, start + 50)))
    for who in chance.sample(people, len(people)):
        receipt = await hub.forget(who, at_once=True)
        assert not receipt.is_pending
        assert who.channel_user_id.encode() not in bytes_of(), who


async def test_a_reader_elsewhere_makes_it_pending_until_it_has_read(
    hub, talk, bytes_of, database, ann, spawn
):
    await hub.record(talk.said(ann, "zanzibar"))
    reader = spawn(
        """
        import sqlite3, sys
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("BEGIN")
        print(connection.execute("SELECT COUNT(*) FROM messages").fetchone()[0], flush=True)
        sys.stdin.readline()
        connection.execute("ROLLBACK")
        connection.close()
        """,
        database,
    )
    assert reader.stdout.readline() == "1\n"
    receipt = await hub.forget(ann)
    assert receipt.is_pending
    assert receipt.messages == 1
    reader.stdin.write("\n")
    reader.stdin.flush()
    await until(lambda: b"zanzibar" not in bytes_of())


async def test_whoever_is_cancelled_over_it_leaves_no_byte_either(
    hub, talk, bytes_of, hold, database, ann
):
    await hub.record(talk.said(ann, "zanzibar"))
    with hold(database):
        forgetting = asyncio.create_task(hub.forget(ann))
        await asyncio.sleep(0.3)  # it waits for the lock
        forgetting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await forgetting
    await hub.settle()
    assert await hub.identity_of(ann) is None
    assert b"zanzibar" not in bytes_of()


async def test_the_log_does_not_grow_with_each_try_while_somebody_reads(
    hub, talk, bytes_of, database, ann
):
    """Else one who reads for hours would have the disk filled."""
    log = database.with_name(f"{database.name}-wal")
    await asyncio.gather(
        *(hub.record(talk.said(talk.account("bob"), "word " * 2000)) for _ in range(200))
    )
    await hub.record(talk.said(ann, "zanzibar"))
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM messages").fetchone()
        before = log.stat().st_size
        assert (await hub.forget(ann)).is_pending
        for _ in range(2):
            assert not await hub._parts.database.purge()
        assert log.stat().st_size < before + 500_000
    await until(lambda: b"zanzibar" not in bytes_of())


async def test_what_cannot_be_opened_just_now_is_erased_later(
    hub, talk, bytes_of, ann, monkeypatch
):
    """A process has only so many files open, say."""
    await hub.record(talk.said(ann, "zanzibar"))
    with monkeypatch.context() as patch:

        def refusing(path, **options):
            raise sqlite_error(sqlite3.SQLITE_CANTOPEN, "unable to open database file")

        patch.setattr(sqlite, "connect", refusing)
        receipt = await hub.forget(ann)
    assert receipt.is_pending
    await until(lambda: b"zanzibar" not in bytes_of())


def sqlite_error(code, text):
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


async def test_a_checkpoint_under_way_elsewhere_is_waited_for(
    hub, talk, bytes_of, database, ann, spawn
):
    """The bot's own are among those: SQLite refuses to begin a second one at once, however long it
    may wait for locks.
    """
    await hub.record(talk.said(ann, "zanzibar"))
    checkpointing = spawn(
        """
        import fcntl, sys, time
        CHECKPOINT_LOCK = 121  # https://www.sqlite.org/walformat.html#wal_locks
        with open(sys.argv[1] + "-shm", "r+b") as shared:
            fcntl.lockf(shared, fcntl.LOCK_EX, 1, CHECKPOINT_LOCK)
            print("begun", flush=True)
            time.sleep(0.5)
        """,
        database,
    )
    assert checkpointing.stdout.readline() == "begun\n"
    receipt = await hub.forget(ann)
    assert not receipt.is_pending
    assert b"zanzibar" not in bytes_of()


async def test_what_a_process_did_not_come_to_erase_the_next_start_does(
    new_hub, talk, bytes_of, database, ann
):
    hub = new_hub()
    await hub.record(talk.said(ann, "zanzibar"))
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM messages").fetchone()
        assert (await hub.forget(ann)).is_pending
        await hub.close()
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("SELECT COUNT(*) FROM erasures").fetchone() == (1,)
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    again = new_hub()
    assert await again.identity_of(ann) is None
    await until(lambda: _erasures(database) == 0)
    assert b"zanzibar" not in bytes_of()


async def test_what_another_process_did_not_come_to_erase_upkeep_does(
    new_hub, talk, bytes_of, database, ann
):
    hub, other = new_hub(), new_hub()
    await hub.record(talk.said(ann, "zanzibar"))
    await other.record(talk.said(talk.account("bob"), "open already"))
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM messages").fetchone()
        assert (await hub.forget(ann)).is_pending
        await hub.close()
    await other.upkeep()
    await until(lambda: _erasures(database) == 0)
    assert b"zanzibar" not in bytes_of()


def _erasures(database):
    with closing(sqlite3.connect(database)) as raw:
        return raw.execute("SELECT COUNT(*) FROM erasures").fetchone()[0]


@pytest.fixture
def rewrites(caplog):
    """Count how often a file was rewritten."""
    caplog.set_level(logging.INFO, "session_plugin.database")
    return lambda: sum("was rewritten" in record.message for record in caplog.records)


@pytest.mark.plain("finds the words in the file before it is rewritten")
async def test_all_who_are_forgotten_within_the_hour_share_one_rewrite(
    new_hub, talk, bytes_of, database, clock, rewrites
):
    """Each rewrite keeps everybody from writing, and anybody may ask to be forgotten."""
    hub = new_hub()
    people = [talk.account(f"person-{number}") for number in range(6)]
    for person in people:
        await hub.record(talk.said(person, f"zanzibar of {person.channel_user_id}"))
    for person in people[:5]:
        await hub.ask_to_forget(person)

    receipts = [await hub.confirm_forget(people[0])]
    clock.advance(seconds=540)
    receipts += [await hub.confirm_forget(person) for person in people[1:5]]
    assert [receipt.is_pending for receipt in receipts] == [False, True, True, True, True]
    assert {receipt.pending_seconds for receipt in receipts[1:]} == {3060.0}
    await hub.upkeep()
    await asyncio.sleep(0.2)
    assert (rewrites(), _erasures(database)) == (1, 4)

    clock.advance(seconds=3060)
    await hub.upkeep()
    await until(lambda: _erasures(database) == 0)
    assert rewrites() == 2
    assert all(
        f"zanzibar of {one.channel_user_id}".encode() not in bytes_of() for one in people[:5]
    )
    assert f"zanzibar of {people[5].channel_user_id}".encode() in bytes_of()


async def test_who_wait_at_once_share_one_rewrite(new_hub, talk, database, rewrites):
    hub = new_hub(erasure_minutes=0)
    people = [talk.account(f"person-{number}") for number in range(20)]
    await asyncio.gather(*(hub.record(talk.said(person, "zanzibar")) for person in people))
    receipts = await asyncio.gather(*(hub.forget(person) for person in people))
    assert not any(receipt.is_pending for receipt in receipts)
    assert rewrites() <= 4
    assert _erasures(database) == 0


async def test_neither_a_restart_nor_another_process_rewrites_sooner(
    new_hub, talk, database, ann, rewrites, clock
):
    bob, hub = talk.account("bob"), new_hub()
    for account in (ann, bob):
        await hub.record(talk.said(account, "zanzibar"))
    await hub.forget(ann)
    assert (await hub.forget(bob)).is_pending
    await hub.close()

    again, beside = new_hub(), new_hub()
    for one in (again, beside):
        assert await one.identity_of(bob) is None
        await one.upkeep()
    await asyncio.sleep(0.2)
    assert (rewrites(), _erasures(database)) == (1, 1)
    clock.advance(hours=1)
    for one in (again, beside):
        await one.upkeep()
    await until(lambda: _erasures(database) == 0)
    assert rewrites() == 2


async def test_a_clock_that_was_set_back_puts_no_rewrite_off(new_hub, talk, ann, clock, bytes_of):
    hub, bob = new_hub(), talk.account("bob")
    for account in (ann, bob):
        await hub.record(talk.said(account, "zanzibar"))
    clock.advance(days=400)
    assert not (await hub.forget(ann)).is_pending
    clock.advance(days=-400)
    assert not (await hub.forget(bob)).is_pending
    assert b"zanzibar" not in bytes_of()


async def test_the_operator_may_have_the_file_rewritten_at_once(hub, talk, ann, bytes_of, rewrites):
    bob = talk.account("bob")
    for account in (ann, bob):
        await hub.record(talk.said(account, "zanzibar"))
    await hub.forget(ann)
    assert not (await hub.forget(bob, at_once=True)).is_pending
    assert b"zanzibar" not in bytes_of()
    assert rewrites() == 2


async def test_who_reads_on_after_the_rewrite_has_no_second_one_made(
    hub, talk, ann, database, bytes_of, rewrites
):
    """What is left of the deleted then is in the old file only until the log is copied."""
    await hub.record(talk.said(ann, "zanzibar"))
    readers = []

    class ReadOnceRewritten(logging.Handler):
        def emit(self, record):
            if "was rewritten" in record.getMessage():
                reader = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
                reader.execute("BEGIN")
                reader.execute("SELECT COUNT(*) FROM messages").fetchone()
                readers.append(reader)

    handler = ReadOnceRewritten()
    logging.getLogger("session_plugin.database").addHandler(handler)
    try:
        receipt = await hub.forget(ann)
    finally:
        logging.getLogger("session_plugin.database").removeHandler(handler)
    assert receipt.is_pending
    await asyncio.sleep(3.0)
    readers[0].close()
    await until(lambda: _erasures(database) == 0)
    assert b"zanzibar" not in bytes_of()
    assert rewrites() == 1


async def test_the_file_is_whole_and_writable_afterwards(hub, talk, texts, database, ann):
    bob = talk.account("bob")
    for account in (ann, bob):
        await hub.record(talk.said(account, "hello"))
    await asyncio.gather(
        hub.forget(ann), *(hub.record(talk.said(bob, f"{number}")) for number in range(50))
    )
    await hub.record(talk.said(bob, "after"))
    assert len(await texts(hub, bob)) == 52
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []


async def test_nothing_is_left_of_a_deleted_message_that_a_page_holds(hub, talk, bytes_of, ann):
    """Deleting alone overwrites what it deletes, where SQLite has moved nothing; it does not wait
    for the file.
    """
    said = talk.said(ann, "a zanzibar that was deleted")
    await hub.record(said)
    await hub.record(talk.said(ann, "another"))
    await hub.delete(said.chat, [said.message_id])
    await hub.close()
    assert b"a zanzibar that was deleted" not in bytes_of()


async def test_in_memory_there_is_nothing_to_be_done(new_hub, talk, ann):
    hub = new_hub(path=":memory:")
    await hub.record(talk.said(ann, "zanzibar"))
    assert not (await hub.forget(ann)).is_pending


async def test_a_hub_that_closes_while_somebody_is_forgotten_stays_closed(
    new_hub, talk, database, ann, monkeypatch
):
    """A reader elsewhere makes it pending, so that it is tried again: at the next opening, and not
    by opening again.
    """

    def slowly(tx):
        time.sleep(0.3)  # so that closing comes in between
        return pending_erasures(tx)

    pending_erasures = eraser.pending_erasures
    monkeypatch.setattr(eraser, "pending_erasures", slowly)
    hub = new_hub()
    await hub.record(talk.said(ann, "zanzibar"))
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM messages").fetchone()
        forgetting = asyncio.create_task(hub.forget(ann))
        await until(is_erasing)
        await hub.close()
        assert (await forgetting).is_pending
    await asyncio.sleep(1.0)
    assert not is_erasing()


def is_erasing():
    return any(thread.name.startswith("session_plugin-purger") for thread in threading.enumerate())


async def test_a_hub_closes_though_what_waits_to_be_erased_is_woken_at_that_moment(hub, talk, ann):
    """Before Python 3.12, `asyncio.wait_for` loses a cancellation that comes with its answer."""
    bob = talk.account("bob")
    for account in (ann, bob):
        await hub.record(talk.said(account, "hello"))
        receipt = await hub.forget(account)
    assert receipt.is_pending  # the file was rewritten for Ann
    await asyncio.sleep(0.05)
    hub._parts.eraser._keep_trying()
    async with asyncio.timeout(20):
        await hub._parts.eraser.stop()

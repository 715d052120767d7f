"""When a hub opens and closes, on which event loops, and what it then tells of what was left
untold.
"""

import asyncio
import threading
from contextlib import closing

import pytest

from session_plugin import DatabaseRefused, SessionHub, hookimpl
from session_plugin.database.database import Database
from session_plugin.testing import EventLog


def writers():
    return sum(thread.name == "session_plugin-writer" for thread in threading.enumerate())


async def test_making_a_hub_touches_nothing(new_hub, raw):
    new_hub()
    assert raw.is_empty()


async def test_a_hub_opens_when_it_is_first_used(hub, talk, raw):
    await hub.record(talk.said(talk.account("ann"), "hello"))
    assert not raw.is_empty()


async def test_what_waits_for_the_opening_is_stored_in_its_order(hub, talk):
    """Of different chats, too: they may turn out to be one person's."""
    said = [talk.said(talk.account(f"person {n}"), "hi") for n in range(40)]
    recorded = await asyncio.gather(*map(hub.record, said))
    numbers = [one.message.seq for one in recorded]
    assert numbers == sorted(numbers)


async def test_what_follows_an_opening_is_done_once_for_all_that_wait(tmp_path):
    done = []

    async def follow_up():
        await asyncio.sleep(0.01)
        done.append(1)

    with closing(Database(tmp_path / "sessions.db")) as database:
        database.on_open(follow_up)
        await asyncio.gather(*(database.open() for _ in range(5)))
        assert done == [1]
        database.close()
        await asyncio.gather(*(database.open() for _ in range(5)))
        assert done == [1, 1]


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_where_what_follows_an_opening_fails_the_next_caller_does_it(tmp_path, is_cancelled):
    begun, done = asyncio.Event(), []

    async def follow_up():
        if not begun.is_set():
            begun.set()
            await asyncio.sleep(60 if is_cancelled else 0)
            raise DatabaseRefused("not now")
        done.append(1)

    with closing(Database(tmp_path / "sessions.db")) as database:
        database.on_open(follow_up)
        first, *others = [asyncio.create_task(database.open()) for _ in range(4)]
        await begun.wait()
        if is_cancelled:
            first.cancel()
        with pytest.raises((DatabaseRefused, asyncio.CancelledError)):
            await first
        await asyncio.gather(*others)
        assert done == [1]


async def test_a_hub_closes_when_its_last_lease_ends(hub):
    first, second = hub.attach("discord", "1"), hub.attach("telegram", "2")
    await first.open()
    await second.open()
    await first.release()
    assert writers() == 1
    await second.release()
    assert writers() == 0


async def test_releasing_a_lease_twice_counts_once(hub):
    first, second = hub.attach("discord", "1"), hub.attach("telegram", "2")
    await first.open()
    await first.release()
    await first.release()
    assert writers() == 1
    await second.release()


async def test_a_block_is_a_lease(hub):
    lease = hub.attach("discord", "1")
    async with hub, hub:
        await lease.release()
        assert writers() == 1
    assert writers() == 0


async def test_a_hub_that_was_closed_opens_again(hub, talk, texts):
    ann = talk.account("ann")
    for number in range(3):
        async with hub:
            await hub.record(talk.said(ann, str(number)))
    assert await texts(hub, ann) == ["0", "1", "2"]


async def test_closing_twice_or_unopened_does_nothing(hub):
    await hub.close()
    async with hub:
        pass
    await hub.close()
    assert writers() == 0


async def test_a_block_that_cannot_open_leaves_no_lease(new_hub, tmp_path):
    (tmp_path / "not.db").write_bytes(b"no database at all " * 100)
    hub = new_hub(path=tmp_path / "not.db")
    with pytest.raises(DatabaseRefused, match=r"not\.db"):
        async with hub:
            pass
    lease = hub.attach("discord", "1")
    with pytest.raises(DatabaseRefused):
        await lease.open()
    await lease.release()
    assert writers() == 0


async def test_closing_waits_for_hooks_and_does_not_open_again(
    new_hub, event_log, talk, hold, database
):
    hub, ann = new_hub(event_log), talk.account("ann")
    await hub.record(talk.said(ann, "first"))
    await hub.settle()
    with hold(database, seconds=0.3):
        recording = [
            asyncio.create_task(hub.record(talk.said(ann, str(number)))) for number in range(50)
        ]
        await asyncio.sleep(0)
        await hub.close()
    assert all(one.is_stored for one in await asyncio.gather(*recording))
    assert len(event_log.of("message")) == 51
    await asyncio.sleep(0.05)
    assert writers() == 0


async def test_closing_waits_for_a_summary_that_a_hook_made_due(new_hub, talk):
    class Answering:
        @hookimpl
        async def session_on_message(self, event, session):
            if event.role == "user":
                await asyncio.sleep(0.05)  # so that it says it while the hub closes
                await hub.session_of(event.chat, event.author).add("assistant", "hello yourself")

        @hookimpl
        async def session_summarize(self, session, messages, previous):
            await asyncio.sleep(0.2)
            return "they said hello"

    hub, ann = new_hub(Answering(), consolidation_threshold=3), talk.account("ann")
    await hub.record(talk.said(ann, "hello"))
    await hub.record(talk.said(ann, "hello again"))
    await hub.close()
    await asyncio.sleep(0.5)
    assert writers() == 0


def test_a_hub_is_used_on_two_event_loops_in_turn(database, clock, event_log, talk):
    hub = SessionHub(database, plugins=[event_log], clock=clock, load_entry_points=False)
    ann = talk.account("ann")

    async def say(text):
        recorded = await hub.record(talk.said(ann, text))
        await hub.settle()
        return [message.content for message in await recorded.session.history()]

    assert asyncio.run(say("on the first")) == ["on the first"]
    assert asyncio.run(say("on the second")) == ["on the first", "on the second"]
    assert event_log.names().count("message") == 2
    asyncio.run(hub.close())
    assert writers() == 0


def test_a_loop_that_ends_with_a_message_under_way_leaves_the_hub_usable(database, clock, talk):
    hub, ann = SessionHub(database, clock=clock, load_entry_points=False), talk.account("ann")

    async def hand_in_and_leave():
        asyncio.create_task(hub.record(talk.said(ann, "left behind")))  # noqa: RUF006 - it is left on purpose
        await asyncio.sleep(0)

    async def read():
        async with hub:
            await hub.record(talk.said(ann, "later"))
            return [
                message.content for message in await hub.session_of(talk.direct(ann), ann).history()
            ]

    asyncio.run(hand_in_and_leave())
    assert asyncio.run(read())[-1] == "later"


async def test_two_hubs_on_one_file_tell_each_start_and_end_once(
    new_hub, new_event_log, talk, clock
):
    diaries = [new_event_log(), new_event_log()]
    hubs = [new_hub(event_log) for event_log in diaries]
    accounts = [talk.account(f"user-{number}") for number in range(10)]
    for _ in range(2):
        await asyncio.gather(
            *(hub.record(talk.said(account, "hello")) for account in accounts for hub in hubs)
        )
        clock.advance(hours=25)
    for hub in hubs:
        await hub.settle()
    told = [
        (name, entry["session"].session_id)
        for event_log in diaries
        for name, entry in event_log.entries
        if "reason" in entry
    ]
    assert len(told) == len(set(told)) == 30


async def test_what_was_left_untold_is_told_at_the_next_opening(new_hub, event_log, talk, clock):
    silent = new_hub()
    store = silent.store()
    await asyncio.to_thread(store.get_or_create, "ann")
    clock.advance(hours=25)
    await asyncio.to_thread(store.get_or_create, "ann")
    await silent.close()
    hub = new_hub(event_log)
    async with hub:
        await hub.settle()
    told = [(name, entry["reason"]) for name, entry in event_log.entries]
    assert told == [
        ("session_on_start", "first"),
        ("session_on_end", "idle"),
        ("session_on_start", "idle"),
    ]


async def test_what_was_told_is_not_told_at_the_next_opening(
    new_hub, new_event_log, talk, link, clock
):
    first, second = new_event_log(), new_event_log()
    ann, bob = talk.account("ann"), talk.account("bob", channel="telegram")
    hub = new_hub(first)
    async with hub:
        await hub.record(talk.said(ann, "one"))
        await hub.record(talk.said(bob, "two"))
        await link(hub, ann, bob)
        await hub.record(talk.said(bob, "three"))
        await hub.session_of(talk.direct(ann), ann).start_new()
        await hub.record(talk.said(bob, "four"))
        clock.advance(hours=25)
        await hub.record(talk.said(ann, "five"))
        await hub.unlink(bob)
        await hub.settle()
    hub = new_hub(second)
    async with hub:
        await hub.settle()
    assert second.names() == []


async def test_a_hub_without_plugins_claims_what_it_would_have_told(new_hub, event_log, talk):
    async with new_hub() as hub:
        await hub.record(talk.said(talk.account("ann"), "hello"))
        await hub.settle()
    async with new_hub(event_log) as hub:
        await hub.settle()
    assert event_log.names() == []


async def test_a_database_in_memory_serves_a_hub_and_its_store(new_hub, talk):
    hub, ann = new_hub(path=":memory:"), talk.account("ann")
    await hub.record(talk.said(ann, "hello"))
    user_id = (await hub.identity_of(ann)).user_id
    session = await asyncio.to_thread(hub.store().get_or_create, user_id)
    assert [message.content for message in session.messages] == ["hello"]


@pytest.mark.parametrize("database", [None, 5, b"bot.db"])
def test_what_is_no_path_is_refused_as_a_database(database):
    with pytest.raises(TypeError, match="a database is a path or a URL"):
        SessionHub(database)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"plugins": EventLog()}, "plugins must be a list of plugins, not EventLog"),
        ({"plugins": None}, "plugins must be a list of plugins, not NoneType"),
        ({"record_when": True}, "record_when must be a function, not bool: True"),
        ({"clock": 5.0}, "clock must be a function, not float: 5.0"),
        ({"privacy_text": 5}, "privacy_text must be text, not int: 5"),
    ],
)
def test_a_setting_of_another_kind_is_refused_by_its_name(database, settings, message):
    with pytest.raises(TypeError, match=message):
        SessionHub(database, **settings)


async def test_a_notice_is_delivered_on_the_loop_of_the_adapter_that_delivers_it(new_hub, talk):
    hub, ann, ben = new_hub(), talk.account("ann"), talk.account("ben", channel="telegram")
    delivered_on, done, other = [], threading.Event(), asyncio.new_event_loop()

    async def deliver(chat, notice):
        delivered_on.append(asyncio.get_running_loop())
        done.set()

    thread = threading.Thread(target=other.run_forever)
    thread.start()
    try:
        lease = hub.attach("discord", "", deliver)
        asyncio.run_coroutine_threadsafe(lease.open(), other).result(10)
        code = await hub.request_link(ann, chat=talk.direct(ann))
        await hub.redeem_link(ben, code.code)
        await hub.settle()
        assert await asyncio.to_thread(done.wait, 10)
        assert delivered_on == [other]
        await lease.release()
    finally:
        other.call_soon_threadsafe(other.stop)
        thread.join()
        other.close()


async def test_settling_in_a_hook_does_not_wait_for_the_hook_itself(new_hub, talk):
    class Settles:
        hub = None
        told = asyncio.Event()

        @hookimpl
        async def session_on_message(self, event):
            await self.hub.settle()
            self.told.set()

    plugin = Settles()
    hub = plugin.hub = new_hub(plugin)
    await hub.record(talk.said(talk.account("ann"), "hi"))
    async with asyncio.timeout(2):
        await plugin.told.wait()

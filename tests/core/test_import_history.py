"""What was said before the bot came is stored once, before what the bot heard itself, as sessions
that are long over; nobody is notified, and who must stay out stays out.
"""

import asyncio
import signal
from collections import Counter
from dataclasses import replace

import pytest

from session_plugin import (
    Account,
    Chat,
    Expiry,
    MessageEvent,
    Retention,
    Skipped,
    hookimpl,
)
from session_plugin.importing import AUTHOR, imported_id

ANN, BOB = Account("telegram", "ann"), Account("telegram", "bob")
ANN_TOO = Account("discord", "ann")
DM, BOBS_DM = Chat("telegram", "dm-ann", bot_id="7"), Chat("telegram", "dm-bob", bot_id="7")
DM_TOO = Chat("discord", "dm-ann", bot_id="8")
GROUP = Chat("telegram", "-100", "group", bot_id="7")
NOW = 1_700_000_000.0
PAST = NOW - 200 * 86400.0
HOUR = 3600.0


def said(number, text, *, at=0.0, chat=DM, author=ANN, **details):
    return MessageEvent(
        chat=chat,
        message_id=str(number),
        role="user",
        text=text,
        sent_at=PAST + at,
        author=author,
        author_name="Ann" if author == ANN else "",
        **details,
    )


def answered(number, text, *, at=0.0, chat=DM, **details):
    return MessageEvent(
        chat=chat, message_id=str(number), role="assistant", text=text, sent_at=PAST + at, **details
    )


async def words(hub, chat=DM, who=ANN, **request):
    request = {"limit": None, "include_previous": True} | request
    return [one.content for one in await hub.session_of(chat, who).history(**request)]


async def test_what_is_imported_stands_before_what_the_bot_heard(hub):
    view = (await hub.record(said(9, "today", at=200 * 86400.0))).session
    report = await hub.import_history([said(1, "years ago"), answered(2, "indeed", at=1)])

    assert (report.messages, report.sessions, report.users) == (2, 1, 1)
    assert await words(hub) == ["years ago", "indeed", "today"]
    assert await words(hub, include_previous=False) == ["today"]
    assert [one.content for one in await view.history(include_previous=True, limit=2)] == [
        "indeed",
        "today",
    ]


async def test_a_second_import_and_a_later_delivery_add_nothing(hub):
    events = [said(1, "one"), answered(2, "two", at=1), said(3, "three", at=2)]
    await hub.import_history(events)
    again = await hub.import_history(events)
    recorded = await hub.record(events[0])

    assert (again.messages, again.known_messages) == (0, 3)
    assert not recorded.is_new
    assert await words(hub) == ["one", "two", "three"]


async def test_the_same_message_twice_in_one_import_is_one(hub):
    report = await hub.import_history([said(1, "one"), said(1, "one")])
    assert (report.messages, report.known_messages) == (1, 1)


async def test_sessions_are_cut_by_silence_and_are_over(hub):
    gaps = [0.0, 1.0, 24 * HOUR + 1.0, 48 * HOUR + 2.0, 48 * HOUR + 3.0]
    report = await hub.import_history([said(n, str(n), at=at) for n, at in enumerate(gaps)])
    previous = await hub.session_of(DM, ANN).previous(limit=9)

    assert report.sessions == 2
    assert [one.message_count for one in previous] == [2, 3]
    assert {(one.start_reason, one.end_reason) for one in previous} == {("imported", "imported")}
    assert previous[-1].created_at == PAST
    assert previous[-1].ended_at == PAST + 24 * HOUR + 1.0
    assert await hub.session_of(DM, ANN).info() is None


async def test_sessions_are_cut_where_the_hubs_expiry_says(new_hub):
    daily = Expiry(max_age_hours=None, daily_hour=4, grace_minutes=0)
    hub = new_hub(expiry=[daily])
    report = await hub.import_history([said(n, str(n), at=n * HOUR) for n in range(48)])
    assert report.sessions == 3


async def test_imported_sessions_come_after_those_that_the_bot_heard_in_the_list(hub, clock):
    await hub.record(said(8, "heard", at=199 * 86400.0))
    clock.advance(hours=25)
    await hub.record(said(9, "today", at=201 * 86400.0))
    await hub.import_history([said(1, "first"), said(2, "second", at=30 * HOUR)])
    previous = await hub.session_of(DM, ANN).previous(limit=9)

    assert [one.end_reason for one in previous] == ["idle", "imported", "imported"]
    assert previous[1].created_at > previous[2].created_at


async def test_imports_of_two_platforms_stand_in_the_order_of_their_times(hub, old_link):
    await hub.record(said(98, "hi"))
    await hub.record(said(99, "hi too", chat=DM_TOO, author=ANN_TOO))
    await old_link(hub, ANN, ANN_TOO)
    await hub.import_history([said(n, f"t{n}", at=n) for n in (1, 3, 5)])
    await hub.import_history(
        [said(n, f"d{n}", at=n, chat=DM_TOO, author=ANN_TOO) for n in (0, 2, 4, 6)]
    )

    both = ["d0", "t1", "d2", "t3", "d4", "t5", "d6"]
    assert (await words(hub))[:7] == both
    assert (await words(hub, DM_TOO, ANN_TOO))[:7] == both

    await hub.unlink(ANN_TOO)
    assert await words(hub) == ["t1", "t3", "t5", "hi"]
    assert await words(hub, DM_TOO, ANN_TOO) == ["d0", "d2", "d4", "d6", "hi too"]


async def test_linking_later_joins_what_was_imported(hub, old_link):
    await hub.import_history([said(1, "one"), said(3, "three", at=3)])
    await hub.import_history([said(2, "two", at=2, chat=DM_TOO, author=ANN_TOO)])
    assert await words(hub) == ["one", "three"]

    await old_link(hub, ANN, ANN_TOO)
    assert await words(hub) == ["one", "two", "three"]


async def test_a_gap_is_filled_in_place(hub):
    await hub.import_history([said(1, "one"), said(4, "four", at=3)])
    report = await hub.import_history([said(2, "two", at=1), said(3, "three", at=2)])

    assert report.sessions == 0
    assert await words(hub) == ["one", "two", "three", "four"]


async def test_what_was_said_before_extends_the_session_that_goes_on_with_it(hub):
    await hub.import_history([said(2, "two", at=HOUR)])
    await hub.import_history([said(1, "one")])
    (only,) = await hub.session_of(DM, ANN).previous(limit=9)

    assert (only.created_at, only.message_count) == (PAST, 2)
    assert await words(hub) == ["one", "two"]


async def test_messages_of_one_second_keep_their_order(hub):
    events = [said(n, str(n)) for n in range(1500)]
    await hub.import_history(events)
    assert await words(hub) == [str(n) for n in range(1500)]


async def test_groups_and_threads_have_sessions_of_their_own(hub):
    topic = replace(GROUP, thread_id="5")
    await hub.import_history(
        [
            said(1, "in the group", chat=GROUP),
            said(2, "in the topic", chat=topic, author=BOB),
            answered(3, "to Bob", chat=topic, reply_to="2", at=1),
            said(4, "somebody's", chat=GROUP, author=None, at=2),
        ]
    )
    history = await hub.session_of(topic, BOB).history(limit=None, include_previous=True)

    assert await words(hub, GROUP) == ["in the group", "somebody's"]
    assert [(one.content, one.person) for one in history] == [
        ("in the topic", BOB),
        ("to Bob", BOB),
    ]
    assert await words(hub) == []


async def test_no_plugin_is_notified_and_nothing_is_summed_up(new_hub, event_log):
    hub = new_hub(event_log, consolidation_threshold=4)
    await hub.import_history([said(n, str(n), at=n) for n in range(50)])
    await hub.settle()
    status = await hub.status()

    assert event_log.names() == []
    assert (status.summaries, status.pending_consolidations, status.messages) == (0, 0, 50)


async def test_a_filter_and_the_authors_rule_apply(new_hub):
    class Redact:
        @hookimpl
        def session_filter_message(self, event):
            return None if event.text == "drop" else replace(event, text=event.text.upper())

    hub = new_hub(Redact(), record_when=lambda chat: chat != GROUP)
    report = await hub.import_history(
        [said(1, "keep"), said(2, "drop", at=1), said(3, "group", chat=GROUP)]
    )

    assert await words(hub) == ["KEEP"]
    assert report.left_out == {"a filter or record_when stores nothing of it": 2}


async def test_what_a_failing_filter_saw_is_left_out_and_comes_with_the_next_import(new_hub):
    class Fails:
        fails = True

        @hookimpl
        def session_filter_message(self, event):
            if self.fails:
                raise RuntimeError
            return event

    plugin = Fails()
    hub = new_hub(plugin)
    report = await hub.import_history([said(1, "one")])
    plugin.fails = False
    again = await hub.import_history([said(1, "one")])

    assert list(report.left_out) == ["a filter failed; import it again once the filter works"]
    assert again.messages == 1


async def test_a_plugin_says_whose_a_new_account_is(new_hub):
    class Known:
        @hookimpl
        def session_resolve_user(self, account):
            return f"user of {account.channel_user_id}"

    hub = new_hub(Known())
    await hub.import_history([said(1, "one"), said(2, "two", chat=DM_TOO, author=ANN_TOO)])
    assert (await hub.identity_of(ANN)).user_id == "user of ann"
    assert await words(hub) == ["one", "two"]


async def test_private_and_forgotten_people_stay_out(hub, clock):
    await hub.set_private(BOB, True)
    await hub.record(said(9, "heard", at=200 * 86400.0))
    await hub.forget(ANN)
    report = await hub.import_history(
        [
            said(1, "Ann's"),
            answered(2, "to Ann", at=1),
            said(3, "Bob's", chat=BOBS_DM, author=BOB),
            said(4, "Ann's in a group", chat=GROUP),
            said(5, "Bob's in a group", chat=GROUP, author=BOB),
        ]
    )

    assert report.messages == 0
    assert sum(report.left_out.values()) == 5
    assert (await hub.status()).messages == 0


async def test_what_was_deleted_here_stays_out(hub):
    await hub.delete(DM, ["1"])
    report = await hub.import_history([said(1, "one"), said(2, "two")])
    assert await words(hub) == ["two"]
    assert report.left_out == {"it was deleted here": 1}


async def test_forgetting_reaches_what_was_imported(hub, backend, database):
    await hub.import_history([said(n, f"unforgettable {n}", at=n * 1e5) for n in range(30)])
    receipt = await hub.forget(ANN, at_once=True)
    await hub.close()

    assert (receipt.messages, receipt.sessions) == (30, 30)
    assert b"unforgettable" not in backend.contents(database)


async def test_deleting_and_editing_reach_what_was_imported(hub):
    await hub.import_history([said(1, "one"), said(2, "two", at=1), said(3, "three", at=2)])
    assert await hub.delete(DM, ["2"]) == 1
    assert await hub.edit(said(3, "III", at=2, edited_at=PAST + 9))
    assert await words(hub) == ["one", "III"]


async def test_retention_counts_from_the_time_at_which_it_was_said(new_hub):
    hub = new_hub(retention=[Retention(days=100), Retention(days=300, kind="group")])
    report = await hub.import_history(
        [said(1, "old"), said(2, "young", at=150 * 86400.0), said(3, "kept", chat=GROUP)]
    )
    dry = await hub.decay(dry_run=True)
    done = await hub.decay()

    assert report.past_retention == 1
    assert (dry.messages, dry.sessions) == (done.messages, done.sessions) == (1, 1)
    assert await words(hub) == ["young"]
    assert await words(hub, GROUP) == ["kept"]


async def test_names_decide_nothing_and_rename_nobody(hub):
    await hub.record(replace(said(1, "hi", at=1e7), author_name="Ann as she is now"))
    await hub.import_history([said(2, "hello"), said(3, "hey", chat=BOBS_DM, author=BOB)])

    assert (await hub.identity_of(ANN)).display_name == "Ann as she is now"
    assert (await hub.identity_of(ANN)).user_id != (await hub.identity_of(BOB)).user_id


async def test_people_are_named_by_the_caller_where_a_file_has_names_only(hub):
    events = [
        said(1, "hi", author=None, metadata={AUTHOR: "Ann"}),
        answered(2, "hello", at=1, metadata={AUTHOR: ""}),
        said(3, "who?", author=None, at=2, metadata={AUTHOR: "Stranger"}),
        said(4, "in a group", author=None, chat=GROUP, metadata={AUTHOR: "Stranger"}),
    ]
    report = await hub.import_history(events, people={"Ann": ANN})
    history = await hub.session_of(DM, ANN).history(limit=None, include_previous=True)

    assert [(one.content, one.person, one.metadata) for one in history] == [
        ("hi", ANN, {}),
        ("hello", ANN, {}),
    ]
    assert report.left_out == {"people names no account for the author 'Stranger'": 1}
    assert (report.by_author, report.by_chat) == (
        {"telegram:ann": 1, "": 2},
        {"telegram:dm-ann": 2, "telegram:-100": 1},
    )


async def test_a_direct_chat_takes_nothing_of_another_account(hub):
    report = await hub.import_history(
        [said(1, "Ann's"), said(2, "Bob's", author=BOB, at=1), answered(3, "whose", chat=BOBS_DM)]
    )
    assert await words(hub) == ["Ann's"]
    assert sorted(report.left_out) == [
        "it is of another account than the one whose direct chat it is in",
        "nobody knows whose direct chat it is",
    ]
    assert [one.where for one in report.skipped] == [
        "2 in telegram:dm-ann",
        "3 in telegram:dm-bob",
    ]


async def test_a_chat_of_the_other_kind_is_left_out(hub):
    await hub.record(said(1, "hi"))
    report = await hub.import_history([said(2, "hi", chat=replace(DM, kind="group"))])
    assert report.messages == 0
    assert "other kind" in next(iter(report.left_out))


async def test_a_message_that_cannot_be_stored_costs_itself_only(hub):
    report = await hub.import_history(
        [said(1, "one"), said(2, "two", at=1, metadata={"at": object()}), said(3, "three", at=2)]
    )
    assert await words(hub) == ["one", "three"]
    assert report.left_out == {"its metadata cannot be stored as JSON": 1}


async def test_a_dry_run_stores_nothing_and_counts_the_same(hub):
    events = [said(n, str(n), at=n) for n in range(1200)]
    dry = await hub.import_history(events, dry_run=True)
    status = await hub.status()
    done = await hub.import_history(events)

    assert dry.is_dry_run
    assert (status.messages, status.sessions, status.chats, status.accounts) == (0, 0, 0, 0)
    assert (dry.messages, dry.by_author, dry.by_chat) == (1200, done.by_author, done.by_chat)


async def test_progress_is_reported_and_what_a_reader_skipped_is_counted(hub):
    steps = []
    events = [said(n, str(n), at=n) for n in range(1100)]
    events += [Skipped(what="line", where=f"line {n}", reason="broken") for n in range(150)]
    report = await hub.import_history(events, progress=steps.append)

    assert [(one.done, one.total) for one in steps] == [(500, 1250), (1000, 1250), (1250, 1250)]
    assert report.left_out == {"broken": 150}
    assert len(report.skipped) == 100


async def test_an_async_iterable_is_imported_too(hub):
    async def events():
        for number in range(700):
            await asyncio.sleep(0)
            yield said(number, str(number), at=number)

    assert (await hub.import_history(events())).messages == 700


@pytest.mark.parametrize("wrong", ["text", 7, [1]])
async def test_what_is_no_message_is_refused(hub, wrong):
    with pytest.raises(TypeError, match=r"events must be|MessageEvent"):
        await hub.import_history(wrong)


async def test_a_reader_that_fails_says_what_was_stored_before(hub):
    def events():
        yield from (said(n, str(n), at=n) for n in range(600))
        raise RuntimeError("torn")

    with pytest.raises(RuntimeError, match="torn") as failed:
        await hub.import_history(events())

    (note,) = failed.value.__notes__
    assert note.startswith("500 messages before this were imported")
    assert (await hub.status()).messages == 500


async def test_live_messages_get_through_during_an_import(hub):
    async def talk():
        for number in range(20):
            await hub.record(said(f"live{number}", "now", at=200 * 86400.0 + number))

    events = [said(n, str(n), at=n) for n in range(5000)]
    report, _ = await asyncio.gather(hub.import_history(events), talk())
    assert report.messages == 5000
    assert (await words(hub))[-20:] == ["now"] * 20


async def test_an_export_has_what_was_imported(hub):
    await hub.import_history([said(1, "one"), said(2, "in a group", chat=GROUP)])
    lines = [line async for line in hub.export(ANN)]
    assert [line["text"] for line in lines if line["kind"] == "message"] == ["one", "in a group"]
    assert Counter(line["kind"] for line in lines)["session"] == 1


async def test_a_copy_and_a_backup_have_what_was_imported(hub, new_hub, new_databases, tmp_path):
    await hub.import_history([said(n, str(n), at=n * 1e5) for n in range(5)])
    await hub.record(said(9, "today", at=200 * 86400.0))
    await hub.backup(tmp_path / "copy.db")
    copied = new_hub(path=tmp_path / "copy.db")

    assert await words(copied) == [*"01234", "today"]
    await copied.record(said(10, "later", at=200 * 86400.0))
    assert (await words(copied))[-1] == "later"


async def test_a_person_who_sees_their_words_in_groups_sees_the_imported_ones(new_hub):
    hub = new_hub(direct_sees_groups=True)
    await hub.import_history([said(1, "in the group", chat=GROUP), said(2, "alone", at=1)])
    await hub.import_history([said(3, "Bob's", chat=GROUP, author=BOB, at=2)])
    assert await words(hub) == ["in the group", "alone"]


async def test_a_group_that_moved_has_its_imported_sessions_where_it_is_now(hub):
    old = Chat("telegram", "-5", "group", bot_id="7")
    await hub.record(said(8, "in the small group", chat=old, at=1e7))
    await hub.move_chat(old, GROUP)
    await hub.import_history([said(1, "long ago", chat=old), said(1, "then", chat=GROUP, at=1)])
    assert await words(hub, GROUP) == ["long ago", "then", "in the small group"]


def test_ids_that_are_not_the_platforms_are_apart():
    assert imported_id("telegram-111", 7) == "import:telegram-111:7"


async def own_number(hub, text, *, at, number):
    return replace(said(number, text, at=at), message_id=imported_id("telegram-ann", number))


async def test_a_number_of_the_exporters_own_hides_no_live_message(hub):
    await hub.import_history([await own_number(hub, "old", at=0, number=17)])
    recorded = await hub.record(said(17, "new", at=200 * 86400.0))
    assert recorded.is_new
    assert await words(hub) == ["old", "new"]


async def test_a_live_delivery_of_what_was_imported_is_known_by_time_and_words(hub):
    await hub.import_history([await own_number(hub, "hello", at=0.0, number=17)])
    recorded = await hub.record(said(4, "hello", at=0.0))

    assert not recorded.is_new
    assert recorded.message.message_id == "4"
    assert await words(hub) == ["hello"]
    assert await hub.edit(said(4, "hello!", at=0.0, edited_at=PAST + 5))
    assert await words(hub) == ["hello!"]


async def test_an_edit_of_what_was_imported_finds_it_by_its_second(hub):
    await hub.import_history([await own_number(hub, "hello", at=0.0, number=17)])
    assert await hub.edit(said(4, "hello!", at=0.0, edited_at=PAST + 5))
    assert await words(hub) == ["hello!"]


async def test_what_the_bot_heard_is_not_imported_under_another_number(hub):
    await hub.record(said(4, "hello"))
    await hub.record(said(5, "hello"))
    await hub.record(said(6, "was edited", at=1))
    await hub.edit(said(6, "edited", at=1, edited_at=PAST + 5))
    events = [
        await own_number(hub, "hello", at=0.0, number=17),
        await own_number(hub, "hello", at=0.0, number=18),
        await own_number(hub, "hello", at=0.0, number=19),
        await own_number(hub, "was edited", at=1.0, number=20),
    ]
    report = await hub.import_history(events)
    again = await hub.import_history(events)

    assert (report.known_messages, report.messages) == (3, 1)
    assert (again.known_messages, again.messages) == (4, 0)


KILLED = """
    import asyncio, os, signal, sys
    from session_plugin import Account, Chat, MessageEvent, SessionHub

    def events():
        for n in range(20_000):
            who = Account("telegram", str(n // 1000))
            chat = Chat("telegram", f"dm-{n // 1000}") if n % 7 else Chat("telegram", "g", "group")
            yield MessageEvent(chat=chat, message_id=str(n), role="user", text=f"word {n}",
                sent_at=1_600_000_000.0 + n * 37 % 5_000_000, author=who)

    left = int(sys.argv[2])
    def progress(step):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    async def main():
        number = iter(range(10**9))
        async with SessionHub(sys.argv[1], secret="what only tests know", retention_days=None) as hub:
            report = await hub.import_history(events(), progress=progress)
            print(report.messages + report.known_messages)

    asyncio.run(main())
"""

ROWS = """
    SELECT m.seq, c.chat_id, g.segment_no, g.session_no, s.started_at, s.ended_at, g.total_count,
      g.last_seq, g.last_activity, g.oldest_at, m.message_id, m.content, m.sent_at, m.received_at,
      a.channel_user_id
    FROM messages AS m
    JOIN segments AS g ON g.segment_no = m.segment_no
    JOIN sessions AS s ON s.session_no = g.session_no
    JOIN chats AS c ON c.chat_no = m.chat_no
    JOIN accounts AS a ON a.account_no = COALESCE(m.account_no, c.peer_no)
    ORDER BY m.seq
"""


@pytest.mark.plain("compares cells of two databases")
async def test_an_import_that_is_killed_twice_and_run_again_leaves_the_same_rows(
    spawn, backend, new_databases
):
    once, killed = new_databases(), new_databases()
    for database, left in ((once, 0), (killed, 7), (killed, 23), (killed, 0)):
        process = spawn(KILLED, database, left)
        out, error = process.communicate(timeout=120)
        assert process.returncode == (-signal.SIGKILL if left else 0), error
        if not left:
            assert out.strip() == "20000"

    rows = backend.rows(once, ROWS)
    assert len(rows) == 20_000
    assert rows == backend.rows(killed, ROWS)

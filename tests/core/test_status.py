"""What a hub says of itself."""

import asyncio
import logging
import random
from collections import Counter

import pytest

from session_plugin import FailedConsolidation, hookimpl
from session_plugin.database.queries import load_queries


async def test_an_empty_hub_has_nothing(hub):
    status = await hub.status()
    assert status.size_bytes > 0
    assert (status.users, status.accounts, status.chats, status.sessions, status.messages) == (
        0,
        0,
        0,
        0,
        0,
    )
    assert (status.oldest_message_at, status.waiting, status.dropped, status.plugins) == (
        None,
        0,
        0,
        (),
    )


async def test_it_counts_what_there_is(new_hub, talk, link, clock, database):
    hub, other = new_hub(consolidation_threshold=4), new_hub(bot="another")
    here, there = talk.account("ann"), talk.account("ann", channel="telegram")
    began = clock()
    for number in range(5):
        await hub.record(talk.said(here, "hi", message_id=str(number)))
        clock.advance(seconds=1)
    await hub.record(talk.said(there, "hi"))
    await hub.record(talk.said(talk.group(), "hi", author=here))
    await hub.settle()
    await hub.delete(talk.direct(here), ["4"])
    await link(hub, here, there)
    await other.record(talk.said(talk.account("bob"), "hi"))
    await hub.settle()
    status = await hub.status()
    assert str(database) in status.database or status.database.startswith("postgresql://")
    assert (status.users, status.accounts, status.chats) == (2, 3, 3)
    assert (status.sessions, status.live_sessions) == (3, 2)
    assert (status.messages, status.archived_messages, status.summaries, status.tombstones) == (
        6,
        2,
        1,
        1,
    )
    assert status.oldest_message_at == began
    assert status.pending_consolidations == 0


async def test_the_oldest_message_is_one_that_is_there(hub, talk, clock):
    ann = talk.account("ann")
    for number in range(2):
        await hub.record(talk.said(ann, "hi", message_id=str(number)))
        clock.advance(hours=1)
    await hub.delete(talk.direct(ann), ["0"])
    assert (await hub.status()).oldest_message_at == clock() - 3600


def counted(raw, bot, threshold):
    """Count what `status` does, from the rows of the tables alone."""
    chats = {number for number, of in raw.rows("SELECT chat_no, bot FROM chats") if of == bot}
    ended = {
        number: at
        for number, of, at in raw.rows("SELECT session_no, bot, ended_at FROM sessions")
        if of == bot
    }
    segments = [
        row
        for row in raw.rows(
            "SELECT segment_no, session_no, chat_no, total_count, live_count FROM segments"
        )
        if row[2] in chats
    ]
    firsts = {}
    for segment_no, _, received_at in raw.rows(
        "SELECT segment_no, seq, received_at FROM messages ORDER BY seq"
    ):
        firsts.setdefault(segment_no, received_at)
    summaries = [
        (session_no, content)
        for session_no, content, superseded_by in raw.rows(
            "SELECT session_no, content, superseded_by FROM summaries"
        )
        if superseded_by is None and session_no in ended
    ]
    lengths = Counter()
    for _, session_no, _, _, live in segments:
        lengths[session_no] += live
    pending = {session_no for session_no, length in lengths.items() if length > threshold}
    pending |= {session_no for session_no, content in summaries if content is None}

    return {
        "users": sum(into is None for (into,) in raw.rows("SELECT merged_into FROM users")),
        "accounts": len(raw.rows("SELECT account_no FROM accounts")),
        "chats": len(chats),
        "sessions": len(ended),
        "live_sessions": sum(at is None for at in ended.values()),
        "messages": sum(total for _, _, _, total, _ in segments),
        "archived_messages": sum(total - live for _, _, _, total, live in segments),
        "summaries": sum(content is not None for _, content in summaries),
        "tombstones": sum(
            number in chats for (number,) in raw.rows("SELECT chat_no FROM tombstones")
        ),
        "oldest_message_at": min(
            (firsts[number] for number, *_ in segments if number in firsts), default=None
        ),
        "pending_consolidations": len(pending),
    }


async def shown(hub, raw):
    """Return what a hub counts and what its rows say."""
    expected = counted(raw, hub.bot, 6)
    status = await hub.status()
    return {name: getattr(status, name) for name in expected}, expected


@pytest.mark.parametrize("bots", [("",), ("", "another", "third")], ids=["alone", "of three"])
@pytest.mark.parametrize("seed", range(3))
async def test_every_count_is_that_of_the_rows_of_one_bot(
    new_hub, talk, old_link, clock, raw, seed, bots
):
    chosen = random.Random(seed)
    quiet = {"consolidation_threshold": 6, "summarize": lambda messages, previous: "so far"}
    hubs = [new_hub(bot=bot, **quiet) for bot in bots]
    people = [
        talk.account(f"{name}{number}", channel=name)
        for name in ("discord", "telegram")
        for number in range(6)
    ]
    for hub in hubs[:2]:
        for _ in range(50):
            who = chosen.choice(people)
            chat = chosen.choice([talk.direct(who), talk.group()])
            number = str(chosen.randrange(40))
            await hub.record(talk.said(chat, "hi", author=who, message_id=number))
            await hub.settle()
            clock.advance(seconds=chosen.choice([1, 1, 1, 40_000]))
            if chosen.random() < 0.2:
                await hub.delete(chat, [str(chosen.randrange(40))])
                await hub.settle()
    await old_link(hubs[0], people[0], people[6])
    await old_link(hubs[-1], people[1], people[7])
    await hubs[0].forget(people[2])
    for who in (people[0], people[6]):
        for _ in range(4):  # over the threshold together, and under it each
            await hubs[-1].record(talk.said(who, "hi"))
    for hub in hubs:
        await hub.settle()
    for hub in hubs:
        found, expected = await shown(hub, raw)
        assert found == expected


async def test_a_session_is_pending_by_the_messages_of_all_its_chats(
    new_hub, talk, link, raw, clock
):
    """One of them alone is under the threshold, and no other session has two chats."""
    hub = new_hub(consolidation_threshold=100)
    here, there = talk.account("ann"), talk.account("ann", channel="telegram")
    await hub.record(talk.said(talk.account("bob"), "hi"))
    for who in (here, there):
        for _ in range(4):
            await hub.record(talk.said(who, "hi"))
    await hub.settle()
    strict = new_hub(consolidation_threshold=6)
    assert (await strict.status()).pending_consolidations == 0
    await link(hub, here, there)
    assert (await strict.status()).pending_consolidations == 1
    assert counted(raw, "", 6)["pending_consolidations"] == 1


async def test_a_bot_whose_only_session_was_begun_by_hand_counts_it_alone(new_hub, talk):
    """Another bot knows the account; this one has no chat with it."""
    hub, other, ann = new_hub(), new_hub(bot="another"), talk.account("ann")
    await hub.record(talk.said(ann, "hi"))
    assert await other.session_of(talk.direct(ann), ann).start_new()
    for one, chats in ((hub, 1), (other, 0)):
        status = await one.status()
        assert (status.sessions, status.live_sessions, status.chats) == (1, 1, chats)


async def test_a_session_is_pending_from_one_message_over_the_threshold_on(new_hub, talk):
    hub = new_hub(consolidation_threshold=100)
    for _ in range(7):
        await hub.record(talk.said(talk.account("ann"), "hi"))
    await hub.settle()
    pending = [
        (await new_hub(consolidation_threshold=most).status()).pending_consolidations
        for most in (6, 7)
    ]
    assert pending == [1, 0]


async def test_the_oldest_message_is_found_without_a_look_at_every_segment(hub, talk, raw, backend):
    await hub.record(talk.said(talk.account("ann"), "hi"))
    await hub.close()
    if type(backend).__name__ != "Sqlite":
        pytest.skip("a server chooses by the size of its tables")
    statement = load_queries("sqlite")["oldest_message"].replace(":bot", "'x'")
    plan = [row[3] for row in raw.rows(f"EXPLAIN QUERY PLAN {statement}")]
    assert not [line for line in plan if line.startswith("SCAN")], plan
    assert sum("segments_oldest" in line for line in plan) == 2, plan


async def test_a_summariser_that_fails_shows_with_its_reason_and_when_it_is_tried_again(
    new_hub, talk, clock, caplog
):
    async def summarize(messages, previous):
        return ""

    hub, ann = new_hub(summarize=summarize, consolidation_threshold=4), talk.account("ann")
    for _ in range(8):
        recorded = await hub.record(talk.said(ann, "hi"))
        await hub.settle()
    status = await hub.status()
    assert status.failed_consolidations == (
        FailedConsolidation(
            session_id=(await recorded.session.info()).session_id,
            failures=3,
            reason="plugin summarize gave no usable summary: it returned an empty text",
            waits_until=clock() + 3600,
        ),
    )
    assert status.pending_consolidations == 1
    (plugin,) = status.plugins
    assert (plugin.name, plugin.calls, plugin.failures) == ("summarize", 3, 3)


async def test_each_plugin_shows_its_calls_its_failures_and_its_time(new_hub, talk):
    class Slow:
        @hookimpl
        async def session_on_message(self, event):
            await asyncio.sleep(0.05)

    class Failing:
        @hookimpl
        def session_on_message(self, event):
            raise ValueError

    hub = new_hub()
    hub.register(Slow(), "slow")
    hub.register(Failing(), "failing")
    for _ in range(2):
        await hub.record(talk.said(talk.account("ann"), "hi"))
    await hub.settle()
    failing, slow = (await hub.status()).plugins
    assert (failing.name, failing.calls, failing.failures) == ("failing", 2, 2)
    assert (slow.name, slow.calls, slow.failures) == ("slow", 2, 0)
    assert slow.seconds >= 0.09


async def test_nothing_that_people_say_is_in_the_log_however_things_go(
    new_hub, talk, clock, caplog
):
    caplog.set_level(logging.INFO, "session_plugin")

    async def summarize(messages, previous):
        raise ValueError(messages[0].content)

    hub, ann = (
        new_hub(summarize=summarize, consolidation_threshold=4, retention_days=1),
        talk.account("ann"),
    )
    for number in range(6):
        await hub.record(talk.said(ann, "a secret", message_id=str(number)))
        await hub.settle()
    await hub.delete(talk.direct(ann), ["0"])
    clock.advance(days=3)
    await hub.upkeep(confirm_clock=True)
    await hub.settle()
    assert "decay removed 5 messages and 1 sessions" in caplog.text
    assert "secret" not in caplog.text

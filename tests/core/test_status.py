"""What a hub says of itself."""

import asyncio
import logging

from session_plugin import FailedConsolidation, hookimpl


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

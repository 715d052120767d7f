"""No clock's leap deletes anything: neither what was said before it, nor what is said meanwhile."""

import asyncio
import logging

import pytest

from session_plugin import LinkRefused
from session_plugin.rules.clocks import ClockState, judge

DAY = 86_400.0


@pytest.fixture
def hub(new_hub):
    return new_hub(retention_days=30, upkeep_minutes=None)


@pytest.fixture
def ann(talk):
    return talk.account("ann")


@pytest.fixture
def say(hub, talk, clock):
    """Say something whose platform's clock is right: it shows what ours showed at first, and what
    time has passed since.
    """

    async def said(account, text, *, ours_is_off_by=0.0):
        sent_at = clock() - ours_is_off_by
        return await hub.record(talk.said(account, text, sent_at=sent_at))

    return said


async def all_texts(texts, hub, account):
    return await texts(hub, account, include_previous=True)


@pytest.mark.parametrize("days", [400, 31, -400])
async def test_a_leap_deletes_nothing_and_is_said(hub, ann, say, texts, clock, caplog, days):
    await say(ann, "before")
    await hub.upkeep()
    clock.advance(days=days)
    for _ in range(3):
        clock.advance(seconds=300)
        await hub.upkeep()
        assert (await hub.decay()).is_held
    assert (await hub.status()).clock_doubted_since is not None
    warnings = [one.message for one in caplog.records if one.levelno == logging.WARNING]
    assert [f"{days:+d}.0 days" in message for message in warnings] == [True]
    assert "confirm_clock=True" in caplog.text

    clock.advance(days=-days)
    await hub.upkeep()
    status = await hub.status()
    assert (status.clock_doubted_since, status.messages) == (None, 1)
    assert await all_texts(texts, hub, ann) == ["before"]


async def test_before_the_first_round_a_leap_is_measured_from_the_newest_message(
    hub, ann, say, texts, clock
):
    await say(ann, "before")
    clock.advance(days=400)
    await hub.upkeep()
    assert await all_texts(texts, hub, ann) == ["before"]


async def test_a_leap_is_known_after_a_restart_and_by_other_processes(
    hub, new_hub, ann, say, texts, clock
):
    await say(ann, "before")
    await hub.upkeep()
    await hub.close()
    clock.advance(days=400)
    other = new_hub(retention_days=30)
    assert (await other.decay()).is_held
    assert (await hub.decay()).is_held
    assert (await other.status()).clock_doubted_since == clock()


async def test_the_operator_can_confirm_the_clock(hub, ann, say, clock):
    await say(ann, "before")
    await hub.upkeep()
    clock.advance(days=400)
    assert (await hub.decay()).is_held
    report = await hub.decay(confirm_clock=True)
    assert (report.is_held, report.messages) == (False, 1)
    assert (await hub.status()).clock_doubted_since is None
    clock.advance(hours=1)
    assert not (await hub.decay()).is_held


async def test_a_message_whose_platform_agrees_confirms_the_clock(hub, talk, ann, say, clock):
    """So a bot that was away for a week deletes again as soon as somebody writes to it."""
    await say(ann, "before")
    await hub.upkeep()
    clock.advance(days=40)
    assert (await hub.decay()).is_held
    await say(talk.account("bob"), "hello")
    assert (await hub.decay()).messages == 1


async def test_messages_whose_platforms_contradict_the_clock_keep_it_from_being_believed(
    hub, ann, say, texts, clock
):
    """However long it goes on: it may be wrong for days."""
    await say(ann, "before")
    await hub.upkeep()
    clock.advance(days=400)
    for _ in range(8):
        await say(ann, "meanwhile", ours_is_off_by=400 * DAY)
        await hub.upkeep()
        clock.advance(hours=12)
    assert await all_texts(texts, hub, ann) == ["before", *["meanwhile"] * 8]
    clock.advance(days=-400)
    await say(ann, "after")
    await hub.upkeep()
    assert await all_texts(texts, hub, ann) == ["before", *["meanwhile"] * 8, "after"]


async def test_a_clock_that_runs_too_fast_is_found_out_by_the_platforms(
    hub, ann, say, texts, clock
):
    """Each round is less than a day from the last."""
    await say(ann, "before")
    off_by = 0.0
    for _ in range(100):
        clock.advance(hours=20)
        off_by += 20 * 3600.0
        await say(ann, "meanwhile", ours_is_off_by=off_by)
        await hub.upkeep()
    assert "before" in await all_texts(texts, hub, ann)


async def test_without_any_message_a_clock_is_believed_after_a_day_of_rounds(hub, ann, say, clock):
    await say(ann, "before")
    await hub.upkeep()
    clock.advance(days=40)
    held = []
    for _ in range(6):
        held.append((await hub.decay()).is_held)
        clock.advance(hours=5)
    assert held == [True] * 5 + [False]
    assert (await hub.status()).messages == 0


async def test_rounds_of_a_clock_that_leaps_again_do_not_add_up(hub, ann, say, texts, clock):
    await say(ann, "before")
    await hub.upkeep()
    for days in (400, 30, -900, 800):
        clock.advance(days=days)
        assert (await hub.decay()).is_held
        clock.advance(hours=20)
        assert (await hub.decay()).is_held
    assert await all_texts(texts, hub, ann) == ["before"]


@pytest.mark.parametrize("way", ["one", "many", "added"])
async def test_what_is_said_while_the_clock_is_behind_is_not_old_when_it_is_set_right(
    hub, talk, ann, say, texts, clock, way
):
    """A board without a battery starts in 1970."""
    clock.advance(days=-10_000)
    if way == "many":
        await asyncio.gather(
            *(say(ann, f"{number}", ours_is_off_by=-10_000 * DAY) for number in range(3))
        )
    else:
        await say(ann, "0", ours_is_off_by=-10_000 * DAY)
    if way == "added":
        for number in (1, 2):
            await hub.session_of(talk.direct(ann), ann).add("tool", f"{number}")
            await hub.session_of(talk.direct(ann), ann).start_new()
    await hub.upkeep()
    clock.advance(days=10_000)
    await hub.decay(confirm_clock=True)
    assert len(await all_texts(texts, hub, ann)) == (1 if way == "one" else 3)


async def test_what_the_store_is_given_while_the_clock_is_behind_is_not_old_either(hub, clock, raw):
    """No platform tells the time, but a round of upkeep did."""
    await hub.upkeep()
    clock.advance(days=-10_000)
    store = hub.store()

    def save():
        store.save_message(store.get_or_create("ann").session_id, "user", "meanwhile")

    await asyncio.to_thread(save)
    clock.advance(days=10_000)
    await hub.decay(confirm_clock=True)
    assert raw.rows("SELECT COUNT(*) FROM messages") == [(1,)]


async def test_a_deletion_while_the_clock_is_behind_is_remembered(hub, talk, ann, texts, clock):
    await hub.upkeep()
    clock.advance(days=-400)
    event = talk.said(ann, "deleted")
    await hub.delete(event.chat, [event.message_id])
    clock.advance(days=400)
    await hub.decay(confirm_clock=True)
    await hub.record(event)
    assert await texts(hub, ann) == []


async def test_a_leap_deletes_nothing_of_what_protects_people(hub, talk, ann, say, raw, clock):
    """Hashes of forgotten messages, wrong codes, the audit, notices that nobody has read yet."""
    bob = talk.account("bob")
    for account in (ann, bob):
        await say(account, "hi")
    await hub.redeem_link(bob, (await hub.request_link(ann)).code)
    with pytest.raises(LinkRefused):
        await hub.redeem_link(ann, "AAAA-2345")
    cid = talk.account("cid")
    await hub.record(talk.said(talk.group(), "hi", author=cid))
    await hub.forget(cid)

    def kept():
        tables = ("attempts", "audit", "notices", "forgotten_messages")
        return [raw.rows(f"SELECT COUNT(*) FROM {table}")[0][0] for table in tables]

    before = kept()
    assert 0 not in before
    await hub.upkeep()
    clock.advance(days=4000)
    await hub.upkeep()
    await hub.set_private(ann, True)
    await hub.record(talk.said(ann, "private"))
    with pytest.raises(LinkRefused):
        await hub.redeem_link(bob, "AAAA-2345")
    assert all(then <= now for then, now in zip(before, kept(), strict=True))
    await hub.upkeep(confirm_clock=True)
    assert kept()[:3] == [1, 2, 0]  # what was done since the leap


async def test_the_audit_goes_by_retention_and_in_pieces(new_hub, ann, clock, raw, monkeypatch):
    monkeypatch.setattr("session_plugin.records.people.audit.PIECE", 2)
    hub = new_hub(retention_days=30, upkeep_minutes=None)
    for _ in range(3):
        await hub.request_link(ann)
    clock.advance(days=31)
    await hub.request_link(ann)
    await hub.upkeep(confirm_clock=True)
    assert raw.rows("SELECT COUNT(*) FROM audit") == [(1,)]


async def test_a_code_from_the_clocks_future_is_dead(hub, talk, ann, say, clock):
    bob = talk.account("bob")
    for account in (ann, bob):
        await say(account, "hi")
    clock.advance(days=400)
    code = (await hub.request_link(ann)).code
    clock.advance(days=-400)
    with pytest.raises(LinkRefused):
        await hub.redeem_link(bob, code)


async def test_a_yes_to_a_code_that_was_typed_in_the_clocks_future_links_nobody(
    hub, talk, ann, say, clock
):
    bob = talk.account("bob")
    for account in (ann, bob):
        await say(account, "hi")
    clock.advance(days=400)
    await hub.redeem_link(bob, (await hub.request_link(ann)).code)
    clock.advance(days=-400)
    with pytest.raises(LinkRefused):
        await hub.confirm_link(ann)


async def test_who_was_forgotten_in_the_clocks_future_can_write_again(hub, ann, say, texts, clock):
    await say(ann, "before")
    clock.advance(days=400)
    await hub.forget(ann)
    clock.advance(days=-400)
    await say(ann, "after")
    assert await texts(hub, ann) == ["after"]


async def test_wrong_codes_of_the_clocks_future_lock_nobody_for_a_year(hub, talk, ann, say, clock):
    bob = talk.account("bob")
    for account in (ann, bob):
        await say(account, "hi")
    clock.advance(days=400)
    for _ in range(5):
        with pytest.raises(LinkRefused):
            await hub.redeem_link(bob, "AAAA-2345")
    clock.advance(days=-400)
    code = (await hub.request_link(ann)).code
    assert (await hub.redeem_link(bob, code)).redeemer == bob


def test_a_round_a_day_after_the_last_is_no_leap():
    known = ClockState(trusted_at=1000.0)
    for now, is_trusted in ((1000.0 + DAY, True), (1000.0 + DAY + 1, False), (999.0 - DAY, False)):
        found = judge(known, now=now, evidence="none", is_confirmed=False)
        assert found.is_trusted == is_trusted

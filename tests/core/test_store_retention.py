"""SessionHub.decay: what is past its retention goes, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from session_plugin import Account, Chat, DecayReport, MessageEvent, SessionHub

ANN, BOB = Account("telegram", "7"), Account("discord", "8")
SECRET = "a secret that only these tests know"
Make = Callable[..., SessionHub]


@pytest.fixture
async def make(database: str, clock: Any) -> AsyncIterator[Make]:
    made: list[SessionHub] = []

    def make_hub(**settings: Any) -> SessionHub:
        hub = SessionHub(
            database,
            clock=clock,
            load_entry_points=False,
            secret=SECRET,
            **{"retention_days": 30} | settings,
        )
        made.append(hub)
        return hub

    yield make_hub
    for hub in made:
        await hub.close()


async def say(hub: SessionHub, who: Account, text: str, *, chat: Chat | None = None) -> None:
    where = chat or Chat(who.channel, who.channel_user_id)
    await hub.record(
        MessageEvent(chat=where, message_id=text, role="user", text=text, sent_at=0.0, author=who)
    )


async def heard(hub: SessionHub, who: Account, *, chat: Chat | None = None) -> list[str]:
    view = hub.session_of(chat or Chat(who.channel, who.channel_user_id), who)
    return [message.content for message in await view.history(limit=None, include_previous=True)]


async def link(hub: SessionHub, asker: Account, other: Account) -> None:
    await hub.redeem_link(other, (await hub.request_link(asker)).code)
    await hub.confirm_link(other)
    await hub.confirm_link(asker)


async def removed_as_announced(hub: SessionHub) -> DecayReport:
    """Decay, and see that a dry run had said exactly what goes."""
    announced = await hub.decay(dry_run=True)
    report = await hub.decay(confirm_clock=True)
    assert announced.is_dry_run
    assert (announced.messages, announced.sessions, announced.tombstones) == (
        report.messages,
        report.sessions,
        report.tombstones,
    )
    return report


async def test_a_dry_run_removes_nothing(make: Make, clock: Any) -> None:
    hub = make()
    await say(hub, ANN, "old")
    clock.advance(days=31)
    assert (await hub.decay(dry_run=True)).messages == 1
    assert await heard(hub, ANN) == ["old"]


async def test_old_messages_go_and_young_ones_stay(make: Make, clock: Any) -> None:
    hub = make()
    for number in range(3):
        await say(hub, ANN, f"old {number}")
    clock.advance(days=20)
    await say(hub, ANN, "young")
    clock.advance(days=10, seconds=1)
    report = await removed_as_announced(hub)
    assert (report.messages, report.sessions) == (3, 1)
    assert await heard(hub, ANN) == ["young"]


async def test_a_message_of_exactly_the_retention_stays(make: Make, clock: Any) -> None:
    hub = make()
    await say(hub, ANN, "old")
    clock.advance(days=30)
    assert await removed_as_announced(hub) == DecayReport()
    clock.advance(seconds=1)
    assert (await removed_as_announced(hub)).messages == 1


async def test_without_a_retention_nothing_goes(make: Make, clock: Any) -> None:
    hub = make(retention_days=None)
    await say(hub, ANN, "old")
    clock.advance(days=10_000)
    assert await hub.decay(confirm_clock=True) == DecayReport()
    assert await heard(hub, ANN) == ["old"]


async def test_a_second_decay_finds_nothing(make: Make, clock: Any) -> None:
    hub = make()
    await say(hub, ANN, "old")
    clock.advance(days=31)
    await hub.decay(confirm_clock=True)
    assert await removed_as_announced(hub) == DecayReport()


async def test_a_session_that_goes_on_loses_only_its_old_messages(make: Make, clock: Any) -> None:
    hub = make(max_age_hours=24 * 30)
    chat = Chat("telegram", "-1", "group")
    for day in range(50):
        await say(hub, ANN, str(day), chat=chat)
        clock.advance(days=1)
    before = await hub.session_of(chat, ANN).info()
    report = await removed_as_announced(hub)
    after = await hub.session_of(chat, ANN).info()
    assert (report.messages, report.sessions) == (20, 0)
    assert before is not None
    assert after is not None
    assert (after.session_id, after.message_count) == (before.session_id, 30)
    assert await heard(hub, ANN, chat=chat) == [str(day) for day in range(20, 50)]


async def test_a_segment_is_walked_to_its_first_young_message(make: Make, clock: Any) -> None:
    """A clock that was set back lets an old message stand behind a young one; order is a number,
    never a clock.
    """
    hub = make(max_age_hours=24 * 365)
    await say(hub, ANN, "old")
    clock.advance(days=20)
    await say(hub, ANN, "young")
    clock.advance(days=-20)
    await say(hub, ANN, "by a clock set back")
    clock.advance(days=35)
    assert (await removed_as_announced(hub)).messages == 1
    assert await heard(hub, ANN) == ["young", "by a clock set back"]


async def test_more_than_one_piece_goes_in_one_decay(make: Make, clock: Any) -> None:
    hub = make(consolidation_threshold=10_000)
    for number in range(450):
        await say(hub, ANN, str(number))
    clock.advance(days=31)
    assert (await removed_as_announced(hub)).messages == 450


async def test_chats_whose_oldest_message_was_deleted_hold_up_no_others(
    make: Make, clock: Any
) -> None:
    """More of them than one piece looks at."""
    hub = make(max_age_hours=24 * 100)
    chats = [Chat("telegram", f"-{number}", "group") for number in range(1, 231)]
    for chat in chats:
        await say(hub, ANN, "deleted", chat=chat)
    clock.advance(days=1)
    await say(hub, ANN, "old")
    clock.advance(days=30)
    for chat in chats:
        await say(hub, ANN, "young", chat=chat)
        await hub.delete(chat, ["deleted"])
    clock.advance(seconds=1)
    assert (await hub.decay(confirm_clock=True)).messages == 1
    assert await heard(hub, ANN) == []


async def test_a_live_session_stays_though_all_its_messages_go(make: Make, clock: Any) -> None:
    hub = make(max_age_hours=24 * 30, retention_days=1)
    await say(hub, ANN, "old")
    before = await hub.session_of(Chat("telegram", "7"), ANN).info()
    clock.advance(days=2)
    await hub.decay(confirm_clock=True)
    await say(hub, ANN, "young")
    after = await hub.session_of(Chat("telegram", "7"), ANN).info()
    assert before is not None
    assert after is not None
    assert after.session_id == before.session_id


async def test_deletions_are_remembered_for_as_long_as_messages(make: Make, clock: Any) -> None:
    hub = make()
    await hub.delete(Chat("telegram", "7"), ["early", "too"])
    clock.advance(days=30)
    await say(hub, ANN, "early")
    assert await heard(hub, ANN) == []
    clock.advance(seconds=1)
    assert (await removed_as_announced(hub)).tombstones == 2


async def test_another_bots_messages_stay(make: Make, clock: Any) -> None:
    hub, other = make(), make(bot="other")
    await say(hub, ANN, "to this one")
    await say(other, ANN, "to the other")
    clock.advance(days=31)
    assert (await removed_as_announced(hub)).messages == 1
    assert await heard(other, ANN) == ["to the other"]


async def test_identities_and_links_stay(make: Make, clock: Any) -> None:
    hub = make()
    await say(hub, ANN, "by Ann")
    await say(hub, BOB, "by Bob")
    await link(hub, ANN, BOB)
    before = await hub.identity_of(ANN)
    clock.advance(days=31)
    await hub.decay(confirm_clock=True)
    assert await hub.identity_of(ANN) == before


# Summaries


async def test_a_summary_over_removed_messages_is_withdrawn(
    make: Make, clock: Any, raw: Any
) -> None:
    hub = make(consolidation_threshold=10)
    for number in range(4):
        await say(hub, ANN, f"secret {number}")
    clock.advance(hours=23)
    for number in range(30):
        await say(hub, ANN, f"young {number}")
    await hub.settle()
    assert (await hub.session_of(Chat("telegram", "7"), ANN).for_model()).summary is not None
    clock.advance(days=30, hours=-22)
    assert (await removed_as_announced(hub)).messages == 4
    kept = raw.rows("SELECT content FROM summaries WHERE content IS NOT NULL")
    assert not any(b"secret" in content for (content,) in kept)


async def test_a_withdrawn_summary_is_made_again_from_what_is_left(make: Make, clock: Any) -> None:
    hub = make(consolidation_threshold=10, max_age_hours=24 * 365)
    for number in range(4):
        await say(hub, ANN, f"secret {number}")
    clock.advance(days=1)
    for number in range(30):
        await say(hub, ANN, f"young {number}")
    await hub.settle()
    clock.advance(days=29, seconds=1)
    await removed_as_announced(hub)
    view = hub.session_of(Chat("telegram", "7"), ANN)
    info = await view.info()
    assert info is not None
    await hub.consolidate(info.session_id)
    context = await view.for_model()
    assert context.summary is not None
    assert "young 0" in context.summary.text
    assert "secret" not in context.summary.text
    assert len(await heard(hub, ANN)) == 30


async def test_a_summary_of_nothing_is_none(make: Make, clock: Any) -> None:
    """All that the summary stood for is gone, and too few messages are left for another."""
    hub = make(consolidation_threshold=10, max_age_hours=24 * 365)
    for number in range(6):
        await say(hub, ANN, f"secret {number}")
    view = hub.session_of(Chat("telegram", "7"), ANN)
    info = await view.info()
    assert info is not None
    assert await hub.consolidate(info.session_id) is not None
    clock.advance(days=31)
    await say(hub, ANN, "young")
    await removed_as_announced(hub)
    assert await hub.consolidate(info.session_id) is None
    assert (await view.for_model()).summary is None


# Homes


async def test_sessions_needed_for_an_unlink_are_kept(make: Make, clock: Any, raw: Any) -> None:
    hub = make(max_age_hours=24 * 365)
    await say(hub, ANN, "Ann, old")
    clock.advance(seconds=1)
    await say(hub, BOB, "Bob, old")
    await link(hub, ANN, BOB)
    clock.advance(days=20)
    await say(hub, ANN, "Ann, young")
    await say(hub, BOB, "Bob, young")
    clock.advance(days=11)
    report = await removed_as_announced(hub)
    assert (report.messages, report.sessions) == (2, 0)
    await hub.unlink(BOB)
    assert await heard(hub, ANN) == ["Ann, young"]
    assert await heard(hub, BOB) == ["Bob, young"]
    assert raw.findings() == []


async def test_a_home_whose_part_is_empty_is_kept_while_the_joint_session_is(
    make: Make, clock: Any
) -> None:
    hub = make(max_age_hours=24 * 365)
    await say(hub, ANN, "Ann, old")
    clock.advance(seconds=1)
    await say(hub, BOB, "Bob, old")
    await link(hub, ANN, BOB)
    clock.advance(days=20)
    await say(hub, ANN, "Ann, young")
    clock.advance(days=11)
    report = await removed_as_announced(hub)
    assert (report.messages, report.sessions) == (2, 0)
    await hub.unlink(BOB)
    await say(hub, BOB, "Bob, young")
    assert await heard(hub, ANN) == ["Ann, young"]
    assert await heard(hub, BOB) == ["Bob, young"]


async def test_a_joint_session_and_its_homes_go_together(make: Make, clock: Any, raw: Any) -> None:
    hub = make()
    await say(hub, ANN, "Ann, old")
    clock.advance(seconds=1)
    await say(hub, BOB, "Bob, old")
    await link(hub, ANN, BOB)
    clock.advance(days=31)
    report = await removed_as_announced(hub)
    assert (report.messages, report.sessions) == (2, 2)
    assert raw.rows("SELECT COUNT(*) FROM sessions") == [(0,)]
    assert raw.findings() == []
    await hub.unlink(BOB)
    await say(hub, BOB, "Bob, young")
    assert await heard(hub, BOB) == ["Bob, young"]

"""How long messages are kept, by channel and kind of chat; what a decay says, leaves and never
takes.
"""

import asyncio

import pytest

from session_plugin import DecayPart, Retention


@pytest.fixture
def hub(new_hub):
    return new_hub(retention_days=30, max_age_hours=24)


async def test_each_kind_of_chat_and_channel_is_kept_as_long_as_its_policy_says(
    new_hub, talk, texts, clock
):
    hub = new_hub(
        retention_days=365,
        retention=[
            Retention(kind="group", days=30),
            Retention(channel="telegram", days=7),
            Retention(channel="telegram", kind="group", days=None),
        ],
    )
    here, there = talk.account("ann"), talk.account("ann", channel="telegram")
    groups = talk.group(), talk.group(channel="telegram")
    places = (here, there, *groups)
    for place in places:
        await hub.record(
            talk.said(
                place,
                "hi",
                author=here if place == groups[0] else there if place == groups[1] else place,
            )
        )

    async def left():
        return [bool(await texts(hub, place, include_previous=True)) for place in places]

    clock.advance(days=8)
    await hub.decay(confirm_clock=True)
    assert await left() == [True, False, True, True]
    clock.advance(days=23)
    await hub.decay(confirm_clock=True)
    assert await left() == [True, False, False, True]
    clock.advance(days=3000)
    await hub.decay(confirm_clock=True)
    assert await left() == [False, False, False, True]


async def test_a_dry_run_says_what_would_go_and_why_and_the_real_run_the_same(new_hub, talk, clock):
    hub = new_hub(retention=[Retention(kind="group", days=30)])
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "hi"))
    for number in range(3):
        await hub.record(talk.said(talk.group(), "hi", author=ann, message_id=f"id-{number}"))
    await hub.delete(talk.group(), ["id-0"])
    clock.advance(days=31)
    announced = await hub.decay(dry_run=True)
    (part,) = announced.parts
    assert part == DecayPart(
        channel="discord",
        kind="group",
        retention_days=30,
        received_before=clock() - 30 * 86400,
        messages=2,
        tombstones=1,
    )
    assert (announced.messages, announced.sessions, announced.tombstones, announced.is_dry_run) == (
        2,
        1,
        1,
        True,
    )
    done = await hub.decay(confirm_clock=True)
    assert (done.parts, done.sessions, done.is_dry_run) == (announced.parts, 1, False)


async def test_a_pinned_session_stays_until_it_is_not_pinned_any_more(hub, talk, texts, clock):
    ann, bob = talk.account("ann"), talk.account("bob")
    recorded = await hub.record(talk.said(ann, "keep this"))
    await hub.record(talk.said(bob, "not this"))
    session = await recorded.session.info()
    await hub.pin(session.session_id)
    clock.advance(days=100)
    assert (
        (await hub.decay(dry_run=True)).messages
        == (await hub.decay(confirm_clock=True)).messages
        == 1
    )
    assert await texts(hub, ann, include_previous=True) == ["keep this"]
    assert [before.is_pinned for before in await recorded.session.previous()] == [True]
    await hub.pin(session.session_id, is_pinned=False)
    assert (await hub.decay(confirm_clock=True)).sessions == 1
    assert await texts(hub, ann, include_previous=True) == []


async def test_what_was_said_in_a_pinned_session_stays_while_it_is_joined_into_another(
    hub, talk, link, texts, clock
):
    here, there = talk.account("ann"), talk.account("ann", channel="telegram")
    await hub.record(talk.said(here, "older"))
    clock.advance(seconds=1)
    recorded = await hub.record(talk.said(there, "keep this"))
    await hub.pin((await recorded.session.info()).session_id)
    await link(hub, here, there)
    clock.advance(days=100)
    await hub.decay(confirm_clock=True)
    assert await texts(hub, there, include_previous=True) == ["keep this"]


async def test_a_clock_set_back_makes_nothing_old(hub, talk, texts, clock):
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "hi"))
    clock.advance(days=-400)
    await hub.decay(confirm_clock=True)
    assert await texts(hub, ann) == ["hi"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_what_is_said_while_the_clock_is_wrong_is_as_young_as_what_came_before(
    hub, talk, texts, clock, at_once
):
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "before"))
    clock.advance(days=-400)
    events = [talk.said(ann, f"meanwhile {number}") for number in range(3)]
    if at_once:
        await asyncio.gather(*(hub.record(event) for event in events))
    else:
        for event in events:
            await hub.record(event)
    clock.advance(days=400)
    await hub.decay(confirm_clock=True)
    assert await texts(hub, ann) == ["before", "meanwhile 0", "meanwhile 1", "meanwhile 2"]


async def test_by_the_blocking_api_too(hub, clock):
    await hub.identity_of("nobody")  # opens it
    store = hub.store()
    session_id = store.get_or_create("ann").session_id
    store.save_message(session_id, "user", "before")
    clock.advance(days=-400)
    store.save_message(session_id, "user", "meanwhile")
    clock.advance(days=400)
    await hub.decay(confirm_clock=True)
    assert [message.content for message in store.get_or_create("ann").messages] == [
        "before",
        "meanwhile",
    ]


async def test_order_and_counts_are_the_same_whatever_the_clock_does(hub, talk, texts, clock):
    ann = talk.account("ann")
    said = []
    for number, hours in enumerate((0, -1, 0, 2, -1, 0, 0.5)):
        clock.advance(hours=hours)
        said.append(str(number))
        recorded = await hub.record(talk.said(ann, str(number), sent_at=9e9 - number))
    assert await texts(hub, ann) == said
    assert (await recorded.session.info()).message_count == len(said)


async def test_a_session_that_just_got_a_message_is_not_taken(hub, talk, texts, clock):
    ann = talk.account("ann")
    for number in range(50):
        await hub.record(talk.said(ann, f"old {number}"))
    clock.advance(days=31)
    said = await asyncio.gather(
        hub.decay(confirm_clock=True),
        *(hub.record(talk.said(ann, f"new {number}")) for number in range(50)),
        return_exceptions=True,
    )
    assert [error for error in said if isinstance(error, Exception)] == []
    assert await texts(hub, ann) == [f"new {number}" for number in range(50)]


async def test_summaries_over_removed_messages_are_made_again_from_what_is_left(
    new_hub, talk, clock
):
    hub, ann = (
        new_hub(retention_days=30, max_age_hours=24 * 365, consolidation_threshold=10),
        talk.account("ann"),
    )
    for number in range(4):
        await hub.record(talk.said(ann, f"old-{number}"))
    clock.advance(days=20)
    for number in range(8):
        recorded = await hub.record(talk.said(ann, f"young-{number}"))
    await hub.settle()
    assert "old-0" in (await recorded.session.for_model()).summary.text
    clock.advance(days=15)
    await hub.upkeep(confirm_clock=True)
    context = await recorded.session.for_model()
    assert "old" not in context.summary.text
    assert "young-0" in context.summary.text
    history = await recorded.session.history(limit=None)
    assert [message.content for message in history] == [f"young-{number}" for number in range(8)]


async def test_progress_is_told_piece_by_piece(hub, talk, clock, monkeypatch):
    monkeypatch.setattr("session_plugin.records.upkeep.decay.PIECE", 20)
    events = [talk.said(talk.account(f"person-{number % 7}"), "hi") for number in range(50)]
    await asyncio.gather(*(hub.record(event) for event in events))
    clock.advance(days=31)
    told = []
    report = await hub.decay(confirm_clock=True, progress=told.append)
    messages = [progress.done for progress in told if progress.what == "messages"]
    assert messages == sorted(messages)
    assert len(messages) >= 3
    assert (messages[-1], report.messages, report.sessions) == (50, 50, 7)


async def test_two_decays_at_once_remove_everything_once(hub, talk, clock):
    events = [talk.said(talk.account(f"person-{number % 7}"), "hi") for number in range(250)]
    await asyncio.gather(*(hub.record(event) for event in events))
    clock.advance(days=31)
    reports = await asyncio.gather(hub.decay(confirm_clock=True), hub.decay(confirm_clock=True))
    assert sum(report.messages for report in reports) == 250
    assert sum(report.sessions for report in reports) == 7


def test_people_are_told_the_longest_of_all_retentions(new_hub):
    assert "for 365 days" in new_hub(retention=[Retention(kind="group", days=30)]).privacy_text()
    assert (
        "without a time limit"
        in new_hub(retention=[Retention(kind="group", days=None)]).privacy_text()
    )

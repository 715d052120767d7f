"""When a session begins and ends, for what reason, and what of it can be read."""

import asyncio

import pytest

from session_plugin import SessionHub


def reasons(event_log):
    return [
        (name.removeprefix("session_on_"), told["reason"])
        for name, told in event_log.entries
        if name.endswith(("_start", "_end"))
    ]


async def test_exactly_max_age_is_not_too_old(hub, talk, texts, clock):
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "one"))
    clock.advance(hours=24)
    assert await texts(hub, ann) == ["one"]
    await hub.record(talk.said(ann, "two"))
    assert await texts(hub, ann) == ["one", "two"]


async def test_one_second_more_than_max_age_starts_a_new_session(hub, talk, texts, clock):
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "one"))
    clock.advance(hours=24, seconds=1)
    assert await texts(hub, ann) == []
    await hub.record(talk.said(ann, "two"))
    assert await texts(hub, ann) == ["two"]
    assert await texts(hub, ann, include_previous=True) == ["one", "two"]


async def test_every_message_makes_a_session_young_again(hub, talk, texts, clock):
    ann = talk.account("ann")
    for number in range(5):
        await hub.record(talk.said(ann, str(number)))
        clock.advance(hours=20)
    assert await texts(hub, ann) == ["0", "1", "2", "3", "4"]


async def test_a_duplicate_does_not_make_a_session_young_again(hub, talk, texts, clock):
    ann = talk.account("ann")
    event = talk.said(ann, "one")
    await hub.record(event)
    clock.advance(hours=20)
    await hub.record(event)
    clock.advance(hours=20)
    assert await texts(hub, ann) == []


async def test_a_clock_set_back_ends_nothing(hub, talk, texts, clock):
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "one"))
    clock.advance(days=-3)
    await hub.record(talk.said(ann, "two"))
    assert await texts(hub, ann) == ["one", "two"]


async def test_a_session_of_no_age_ends_with_the_next_tick(new_hub, talk, texts, clock):
    hub, ann = new_hub(max_age_hours=0), talk.account("ann")
    await hub.record(talk.said(ann, "one"))
    await hub.record(talk.said(ann, "two"))
    assert await texts(hub, ann) == ["one", "two"]
    clock.advance(seconds=1)
    assert await texts(hub, ann) == []


async def test_every_start_and_end_has_its_reason(new_hub, event_log, talk, clock):
    hub, ann = new_hub(event_log), talk.account("ann")
    recorded = await hub.record(talk.said(ann, "one"))
    clock.advance(hours=25)
    await hub.record(talk.said(ann, "two"))
    await recorded.session.start_new()
    await hub.settle()
    assert reasons(event_log) == [
        ("start", "first"),
        ("end", "idle"),
        ("start", "idle"),
        ("end", "new"),
        ("start", "new"),
    ]


async def test_an_idle_session_ended_when_its_time_was_up(hub, talk, clock):
    ann = talk.account("ann")
    recorded = await hub.record(talk.said(ann, "one"))
    said_at = clock()
    clock.advance(days=9)
    await hub.record(talk.said(ann, "two"))
    (old,) = await recorded.session.previous()
    assert (old.ended_at, old.end_reason) == (said_at + 24 * 3600, "idle")


async def test_a_session_that_nobody_has_ended_yet_reads_as_it_will_be_recorded(hub, talk, clock):
    ann = talk.account("ann")
    recorded = await hub.record(talk.said(ann, "one"))
    clock.advance(days=9)
    before = await recorded.session.previous()
    await hub.record(talk.said(ann, "two"))
    assert await recorded.session.previous() == before


async def test_start_new_leaves_an_empty_session(hub, talk, texts):
    ann = talk.account("ann")
    recorded = await hub.record(talk.said(ann, "one"))
    started = await recorded.session.start_new()
    assert await texts(hub, ann) == []
    assert await recorded.session.info() == started
    assert (started.start_reason, started.message_count, started.is_live) == ("new", 0, True)


async def test_start_new_in_a_group_leaves_its_people_alone(hub, talk, texts):
    ann, lobby = talk.account("ann"), talk.group()
    await hub.record(talk.said(ann, "in private"))
    await hub.record(talk.said(lobby, "in public", author=ann))
    await hub.session_of(lobby, ann).start_new()
    assert await texts(hub, lobby) == []
    assert await texts(hub, ann) == ["in private"]


async def test_start_new_works_without_an_account_where_the_chat_has_an_owner(hub, talk, texts):
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "one"))
    await hub.session_of(talk.direct(ann), None).start_new()
    await hub.record(talk.said(ann, "two"))
    assert await texts(hub, ann) == ["two"]


async def test_start_new_for_somebody_never_seen_does_nothing(hub, talk):
    ann = talk.account("ann")
    assert await hub.session_of(talk.direct(ann), ann).start_new() is None
    assert await hub.session_of(talk.group(), None).start_new() is None


async def test_previous_gives_what_is_over_newest_first(hub, talk):
    ann = talk.account("ann")
    view = hub.session_of(talk.direct(ann), ann)
    for number in range(4):
        await hub.record(talk.said(ann, str(number)))
        live = await view.start_new()
    previous = await view.previous()
    assert live.session_id not in {session.session_id for session in previous}
    assert [session.start_reason for session in previous] == ["new", "new", "new", "first"]
    assert await view.previous(limit=2) == previous[:2]
    assert await view.previous(limit=0) == []


@pytest.mark.parametrize("limit", [-1, 2.5, 2.0, True, float("inf"), "3"])
@pytest.mark.parametrize("call", ["history", "previous", "for_model"])
async def test_what_is_no_number_of_things_is_refused(hub, talk, call, limit):
    view = (await hub.record(talk.said(talk.account("ann"), "hi"))).session
    with pytest.raises(ValueError, match=f"a whole number, 0 or more, not {limit!r}"):
        await getattr(view, call)(**{"max_messages" if call == "for_model" else "limit": limit})


@pytest.mark.parametrize("limit", [2**63 - 1, 2**63, 10**30])
async def test_any_number_is_enough_for_all_there_is(hub, talk, limit):
    view = (await hub.record(talk.said(talk.account("ann"), "hi"))).session
    assert [message.content for message in await view.history(limit=limit)] == ["hi"]
    assert [
        message.content for message in await view.history(limit=limit, include_previous=True)
    ] == ["hi"]
    assert [
        message.content
        for message in (await view.for_model(max_messages=limit, max_tokens=limit)).messages
    ] == ["hi"]
    await view.start_new()
    assert len(await view.previous(limit=limit)) == 1


@pytest.mark.parametrize("before", ["m1", 3, ("discord", "m1")])
async def test_before_what_is_no_message_is_refused(hub, talk, before):
    view = (await hub.record(talk.said(talk.account("ann"), "hi"))).session
    with pytest.raises(TypeError, match="before is a message"):
        await view.history(before=before)


async def test_include_previous_goes_on_into_earlier_sessions(hub, talk, texts):
    ann = talk.account("ann")
    view = hub.session_of(talk.direct(ann), ann)
    for number in range(4):
        await hub.record(talk.said(ann, str(number)))
        await view.start_new()
    assert await texts(hub, ann, include_previous=True) == ["0", "1", "2", "3"]
    assert await texts(hub, ann, include_previous=True, limit=2) == ["2", "3"]


async def test_a_view_sees_a_new_session_that_began_after_it_was_made(hub, talk):
    ann = talk.account("ann")
    recorded = await hub.record(talk.said(ann, "one"))
    await hub.session_of(talk.direct(ann), ann).start_new()
    assert await recorded.session.history() == []


async def test_a_model_gets_the_summary_and_what_it_does_not_stand_for(new_hub, talk):
    hub, ann = new_hub(consolidation_threshold=4), talk.account("ann")
    for number in range(5):
        recorded = await hub.record(talk.said(ann, f"fact-{number}"))
    await hub.settle()
    context = await recorded.session.for_model()
    assert "fact-0" in context.summary.text
    assert [message.content for message in context.messages] == ["fact-2", "fact-3", "fact-4"]
    assert [m.content for m in (await recorded.session.for_model(max_messages=1)).messages] == [
        "fact-4"
    ]
    assert (await recorded.session.for_model(max_messages=0)).messages == ()


async def test_consolidating_keeps_every_message_readable(new_hub, talk, texts):
    hub, ann = new_hub(consolidation_threshold=4), talk.account("ann")
    for number in range(40):
        await hub.record(talk.said(ann, str(number)))
    await hub.settle()
    assert await texts(hub, ann) == [str(number) for number in range(40)]


async def test_edits_that_are_stored_as_messages_are_consolidated_too(new_hub, talk):
    hub, ann = new_hub(consolidation_threshold=4), talk.account("ann")
    for number in range(5):
        await hub.edit(talk.said(ann, f"fact-{number}", edited_at=2.0))
    await hub.settle()
    assert (await hub.session_of(talk.direct(ann), ann).for_model()).summary is not None


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_age_hours", -1),
        ("max_age_hours", float("nan")),
        ("consolidation_threshold", 1),
        ("store_patience", float("inf")),
        ("retention_days", -1),
        ("bot", "a\0"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(database, raw, setting, value):
    with pytest.raises(ValueError, match=setting):
        SessionHub(database, **{setting: value})
    assert raw.is_empty()


async def test_messages_and_new_sessions_at_once_leave_one_live_session(hub, talk, texts):
    ann = talk.account("ann")
    view = hub.session_of(talk.direct(ann), ann)
    work = [hub.record(talk.said(ann, str(number))) for number in range(20)] + [
        view.start_new() for _ in range(5)
    ]
    await asyncio.gather(*work)
    assert sorted(map(int, await texts(hub, ann, include_previous=True))) == list(range(20))
    assert all(session.end_reason == "new" for session in await view.previous(limit=99))

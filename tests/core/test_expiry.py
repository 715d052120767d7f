"""When a session is over by itself, by which policy, and that its end is told once, also where
nobody writes any more.
"""

import asyncio
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from session_plugin import DatabaseUnavailable, Expiry, Retention, SessionHub
from session_plugin.rules.policies import End, policy_of
from session_plugin.upkeep.rounds import Rounds

VIENNA = ZoneInfo("Europe/Vienna")


def at(day, time, zone=VIENNA):
    return datetime.fromisoformat(f"2026-{day}T{time}").replace(tzinfo=zone).timestamp()


DAILY = Expiry(max_age_hours=None, daily_hour=4, time_zone="Europe/Vienna", grace_minutes=30)


@pytest.mark.parametrize(
    ("started", "last", "now", "expected"),
    [
        (at("06-01", "19:00"), at("06-01", "20:00"), at("06-02", "03:59"), None),
        (
            at("06-01", "19:00"),
            at("06-01", "20:00"),
            at("06-02", "04:00"),
            End(at("06-02", "04:00"), "daily"),
        ),
        (at("06-01", "19:00"), at("06-02", "03:50"), at("06-02", "04:10"), None),  # it is going on
        (
            at("06-01", "19:00"),
            at("06-02", "03:50"),
            at("06-02", "04:21"),
            End(at("06-02", "04:20"), "daily"),
        ),
        (
            at("06-01", "19:00"),
            at("06-02", "05:00"),
            at("06-02", "05:30"),
            None,
        ),  # it went on through the hour
        (
            at("06-01", "19:00"),
            at("06-02", "05:00"),
            at("06-02", "05:31"),
            End(at("06-02", "05:30"), "daily"),
        ),
        (
            at("06-02", "04:00"),
            at("06-02", "04:01"),
            at("06-02", "23:00"),
            None,
        ),  # it began at the hour
        (
            at("06-01", "19:00"),
            at("06-01", "20:00"),
            at("06-09", "12:00"),
            End(at("06-02", "04:00"), "daily"),
        ),
        (
            at("06-01", "19:00"),
            at("06-02", "20:00"),
            at("06-01", "10:00"),
            None,
        ),  # the clock was set back
    ],
    ids=range(9),
)
def test_a_day_ends_at_its_hour_or_when_a_conversation_that_goes_on_falls_silent(
    started, last, now, expected
):
    assert DAILY.end_of(started_at=started, last_activity=last, now=now) == expected


@pytest.mark.parametrize(
    ("before", "hour"),
    [
        (at("03-28", "20:00"), at("03-29", "04:00")),  # clocks go forward that night
        (at("10-24", "20:00"), at("10-25", "04:00")),  # and back
    ],
)
def test_the_hour_is_the_time_zones_also_when_clocks_change(before, hour):
    assert DAILY.end_of(started_at=before, last_activity=before, now=hour - 1) is None
    assert DAILY.end_of(started_at=before, last_activity=before, now=hour) == End(hour, "daily")


def test_the_hour_exists_also_on_the_day_that_skips_it():
    expiry = Expiry(max_age_hours=None, daily_hour=2, time_zone="Europe/Vienna", grace_minutes=0)
    evening = at("03-28", "20:00")
    end = expiry.end_of(started_at=evening, last_activity=evening, now=evening + 86400)
    assert end == End(at("03-29", "03:00"), "daily")


def test_whichever_comes_first_ends_a_session():
    both = Expiry(max_age_hours=2, daily_hour=4)
    late, early = at("06-02", "03:00", ZoneInfo("UTC")), at("06-01", "10:00", ZoneInfo("UTC"))
    assert both.end_of(started_at=late, last_activity=late, now=late + 86400).reason == "daily"
    assert both.end_of(started_at=early, last_activity=early, now=early + 86400) == End(
        early + 7200, "idle"
    )


@pytest.mark.parametrize(
    ("channel", "kind", "expected"),
    [
        ("telegram", "group", 1),
        ("telegram", "direct", 2),
        ("discord", "group", 3),
        ("discord", "direct", 4),
    ],
)
def test_the_most_particular_policy_counts(channel, kind, expected):
    policies = (
        Expiry(max_age_hours=4),
        Expiry(kind="group", max_age_hours=3),
        Expiry(channel="telegram", max_age_hours=2),
        Expiry(channel="telegram", kind="group", max_age_hours=1),
    )
    assert policy_of(policies, channel, kind).max_age_hours == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Expiry(max_age_hours=-1), "max_age_hours must be a number of at least 0, not -1"),
        (lambda: Expiry(grace_minutes=-1), "grace_minutes must be a number of at least 0, not -1"),
        (lambda: Expiry(daily_hour=24), "daily_hour must be an hour from 0 to 23, not 24"),
        (lambda: Expiry(daily_hour=4.5), "daily_hour must be an hour from 0 to 23, not 4.5"),
        (
            lambda: Expiry(time_zone="Mars/Olympus"),
            "unknown time zone 'Mars/Olympus': use a name from the IANA",
        ),
        (lambda: Expiry(time_zone="../etc/passwd"), "unknown time zone"),
        (lambda: Expiry(kind="room"), "unknown kind of chat 'room': use direct or group"),
        (lambda: Retention(days=-1), "days must be a number of at least 0, not -1"),
        (lambda: Retention(days=float("nan")), "days must be a number of at least 0, not nan"),
        (
            lambda: SessionHub("x.db", expiry=[Expiry(), Expiry()]),
            "expiry has two policies for the same channel and kind",
        ),
        (
            lambda: SessionHub("x.db", retention=[Retention(days=1, kind="group")] * 2),
            "retention has two policies for the same",
        ),
        (
            lambda: SessionHub("x.db", upkeep_minutes=0),
            "upkeep_minutes must be a number of at least 0.001, not 0",
        ),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_with_its_value_and_the_rule(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"expiry": Expiry(daily_hour=4)}, "expiry must be a list of Expiry, not Expiry"),
        ({"expiry": None}, "expiry must be a list of Expiry, not NoneType"),
        (
            {"expiry": [Retention(days=30)]},
            "expiry must be a list of Expiry, but contains Retention",
        ),
        ({"retention": Retention(days=30)}, "retention must be a list of Retention, not Retention"),
        (
            {"retention": [Expiry(kind="group")]},
            "retention must be a list of Retention, but contains Expiry",
        ),
    ],
)
def test_what_is_no_list_of_such_policies_is_refused(settings, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        SessionHub("x.db", **settings)


# In a hub


async def test_each_kind_of_chat_ends_by_its_own_policy(new_hub, talk, texts, clock):
    hub, ann, lobby = (
        new_hub(expiry=[Expiry(kind="group", max_age_hours=1)]),
        talk.account("ann"),
        talk.group(),
    )
    await hub.record(talk.said(ann, "direct"))
    await hub.record(talk.said(lobby, "group", author=ann))
    clock.advance(hours=2)
    assert await texts(hub, ann) == ["direct"]
    assert await texts(hub, lobby) == []


async def test_a_persons_session_ends_by_the_policy_of_where_it_was_last_active(
    new_hub, talk, link, texts, clock
):
    hub = new_hub(expiry=[Expiry(channel="telegram", max_age_hours=1)])
    here, there = talk.account("ann"), talk.account("ann", channel="telegram")
    await hub.record(talk.said(here, "on discord"))
    await hub.record(talk.said(there, "on telegram"))
    await link(hub, here, there)
    clock.advance(hours=0.5)
    await hub.record(talk.said(here, "on discord again"))
    clock.advance(hours=2)
    assert len(await texts(hub, there)) == 3
    await hub.record(talk.said(there, "on telegram again"))
    clock.advance(hours=2)
    assert await texts(hub, here) == []


async def test_many_messages_at_once_end_a_session_like_one(new_hub, talk, texts, clock):
    hub, ann = new_hub(expiry=[Expiry(channel="discord", max_age_hours=1)]), talk.account("ann")
    await hub.record(talk.said(ann, "old"))
    clock.advance(hours=2)
    await asyncio.gather(*(hub.record(talk.said(ann, str(number))) for number in range(5)))
    assert await texts(hub, ann) == ["0", "1", "2", "3", "4"]


async def test_a_daily_end_is_recorded_and_told_with_its_reason(new_hub, talk, event_log, clock):
    clock.now = at("06-01", "20:00")
    hub, ann = new_hub(event_log, expiry=[DAILY]), talk.account("ann")
    await hub.record(talk.said(ann, "good night"))
    clock.now = at("06-02", "08:00")
    recorded = await hub.record(talk.said(ann, "good morning"))
    await hub.settle()
    assert [entry["reason"] for entry in event_log.of("end")] == ["daily"]
    assert [entry["reason"] for entry in event_log.of("start")] == ["first", "daily"]
    (before,) = await recorded.session.previous()
    assert (before.end_reason, before.ended_at) == ("daily", at("06-02", "04:00"))


async def test_what_ended_daily_stays_readable(new_hub, talk, clock, texts):
    clock.now = at("06-01", "20:00")
    hub, ann = new_hub(expiry=[DAILY]), talk.account("ann")
    await hub.record(talk.said(ann, "good night"))
    clock.now = at("06-02", "08:00")
    assert await texts(hub, ann) == []
    assert await texts(hub, ann, include_previous=True) == ["good night"]
    view = hub.session_of(talk.direct(ann), ann)
    assert [session.end_reason for session in await view.previous()] == ["daily"]


async def test_a_session_that_nobody_writes_to_again_is_ended_and_told_once(
    new_hub, talk, event_log, new_event_log, clock
):
    hub, lobby = new_hub(event_log), talk.group()
    await hub.record(talk.said(talk.account("ann"), "bye"))
    await hub.record(talk.said(lobby, "bye", author=talk.account("ann")))
    clock.advance(hours=24)
    await hub.upkeep()
    await hub.settle()
    assert event_log.of("end") == []
    clock.advance(seconds=1)
    for _ in range(2):
        await hub.upkeep()
    await hub.settle()
    assert [entry["reason"] for entry in event_log.of("end")] == ["idle", "idle"]
    assert {entry["session"].ended_at for entry in event_log.of("end")} == {clock() - 1}
    other = new_event_log()
    async with new_hub(other) as again:
        await again.upkeep()
        await again.settle()
    assert other.of("end") == []


async def test_of_two_processes_ends_are_told_by_one(new_hub, talk, new_event_log, clock):
    diaries = [new_event_log(), new_event_log()]
    hubs = [new_hub(event_log) for event_log in diaries]
    for number in range(20):
        await hubs[0].record(talk.said(talk.account(f"person-{number}"), "bye"))
    clock.advance(hours=25)
    await asyncio.gather(*(hub.end_silent() for hub in hubs))
    for hub in hubs:
        await hub.settle()
    assert sum(len(event_log.of("end")) for event_log in diaries) == 20


async def test_more_sessions_than_one_piece_holds_are_all_ended(new_hub, talk, clock):
    hub = new_hub()
    events = [talk.said(talk.account(f"person-{number}"), "bye") for number in range(120)]
    await asyncio.gather(*(hub.record(event) for event in events))
    clock.advance(hours=25)
    assert await hub.end_silent() == 120
    assert await hub.end_silent() == 0


async def test_a_new_session_that_stays_empty_ends_too(new_hub, talk, event_log, clock):
    hub, ann = new_hub(event_log), talk.account("ann")
    recorded = await hub.record(talk.said(ann, "hi"))
    await recorded.session.start_new()
    await hub.settle()
    clock.advance(hours=25)
    await hub.end_silent()
    await hub.settle()
    assert [entry["reason"] for entry in event_log.of("end")] == ["new", "idle"]


async def test_where_silence_ends_nothing_a_session_goes_on_for_years(new_hub, talk, texts, clock):
    hub, ann = new_hub(expiry=[Expiry(max_age_hours=None)]), talk.account("ann")
    await hub.record(talk.said(ann, "hi"))
    clock.advance(days=3000)
    assert await hub.end_silent() == 0
    assert await texts(hub, ann) == ["hi"]


# In the background


async def until(condition):
    async with asyncio.timeout(60):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_the_open_hub_ends_silent_sessions_and_decays_by_itself(
    new_hub, talk, event_log, clock
):
    hub, ann = new_hub(event_log, upkeep_minutes=0.001), talk.account("ann")
    async with hub:
        await hub.record(talk.said(ann, "bye"))
        clock.advance(hours=25)

        async def is_notified():
            return bool(event_log.of("end"))

        await until(is_notified)
        clock.advance(days=366)

        async def is_gone():
            clock.advance(hours=1)  # a day of rounds, after which the leap is believed
            return await hub.session_of(talk.direct(ann), ann).history(include_previous=True) == []

        await until(is_gone)


async def test_the_open_hub_makes_withdrawn_summaries_again(new_hub, talk, clock):
    works = False

    async def summarize(messages, previous):
        return "in short" if works else ""

    hub, ann = (
        new_hub(upkeep_minutes=0.001, summarize=summarize, consolidation_threshold=4),
        talk.account("ann"),
    )
    async with hub:
        works = True
        for number in range(5):
            recorded = await hub.record(talk.said(ann, f"fact-{number}", message_id=str(number)))
        await hub.settle()
        works = False
        await hub.delete(talk.direct(ann), ["0"])
        await hub.settle()
        assert (await recorded.session.for_model()).summary is None
        works = True
        clock.advance(hours=2)  # for as long it is left alone after several failures

        async def is_back():
            return (await recorded.session.for_model()).summary is not None

        await until(is_back)


async def test_while_one_process_does_it_the_others_do_not(new_hub, talk, event_log, clock):
    one, other = (
        new_hub(*plugins, max_age_hours=0.01, upkeep_minutes=5) for plugins in ((), (event_log,))
    )
    await one._parts.rounds._work()
    await other.record(talk.said(talk.account("ann"), "bye"))
    clock.advance(seconds=60)
    await other._parts.rounds._work()
    await other.settle()
    assert event_log.of("end") == []
    clock.advance(seconds=100)
    await other._parts.rounds._work()
    await other.settle()
    assert [entry["reason"] for entry in event_log.of("end")] == ["idle"]


async def test_a_round_that_fails_is_logged_and_the_next_one_comes(caplog):
    rounds = []

    async def work():
        rounds.append(len(rounds))
        raise [DatabaseUnavailable(), RuntimeError("x")][len(rounds) % 2]

    upkeep = Rounds(work, minutes=0.0001)
    upkeep.start()

    async def are_three():
        return len(rounds) >= 3

    await until(are_three)
    await upkeep.stop()
    assert "a round of upkeep was given up" in caplog.text
    assert "a round of upkeep failed" in caplog.text


def test_rounds_go_on_in_the_loop_that_comes_after_one_that_ended(database):
    hub = SessionHub(database, load_entry_points=False, upkeep_minutes=60)

    async def look():
        await hub.identity_of("nobody")
        return [task for task in asyncio.all_tasks() if "Rounds" in repr(task.get_coro())]

    (first,), (second,) = asyncio.run(look()), asyncio.run(look())
    assert (first.done(), first is second) == (True, False)
    asyncio.run(hub.close())

"""What an operator's tools ask of a hub, next to the bot that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from session_plugin import (
    Account,
    DatabaseRefused,
    DatabaseUnavailable,
    LinkRefused,
    OperatorHub,
    SessionHub,
    UnknownSession,
)

SECRET = "what only the tests' hubs know"


@pytest.fixture
def operator(database: str, clock: Any) -> OperatorHub:
    return OperatorHub(database, secret=SECRET, clock=clock)


async def test_people_are_listed_by_activity_with_what_they_have(
    hub: SessionHub, talk: Any, clock: Any
) -> None:
    ann, bob = talk.account("ann"), talk.account("bob")
    await hub.record(talk.said(ann, "hello", author_name="Ann"))
    clock.advance(seconds=60)
    await hub.record(talk.said(bob, "hi", author_name="Bob"))
    await hub.record(talk.answered(bob, "Hello, Bob."))
    await hub.record(talk.said(talk.group(), "all", author=talk.account("cem"), author_name="Cem"))

    found = await hub.people()
    names = {person.accounts[0].name: (person.sessions, person.messages) for person in found}
    assert names == {"Ann": (1, 1), "Bob": (1, 2), "Cem": (0, 0)}
    assert [person.accounts[0].name for person in found].index("Ann") == 2
    assert await hub.people(limit=1, skip=2) == found[2:]


async def test_a_person_is_found_by_id_account_and_name_and_namesakes_are_all_named(
    hub: SessionHub, talk: Any
) -> None:
    team = Account("slack:T1", "U:7")
    await hub.record(talk.said(team, "hello", author_name="Ann"))
    await hub.record(talk.said(talk.account("ann"), "hello", author_name="Ann"))

    (found,) = await hub.find_people("slack:T1:U:7")
    assert found.identity.accounts == (team,)
    assert await hub.find_people(found.identity.user_id) == [found]
    assert len(await hub.find_people("Ann")) == 2
    for nobody in ("", ":", "nobody", "slack:T1", "a\0b", "\ud800"):
        assert await hub.find_people(nobody) == []


async def test_a_timeline_is_one_session_over_all_channels_in_pages(
    hub: SessionHub, talk: Any, link: Any, clock: Any
) -> None:
    here, there = talk.account("ann"), talk.account("ann", channel="telegram")
    for number, account in enumerate((here, there, here, there)):
        await hub.record(talk.said(account, f"words {number}"))
    await link(hub, here, there)

    session = next(one for one in await hub.sessions(here) if one.is_live)
    timeline = await hub.timeline(session.session_id, limit=3)
    assert [message.content for message in timeline.messages] == ["words 1", "words 2", "words 3"]
    assert {message.channel for message in timeline.messages} == {"discord", "telegram"}
    assert timeline.older == timeline.messages[0].seq

    older = await hub.timeline(session.session_id, before=timeline.older)
    assert ([message.content for message in older.messages], older.older) == (["words 0"], None)
    with pytest.raises(UnknownSession):
        await hub.timeline("nothing")


async def test_groups_are_among_all_sessions(hub: SessionHub, talk: Any) -> None:
    await hub.record(talk.said(talk.account("ann"), "hello"))
    await hub.record(talk.said(talk.group("lobby"), "all"))

    chats = [session.chat and session.chat.chat_id for session in await hub.sessions()]
    assert sorted(chats, key=str) == [None, "lobby"]


async def test_who_reads_texts_is_in_the_audit_and_in_the_export(
    hub: SessionHub, talk: Any, raw: Any
) -> None:
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "hello"))
    identity = await hub.identity_of(ann)
    assert identity is not None

    await hub.note_texts_shown(identity.user_id)
    lines = [line async for line in hub.export(ann)]
    assert "texts_shown" in [line["action"] for line in lines if line["kind"] == "audit"]


async def test_what_would_be_forgotten_is_counted_and_stays(
    hub: SessionHub, talk: Any, texts: Any
) -> None:
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "hello"))
    counted = await hub.count_to_forget(ann)
    assert (counted.messages, counted.is_dry_run) == (1, True)
    assert await texts(hub, ann) == ["hello"]


async def test_the_operators_link_joins_both_and_notifies_both(
    hub: SessionHub, talk: Any, texts: Any
) -> None:
    here, there = talk.account("ann"), talk.account("ann", channel="telegram")
    await hub.record(talk.said(here, "on discord"))
    await hub.record(talk.said(there, "on telegram"))

    identity = await hub.link_known(here, there)
    assert set(identity.accounts) == {here, there}
    assert await hub.link_known(here, there) == identity
    assert await texts(hub, there) == ["on discord", "on telegram"]

    lease = hub.attach("telegram", "")
    await lease.release()
    for account in (here, there):
        exported = [line async for line in hub.export(identity.user_id) if line["kind"] == "notice"]
        assert [line["notice"] for line in exported] == ["linked", "linked"], account


async def test_the_operators_link_refuses_who_is_unknown_or_left_lately(
    hub: SessionHub, talk: Any, link: Any
) -> None:
    here, there, third = talk.account("a"), talk.account("a", channel="telegram"), talk.account("c")
    for account in (here, there, third):
        await hub.record(talk.said(account, "hello"))
    with pytest.raises(LinkRefused, match="not known"):
        await hub.link_known(here, talk.account("nobody"))

    await link(hub, here, there)
    await hub.unlink(there)
    with pytest.raises(LinkRefused, match="24 hours"):
        await hub.link_known(there, third)


async def test_an_operators_hub_leaves_starts_and_ends_to_the_bot_to_announce(
    new_hub: Any, operator: OperatorHub, talk: Any, event_log: Any, raw: Any
) -> None:
    bot = new_hub()
    await bot.record(talk.said(talk.account("ann"), "hello"))
    await bot.close()
    raw.rows("UPDATE sessions SET start_announced = 0")

    async with operator:
        await operator.record(talk.said(talk.account("bob"), "hello"))
    assert raw.rows("SELECT start_announced FROM sessions") == [(0,), (0,)]

    async with new_hub(event_log) as again:
        await again.settle()
    assert event_log.names() == ["start", "start"]


async def test_an_operators_hub_ends_no_session_that_the_bot_would_not_end(
    hub: SessionHub, operator: OperatorHub, talk: Any, clock: Any
) -> None:
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "hello"))
    clock.advance(days=30)
    async with operator:
        await operator.decay(confirm_clock=True)
        assert [one.is_live for one in await operator.sessions(ann)] == [True]


async def test_an_operators_hub_creates_nothing_where_nothing_is(
    new_database: str, tmp_path: Path, backend: Any
) -> None:
    with pytest.raises((DatabaseUnavailable, DatabaseRefused), match=r"check the|start the bot"):
        async with OperatorHub(new_database):
            pass
    assert backend.is_empty(new_database)


async def test_an_older_schema_is_refused_and_left_as_it_is(
    new_hub: Any, database: str, backend: Any, talk: Any, operator: OperatorHub, raw: Any
) -> None:
    bot = new_hub()
    await bot.record(talk.said(talk.account("ann"), "hello"))
    await bot.close()

    (current,) = backend.schema(database)[-1]
    for version, says in ((0, "has schema 0, older"), (99, "has schema 99, newer")):
        backend.set_version(database, version)
        with pytest.raises(DatabaseRefused, match=rf"{says}|no tables of"):
            async with operator:
                pass
        assert backend.schema(database)[-1] == (version,)
    backend.set_version(database, current)


async def test_health_names_what_is_wrong(
    hub: SessionHub, talk: Any, raw: Any, clock: Any, backend: Any
) -> None:
    await hub.record(talk.said(talk.group(), "", author=talk.account("ann")))
    await hub.record(talk.said(talk.group(), "words", author=talk.account("ann")))
    raw.rows("INSERT INTO erasures (at) VALUES (5)")

    health = await hub.health()
    assert (health.damage, health.orphans, health.withheld) == ((), (), 0)
    assert (health.pending_erasures, health.oldest_erasure_at) == (1, 5)
    assert (health.group_messages, health.without_text) == (2, 1)

    assert await hub.erase()
    assert (await hub.health()).pending_erasures == 0
    clock.advance(hours=25)
    assert (await hub.health()).group_messages == 0

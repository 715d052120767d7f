"""SessionStore.decay, what it leaves, and links that outlive sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from session_plugin import Account, Chat, MessageEvent, SessionHub, SessionStore, UnknownSession

SECRET = "a secret that only these tests know"
ANN = Account("telegram", "7")


@pytest.fixture
def hub(database: str, clock: Any) -> Iterator[SessionHub]:
    hub = SessionHub(
        database, clock=clock, consolidation_threshold=10, load_entry_points=False, secret=SECRET
    )
    yield hub
    hub._parts.database.close()


@pytest.fixture
def store(hub: SessionHub) -> SessionStore:
    return hub.store()


def users(store: SessionStore) -> list[str]:
    return [s.identity.user_id for s in store.list_sessions(active_only=False) if s.identity]


def by_ann(text: str) -> MessageEvent:
    return MessageEvent(
        chat=Chat("telegram", "7"), message_id=text, role="user", text=text, sent_at=0.0, author=ANN
    )


def test_decay_removes_what_is_strictly_older_and_says_how_many(
    store: SessionStore, clock: Any
) -> None:
    for user_id in ("ann", "bob"):
        store.save_message(store.get_or_create(user_id).session_id, "user", "hi")
    clock.advance(seconds=1)
    store.get_or_create("eve")
    clock.advance(hours=1, seconds=-1)
    assert store.decay(1.0) == 0
    clock.advance(seconds=0.5)
    assert store.decay(1.0) == 2
    assert users(store) == ["eve"]


async def test_decay_leaves_what_is_pinned(
    hub: SessionHub, store: SessionStore, clock: Any
) -> None:
    def made(user_id: str) -> str:
        session_id = store.get_or_create(user_id).session_id
        store.save_message(session_id, "user", "hi")
        return session_id

    for user_id in ("ann", "bob"):
        await asyncio.to_thread(made, user_id)
    session = await hub.session_of(Chat("", "ann"), None).info()
    assert session is not None
    await hub.pin(session.session_id)
    clock.advance(hours=2)
    assert await asyncio.to_thread(store.decay, 1.0) == 1
    assert await asyncio.to_thread(users, store) == ["ann"]
    await hub.pin(session.session_id, is_pinned=False)
    assert await asyncio.to_thread(store.decay, 1.0) == 1
    await hub.close()


def test_decay_of_none_goes_by_the_stores_own_age(store: SessionStore, clock: Any) -> None:
    store.get_or_create("ann")
    clock.advance(hours=24)
    assert store.decay() == store.decay(None) == 0
    clock.advance(seconds=1)
    assert store.decay() == 1


def test_decay_of_nothing_is_no_hours_at_all(store: SessionStore, clock: Any) -> None:
    store.get_or_create("ann")
    assert store.decay(0) == 0
    clock.advance(seconds=0.001)
    assert store.decay(0) == 1
    assert users(store) == []


@pytest.mark.parametrize("hours", [-1.0, float("nan"), float("inf"), -0.001])
def test_an_age_that_makes_no_sense_removes_nothing(
    store: SessionStore, clock: Any, hours: float
) -> None:
    store.get_or_create("ann")
    clock.advance(days=9)
    with pytest.raises(ValueError, match="max_age_hours"):
        store.decay(hours)
    assert users(store) == ["ann"]


def test_activity_is_what_counts(store: SessionStore, clock: Any) -> None:
    session_id = store.get_or_create("ann").session_id
    clock.advance(hours=20)
    store.save_message(session_id, "user", "still here")
    clock.advance(hours=20)
    assert store.decay() == 0


def test_more_sessions_than_one_transaction_removes_all_go(store: SessionStore, clock: Any) -> None:
    for number in range(120):
        store.get_or_create(str(number))
    clock.advance(hours=25)
    assert store.decay() == 120
    assert users(store) == []


def test_a_removed_session_is_unknown(store: SessionStore, clock: Any) -> None:
    session_id = store.get_or_create("ann").session_id
    clock.advance(hours=25)
    store.decay()
    with pytest.raises(UnknownSession):
        store.save_message(session_id, "user", "hi")


def test_a_removed_session_leaves_no_messages_and_no_summaries(
    store: SessionStore, clock: Any, raw: Any
) -> None:
    session_id = store.get_or_create("ann").session_id
    for number in range(25):
        store.save_message(session_id, "user", f"message {number}")
    clock.advance(hours=25)
    store.decay()
    for table in ("messages", "summaries", "summary_parts", "segments", "sessions"):
        assert raw.rows(f"SELECT COUNT(*) FROM {table}") == [(0,)]
    assert raw.findings() == []


def test_who_comes_back_after_a_decay_begins_anew(store: SessionStore, clock: Any) -> None:
    store.save_message(store.get_or_create("ann", display_name="Ann").session_id, "user", "hi")
    clock.advance(hours=25)
    store.decay()
    session = store.get_or_create("ann")
    assert session.messages == []
    assert session.identity is not None
    assert session.identity.display_name == "Ann"


async def test_a_link_outlives_the_session_in_which_it_was_made(
    store: SessionStore, hub: SessionHub, clock: Any
) -> None:
    store.link_channel(store.get_or_create("ann").session_id, ANN.channel, ANN.channel_user_id)
    clock.advance(hours=25)
    assert store.decay() == 1
    identity = store.get_or_create("ann").identity
    assert identity is not None
    assert identity.channel_ids == {"telegram": "7"}
    assert await hub.identity_of(ANN) == identity


async def test_what_a_linked_account_says_is_in_the_users_session(
    store: SessionStore, hub: SessionHub
) -> None:
    session_id = store.get_or_create("ann").session_id
    store.link_channel(session_id, ANN.channel, ANN.channel_user_id)
    await hub.record(by_ann("from telegram"))
    session = store.get_or_create("ann")
    assert session.session_id == session_id
    assert [(m.content, m.channel) for m in session.messages] == [("from telegram", "telegram")]


async def test_what_others_of_the_same_person_said_is_not_the_stores_to_remove(
    store: SessionStore, hub: SessionHub, clock: Any
) -> None:
    session_id = store.get_or_create("ann").session_id
    store.link_channel(session_id, ANN.channel, ANN.channel_user_id)
    for number in range(20):
        store.save_message(session_id, "user", f"by store {number}")
        await hub.record(by_ann(f"by telegram {number}"))
    clock.advance(hours=25)
    assert store.decay() == 1
    history = await hub.session_of(Chat("telegram", "7"), ANN).history(
        limit=None, include_previous=True
    )
    assert [message.content for message in history] == [
        f"by telegram {number}" for number in range(20)
    ]


async def test_no_summary_tells_what_the_store_removed(
    store: SessionStore, hub: SessionHub, clock: Any, raw: Any
) -> None:
    session_id = store.get_or_create("ann").session_id
    store.link_channel(session_id, ANN.channel, ANN.channel_user_id)
    for number in range(20):
        store.save_message(session_id, "user", f"secret {number}")
        await hub.record(by_ann(str(number)))
    await hub.settle()
    assert raw.rows("SELECT COUNT(*) FROM summaries WHERE content IS NOT NULL") != [(0,)]
    clock.advance(hours=25)
    store.decay()
    kept = raw.rows("SELECT content FROM summaries WHERE content IS NOT NULL")
    assert not any(b"secret" in content for (content,) in kept)


async def test_an_account_claimed_by_hand_is_audited(
    store: SessionStore, hub: SessionHub, raw: Any
) -> None:
    store.link_channel(store.get_or_create("ann").session_id, ANN.channel, ANN.channel_user_id)
    store.link_channel(store.get_or_create("ann").session_id, ANN.channel, ANN.channel_user_id)
    assert raw.rows("SELECT action, user_id FROM audit") == [("claimed", "ann")]


async def test_an_account_that_the_hub_saw_first_cannot_be_claimed(
    store: SessionStore, hub: SessionHub
) -> None:
    await hub.record(by_ann("mine"))
    with pytest.raises(Exception, match="only its owner can link it"):
        store.link_channel(
            store.get_or_create("mallory").session_id, ANN.channel, ANN.channel_user_id
        )


async def test_a_users_id_after_a_link_is_the_older_one_and_both_lead_to_the_same_session(
    store: SessionStore, hub: SessionHub, clock: Any
) -> None:
    await hub.record(by_ann("on telegram"))
    older = await hub.identity_of(ANN)
    clock.advance(seconds=1)
    cli = Account("cli", "a")
    store.save_message(store.get_or_create("ann").session_id, "user", "by store")
    store.link_channel(store.get_or_create("ann").session_id, cli.channel, cli.channel_user_id)
    code = await hub.request_link(cli)
    await hub.redeem_link(ANN, code.code)
    await hub.confirm_link(ANN)
    await hub.confirm_link(cli)
    session = store.get_or_create("ann")
    assert session.identity is not None
    assert older is not None
    assert session.identity.user_id == older.user_id
    assert [m.content for m in session.messages] == ["on telegram", "by store"]
    same = store.get_or_create(older.user_id)
    assert [m.content for m in same.messages] == ["on telegram", "by store"]

"""SessionStore's methods, one by one, as the original promised them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from session_plugin import (
    Account,
    AccountTaken,
    Session,
    SessionHub,
    SessionIdentity,
    SessionMessage,
    SessionStore,
    UnknownSession,
)


@pytest.fixture
def store(database: str, clock: Any) -> Iterator[SessionStore]:
    """A store on a clock that the test sets."""
    hub = SessionHub(database, clock=clock, load_entry_points=False)
    yield hub.store()
    hub._parts.database.close()


def words(session: Session) -> list[str]:
    return [message.content for message in session.messages]


# What the types look like


def test_the_constructor_has_the_originals_signature() -> None:
    """What is ours comes after it, by name."""
    parameters = inspect.signature(SessionStore).parameters.values()
    assert [(p.name, p.kind.name, p.default) for p in parameters] == [
        ("db_path", "POSITIONAL_OR_KEYWORD", None),
        ("max_age_hours", "KEYWORD_ONLY", 24.0),
        ("consolidation_threshold", "KEYWORD_ONLY", 100),
        ("encryption", "KEYWORD_ONLY", None),
    ]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("get_or_create", "(user_id, *, channel='', channel_user_id='', display_name='')"),
        ("save_message", "(session_id, role, content, *, channel='', metadata=None)"),
        ("consolidate", "(session_id)"),
        ("decay", "(max_age_hours=None)"),
        ("link_channel", "(session_id, channel, channel_user_id)"),
        ("list_sessions", "(*, active_only=True, limit=50)"),
        ("close", "()"),
    ],
)
def test_a_method_has_the_originals_signature(method: str, expected: str) -> None:
    signature = inspect.signature(getattr(SessionStore, method))
    bare = [
        p.replace(annotation=inspect.Parameter.empty)
        for p in list(signature.parameters.values())[1:]
    ]
    assert str(inspect.Signature(bare)) == expected


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (
            Session,
            ["session_id", "identity", "messages", "created_at", "last_activity", "metadata"],
        ),
        (SessionIdentity, ["user_id", "display_name", "channel_ids"]),
        (SessionMessage, ["role", "content", "channel", "timestamp", "metadata"]),
    ],
)
def test_the_originals_fields_come_first_and_others_by_keyword_only(
    kind: type, names: list[str]
) -> None:
    assert [f.name for f in fields(kind) if not f.kw_only] == names


def test_data_types_have_the_originals_defaults() -> None:
    assert Session() == Session("", None, [], 0.0, 0.0, {})
    assert SessionIdentity("ann") == SessionIdentity("ann", "", {})
    assert SessionMessage("user", "hi") == SessionMessage("user", "hi", "", 0.0, {})


def test_add_message_stores_nothing(store: SessionStore) -> None:
    session = store.get_or_create("ann")
    session.add_message("user", "only here", channel="cli")
    assert [(m.role, m.content, m.channel) for m in session.messages] == [
        ("user", "only here", "cli")
    ]
    assert store.get_or_create("ann").messages == []


# get_or_create


def test_a_user_who_comes_back_gets_the_same_session(store: SessionStore) -> None:
    first = store.get_or_create("ann")
    assert store.get_or_create("ann").session_id == first.session_id != ""


def test_two_users_get_two_sessions(store: SessionStore) -> None:
    assert store.get_or_create("ann").session_id != store.get_or_create("bob").session_id


def test_user_ids_are_told_apart_byte_by_byte(store: SessionStore) -> None:
    ids = [
        "ann",
        "Ann",
        " ann",
        "ann ",
        "é",
        "e\u0301",
        "1",
        "01",
        "1.0",
        "%",
        "_",
        "'; DROP TABLE users; --",
    ]
    assert len({store.get_or_create(user_id).session_id for user_id in ids}) == len(ids)


def test_a_session_says_whose_it_is(store: SessionStore) -> None:
    identity = store.get_or_create("ann").identity
    assert identity is not None
    assert identity.user_id == "ann"


def test_messages_come_back_in_the_order_in_which_they_were_saved(
    store: SessionStore, clock: Any
) -> None:
    session = store.get_or_create("ann")
    for number in range(10):
        store.save_message(session.session_id, "user", str(number))
        clock.advance(seconds=-1)  # a clock that is set back decides no order
    assert words(store.get_or_create("ann")) == [str(number) for number in range(10)]


def test_a_session_of_exactly_the_greatest_age_goes_on(store: SessionStore, clock: Any) -> None:
    session = store.get_or_create("ann")
    clock.advance(hours=24)
    assert store.get_or_create("ann").session_id == session.session_id


def test_an_older_session_gives_way_to_a_new_one(store: SessionStore, clock: Any) -> None:
    session = store.get_or_create("ann")
    store.save_message(session.session_id, "user", "old")
    clock.advance(hours=24, seconds=0.001)
    later = store.get_or_create("ann")
    assert later.session_id != session.session_id
    assert later.messages == []
    assert later.start_reason == "idle"


def test_a_message_makes_the_session_young_again(store: SessionStore, clock: Any) -> None:
    session = store.get_or_create("ann")
    clock.advance(hours=23)
    store.save_message(session.session_id, "user", "still here")
    clock.advance(hours=23)
    assert store.get_or_create("ann").session_id == session.session_id


def test_looking_without_a_channel_is_no_activity(store: SessionStore, clock: Any) -> None:
    started = store.get_or_create("ann").last_activity
    clock.advance(hours=1)
    assert store.get_or_create("ann").last_activity == started


def test_coming_from_a_channel_is_activity(store: SessionStore, clock: Any) -> None:
    store.get_or_create("ann")
    clock.advance(hours=1)
    session = store.get_or_create("ann", channel="telegram", channel_user_id="7")
    assert session.last_activity == clock.now
    assert session.identity is not None
    assert session.identity.channel_ids == {"telegram": "7"}


@pytest.mark.parametrize("half", [{"channel": "telegram"}, {"channel_user_id": "7"}])
def test_a_channel_without_its_user_id_or_the_other_way_round_is_ignored(
    store: SessionStore, clock: Any, half: dict[str, str]
) -> None:
    started = store.get_or_create("ann").last_activity
    clock.advance(hours=1)
    session = store.get_or_create("ann", **half)
    assert session.identity is not None
    assert (session.identity.channel_ids, session.last_activity) == ({}, started)


def test_channel_arguments_never_decide_who_somebody_is(store: SessionStore) -> None:
    ann = store.get_or_create("ann", channel="telegram", channel_user_id="7")
    bob = store.get_or_create("bob", channel="telegram", channel_user_id="7")
    assert ann.session_id != bob.session_id


def test_a_stored_display_name_wins(store: SessionStore) -> None:
    store.get_or_create("ann", display_name="Ann")
    session = store.get_or_create("ann", display_name="Somebody else")
    assert session.identity is not None
    assert session.identity.display_name == "Ann"


def test_a_display_name_that_comes_late_is_kept(store: SessionStore) -> None:
    store.get_or_create("ann")
    store.get_or_create("ann", display_name="Ann")
    session = store.get_or_create("ann")
    assert session.identity is not None
    assert session.identity.display_name == "Ann"


# save_message


def test_a_message_keeps_its_role_channel_time_and_metadata(
    store: SessionStore, clock: Any
) -> None:
    session = store.get_or_create("ann")
    store.save_message(
        session.session_id, "assistant", "hi", channel="discord", metadata={"tokens": 3}
    )
    (message,) = store.get_or_create("ann").messages
    assert (message.role, message.content, message.channel) == ("assistant", "hi", "discord")
    assert (message.timestamp, message.metadata) == (clock.now, {"tokens": 3})


def test_the_same_words_twice_are_two_messages(store: SessionStore) -> None:
    session = store.get_or_create("ann")
    for _ in range(2):
        store.save_message(session.session_id, "user", "yes")
    assert words(store.get_or_create("ann")) == ["yes", "yes"]


def test_a_name_that_is_no_text_is_refused_by_what_it_is(store: SessionStore) -> None:
    nothing: Any = None
    with pytest.raises(TypeError, match="display_name must be text, not NoneType"):
        store.get_or_create("ann", display_name=nothing)


@pytest.mark.parametrize("metadata", ["a", ["a"]])
def test_metadata_that_is_no_mapping_is_refused(store: SessionStore, metadata: Any) -> None:
    session = store.get_or_create("ann")
    with pytest.raises(TypeError, match="metadata must be a mapping, not "):
        store.save_message(session.session_id, "user", "hi", metadata=metadata)


def test_an_ended_session_takes_a_message_and_is_not_revived(
    store: SessionStore, clock: Any
) -> None:
    old = store.get_or_create("ann")
    clock.advance(hours=25)
    new = store.get_or_create("ann")
    store.save_message(old.session_id, "user", "late")
    assert store.get_or_create("ann").session_id == new.session_id
    listed = {session.session_id: session for session in store.list_sessions()}
    assert (listed[old.session_id].message_count, listed[old.session_id].is_live) == (1, False)


def test_saving_to_a_session_that_has_grown_too_old_ends_it(
    store: SessionStore, clock: Any
) -> None:
    old = store.get_or_create("ann")
    clock.advance(hours=25)
    store.save_message(old.session_id, "user", "late")
    assert store.get_or_create("ann").session_id != old.session_id


@pytest.mark.parametrize("session_id", ["", "nobody's", "'"])
def test_saving_to_an_unknown_session_is_an_error_that_says_what_to_do(
    store: SessionStore, session_id: str
) -> None:
    with pytest.raises(UnknownSession, match="ask get_or_create"):
        store.save_message(session_id, "user", "hi")


@pytest.mark.parametrize("role", ["", "User", "bot", "user\0"])
def test_an_unknown_role_is_refused_with_the_role(store: SessionStore, role: str) -> None:
    session = store.get_or_create("ann")
    with pytest.raises(ValueError, match="role") as caught:
        store.save_message(session.session_id, role, "hi")
    assert repr(role) in str(caught.value)
    assert store.get_or_create("ann").messages == []


# link_channel


def test_linking_claims_an_account_that_nobody_owns(store: SessionStore) -> None:
    session = store.get_or_create("ann")
    store.link_channel(session.session_id, "telegram", "7")
    identity = store.get_or_create("ann").identity
    assert identity is not None
    assert identity.channel_ids == {"telegram": "7"}
    assert identity.accounts == (Account("telegram", "7"),)


def test_linking_again_changes_nothing(store: SessionStore) -> None:
    session = store.get_or_create("ann")
    store.link_channel(session.session_id, "telegram", "7")
    before = store.get_or_create("ann").identity
    store.link_channel(session.session_id, "telegram", "7")
    assert store.get_or_create("ann").identity == before


def test_linking_somebody_elses_account_is_refused_and_changes_nothing(store: SessionStore) -> None:
    store.link_channel(store.get_or_create("ann").session_id, "telegram", "7")
    bob = store.get_or_create("bob")
    with pytest.raises(AccountTaken, match="belongs to another user"):
        store.link_channel(bob.session_id, "telegram", "7")
    assert [s.identity.channel_ids for s in store.list_sessions() if s.identity] == [
        {},
        {"telegram": "7"},
    ]


def test_linking_to_an_unknown_session_has_no_effect(store: SessionStore) -> None:
    store.link_channel("nobody's", "telegram", "7")
    session = store.get_or_create("ann")
    store.link_channel(session.session_id, "telegram", "7")
    assert store.list_sessions()[0].identity == store.get_or_create("ann").identity


# list_sessions


def test_the_most_recently_active_session_is_listed_first(store: SessionStore, clock: Any) -> None:
    sessions = {}
    for user_id in ("ann", "bob", "eve"):
        clock.advance(hours=1)
        sessions[user_id] = store.get_or_create(user_id).session_id
    clock.advance(hours=1)
    store.save_message(sessions["ann"], "user", "hi")
    assert [s.identity.user_id for s in store.list_sessions() if s.identity] == [
        "ann",
        "eve",
        "bob",
    ]


def test_a_listing_has_no_messages(store: SessionStore) -> None:
    store.save_message(store.get_or_create("ann").session_id, "user", "hi")
    assert [session.messages for session in store.list_sessions()] == [[]]


async def test_a_listing_says_that_a_bots_sessions_are_not_in_it(
    store: SessionStore, database: str, talk: Any, caplog: pytest.LogCaptureFixture
) -> None:
    own = await asyncio.to_thread(store.get_or_create, "ann")
    await asyncio.to_thread(store.list_sessions)
    assert caplog.text == ""

    async with SessionHub(database) as hub:
        await hub.record(talk.said(talk.account("bob"), "hello"))
    with SessionStore(database) as other:
        listed = [await asyncio.to_thread(other.list_sessions, active_only=False) for _ in range(2)]
    assert [[one.session_id for one in each] for each in listed] == [[own.session_id]] * 2
    assert caplog.text.count("list_sessions shows the sessions of SessionStore only") == 1


def test_active_only_goes_by_age(store: SessionStore, clock: Any) -> None:
    store.get_or_create("ann")
    clock.advance(hours=12)
    store.get_or_create("bob")
    clock.advance(hours=12)
    assert len(store.list_sessions()) == 2
    clock.advance(seconds=1)
    assert [s.identity.user_id for s in store.list_sessions() if s.identity] == ["bob"]
    assert len(store.list_sessions(active_only=False)) == 2


def test_a_listing_and_get_or_create_agree_on_what_is_too_old(database: str, clock: Any) -> None:
    """Sums of floating-point numbers must not make a session too old for one and young for the
    other.
    """
    hub = SessionHub(database, max_age_hours=0.0124, clock=clock, load_entry_points=False)
    store = hub.store()
    for number in range(100):
        clock.now = 1_700_000_000.0 + number * 1000.1234567
        session_id = store.get_or_create(f"user {number}").session_id
        clock.advance(hours=0.0124)
        is_listed = session_id in {session.session_id for session in store.list_sessions()}
        assert is_listed == (store.get_or_create(f"user {number}").session_id == session_id)
    hub._parts.database.close()


def test_a_listing_ends_at_its_limit(store: SessionStore) -> None:
    for number in range(5):
        store.get_or_create(str(number))
    assert len(store.list_sessions(limit=3)) == 3


# Settings


@pytest.mark.parametrize("hours", [-1, float("nan"), float("inf")])
def test_a_greatest_age_that_makes_no_sense_is_refused(
    database: str, hours: float, raw: Any
) -> None:
    with pytest.raises(ValueError, match="max_age_hours"):
        SessionStore(database, max_age_hours=hours)
    assert raw.is_empty()


@pytest.mark.parametrize("threshold", [-1, 0, 1])
def test_a_threshold_that_makes_no_sense_is_refused(
    database: str, threshold: int, raw: Any
) -> None:
    with pytest.raises(ValueError, match="consolidation_threshold"):
        SessionStore(database, consolidation_threshold=threshold)
    assert raw.is_empty()


def test_a_store_needs_no_secret(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_SECRET", "too short")
    with SessionStore(database) as store:
        store.link_channel(store.get_or_create("ann").session_id, "discord", "7")

"""Whatever text comes in comes out again; a cell that cannot be read costs that cell."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from session_plugin import SessionStore

TEXTS = {
    "nothing": "",
    "spaces": "  \t\n ",
    "NUL": "before\0after\0",
    "a lone high surrogate": "x\ud83dy",
    "a lone low surrogate": "\ude00",
    "surrogates side by side": "\ud83d\ude00",
    "surrogates the wrong way round": "\ude00\ud83d",
    "right to left": "\u202eabc\u202c \u05e9\u05dc\u05d5\u05dd \u200f",
    "emoji": "👩‍👩‍👧‍👦 🇩🇪 👍🏽",
    "combining": "e\u0301 \u00e9",
    "controls": "".join(map(chr, range(32))) + "\x7f\x85\u2028\u2029\ufeff",
    "not a character": "\ufffe\uffff\U0010ffff",
    "SQL": "'; DROP TABLE messages; -- :seq ?1 \"",
    "long": "long \U0001f600 " * 14_285 + "words",
}


@pytest.fixture
def store(database: str) -> Iterator[SessionStore]:
    with SessionStore(database) as store:
        yield store


@pytest.fixture(params=TEXTS.values(), ids=TEXTS.keys())
def text(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_content_comes_back_as_it_went_in(store: SessionStore, text: str) -> None:
    store.save_message(store.get_or_create("ann").session_id, "user", text)
    assert store.get_or_create("ann").messages[0].content == text


def test_metadata_comes_back_as_it_went_in(store: SessionStore, text: str) -> None:
    metadata = {
        "text": text,
        text: ["in a list", text],
        "nested": {"deep": [1, 2.5, None, True, text]},
    }
    store.save_message(store.get_or_create("ann").session_id, "user", "hi", metadata=metadata)
    assert store.get_or_create("ann").messages[0].metadata == metadata


def test_content_of_100_000_random_characters_comes_back_as_it_went_in(store: SessionStore) -> None:
    rng = random.Random(7)
    text = "".join(chr(rng.randrange(0x110000)) for _ in range(100_000))
    store.save_message(store.get_or_create("ann").session_id, "user", text)
    assert store.get_or_create("ann").messages[0].content == text


def test_a_display_name_keeps_all_that_every_database_takes(store: SessionStore) -> None:
    session = store.get_or_create("ann", display_name="A\0n\ud83dn 👍")
    assert session.identity is not None
    assert session.identity.display_name == "A\ufffdn\ufffdn 👍"


@pytest.mark.parametrize("bad", ["", "a\0b", "\ud83d", "ok\udfff"])
def test_a_bad_user_id_is_refused_with_the_id(store: SessionStore, bad: str) -> None:
    with pytest.raises(ValueError, match="user_id") as caught:
        store.get_or_create(bad)
    assert repr(bad) in str(caught.value)
    assert store.list_sessions() == []


@pytest.mark.parametrize("bad", ["", "a\0b", "\ud83d"])
@pytest.mark.parametrize("what", ["channel", "channel_user_id"])
def test_a_bad_account_is_refused_with_the_id(store: SessionStore, what: str, bad: str) -> None:
    session = store.get_or_create("ann")
    account = {"channel": "telegram", "channel_user_id": "7"} | {what: bad}
    with pytest.raises(ValueError, match=what) as caught:
        store.link_channel(session.session_id, **account)
    assert repr(bad) in str(caught.value)


@pytest.mark.parametrize("bad", ["a\0b", "\ud83d"])
@pytest.mark.parametrize("what", ["channel", "channel_user_id"])
def test_a_bad_label_is_refused_with_the_label(store: SessionStore, what: str, bad: str) -> None:
    labels = {"channel": "telegram", "channel_user_id": "7"} | {what: bad}
    with pytest.raises(ValueError, match=what) as caught:
        store.get_or_create("ann", **labels)
    assert repr(bad) in str(caught.value)


@pytest.mark.parametrize("bad", ["a\0b", "\ud83d"])
def test_a_bad_channel_of_a_message_is_refused_rather_than_changed(
    store: SessionStore, bad: str
) -> None:
    session = store.get_or_create("ann")
    with pytest.raises(ValueError, match="channel") as caught:
        store.save_message(session.session_id, "user", "hi", channel=bad)
    assert repr(bad) in str(caught.value)


def test_a_session_id_with_a_lone_surrogate_is_refused(store: SessionStore) -> None:
    with pytest.raises(ValueError, match="surrogate"):
        store.save_message("\ud83d", "user", "hi")


def test_an_id_that_is_no_text_is_refused(store: SessionStore) -> None:
    with pytest.raises(TypeError, match="user_id must be text, not int: 7"):
        store.get_or_create(7)  # type: ignore[arg-type]


ENDLESS: dict[str, Any] = {}
ENDLESS["self"] = ENDLESS


@pytest.mark.parametrize(
    "metadata",
    [{"what": object()}, ENDLESS, {"deep": reduce(lambda inner, _: [inner], range(200_000), [0])}],
    ids=["object", "endless", "deep"],
)
def test_metadata_that_json_has_no_word_for_is_refused_and_stores_nothing(
    store: SessionStore, metadata: dict[str, Any]
) -> None:
    session = store.get_or_create("ann")
    with pytest.raises(TypeError, match="JSON"):
        store.save_message(session.session_id, "user", "hi", metadata=metadata)
    assert store.get_or_create("ann").messages == []


# Broken cells

MESSAGE_CELL = "UPDATE messages SET metadata = ? WHERE content = ? RETURNING 1"
BROKEN = {
    "not JSON": b"{",
    "not an object": b"[1]",
    "too deep": b'{"a":' + b"[" * 100_000,
    "bytes": b"\xff\x00\xfe",
    "not UTF-8": b'{"\xff"',
    "empty": b"",
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.plain("finds rows by their contents, and breaks cells")
def test_a_broken_metadata_cell_costs_that_cell(database: str, raw: Any, broken: bytes) -> None:
    with SessionStore(database) as store:
        session_id = store.get_or_create("ann").session_id
        for number in range(3):
            store.save_message(session_id, "user", str(number), metadata={"number": number})
    assert len(raw.rows(MESSAGE_CELL, broken, b"1")) == 1
    with SessionStore(database) as store:
        messages = store.get_or_create("ann").messages
    assert [(m.content, m.metadata) for m in messages] == [
        ("0", {"number": 0}),
        ("1", {}),
        ("2", {"number": 2}),
    ]


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize(
    "cell",
    [
        "UPDATE sessions SET metadata = ? WHERE user_id = 'ann' RETURNING 1",
        "UPDATE accounts SET labels = ? WHERE channel_user_id = 'ann' RETURNING 1",
    ],
)
def test_a_broken_cell_breaks_no_listing(database: str, raw: Any, cell: str, broken: bytes) -> None:
    with SessionStore(database) as store:
        for user_id in ("ann", "bob"):
            store.get_or_create(user_id, channel="telegram", channel_user_id=user_id)
    assert len(raw.rows(cell, broken)) == 1
    with SessionStore(database) as store:
        assert {s.identity.user_id for s in store.list_sessions() if s.identity} == {"ann", "bob"}
        assert store.get_or_create("ann", channel="telegram", channel_user_id="ann").messages == []


@pytest.mark.parametrize(
    "broken",
    ["7", "'{'", "CAST(x'7b22ff22' AS TEXT)"],
    ids=["a number", "text", "text that is none"],
)
@pytest.mark.plain("finds rows by their contents, and breaks cells")
def test_a_cell_of_another_kind_which_sqlite_takes_costs_that_cell(
    database_file: Path, broken: str
) -> None:
    with SessionStore(database_file) as store:
        store.save_message(
            store.get_or_create("ann").session_id, "user", "hi", metadata={"number": 1}
        )
    with closing(sqlite3.connect(database_file)) as connection, connection:
        assert connection.execute(f"UPDATE messages SET metadata = {broken}").rowcount == 1
    with SessionStore(database_file) as store:
        assert [(m.content, m.metadata) for m in store.get_or_create("ann").messages] == [
            ("hi", {})
        ]


@pytest.mark.plain("finds rows by their contents, and breaks cells")
def test_content_that_is_no_utf8_costs_only_its_broken_bytes(database: str, raw: Any) -> None:
    with SessionStore(database) as store:
        session_id = store.get_or_create("ann").session_id
        store.save_message(session_id, "user", "whole")
        store.save_message(session_id, "user", "broken")
    raw.rows("UPDATE messages SET content = ? WHERE content = ?", b"b\xffk", b"broken")
    with SessionStore(database) as store:
        assert [m.content for m in store.get_or_create("ann").messages] == ["whole", "b\ufffdk"]


@pytest.mark.plain("a shell shows nothing that is sealed")
def test_people_can_read_the_messages_in_a_shell(database: str, raw: Any, clock: Any) -> None:
    with SessionStore(database) as store:
        session_id = store.get_or_create("ann").session_id
        store.save_message(session_id, "user", "naïve 👍", channel="cli")
        store.save_message(session_id, "assistant", "\ud83d")
    rows = raw.rows("SELECT role, content, user_id FROM readable_messages ORDER BY seq")
    assert rows[0] == ("user", "naïve 👍", "ann")
    assert rows[1][0] == "assistant"


@pytest.mark.plain("a shell shows nothing that is sealed")
def test_people_can_read_sessions_and_summaries_in_a_shell(database: str, raw: Any) -> None:
    with SessionStore(database, consolidation_threshold=2) as store:
        session_id = store.get_or_create("ann").session_id
        store.save_message(session_id, "user", "one", metadata={"mood": "öffne"})
        store.save_message(session_id, "user", "two")
        store.save_message(session_id, "user", "three")

    (session,) = raw.rows("SELECT user_id, start_reason, ended FROM readable_sessions")
    assert session == ("ann", "first", None)
    ((content, reason),) = raw.rows("SELECT content, withdrawn_because FROM readable_summaries")
    assert "one" in content
    assert reason is None
    metadata = raw.rows("SELECT metadata FROM readable_messages ORDER BY seq")
    assert [one and json.loads(one) for (one,) in metadata] == [{"mood": "öffne"}, None, None]

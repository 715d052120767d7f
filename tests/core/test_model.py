"""Values that cannot be what they claim to be are refused where they enter."""

import dataclasses

import pytest

from session_plugin import (
    Account,
    Chat,
    MessageEvent,
    Session,
    SessionError,
    SessionIdentity,
    SessionMessage,
)
from session_plugin.errors import DatabaseLocked, DatabaseUnavailable, LinkRefused

BAD_IDS = ["", "\0", "a\0b", "\ud800", "a\udfffb"]
FIRST = {
    "chat": Chat("discord", "1"),
    "message_id": "1",
    "role": "user",
    "text": "x",
    "sent_at": 0.0,
}


@pytest.mark.parametrize("bad", BAD_IDS)
@pytest.mark.parametrize(
    "make",
    [
        lambda bad: Account("discord", bad),
        lambda bad: Chat("discord", bad),
        lambda bad: MessageEvent(**{**FIRST, "message_id": bad}),
        lambda bad: MessageEvent(**FIRST, reply_to=bad),
    ],
)
def test_an_id_that_is_empty_or_cannot_be_stored_is_refused_with_its_value(make, bad):
    with pytest.raises(ValueError, match=r"id|reply_to") as caught:
        make(bad)
    assert repr(bad) in str(caught.value)


@pytest.mark.parametrize("bad", BAD_IDS[1:])
@pytest.mark.parametrize(
    "make",
    [
        lambda bad: Account(bad, "1"),
        lambda bad: Chat(bad, "1"),
        lambda bad: Chat("discord", "1", bot_id=bad),
        lambda bad: Chat("discord", "1", "group", thread_id=bad),
    ],
)
def test_what_may_be_empty_is_refused_if_it_cannot_be_stored(make, bad):
    with pytest.raises(ValueError, match="NUL or a lone surrogate"):
        make(bad)


@pytest.mark.parametrize("bad", ["x" * 513, "é" * 257])
def test_an_id_that_no_index_would_take_is_refused_by_its_beginning(bad):
    for what in (
        lambda: Account("discord", bad),
        lambda: Account(bad, "1"),
        lambda: Chat("discord", "1", bot_id=bad),
    ):
        with pytest.raises(ValueError, match="longer than 512 bytes") as caught:
            what()
        assert len(str(caught.value)) < 100


@pytest.mark.parametrize("number", [7, None, b"7"])
def test_an_id_that_is_no_text_is_refused(number):
    with pytest.raises(TypeError, match="text"):
        Account("discord", number)


@pytest.mark.parametrize("role", ["", "User", "bot", "function"])
def test_an_unknown_role_is_refused_with_its_value(role):
    with pytest.raises(ValueError, match=f"unknown role '{role}'"):
        MessageEvent(**{**FIRST, "role": role})


@pytest.mark.parametrize("sent_at", [float("nan"), float("inf"), float("-inf")])
def test_a_time_that_is_none_is_refused(sent_at):
    with pytest.raises(ValueError, match="not a time"):
        MessageEvent(**{**FIRST, "sent_at": sent_at})


def test_a_text_that_is_no_text_is_refused():
    with pytest.raises(TypeError, match="bytes"):
        MessageEvent(**{**FIRST, "text": b"x"})


@pytest.mark.parametrize(
    ("field", "bad", "message"),
    [
        ("chat", "dm-1", "chat must be a Chat, not str: 'dm-1'"),
        ("author", "ann", "author must be an Account, not str: 'ann'"),
        ("answers", "ann", "answers must be an Account, not str: 'ann'"),
        ("author_name", None, "author_name must be text, not NoneType"),
    ],
)
def test_what_an_event_cannot_be_made_of_is_refused_by_its_name(field, bad, message):
    with pytest.raises(TypeError, match=message):
        MessageEvent(**{**FIRST, field: bad})


@pytest.mark.parametrize("metadata", [None, ["a"], "a"])
def test_metadata_that_is_no_mapping_is_refused(metadata):
    with pytest.raises(TypeError, match="metadata must be a mapping"):
        MessageEvent(**FIRST, metadata=metadata)


def test_an_unknown_kind_of_chat_is_refused():
    with pytest.raises(ValueError, match="'channel'"):
        Chat("discord", "1", "channel")


def test_a_title_takes_no_part_in_comparing_chats():
    assert Chat("discord", "1", title="Old") == Chat("discord", "1", title="New")
    assert len({Chat("discord", "1", title="Old"), Chat("discord", "1", title="New")}) == 1


def test_an_event_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        MessageEvent(**FIRST).text = "y"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (
            Session,
            ["session_id", "identity", "messages", "created_at", "last_activity", "metadata"],
        ),
        (SessionIdentity, ["user_id", "display_name", "channel_ids"]),
        (SessionMessage, ["role", "content", "channel", "timestamp", "metadata"]),
    ],
)
def test_the_originals_fields_come_first_and_only_they_are_positional(kind, fields):
    assert [field.name for field in dataclasses.fields(kind) if not field.kw_only] == fields


def test_an_error_without_a_message_carries_the_first_line_of_its_docstring():
    assert str(DatabaseLocked()) == DatabaseLocked.__doc__.partition("\n")[0]
    assert str(LinkRefused()) == "This code cannot be used. Ask for a new one and try again."
    assert issubclass(DatabaseLocked, DatabaseUnavailable)
    assert issubclass(DatabaseUnavailable, SessionError)

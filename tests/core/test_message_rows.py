"""A message's columns stand in one module, and it names them all."""

import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from session_plugin.database.opening import open_engine
from session_plugin.model import Account, Chat, MessageEvent, SessionMessage
from session_plugin.parts import Attachment, Part, TextPart, ToolCallPart
from session_plugin.records import message_rows

ANN = Account("discord", "1001")
EVENT = MessageEvent(
    chat=Chat("discord", "42"),
    message_id="7",
    role="user",
    text="Hello!",
    sent_at=1.0,
    author=ANN,
    author_name="Ann",
    reply_to="6",
    attachments=(Attachment(id="a", filename="cat.png", transcript="Meow."),),
    parts=(TextPart(text="Hello!"), ToolCallPart(id="1", name="wave", arguments={"n": 2})),
    turn="run-1",
    is_aside=True,
    metadata={"key": "value"},
    edited_at=2.0,
)
ROW = message_rows.event_to_row(
    EVENT, chat_no=1, segment_no=2, account_no=3, received_at=time.time(), is_withheld=False
)


def columns_of_the_table(path: Path) -> set[str]:
    engine = open_engine(path)
    rows = engine.read(lambda tx: tx.all("table_columns", table="messages")).result()
    engine.close()
    return {row["name"] for row in rows}


def test_a_row_has_every_column_of_the_table(tmp_path: Path) -> None:
    assert ROW.keys() | {"seq"} == columns_of_the_table(tmp_path / "chats.db")


def test_a_message_reads_as_it_was_handed_in() -> None:
    order = [
        "message_id",
        "role",
        "author_name",
        "channel",
        "sent_at",
        "content",
        "metadata",
        "attachments",
        "reply_to",
        "edited_at",
        "withheld",
        "parts",
        "turn",
        "aside",
    ]
    columns = (9, *(ROW[name] for name in order), ANN.channel, ANN.channel_user_id)
    read = message_rows.from_columns(columns, EVENT.chat, {})
    assert read == message_rows.from_event(EVENT, person=ANN, seq=9, is_withheld=False)
    assert (read.content, read.reply_to, read.attachments) == ("Hello!", "6", EVENT.attachments)
    assert (read.parts, read.turn, read.is_aside) == (EVENT.parts, "run-1", True)


def test_an_edit_replaces_only_columns_that_a_row_has() -> None:
    edited = message_rows.edited_columns(EVENT, edited_at=2.0, is_withheld=False)
    assert {name: ROW[name] for name in edited} == edited


def test_a_stored_message_reads_as_its_row_does() -> None:
    by_name = {**ROW, "seq": 9, "person_channel": ANN.channel, "channel_user_id": "1001"}
    names = [
        "seq",
        "message_id",
        "role",
        "author_name",
        "channel",
        "sent_at",
        "content",
        "metadata",
        "attachments",
        "reply_to",
        "edited_at",
        "withheld",
        "parts",
        "turn",
        "aside",
        "person_channel",
        "channel_user_id",
    ]
    assert list(message_rows.to_columns(ROW, seq=9, person=ANN)) == [
        by_name[name] for name in names
    ]


def test_a_copy_has_all_of_a_message_and_shares_nothing_that_can_be_changed() -> None:
    message = message_rows.from_event(replace(EVENT, parts=()), person=ANN, seq=9, is_withheld=True)
    assert message_rows.is_flat(message)
    copy = message_rows.copied(message)
    assert copy == message
    defaults = SessionMessage(role="", content="")
    for field in fields(SessionMessage):
        assert field.name == "parts" or getattr(copy, field.name) != getattr(defaults, field.name)
    assert copy.metadata is not message.metadata


@pytest.mark.parametrize(
    ("metadata", "parts", "is_flat"),
    [
        ({}, (), True),
        ({"a": 1, "b": None, "c": "x"}, (), True),
        ({"a": []}, (), False),
        ({"a": {}}, (), False),
        ({}, (TextPart(text="x"),), False),
    ],
)
def test_what_has_more_than_one_level_is_not_flat(
    metadata: dict[str, Any], parts: tuple[Part, ...], is_flat: bool
) -> None:
    message = SessionMessage(role="user", content="x", metadata=metadata, parts=parts)
    assert message_rows.is_flat(message) == is_flat

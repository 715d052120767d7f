"""A message's columns stand in one module, and it names them all."""

import time
from pathlib import Path

from session_plugin.database.opening import open_engine
from session_plugin.model import Account, Chat, MessageEvent
from session_plugin.parts import Attachment, TextPart, ToolCallPart
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

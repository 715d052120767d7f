"""A message's columns: to a row, from a row, and as an exported line.

`sql/queries/message_rows.sql` has every statement that lists them. A new field of a message is a
column there, in the schema, and here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from session_plugin.database.engine import Row, Value
from session_plugin.model import Account, Chat, MessageEvent, SessionMessage
from session_plugin.parts.as_json import to_dict
from session_plugin.records.cells import (
    attachments_from_json,
    attachments_to_json,
    from_json,
    parts_from_json,
    parts_to_json,
    to_bytes,
    to_json,
    to_name,
    to_text,
)

Columns = Sequence[Any]
"""A message's columns in the order of the statement `segment_tail`; `seq` comes first."""
SCALARS = frozenset({str, int, float, bool, type(None)})
"""Values of JSON that nobody can change in place."""

_new = object.__new__


def to_row(
    *,
    chat_no: int,
    segment_no: int,
    received_at: float,
    message_id: str | None,
    role: str,
    content: str,
    sent_at: float,
    channel: str,
    metadata: Mapping[str, Any] | None,
) -> dict[str, Value]:
    """Return the columns of a SessionStore's message except its sequence number. It is of the
    person whose direct chat it is in.

    Args:
        chat_no: Its chat.
        segment_no: Its segment.
        received_at: Seconds since 1970 by our clock.
        message_id: An id that is unique in the chat; None where there is none.
        role: Who speaks, as a model would see it.
        content: The text.
        sent_at: Seconds since 1970.
        channel: The caller's label.
        metadata: A JSON object.
    """
    return {
        "chat_no": chat_no,
        "segment_no": segment_no,
        "message_id": message_id,
        "role": role,
        "account_no": None,
        "of_peer": 1,
        "author_name": None,
        "channel": to_name(channel),
        "sent_at": sent_at,
        "received_at": received_at,
        "content": to_bytes(content),
        "metadata": to_json(metadata or {}),
        "attachments": None,
        "reply_to": None,
        "edited_at": None,
        "version": 0,
        "withheld": 0,
        "parts": None,
        "turn": None,
        "aside": 0,
    }


def event_to_row(
    event: MessageEvent,
    *,
    chat_no: int,
    segment_no: int,
    account_no: int | None,
    received_at: float,
    is_withheld: bool,
) -> dict[str, Value]:
    """Return an event's columns except its sequence number: written out, as it is a hot path.

    In a direct chat the person is the chat's, so only that is noted: the messages of one person
    need no index there.
    """
    is_of_peer = account_no is not None and event.chat.kind == "direct"
    return {
        "chat_no": chat_no,
        "segment_no": segment_no,
        "message_id": event.message_id,
        "role": event.role,
        "account_no": None if is_of_peer else account_no,
        "of_peer": 1 if is_of_peer else 0,
        "author_name": to_name(event.author_name) if event.author_name else None,
        "channel": None,
        "sent_at": event.sent_at,
        "received_at": received_at,
        "content": to_bytes(event.text),
        "metadata": to_json(event.metadata) if event.metadata else None,
        "attachments": attachments_to_json(event.attachments) if event.attachments else None,
        "reply_to": event.reply_to,
        "edited_at": event.edited_at,
        "version": event.version,
        "withheld": 1 if is_withheld else 0,
        "parts": parts_to_json(event.parts) if event.parts else None,
        "turn": event.turn,
        "aside": 1 if event.is_aside else 0,
    }


def to_columns(row: Mapping[str, Value], *, seq: int, person: Account | None) -> Columns:
    """Return the columns of a message that was just stored as reading it would."""
    return (
        seq,
        row["message_id"],
        row["role"],
        row["author_name"],
        row["channel"],
        _to_real(row["sent_at"]),
        row["content"],
        row["metadata"],
        row["attachments"],
        row["reply_to"],
        _to_real(row["edited_at"]),
        row["withheld"],
        row["parts"],
        row["turn"],
        row["aside"],
        None if person is None else person.channel,
        None if person is None else person.channel_user_id,
    )


def _to_real(value: Value) -> Value:
    return float(value) if isinstance(value, int) else value


def counted_text(content: object, parts: object) -> str:
    """Return what is counted of the columns of a message where its tokens are: all it says."""
    return to_text(content) if parts is None else f"{to_text(content)}\n{to_text(parts)}"


def edited_columns(
    event: MessageEvent, *, edited_at: float | None, is_withheld: bool
) -> dict[str, Value]:
    """Return the columns that an edit replaces."""
    return {
        "content": to_bytes(event.text),
        "attachments": attachments_to_json(event.attachments),
        "metadata": to_json(event.metadata),
        "edited_at": edited_at,
        "version": event.version,
        "withheld": int(is_withheld),
        "parts": parts_to_json(event.parts),
        "turn": event.turn,
        "aside": int(event.is_aside),
    }


def from_columns(
    columns: Columns, chat: Chat, people: dict[tuple[str, str], Account]
) -> SessionMessage:
    """Return a row of `segment_tail` as a message of its chat.

    `people` holds the accounts met in this reading, and is added to.
    """
    (
        seq,
        message_id,
        role,
        author_name,
        channel,
        sent_at,
        content,
        metadata,
        attachments,
        reply_to,
        edited_at,
        withheld,
        parts,
        turn,
        aside,
        person_channel,
        channel_user_id,
    ) = columns
    person = None
    if person_channel:
        person = people.get((person_channel, channel_user_id))
        if person is None:
            person = people[person_channel, channel_user_id] = Account(
                person_channel, channel_user_id
            )

    text = to_text(content)
    message = _new(SessionMessage)  # its constructor takes three times as long
    message.role = role
    message.content = text
    message.channel = chat.channel if channel is None else channel
    message.timestamp = sent_at
    message.metadata = from_json(metadata) if metadata else {}
    message.message_id = message_id
    message.chat = chat
    message.author_name = author_name or ""
    message.person = person
    message.reply_to = reply_to
    message.attachments = attachments_from_json(attachments) if attachments else ()
    message.edited_at = edited_at
    message.is_withheld = bool(withheld)
    message.seq = seq
    message.parts = () if parts is None or withheld else parts_from_json(parts, text)
    message.turn = turn
    message.is_aside = bool(aside)

    return message


def is_flat(message: SessionMessage) -> bool:
    """Check that `copied` copies all of a message that a reader could change."""
    return not message.parts and all(type(value) in SCALARS for value in message.metadata.values())


def copied(message: SessionMessage) -> SessionMessage:
    """Return a copy of a flat message."""
    copy = _new(SessionMessage)
    copy.role = message.role
    copy.content = message.content
    copy.channel = message.channel
    copy.timestamp = message.timestamp
    copy.metadata = message.metadata.copy() if message.metadata else {}
    copy.message_id = message.message_id
    copy.chat = message.chat
    copy.author_name = message.author_name
    copy.person = message.person
    copy.reply_to = message.reply_to
    copy.attachments = message.attachments
    copy.edited_at = message.edited_at
    copy.is_withheld = message.is_withheld
    copy.seq = message.seq
    copy.parts = message.parts
    copy.turn = message.turn
    copy.is_aside = message.is_aside

    return copy


def from_event(
    event: MessageEvent, *, person: Account | None, seq: int, is_withheld: bool
) -> SessionMessage:
    """Return an event that was just stored as reading it would."""
    return SessionMessage(
        role=event.role,
        content=event.text,
        channel=event.chat.channel,
        timestamp=event.sent_at,
        metadata=from_json(to_json(event.metadata)),
        message_id=event.message_id,
        chat=event.chat,
        author_name=to_name(event.author_name),
        person=person,
        reply_to=event.reply_to,
        attachments=event.attachments,
        edited_at=event.edited_at,
        is_withheld=is_withheld,
        seq=seq,
        parts=event.parts,
        turn=event.turn,
        is_aside=event.is_aside,
    )


def to_export(row: Row) -> dict[str, Any]:
    """Return a row of `export_segment` or `export_words_in_groups` as a line of an export."""
    text = to_text(row["content"])
    parts = None if row["withheld"] else row["parts"]

    return {
        "kind": "message",
        "channel": row["channel"],
        "bot": row["bot"],
        "bot_id": row["bot_id"],
        "chat_id": row["chat_id"],
        "chat_kind": row["chat_kind"],
        "thread_id": row["thread_id"],
        "session_id": row["session_id"],
        "message_id": row["message_id"],
        "role": row["role"],
        "account": row["account"],
        "name": row["author_name"] or "",
        "text": text,
        "sent_at": row["sent_at"],
        "received_at": row["received_at"],
        "edited_at": row["edited_at"],
        "reply_to": row["reply_to"],
        "attachments": [asdict(one) for one in attachments_from_json(row["attachments"])],
        "metadata": from_json(row["metadata"]),
        "is_withheld": bool(row["withheld"]),
        "parts": [to_dict(one) for one in parts_from_json(parts, text)],
        "turn": row["turn"],
        "is_aside": bool(row["aside"]),
    }

"""Changing a stored message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from session_plugin.database.engine import Row, Tx, Value
from session_plugin.model import MessageEvent
from session_plugin.parts.texts import with_words
from session_plugin.records import message_rows
from session_plugin.records.cells import (
    attachments_from_json,
    from_json,
    parts_from_json,
    to_text,
)
from session_plugin.records.conversation import quotes
from session_plugin.records.conversation.recording import (
    MessageFacts,
    Recording,
    RecordResult,
    record,
)
from session_plugin.records.conversation.removing import remove_messages
from session_plugin.records.conversation.sessions import find_chat
from session_plugin.records.conversation.transcripts import with_transcripts
from session_plugin.records.people import forgotten
from session_plugin.records.results import MessageEdited, MessagesDeleted, Result
from session_plugin.records.upkeep.summaries import withdraw

COMPARED = ("content", "withheld", "parts", "turn", "aside")
"""Columns that are stored in one way only."""


def edit(tx: Tx, recording: Recording) -> Result[RecordResult | None]:
    """Change a stored message; one that was never seen is stored as it is now, unless it is named
    by its number.

    The value is None where nothing changed: all that the message says is the same, or a later edit
    is stored. An edit that names its message by its id is a platform's: it leaves what no platform
    knows, the parts and the turn. The message of a person who asked for privacy in the meantime is
    removed.
    """
    context, event = recording.context, recording.event
    facts = MessageFacts(tx, recording)
    row = facts.stored
    if row is None:
        return _edit_unseen(tx, recording)

    segment_no, seq, session_no = row["segment_no"], row["seq"], row["session_no"]
    if facts.private_account is not None:
        forgotten.keep_out(tx, context, event, facts.private_account)
        remove_messages(tx, segment_no, [(seq, seq)], reason="deleted")
        message_ids = () if event.message_id is None else (event.message_id,)
        deleted = MessagesDeleted(event.chat, message_ids, session_no)
        return Result(None, (deleted,))

    event = quotes.admitted(tx, context, event)
    event = _with_stored(event, row, recording, is_withheld=recording.is_withheld)
    recording = replace(recording, event=event)
    if not _change(tx, recording, row):
        return Result(None)

    value = RecordResult(fate="stored", session_no=session_no, seq=seq)
    shown = replace(event, parts=()) if recording.is_withheld else event

    return Result(value, (MessageEdited(shown, session_no),))


def _with_stored(
    event: MessageEvent, row: Row, recording: Recording, *, is_withheld: bool
) -> MessageEvent:
    """Return an edited message with what is stored of it and the edit does not say.

    A message that is withheld keeps the parts that filters have let through, until an edit passes.

    What a person edits is an aside or not as it says now, but a command that stays the same command
    stays what it was; of the bot's messages, the platform does not know.
    """
    changes: dict[str, Any] = {}
    if event.turn is None and row["turn"] is not None:
        changes["turn"] = row["turn"]
    if event.role != "user" and row["aside"] and not event.is_aside:
        changes["is_aside"] = True
    if event.role == "user" and event.is_aside and not row["aside"]:
        changes["is_aside"] = not _is_same_command(event.text, to_text(row["content"]))
    stored_files = attachments_from_json(row["attachments"])
    if any(one.transcript for one in stored_files):
        changes["attachments"] = with_transcripts(event.attachments, stored_files)
    if recording.seq is None and row["parts"] is not None and not event.parts:
        stored = parts_from_json(row["parts"], to_text(row["content"]))
        changes["parts"] = with_words(stored, "" if is_withheld else event.text)

    return replace(event, **changes) if changes else event


def _is_same_command(text: str, stored: str) -> bool:
    """Check whether two texts begin with the same word, which has a command's name."""
    return text.split(maxsplit=1)[:1] == stored.split(maxsplit=1)[:1]


def _edit_unseen(tx: Tx, recording: Recording) -> Result[RecordResult | None]:
    """Store a message as it is after an edit, unless the edit names it by its number."""
    if recording.seq is not None:
        return Result(None)

    result = record(tx, recording)
    is_stored = result.value.fate == "stored"
    chat = find_chat(tx, recording.context.bot, recording.event.chat)
    if chat is not None and recording.event.message_id is not None:
        says = recording.event.text if is_stored else ""
        quotes.follow_edit(tx, chat["chat_no"], recording.event.message_id, says)

    return Result(result.value if is_stored else None, result.announcements)


def _change(tx: Tx, recording: Recording, row: Row) -> bool:
    """Change the message of a row, and what quotes it. Return False where nothing changes."""
    event, chat_no = recording.event, row["chat_no"]
    edited_at = recording.context.now if event.edited_at is None else event.edited_at
    columns = message_rows.edited_columns(
        event, edited_at=edited_at, is_withheld=recording.is_withheld
    )
    is_known = _is_same(row, columns) and recording.original is None  # else it is to be filtered
    if is_known or _is_earlier(row, edited_at, event.version):
        return False
    if row["edited_at"] == edited_at:
        columns["version"] = max(row["version"], event.version)

    segment_no, seq = row["segment_no"], row["seq"]
    tx.run("edit_message", chat_no=row["chat_no"], seq=seq, **columns)
    withdraw(tx, segment_no, [(seq, seq)], reason="edited")
    quotes.renote(tx, event, chat_no=chat_no, segment_no=segment_no, seq=seq)
    if event.message_id is not None:
        quotes.follow_edit(tx, chat_no, event.message_id, event.text)

    return True


def restore(
    tx: Tx, recording: Recording, event: MessageEvent | None, *, seq: int
) -> Result[int | None]:
    """Give a withheld message the content that its filters have left by now; none: remove it.

    Return its session's number, None where nothing changed: it was edited or deleted since, or its
    person asked for privacy.

    Args:
        tx: The transaction.
        recording: The message as it was stored, without content.
        event: The message as the filters left it.
        seq: Its number.
    """
    facts = MessageFacts(tx, recording)
    if facts.chat is None:
        return Result(None)

    row = tx.first("message_by_seq", chat_no=facts.chat["chat_no"], seq=seq)
    if row is None or not row["withheld"] or facts.private_account is not None:
        return Result(None)

    edited_at = recording.event.edited_at
    as_stored = (None, recording.context.now) if edited_at is None else (edited_at,)
    if row["edited_at"] not in as_stored:
        return Result(None)

    segment_no, session_no, message_id = row["segment_no"], row["session_no"], row["message_id"]
    if event is None:
        remove_messages(tx, segment_no, [(seq, seq)], reason="deleted")
        ids = () if message_id is None else (message_id,)
        return Result(session_no, (MessagesDeleted(recording.event.chat, ids, session_no),))

    event = _with_stored(event, row, recording, is_withheld=False)
    columns = message_rows.edited_columns(event, edited_at=row["edited_at"], is_withheld=False)
    columns["version"] = row["version"]
    tx.run("edit_message", chat_no=row["chat_no"], seq=seq, **columns)
    withdraw(tx, segment_no, [(seq, seq)], reason="edited")
    chat_no = facts.chat["chat_no"]
    quotes.renote(tx, event, chat_no=chat_no, segment_no=segment_no, seq=seq)

    return Result(session_no, (MessageEdited(event, session_no),))


def _is_same(row: Row, columns: dict[str, Value]) -> bool:
    """Check whether an edit changes nothing; JSON may be written in more than one way."""
    return (
        all(row[name] == columns[name] for name in COMPARED)
        and from_json(row["metadata"]) == from_json(columns["metadata"])
        and attachments_from_json(row["attachments"])
        == attachments_from_json(columns["attachments"])
    )


def _is_earlier(row: Row, edited_at: float, version: int) -> bool:
    """Check whether an edit came before the one that is stored.

    Platforms tell times in whole seconds; within one, their version decides, and where they have
    none, the order of delivery.
    """
    if row["edited_at"] is None or row["edited_at"] < edited_at:
        return False

    return bool(row["edited_at"] > edited_at or 0 < version < row["version"])

"""Changing a stored message."""

from __future__ import annotations

from session_plugin.database.engine import Tx
from session_plugin.model import MessageEvent
from session_plugin.records import message_rows
from session_plugin.records.conversation.recording import (
    MessageFacts,
    Recording,
    RecordResult,
    record,
)
from session_plugin.records.conversation.removing import remove_messages
from session_plugin.records.people import forgotten
from session_plugin.records.results import MessageEdited, MessagesDeleted, Result
from session_plugin.records.upkeep.summaries import withdraw


def edit(tx: Tx, recording: Recording) -> Result[RecordResult | None]:
    """Change a stored message; one that was never seen is stored as it is now.

    The value is None where nothing changed: the text is the same, or a later edit is stored. The
    message of a person who asked for privacy in the meantime is removed.
    """
    context, event = recording.context, recording.event
    facts = MessageFacts(tx, recording)
    row = facts.stored
    if row is None:
        result = record(tx, recording)
        value = result.value if result.value.fate == "stored" else None
        return Result(value, result.announcements)

    segment_no, seq, session_no = row["segment_no"], row["seq"], row["session_no"]
    if facts.private_account is not None:
        forgotten.keep_out(tx, context, event, facts.private_account)
        remove_messages(tx, segment_no, [(seq, seq)], reason="deleted")
        deleted = MessagesDeleted(event.chat, (str(event.message_id),), session_no)
        return Result(None, (deleted,))

    edited_at = context.now if event.edited_at is None else event.edited_at
    columns = message_rows.edited_columns(
        event, edited_at=edited_at, is_withheld=recording.is_withheld
    )
    is_same = all(row[name] == columns[name] for name in ("content", "attachments", "withheld"))
    is_known = is_same and recording.original is None  # else it is still to be filtered
    if is_known or (row["edited_at"] is not None and row["edited_at"] > edited_at):
        return Result(None)

    tx.run("edit_message", segment_no=segment_no, seq=seq, **columns)
    withdraw(tx, segment_no, [(seq, seq)], reason="edited")

    value = RecordResult(fate="stored", session_no=session_no, seq=seq)
    return Result(value, (MessageEdited(event, session_no),))


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

    columns = message_rows.edited_columns(event, edited_at=row["edited_at"], is_withheld=False)
    tx.run("edit_message", segment_no=segment_no, seq=seq, **columns)
    tx.run("touch_segment", segment_no=segment_no)
    withdraw(tx, segment_no, [(seq, seq)], reason="edited")
    return Result(session_no, (MessageEdited(event, session_no),))

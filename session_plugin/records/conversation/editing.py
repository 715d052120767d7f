"""Changing a stored message."""

from __future__ import annotations

from session_plugin.database.engine import Tx
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
    if is_same or (row["edited_at"] is not None and row["edited_at"] > edited_at):
        return Result(None)

    tx.run("edit_message", segment_no=segment_no, seq=seq, **columns)
    tx.run("touch_segment", segment_no=segment_no)
    withdraw(tx, segment_no, [(seq, seq)], reason="edited")

    value = RecordResult(fate="stored", session_no=session_no, seq=seq)
    return Result(value, (MessageEdited(event, session_no),))

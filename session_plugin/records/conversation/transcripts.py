"""Storing the words of recordings with the messages that they came with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from session_plugin.database.engine import Tx
from session_plugin.parts import Attachment
from session_plugin.records.cells import (
    attachments_from_json,
    attachments_to_json,
    from_json,
    to_text,
)
from session_plugin.records.conversation.recording import MessageFacts, Recording
from session_plugin.records.results import MessageEdited, Result
from session_plugin.records.upkeep.summaries import withdraw


def keep(
    tx: Tx, recording: Recording, transcripts: Mapping[str, str], *, seq: int
) -> Result[int | None]:
    """Store transcripts with the files of a message, by the files' ids.

    Return its session's number, None where nothing changed: the message is gone or has no content,
    its person asked for privacy, or the files are others now.

    Args:
        tx: The transaction.
        recording: The message as it was stored.
        transcripts: The words of each recording.
        seq: The message's number.
    """
    facts = MessageFacts(tx, recording)
    if facts.chat is None:
        return Result(None)

    row = tx.first("message_by_seq", chat_no=facts.chat["chat_no"], seq=seq)
    if row is None or row["withheld"] or facts.private_account is not None:
        return Result(None)

    stored = attachments_from_json(row["attachments"])
    attachments = tuple(
        replace(one, transcript=transcripts.get(one.id, one.transcript)) for one in stored
    )
    if attachments == stored:
        return Result(None)

    segment_no, session_no = row["segment_no"], row["session_no"]
    cell = attachments_to_json(attachments)
    tx.run("keep_transcripts", chat_no=row["chat_no"], seq=seq, attachments=cell)
    withdraw(tx, segment_no, [(seq, seq)], reason="edited")

    event = replace(
        recording.event,
        text=to_text(row["content"]),
        attachments=attachments,
        metadata=from_json(row["metadata"]),
        edited_at=row["edited_at"],
    )

    return Result(session_no, (MessageEdited(event, session_no),))


def with_transcripts(
    attachments: Iterable[Attachment], stored: Iterable[Attachment]
) -> tuple[Attachment, ...]:
    """Return the files of an edited message with the words that are stored of the same files."""
    known = {one.id: one.transcript for one in stored if one.id and one.transcript}

    return tuple(
        one if one.transcript else replace(one, transcript=known.get(one.id, ""))
        for one in attachments
    )

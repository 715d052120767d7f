"""Vectors of messages: stored with them, and gone once they change.

A vector tells much of what was said, so it goes wherever a summary of the message is withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from session_plugin.database.engine import Row, Tx, Value
from session_plugin.records.cells import attachments_from_json, to_text
from session_plugin.rules.searching import searched_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a vector is made of: a message's content as it is stored, and the text to compare."""

    segment_no: int
    seq: int
    content: bytes
    text: str


def read_sources(tx: Tx, keys: Iterable[tuple[int, int]]) -> list[Source]:
    """Return what there is to compare of some messages, given as session and sequence number.

    A message that is gone, was withheld or says nothing is left out.
    """
    rows: list[Mapping[str, Value]] = [
        {"session_no": session_no, "seq": seq} for session_no, seq in keys
    ]
    return _sources(tx.all_many("texts_to_compare", rows))


@dataclass(frozen=True, slots=True)
class Place:
    """How far a walk through all messages of a bot has come."""

    segment_no: int = 0
    seq: int = 0


def read_missing(
    tx: Tx, bot: str, place: Place, *, made_by: str, limit: int
) -> tuple[list[Source], Place | None]:
    """Return the next messages that have no vector of a plugin, and where to go on; None at the
    end.
    """
    if place.segment_no:
        rows = tx.all(
            "texts_without_vector",
            segment_no=place.segment_no,
            after=place.seq,
            made_by=made_by,
            limit=limit,
        )
        if rows:
            texts = [row for row in rows if row["content"]]
            return _sources(texts), Place(place.segment_no, rows[-1]["seq"])

    row = tx.first("next_segment_of_bot", bot=bot, after=place.segment_no)

    return [], None if row is None else Place(row["segment_no"])


def _sources(rows: Iterable[Row]) -> list[Source]:
    sources = (
        Source(
            segment_no=row["segment_no"],
            seq=row["seq"],
            content=row["content"],
            text=searched_text(to_text(row["content"]), attachments_from_json(row["attachments"])),
        )
        for row in rows
    )
    return [source for source in sources if source.text.strip()]


def store(tx: Tx, made_by: str, vectors: Sequence[tuple[Source, bytes]]) -> None:
    """Store vectors of messages that still say what these were made of."""
    tx.run_many(
        "add_vectors",
        [
            {
                "made_by": made_by,
                "vector": vector,
                "segment_no": source.segment_no,
                "seq": source.seq,
                "content": source.content,
            }
            for source, vector in vectors
        ],
    )


def drop(tx: Tx, segment_no: int, ranges: Iterable[tuple[int, int]]) -> None:
    """Remove the vectors of ranges of a segment's messages."""
    tx.run_many(
        "drop_vectors",
        [
            {"segment_no": segment_no, "from_seq": from_seq, "to_seq": to_seq}
            for from_seq, to_seq in ranges
        ],
    )

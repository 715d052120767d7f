"""Compare what somebody means with what they may see: the vectors of their own scope only.

Knows vectors as they are stored; knows not who makes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from heapq import nlargest
from typing import NamedTuple

from session_plugin.database.engine import Tx
from session_plugin.records.conversation.searching import (
    SNAPSHOT_SECONDS,
    criteria_of,
    hit_of,
    session_id_of,
    text_of,
)
from session_plugin.records.conversation.sources import (
    Merged,
    Reader,
    Rows,
    SegmentSource,
    Source,
    Words,
    find_reader_scope,
    sources_of,
)
from session_plugin.rules.found import Hit
from session_plugin.rules.meaning import Meaning, closest
from session_plugin.rules.searching import Query

NEAREST = 50
"""The closest messages that are considered."""
BLOCK = 1000
"""Vectors fetched by one statement."""


class Candidate(NamedTuple):
    """A message by its number, and how close its meaning is."""

    likeness: float
    seq: int
    segment_no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Messages from `last` on and before `before`, and what is known of them so far."""

    before: int
    last: int
    candidates: tuple[Candidate, ...] = ()
    exhausted: frozenset[object] = frozenset()


def nearest(
    tx: Tx,
    reader: Reader,
    meaning: Meaning,
    stretch: Stretch,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Stretch:
    """Return the closest messages of a stretch, as far as one snapshot gets: what is left begins
    before `before`.
    """
    give_up_at = clock() + SNAPSHOT_SECONDS
    scope = find_reader_scope(tx, reader)
    sources = [] if scope is None else sources_of(tx, reader, scope)
    with_vectors = [
        _Vectors(source, meaning.made_by) for source in sources if isinstance(source, SegmentSource)
    ]
    merged = Merged(with_vectors, before=stretch.before, exhausted=stretch.exhausted)
    found = list(stretch.candidates)
    while merged.before > stretch.last and (run := merged.next_run(tx)) is not None:
        rows = run.rows
        cells = [row[1] for row in rows if row[0] >= stretch.last]
        for likeness, place in closest(meaning, cells, limit=NEAREST):
            row = rows[place]
            found.append(Candidate(likeness, row[0], _segment_of(run.source_of(row))))

        found = nlargest(NEAREST, found)
        if clock() >= give_up_at and merged.before < stretch.before:
            break

    return replace(
        stretch,
        before=merged.before,
        candidates=tuple(found),
        exhausted=merged.exhausted,
    )


def _segment_of(source: Source) -> int:
    assert isinstance(source, SegmentSource)
    return source.segment_no


class _Vectors(SegmentSource):
    """The vectors of a segment's messages."""

    def __init__(self, source: SegmentSource, made_by: str) -> None:
        super().__init__(source.segment)
        self._made_by = made_by

    def read(self, tx: Tx, before: int) -> tuple[Rows, int | None]:
        """Return the next block of numbers and vectors."""
        rows = tx.tuples(
            "segment_vectors",
            segment_no=self.segment_no,
            before=before,
            made_by=self._made_by,
            limit=BLOCK,
        )
        return rows, rows[-1][0] if len(rows) == BLOCK else None


def load(tx: Tx, reader: Reader, query: Query, candidates: Iterable[Candidate]) -> list[Hit]:
    """Return those messages that the reader may still see and that are wanted, in their order."""
    scope = find_reader_scope(tx, reader)
    if scope is None:
        return []

    is_wanted = criteria_of(tx, reader, scope, query)
    sources = {source.key: source for source in sources_of(tx, reader, scope)}
    hits = []
    for candidate in candidates:
        source = sources.get(candidate.segment_no)
        rows = tx.tuples(
            "segment_words", segment_no=candidate.segment_no, before=candidate.seq + 1, limit=1
        )
        if source is None or not rows or rows[0][0] != candidate.seq:
            continue

        row = Words(*rows[0])
        text = text_of(row.content, row.attachments)
        if not query.allows(text):
            continue
        if is_wanted is not None and not is_wanted(row, source.channel_of(row.seq)):
            continue

        message = source.message(tx, row.seq)
        session_id = session_id_of(tx, source.session_no(tx, message))
        if query.matches(text):
            hits.append(hit_of(message, session_id, query))
        else:
            hits.append(Hit(message=message, session_id=session_id, spans=(), closeness="meaning"))

    return hits

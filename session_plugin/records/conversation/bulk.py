"""Many messages at once: where each goes, remembered or in one statement; all stored in another.

Most messages are ordinary: a known chat, a known person under the known name, a live session that
is not idle, a segment in it. Those are stored together, and so are messages with which something
new simply begins (newcomers.py). Whatever else there is takes the way of a single message, in its
place in the order, and so does all that comes after it from the same chat or account, because it
may have changed what was looked up.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from session_plugin.database.engine import InBulk, Tx, Value
from session_plugin.model import MessageEvent
from session_plugin.records.conversation.newcomers import Newcomers
from session_plugin.records.conversation.places import Found, find_places, person_of
from session_plugin.records.conversation.recording import Recording, RecordResult, record
from session_plugin.records.message_rows import event_to_row
from session_plugin.records.results import Result, Returned
from session_plugin.rules import clocks
from session_plugin.rules.admission import fate_of
from session_plugin.rules.quotes import quote_of


def record_many(tx: Tx, recordings: Sequence[Recording]) -> list[Returned[RecordResult]]:
    """Store messages as `record` would one by one, in their order; beside other processes while all
    are ordinary.
    """
    outcomes: dict[int, Returned[RecordResult]] = {}
    changed: set[Hashable] = set()
    places = find_places(tx, recordings)
    newcomers = Newcomers(tx, recordings, places)
    batch = _Batch(tx, newcomers)
    for position, (recording, ordinary) in enumerate(zip(recordings, places, strict=True)):
        is_unchanged = not changed or changed.isdisjoint(_keys(recording.event))
        found = newcomers.find(position, recording) if position in newcomers.known else ordinary
        if found is not None and is_unchanged and batch.takes(recording, found):
            batch.add(position, recording, found)
        else:
            tx.alone()
            outcomes.update(batch.store())
            outcomes[position] = record(tx, recording)
            newcomers.pass_over(position, recording)
            changed.update(_keys(recording.event))
            batch.is_first = False

    outcomes.update(batch.store())

    return [outcomes[position] for position in range(len(recordings))]


def _keys(event: MessageEvent) -> tuple[Hashable, ...]:
    """Return the chat and the accounts of a message; nobody is no account, or all messages would
    have it in common.
    """
    chat = (event.chat.channel, event.chat.bot_id, event.chat.chat_id)
    return (chat, *(account for account in (event.author, event.answers) if account is not None))


_Waiting = tuple[int, Recording, Found]
"""A message with its position among all and what was found."""


@dataclass(slots=True)
class _Counted:
    """By how much a segment grows."""

    segment_no: int
    first_at: float
    at: float
    count: int = 0
    seq: int = 0

    def add(self, seq: int, at: float) -> None:
        self.count += 1
        self.seq = seq
        self.at = max(self.at, at)

    def values(self) -> dict[str, Value]:
        return {
            "segment_no": self.segment_no,
            "count": self.count,
            "seq": self.seq,
            "at": self.at,
            "first_at": self.first_at,
        }


@dataclass(slots=True)
class _Batch:
    """Ordinary messages to be stored together."""

    tx: Tx
    newcomers: Newcomers
    waiting: list[_Waiting] = field(default_factory=list)
    seen: set[tuple[Hashable, str]] = field(default_factory=set)
    is_first: bool = True
    """Nothing was stored since the places were found, so numbers drawn then are in order."""

    def takes(self, recording: Recording, found: Found) -> bool:
        """Check whether a message whose place is known can be stored with the others."""
        event, session = recording.event, found.place.session
        is_of_two = event.author is not None and event.answers is not None
        if (
            is_of_two
            or quote_of(event) is not None
            or not session.is_current
            or session.session_no in self.newcomers.ended
            or recording.context.may_be_over(session.last_activity)
            or (found.place.chat_no, event.message_id) in self.seen
        ):
            return False

        return fate_of(event, found.facts) == "stored"

    def add(self, position: int, recording: Recording, found: Found) -> None:
        """Let a message wait to be stored."""
        self.waiting.append((position, recording, found))
        if position in self.newcomers.known:
            self.newcomers.add(position, recording, found)
        if recording.event.message_id is not None:
            self.seen.add((found.place.chat_no, recording.event.message_id))

    def store(self) -> dict[int, Returned[RecordResult]]:
        """Store what waits, and give what became of each."""
        if not self.waiting:
            return {}

        waiting, self.waiting = self.waiting, []
        if self.newcomers.create():  # chats have numbers now
            self.seen.update(
                (found.place.chat_no, recording.event.message_id)
                for _, recording, found in waiting
                if recording.event.message_id is not None
            )

        seqs = self._numbers(waiting)
        rows = [_row(seq, one) for seq, one in zip(seqs, waiting, strict=True)]
        if self.tx.run_many("add_messages", rows) < len(rows):
            return self._store_again(seqs, waiting)

        return self._count(rows, waiting)

    def _store_again(
        self, seqs: Sequence[int], waiting: Sequence[_Waiting]
    ) -> dict[int, Returned[RecordResult]]:
        """Look everything up: a message that was not remembered as stored is stored already."""
        self.tx.run("take_back_messages", first=seqs[0], last=seqs[-1])
        self.tx.run("take_back_seqs", seq=seqs[0] - 1)
        if self.tx.memory is not None:
            self.tx.memory.forget()

        results = record_many(self.tx, [recording for _, recording, _ in waiting])
        return {
            position: self._announced(position, each)
            for (position, _, _), each in zip(waiting, results, strict=True)
        }

    def _numbers(self, waiting: Sequence[_Waiting]) -> list[int]:
        """Return a sequence number for each message: those drawn with the places, or new ones."""
        if self.is_first:
            found = [each.seq for _, _, each in waiting if each.seq is not None]
            if len(found) == len(waiting):
                return found

        drawn = self.tx.all("next_seqs", count=len(waiting))
        return [row["first"] + n for row in drawn for n in range(row["count"])]

    def _count(
        self, rows: Sequence[Mapping[str, Any]], stored: Sequence[_Waiting]
    ) -> dict[int, Returned[RecordResult]]:
        """Count what was stored in its segments and sessions, and give the result of each."""
        segments: dict[int, _Counted] = {}
        outcomes: dict[int, Returned[RecordResult]] = {}
        for row, (position, recording, found) in zip(rows, stored, strict=True):
            place, seq, at = found.place, row["seq"], row["received_at"]
            session = place.session
            counted = segments.get(place.segment_no)
            if counted is None:
                counted = segments[place.segment_no] = _Counted(place.segment_no, at, at)

            counted.add(seq, at)
            session.live_count += 1
            result = RecordResult(
                fate="stored",
                session_no=session.session_no,
                seq=seq,
                live_count=session.live_count,
                person=person_of(recording.event),
                event=recording.event,
                row=row,
            )
            outcomes[position] = self._announced(position, result)

        self.tx.run_many("count_messages", [counted.values() for counted in segments.values()])

        return outcomes

    def _announced(self, position: int, result: Returned[RecordResult]) -> Returned[RecordResult]:
        """Return a message's result, with what began with it announced first."""
        begun = self.newcomers.begun.get(position)
        return result if begun is None else Result(result.value, (*begun, *result.announcements))


def _row(seq: int, waiting: _Waiting) -> dict[str, Value]:
    """Return a message's row. It counts as received no earlier than what is in its session."""
    _, recording, found = waiting
    event, place, session = recording.event, found.place, found.place.session
    known_now = clocks.not_behind(recording.context.known_now, clocks.platform_time(event))
    session.last_activity = max(known_now, session.last_activity)
    row = event_to_row(
        event,
        chat_no=place.chat_no,
        segment_no=place.segment_no,
        account_no=place.account_no,
        received_at=session.last_activity,
        is_withheld=recording.is_withheld,
    )
    row["seq"] = seq

    return row


RECORD = InBulk(record, record_many)
"""`record`, and what the writer does when several messages wait."""

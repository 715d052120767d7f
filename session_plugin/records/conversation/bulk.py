"""Many messages at once: where each goes in one statement, all of them stored in another.

Most messages are ordinary: a known chat, a known person under the known name, a live session that
is not idle, a segment in it. Those are stored together. Whatever is not ordinary takes the way of a
single message, in its place in the order, and so does all that comes after it from the same chat or
account, because it may have changed what was looked up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from session_plugin.database.engine import InBulk, Row, Tx, Value
from session_plugin.model import Account, MessageEvent
from session_plugin.records.cells import to_name
from session_plugin.records.conversation.recording import Recording, RecordResult, record
from session_plugin.records.message_rows import event_to_row
from session_plugin.records.results import MessageStored, Result
from session_plugin.rules import clocks
from session_plugin.rules.admission import fate_of
from session_plugin.rules.quotes import quote_of


def record_many(tx: Tx, recordings: Sequence[Recording]) -> list[Result[RecordResult]]:
    """Store messages as `record` would one by one, in their order; beside other processes while all
    are ordinary.
    """
    places = {row["position"]: row for row in tx.all_many("ordinary_places", _asked(recordings))}
    outcomes: dict[int, Result[RecordResult]] = {}
    batch = _Batch(tx)
    changed: set[Hashable] = set()
    for position, recording in enumerate(recordings):
        row = places.get(position)
        keys = _keys(recording.event)
        if row is not None and changed.isdisjoint(keys) and batch.takes(recording, row):
            batch.add(position, recording, row)
        else:
            tx.alone()
            outcomes.update(batch.store())
            outcomes[position] = record(tx, recording)
            changed.update(keys)

    outcomes.update(batch.store())

    return [outcomes[position] for position in range(len(recordings))]


def _person(event: MessageEvent) -> Account | None:
    return event.author or event.answers


def _keys(event: MessageEvent) -> tuple[Hashable, ...]:
    """Return the chat and the accounts of a message; nobody is no account, or all messages would
    have it in common.
    """
    chat = (event.chat.channel, event.chat.bot_id, event.chat.chat_id)
    return (chat, *(account for account in (event.author, event.answers) if account is not None))


def _asked(recordings: Sequence[Recording]) -> list[dict[str, Value]]:
    """Return what is asked of the database: a row for each message that is somebody's."""
    return [
        {
            "position": position,
            "bot": recording.context.bot,
            "channel": chat.channel,
            "bot_id": chat.bot_id,
            "chat_id": chat.chat_id,
            "kind": chat.kind,
            "title": to_name(chat.title),
            "thread_id": chat.thread_id,
            "scope_name": recording.scope_name,
            "message_id": event.message_id,
            "sent_at": event.sent_at,
            "person_channel": person.channel,
            "person_id": person.channel_user_id,
            "author_name": to_name(event.author_name) if event.author is not None else "",
        }
        for position, recording in enumerate(recordings)
        for event in (recording.event,)
        for chat in (event.chat,)
        if (person := _person(event)) is not None
    ]


@dataclass(frozen=True, slots=True)
class _RowFacts:
    """What `ordinary_places` says about a message: the facts of rules/admission.py."""

    is_stored: bool
    is_deleted: bool
    is_private: bool
    has_owner: bool = True
    """Its account is known and owns the chat, or the chat is a group."""
    is_forgotten: bool = False
    """Accounts of which something was forgotten have no ordinary place."""


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
    waiting: list[tuple[int, Recording, Row]] = field(default_factory=list)
    seen: set[tuple[Hashable, ...]] = field(default_factory=set)
    stored_in: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    latest: dict[int, float] = field(default_factory=dict)

    def takes(self, recording: Recording, row: Row) -> bool:
        """Check whether a message whose place is known can be stored with the others."""
        event = recording.event
        is_of_two = event.author is not None and event.answers is not None
        if (
            is_of_two
            or quote_of(event) is not None
            or recording.context.may_be_over(row["last_activity"])
        ):
            return False

        is_in_batch = event.message_id is not None and (
            (row["chat_no"], event.message_id) in self.seen
        )
        facts = _RowFacts(
            is_in_batch or bool(row["is_stored"]), bool(row["is_deleted"]), bool(row["is_private"])
        )

        return fate_of(event, facts) == "stored"

    def add(self, position: int, recording: Recording, row: Row) -> None:
        self.waiting.append((position, recording, row))
        self.seen.add((row["chat_no"], recording.event.message_id))

    def _received_at(self, recording: Recording, row: Row) -> float:
        """Return when a message counts as received: never before what is in its session already."""
        known_now = clocks.not_behind(
            recording.context.known_now, clocks.platform_time(recording.event)
        )
        latest: float = max(known_now, self.latest.get(row["session_no"], row["last_activity"]))
        self.latest[row["session_no"]] = latest

        return latest

    def store(self) -> dict[int, Result[RecordResult]]:
        """Store what waits, and give what became of each."""
        if not self.waiting:
            return {}

        waiting, self.waiting = self.waiting, []
        drawn = self.tx.all("next_seqs", count=len(waiting))
        seqs = [row["first"] + n for row in drawn for n in range(row["count"])]
        messages: list[dict[str, Value]] = []
        segments: dict[int, _Counted] = {}
        outcomes: dict[int, Result[RecordResult]] = {}
        for seq, (position, recording, row) in zip(seqs, waiting, strict=True):
            now = self._received_at(recording, row)
            segment_no = row["segment_no"]
            values = event_to_row(
                recording.event,
                chat_no=row["chat_no"],
                segment_no=segment_no,
                account_no=row["account_no"],
                received_at=now,
                is_withheld=recording.is_withheld,
            )
            values["seq"] = seq
            messages.append(values)
            counted = segments.get(segment_no)
            if counted is None:
                counted = segments[segment_no] = _Counted(segment_no, first_at=now, at=now)

            counted.add(seq, now)
            self.stored_in[row["session_no"]] += 1
            outcomes[position] = Result(
                RecordResult(
                    fate="stored",
                    session_no=row["session_no"],
                    seq=seq,
                    live_count=row["live_count"] + self.stored_in[row["session_no"]],
                    person=_person(recording.event),
                    row=values,
                ),
                (MessageStored(recording.event, row["session_no"]),),
            )

        self.tx.run_many("add_messages", messages)
        self.tx.run_many("count_messages", [counted.values() for counted in segments.values()])

        return outcomes


RECORD = InBulk(record, record_many)
"""`record`, and what the writer does when several messages wait."""

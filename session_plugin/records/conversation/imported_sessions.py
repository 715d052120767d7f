"""The sessions of what is imported: cut by silence, long over, and numbered by their times.

Each has one segment, of one chat's thread. So a person's chats on two platforms have sessions of
their own even if they are linked, and unlinking takes nothing apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from session_plugin.database.engine import Row, Tx, Value
from session_plugin.records.operation_context import OperationContext
from session_plugin.rules.numbers import SLOT, draw, number_at
from session_plugin.rules.policies import Expiry
from session_plugin.rules.scopes import Scope


@dataclass(slots=True)
class ImportedSession:
    """A session to which imported messages are added, and what was added so far.

    `until` is the number of the next session of its thread, if there is one: what was said after
    that began does not belong here without being asked.
    """

    session_no: int
    segment_no: int
    started_at: float
    last_activity: float
    until: int
    count: int = 0
    last_seq: int = 0
    first_at: float = 0.0
    last_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where messages go: a chat's thread, the scope that it belongs to, and when it is over."""

    chat_no: int
    thread_id: str
    scope: Scope
    founder_no: int | None
    expiry: Expiry


class ImportedSessions:
    """The sessions that one transaction adds messages to."""

    def __init__(self, tx: Tx, context: OperationContext) -> None:
        """Find or make sessions in this transaction."""
        self._tx = tx
        self._context = context
        self._latest: dict[tuple[int, str, str], ImportedSession] = {}
        self._touched: dict[int, ImportedSession] = {}
        self.begun = 0
        """How many sessions were made."""

    def at(self, place: Place, time: float) -> ImportedSession:
        """Return the session for what was said at a time; times ascend within a transaction."""
        key = (place.chat_no, place.thread_id, place.scope.name)
        latest = self._latest.get(key)
        if latest is not None and number_at(time) < latest.until and _takes(place, latest, time):
            return latest

        session = self._find(place, time) or self._begin(place, time)
        session = self._touched.setdefault(session.segment_no, session)
        self._latest[key] = session

        return session

    def add(self, session: ImportedSession, time: float) -> None:
        """Count a message that is added to a session."""
        session.first_at = session.first_at if session.count else time
        session.last_at = time
        session.count += 1
        session.started_at = min(session.started_at, time)
        session.last_activity = max(session.last_activity, time)

    def finish(self) -> None:
        """Store how far the sessions reach now, and how many messages are in them."""
        grown = [session for session in self._touched.values() if session.count]
        sessions: list[dict[str, Value]] = [
            {
                "session_no": session.session_no,
                "first_at": session.first_at,
                "last_at": session.last_at,
            }
            for session in grown
        ]
        segments: list[dict[str, Value]] = [
            {
                "segment_no": session.segment_no,
                "count": session.count,
                "last_seq": session.last_seq,
                "first_at": session.first_at,
                "last_at": session.last_at,
            }
            for session in grown
        ]
        for row in sessions:
            self._tx.run("grow_imported_session", **row)
        for row in segments:
            self._tx.run("grow_imported_segment", **row)

    def _find(self, place: Place, time: float) -> ImportedSession | None:
        """Find the session that a message goes on with, or that goes on with it."""
        key: dict[str, Value] = {
            "chat_no": place.chat_no,
            "thread_id": place.thread_id,
            "name": place.scope.name,
            "number": number_at(time) + SLOT - 1,
        }
        after = self._known(self._tx.first("imported_after", **key))
        before = self._known(self._tx.first("imported_before", **key))

        if before is not None:
            before.until = 0 if after is None else after.segment_no
            if _takes(place, before, time):
                return before

        if after is not None and _goes_on(place, time, after.started_at):
            return after

        return None

    def _known(self, row: Row | None) -> ImportedSession | None:
        if row is None:
            return None

        known = self._touched.get(row["segment_no"])
        return known or ImportedSession(
            row["session_no"], row["segment_no"], row["started_at"], row["last_activity"], until=0
        )

    def _begin(self, place: Place, time: float) -> ImportedSession:
        (number,) = draw(
            [time],
            taken=lambda slots: taken_in_slots(self._tx, "taken_sessions", slots),
            last_taken=lambda begin, end: last_taken(self._tx, "taken_sessions", begin, end),
        )
        scope = place.scope
        self._tx.run(
            "add_imported_session",
            number=number,
            session_id=self._context.new_id(),
            bot=scope.bot,
            user_id=scope.user_id,
            chat_no=scope.chat_no,
            thread_id=scope.thread_id,
            name=scope.name,
            founder_no=place.founder_no if scope.user_id is not None else None,
            at=time,
        )
        self._tx.run(
            "add_imported_segment",
            number=number,
            chat_no=place.chat_no,
            thread_id=place.thread_id,
            at=time,
        )
        self.begun += 1
        following = self._tx.first(
            "imported_after",
            chat_no=place.chat_no,
            thread_id=place.thread_id,
            name=scope.name,
            number=number,
        )
        until = 0 if following is None else int(following["segment_no"])

        return ImportedSession(number, number, time, time, until=until)


def taken_in_slots(tx: Tx, query: str, slots: Sequence[int]) -> dict[int, int]:
    """Return the last number that is taken in each slot in which there is one."""
    rows: list[dict[str, Value]] = [{"from_no": slot, "to_no": slot + SLOT} for slot in slots]
    found = tx.all_many(query, rows)

    return {row["from_no"]: row["last"] for row in found if row["last"] is not None}


def last_taken(tx: Tx, query: str, begin: int, end: int) -> int | None:
    """Return the last number that is taken from `begin` on and before `end`."""
    (row,) = tx.all_many(query, [{"from_no": begin, "to_no": end}])
    return None if row["last"] is None else int(row["last"])


def _takes(place: Place, session: ImportedSession, time: float) -> bool:
    """Check whether a session was not over when something was said, which it began before."""
    end = place.expiry.end_of(
        started_at=session.started_at, last_activity=session.last_activity, now=time
    )
    return end is None and time >= session.started_at


def _goes_on(place: Place, time: float, started_at: float) -> bool:
    """Check whether a session that began later would have gone on with what was said before."""
    return place.expiry.end_of(started_at=time, last_activity=time, now=started_at) is None

"""Removing what is past its retention, a small piece at a time, so that no piece holds the writer long."""

from __future__ import annotations

from dataclasses import dataclass

from session_plugin.database.engine import Tx
from session_plugin.model import DecayReport
from session_plugin.records.messages import remove
from session_plugin.records.outcomes import Moment

PIECE = 200
"""Rows removed in one transaction: a few milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoff:
    """What to remove: all that was received before `before`, of one bot.

    `moment` tells which sessions are live and stay, though nothing is left of them; without one none counts as live.
    """

    bot: str
    before: float
    moment: Moment | None = None

    @property
    def of_sessions(self) -> dict[str, str | float | None]:
        """What the statements about sessions need."""
        now, max_age = (None, None) if self.moment is None else (self.moment.now, self.moment.max_age)
        return {"bot": self.bot, "before": self.before, "now": now, "max_age": max_age}


def count_old(tx: Tx, cutoff: Cutoff) -> DecayReport:
    """Count what would go. A session counts if nothing would remain of it."""
    row = tx.one("count_old", **cutoff.of_sessions)
    return DecayReport(messages=row["messages"], sessions=row["sessions"], tombstones=row["tombstones"], is_dry_run=True)


def remove_piece(tx: Tx, cutoff: Cutoff) -> DecayReport:
    """Remove some of what is too old; an empty report means that nothing is left to remove.

    Each segment is walked by sequence and left at its first young message. A session goes when it is over and empty.
    """
    messages = sessions = 0
    for segment in tx.all("segments_with_old", bot=cutoff.bot, before=cutoff.before, limit=PIECE):
        rows = tx.all("segment_head", segment_no=segment["segment_no"], limit=PIECE - messages)
        old = []
        for row in rows:
            if row["received_at"] >= cutoff.before:
                break
            old.append(row["seq"])
        remove(tx, segment["segment_no"], old)
        tx.run("set_oldest", segment_no=segment["segment_no"])
        messages += len(old)
        if messages >= PIECE:
            return DecayReport(messages=messages)
    for row in tx.all("empty_old_sessions", **cutoff.of_sessions, limit=PIECE):
        drop_session(tx, row["session_no"])
        sessions += 1
    tombstones = tx.run("drop_old_tombstones", bot=cutoff.bot, before=cutoff.before, limit=PIECE)
    return DecayReport(messages=messages, sessions=sessions, tombstones=tombstones)


def drop_session(tx: Tx, session_no: int) -> None:
    """Remove a session in which nothing is left, with its segments and summaries."""
    tx.run("unlink_joined", session_no=session_no)
    tx.run("forget_superseded", session_no=session_no)
    tx.run("drop_summaries_of_session", session_no=session_no)
    tx.run("drop_segments_of_session", session_no=session_no)
    tx.run("drop_session", session_no=session_no)


def add(one: DecayReport, other: DecayReport) -> DecayReport:
    """Add two reports up."""
    return DecayReport(
        messages=one.messages + other.messages,
        sessions=one.sessions + other.sessions,
        tombstones=one.tombstones + other.tombstones,
    )

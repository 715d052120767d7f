"""Removing what is past its retention, a small piece at a time, so that no piece holds the writer
long.

Each segment is walked by sequence and left at its first young message. A session goes when it is
over and nothing is left in it. Pinned sessions stay, with what can go back to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from session_plugin.checks import LATEST
from session_plugin.database.engine import Row, Tx
from session_plugin.records.conversation.removing import remove_messages
from session_plugin.records.operation_context import OperationContext
from session_plugin.reports import DecayPart, DecayReport
from session_plugin.rules.numbers import FIRST
from session_plugin.rules.policies import Retention, policy_of

PIECE = 200
"""Messages or tombstones removed in one transaction, which takes a few milliseconds."""
PLACES = 40
"""Segments or sessions touched in one transaction: each takes several statements."""
PAGE = 500
"""Sessions looked at in one statement where nothing is removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoff:
    """What is too old on one channel in one kind of chat: all that was received before `before`."""

    bot: str
    channel: str
    kind: str
    days: float
    before: float

    @property
    def values(self) -> dict[str, str | float]:
        """What the statements need."""
        return {"bot": self.bot, "channel": self.channel, "kind": self.kind, "before": self.before}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retentions:
    """How long one bot's messages are kept, and when it is now."""

    context: OperationContext
    policies: tuple[Retention, ...]

    def before(self, channel: str, kind: str) -> float | None:
        """Return the time of receipt before which nothing is kept in such a chat; None: everything
        is.
        """
        return policy_of(self.policies, channel, kind).before(self.context.now)

    @property
    def latest(self) -> float:
        """The time before which the shortest retention keeps nothing."""
        befores = [
            before
            for policy in self.policies
            if (before := policy.before(self.context.now)) is not None
        ]
        return max(befores, default=-LATEST)


def cutoffs(tx: Tx, retentions: Retentions) -> list[Cutoff]:
    """Return what is too old, for each channel and kind of chat that there is and that has a
    retention.
    """
    bot, found = retentions.context.bot, []
    for row in tx.all("kinds_of_chats", bot=bot):
        policy = policy_of(retentions.policies, row["channel"], row["kind"])
        before = policy.before(retentions.context.now)
        if policy.days is not None and before is not None:
            found.append(
                Cutoff(
                    bot=bot,
                    channel=row["channel"],
                    kind=row["kind"],
                    days=policy.days,
                    before=before,
                )
            )

    return found


def count_old(tx: Tx, retentions: Retentions) -> DecayReport:
    """Count what would go, and say why. A session counts if nothing would remain of it."""
    parts = []
    for cutoff in cutoffs(tx, retentions):
        row = tx.one("count_old", **cutoff.values)
        parts.append(part_of(cutoff, messages=row["messages"], tombstones=row["tombstones"]))

    return report_of(parts, sessions=len(_sessions_to_go(tx, retentions)), is_dry_run=True)


def _sessions_to_go(tx: Tx, retentions: Retentions) -> set[int]:
    going: set[int] = set()
    after = FIRST
    while rows := tx.all(
        "sessions_to_empty",
        after=after,
        before=retentions.latest,
        bot=retentions.context.bot,
        limit=PAGE,
    ):
        after = rows[-1]["session_no"]
        going |= {row["session_no"] for row in rows if _may_go(tx, row, retentions)}

    staying = {
        session_no
        for session_no in going
        if any(
            row["session_no"] not in going
            for row in tx.all("homes_elsewhere", session_no=session_no)
        )
    }

    return going - staying


def remove_old_messages(tx: Tx, cutoff: Cutoff) -> int:
    """Remove some messages that are too old; return how many, 0 when none is left."""
    removed = 0
    for segment in tx.all("segments_with_old", **cutoff.values, limit=PLACES):
        rows = tx.all("segment_head", segment_no=segment["segment_no"], limit=PIECE - removed)
        young = next(
            (position for position, row in enumerate(rows) if row["received_at"] >= cutoff.before),
            len(rows),
        )
        if young:
            head = (FIRST, rows[young - 1]["seq"])
            remove_messages(tx, segment["segment_no"], [head], reason="retention")

        removed += young
        if removed >= PIECE:
            break

    return removed


def remove_sessions(tx: Tx, retentions: Retentions, *, after: int) -> tuple[int, int | None]:
    """Remove some sessions of which nothing is left, from a number on: how many, and where to go
    on; None at the end.
    """
    rows = tx.all(
        "empty_sessions",
        after=after,
        before=retentions.latest,
        bot=retentions.context.bot,
        limit=PLACES,
    )
    gone = [row["session_no"] for row in rows if _may_go(tx, row, retentions)]
    for session_no in gone:
        drop_session(tx, session_no)

    return len(gone), rows[-1]["session_no"] if rows else None


def pin(tx: Tx, session_no: int, *, is_pinned: bool) -> None:
    """Keep a session from retention, or no longer (its number, whether)."""
    tx.run("set_pinned", session_no=session_no, pinned=int(is_pinned))


def _may_go(tx: Tx, session: Row, retentions: Retentions) -> bool:
    """Check whether a session is over, and was last active so long ago that nothing said in it is
    kept.
    """
    if session["ended_at"] is None:
        live = tx.first("live_session_by_no", session_no=session["session_no"])
        if live is not None and retentions.context.end_of(live) is None:
            return False

    before = retentions.before(session["channel"], session["kind"])
    if before is None or session["started_at"] >= before:
        return False

    for segment in tx.all("segments_of_session", session_no=session["session_no"]):
        before = retentions.before(segment["channel"], segment["kind"])
        if before is None or segment["last_activity"] >= before:
            return False

    return True


def remove_tombstones(tx: Tx, cutoff: Cutoff) -> int:
    """Remove some deletions that no platform will contradict any more; return how many."""
    return tx.run("drop_old_tombstones", **cutoff.values, limit=PIECE)


def drop_session(tx: Tx, session_no: int) -> None:
    """Remove a session in which nothing is left, with its segments and summaries."""
    tx.run("unlink_joined", session_no=session_no)
    tx.run("forget_superseded", session_no=session_no)
    tx.run("drop_summaries_of_session", session_no=session_no)
    tx.run("drop_segments_of_session", session_no=session_no)
    tx.run("drop_session", session_no=session_no)


def part_of(cutoff: Cutoff, *, messages: int = 0, tombstones: int = 0) -> DecayPart:
    """Return how much of what is too old went, or would go, and why."""
    return DecayPart(
        channel=cutoff.channel,
        kind=cutoff.kind,
        retention_days=cutoff.days,
        received_before=cutoff.before,
        messages=messages,
        tombstones=tombstones,
    )


def report_of(
    parts: Sequence[DecayPart], *, sessions: int, is_dry_run: bool = False
) -> DecayReport:
    """Add up a report; parts in which nothing went are left out."""
    return DecayReport(
        messages=sum(part.messages for part in parts),
        sessions=sessions,
        tombstones=sum(part.tombstones for part in parts),
        is_dry_run=is_dry_run,
        parts=tuple(part for part in parts if part.messages or part.tombstones),
    )

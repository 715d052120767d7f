"""What is known of the clock, kept for the next round, whichever process makes it."""

from __future__ import annotations

from session_plugin.database.engine import Tx
from session_plugin.records.upkeep import marks
from session_plugin.rules.clocks import ClockState, Evidence, judge

TRUSTED, CONFIRMED = "clock trusted", "clock confirmed"
DOUBTED_SINCE, DOUBTED_AT = "clock doubted since", "clock doubted"


def find(tx: Tx) -> ClockState:
    """Return what is known of the clock."""
    return ClockState(
        trusted_at=marks.find(tx, TRUSTED),
        is_confirmed=marks.find(tx, CONFIRMED) is not None,
        doubted_since=marks.find(tx, DOUBTED_SINCE),
        doubted_at=marks.find(tx, DOUBTED_AT),
    )


def check(tx: Tx, *, now: float, evidence: Evidence, is_confirmed: bool) -> ClockState:
    """Judge the clock for a round of upkeep, and keep what is known of it.

    Before the first round, it is compared with the newest message.
    """
    known = find(tx)
    if known.trusted_at is None:
        known = ClockState(trusted_at=tx.one("newest_activity")["at"])

    found = judge(known, now=now, evidence=evidence, is_confirmed=is_confirmed)
    marks.put(tx, TRUSTED, found.trusted_at)
    marks.put(tx, CONFIRMED, found.trusted_at if found.is_confirmed else None)
    marks.put(tx, DOUBTED_SINCE, found.doubted_since)
    marks.put(tx, DOUBTED_AT, found.doubted_at)

    return found

"""When something was last done, whichever process did it. Knows names and times, not what was
done.
"""

from __future__ import annotations

from dataclasses import dataclass

from session_plugin.database.engine import Tx

REWRITTEN = "rewritten"
"""The database's file was rewritten to erase what was deleted."""
SWEPT = "keys_swept"
"""Keys were looked through for those that seal nothing which is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Whether something may be done now, or after how many seconds; and when it was done before."""

    seconds: float = 0.0
    before: float | None = None


def find(tx: Tx, name: str) -> float | None:
    """Return when it was last done; None if it never was."""
    row = tx.first("mark", name=name)
    return None if row is None else float(row["at"])


def put(tx: Tx, name: str, at: float | None) -> None:
    """Note when it was done; None: never."""
    if at is None:
        tx.run("drop_mark", name=name)
    else:
        tx.run("set_mark", name=name, at=at)


def seconds_left(at: float | None, *, now: float, apart: float) -> float:
    """Return how many seconds must pass before it may be done again, so that it is done at most
    once in `apart` seconds. A time in the future was noted before a clock was set back, and counts
    for nothing.
    """
    if at is None or at > now:
        return 0.0

    return max(0.0, at + apart - now)


def take_turn(tx: Tx, name: str, *, now: float, apart: float) -> Turn:
    """Note that it is done now, unless it was done less than `apart` seconds ago."""
    before = find(tx, name)
    seconds = seconds_left(before, now=now, apart=apart)
    if not seconds:
        put(tx, name, now)

    return Turn(seconds=seconds, before=before)

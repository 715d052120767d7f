"""What long work and looking around hand back: counts with their reasons. Imports the standard library only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far long work is: so many `what` of `total`; None where nobody can tell how many there are."""

    what: str
    done: int
    total: int | None = None


Report = Callable[[Progress], None]
"""Shows progress: a function that a command line can draw with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecayPart:
    """What was removed, or would be, on one channel in one kind of chat, and why: it was received too long ago."""

    channel: str
    kind: str
    retention_days: float
    received_before: float
    messages: int = 0
    tombstones: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DecayReport:
    """What was removed, or would be: counts in all, and by channel and kind of chat.

    A session goes when it is over and nothing of it is left; tombstones are remembered deletions.
    """

    messages: int = 0
    sessions: int = 0
    tombstones: int = 0
    is_dry_run: bool = False
    parts: tuple[DecayPart, ...] = ()

"""Whether our clock can be right, so that what is old by it may be deleted.

A clock leaps: a virtual machine wakes up, a board without a battery starts in 1970, somebody sets
it. Time is compared with the last round of upkeep, and with the platforms' times of new messages.
What was deleted by a wrong clock does not come back when it is set right, so in doubt nothing is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from session_plugin.checks import DAY
from session_plugin.model import MessageEvent

LEAP = DAY
"""Seconds by which time may differ from what it can be; also, for how long a clock that leapt has
to go on plausibly before it is believed.
"""
NEVER = float("-inf")

Evidence = Literal["agrees", "differs", "none"]
"""What the platforms' times of messages that were received lately say of our clock."""


class PlatformTimes:
    """What the platforms' times of messages say of our clock, as one process has seen them.

    One message that agrees is enough: old ones are delivered late, new ones never early.
    """

    def __init__(self) -> None:
        """Start without any message."""
        self._agreed_at = self._differed_at = self._newest = NEVER

    def note(self, *, now: float, sent_at: float) -> bool:
        """Note a message that was received now; return whether it says anything new of our clock.

        After one that agreed, another one at the same moment does not.
        """
        self._newest = max(self._newest, sent_at)

        if not -LEAP <= now - sent_at <= LEAP:
            self._differed_at = now
        elif self._agreed_at == now:
            return False
        else:
            self._agreed_at = now

        return True

    def evidence(self, now: float) -> Evidence:
        """Return what the messages of the last day, by the clock as it is now, say of it."""
        if abs(now - self._agreed_at) <= LEAP:
            return "agrees"
        return "differs" if abs(now - self._differed_at) <= LEAP else "none"

    def floor(self, now: float) -> float:
        """Return the time that platforms have told, unless they agree with our clock anyway."""
        return NEVER if self.evidence(now) == "agrees" else self._newest


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """What is known of the clock.

    Args:
        trusted_at: The last time that was believed; None before the first.
        is_confirmed: The operator said so, and it has not leapt since.
        doubted_since: The first of the rounds that did not believe it; None if the last one did.
        doubted_at: The last of those.
    """

    trusted_at: float | None = None
    is_confirmed: bool = False
    doubted_since: float | None = None
    doubted_at: float | None = None

    @property
    def is_trusted(self) -> bool:
        """Whether the last round believed the clock."""
        return self.doubted_since is None


def judge(known: ClockState, *, now: float, evidence: Evidence, is_confirmed: bool) -> ClockState:
    """Return what is known of the clock after a round at `now`.

    A clock that leapt is believed again when the operator says so, when a message's platform agrees
    with it, or after a day of rounds if no platform says anything.
    """
    if is_confirmed:
        return ClockState(trusted_at=now, is_confirmed=True)

    has_leapt = known.trusted_at is not None and abs(now - known.trusted_at) > LEAP
    if not has_leapt and (evidence != "differs" or known.is_confirmed):
        return ClockState(trusted_at=now, is_confirmed=known.is_confirmed)
    if has_leapt and evidence == "agrees":
        return ClockState(trusted_at=now)

    since = now
    if (
        known.doubted_since is not None
        and known.doubted_at is not None
        and 0 <= now - known.doubted_at <= LEAP
    ):
        since = known.doubted_since

    if evidence == "none" and now - since >= LEAP:
        return ClockState(trusted_at=now)

    return replace(known, is_confirmed=False, doubted_since=since, doubted_at=now)


def platform_time(event: MessageEvent) -> float | None:
    """Return when a message was sent by its platform's clock; None if no platform delivered it."""
    return None if event.message_id is None else event.sent_at


def not_behind(now: float, *times: float | None) -> float:
    """Return the time as far as it is known: `now`, unless our clock is a day or more behind one of
    the times, at which it was right or which a platform has told.
    """
    known = now
    for time in times:  # of each message, so in the plainest way
        if time is not None and time > known:
            known = time

    return known if known - now > LEAP else now

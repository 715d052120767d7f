"""How long things last: when a session is over, and how long messages are kept, by channel and kind
of chat.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TypeVar, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from session_plugin.checks import DAY, HOUR, MINUTE, check_list, check_number, check_storable
from session_plugin.model import ChatKind


@dataclass(frozen=True, slots=True)
class End:
    """When a session is over, and why: `idle` or `daily`."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """When a session is over by itself.

    Args:
        max_age_hours: Hours of silence after which it is; exactly as many do not end it. None:
            silence never does.
        daily_hour: At this hour (0 to 23) every session that began before it is over, reason
            `daily`. None: never.
        time_zone: Where it is that hour, by its name in the IANA database: `Europe/Vienna`.
        grace_minutes: A conversation that is going on at that hour goes on until it has been silent
            for as long as this.
        channel: For this channel only; of a person's session over several, it is the one where it
            was last active.
        kind: For this kind of chat only, `direct` or `group`.

    Raises:
        ValueError: a value makes no sense; the message names it and the rule.

    Example:
        nightly = Expiry(max_age_hours=None, daily_hour=4, time_zone="Europe/Vienna")
        hub = SessionHub("bot.db", expiry=[nightly])
    """

    max_age_hours: float | None = 24.0
    daily_hour: int | None = None
    time_zone: str = "UTC"
    grace_minutes: float = 30.0
    channel: str | None = None
    kind: ChatKind | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        _check_place(self.channel, self.kind)
        if self.max_age_hours is not None:
            check_number("max_age_hours", self.max_age_hours)
        check_number("grace_minutes", self.grace_minutes)
        hour = self.daily_hour
        if hour is not None and not (
            isinstance(hour, int) and not isinstance(hour, bool) and 0 <= hour <= 23
        ):
            raise ValueError(f"daily_hour is an hour from 0 to 23, not {hour!r}")
        _zone(self.time_zone)

    @property
    def shortest_silence(self) -> float | None:
        """Seconds of silence without which no session is over; None where none ever is."""
        idle = [] if self.max_age_hours is None else [self.max_age_hours * HOUR]
        daily = [] if self.daily_hour is None else [self.grace_minutes * MINUTE]
        return min(idle + daily, default=None)

    def end_of(self, *, started_at: float, last_activity: float, now: float) -> End | None:
        """Say when and why a session is over; None if it goes on. A clock that was set back ends
        nothing.

        One that was begun empty and joined by another, in which the last word is older, was active
        when it began.
        """
        last_activity = max(last_activity, started_at)
        ends = []
        if self.max_age_hours is not None and now - last_activity > self.max_age_hours * HOUR:
            ends.append(End(last_activity + self.max_age_hours * HOUR, "idle"))
        if self.daily_hour is not None and now - last_activity > self.grace_minutes * MINUTE:
            quiet_from = last_activity + self.grace_minutes * MINUTE
            at = max(self._next_hour(started_at), quiet_from)
            if at <= now:
                ends.append(End(at, "daily"))
        return min(ends, key=lambda end: end.at, default=None)

    def _next_hour(self, after: float) -> float:
        """Give the first daily hour after a time. Where clocks are put forward over it, it is the
        moment they are.
        """
        assert self.daily_hour is not None
        zone = _zone(self.time_zone)
        day = datetime.fromtimestamp(after, zone).date() - timedelta(days=1)
        while True:
            at = datetime(day.year, day.month, day.day, self.daily_hour, tzinfo=zone).timestamp()
            if at > after:
                return at
            day += timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long messages are kept.

    Args:
        days: Days after their receipt; None: for good.
        channel: On this channel only.
        kind: In this kind of chat only, `direct` or `group`.

    Raises:
        ValueError: a value makes no sense; the message names it and the rule.

    Example:
        hub = SessionHub("bot.db", retention=[Retention(days=30, kind="group")])
    """

    days: float | None
    channel: str | None = None
    kind: ChatKind | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        _check_place(self.channel, self.kind)
        if self.days is not None:
            check_number("days", self.days)

    def before(self, now: float) -> float | None:
        """Give the time of receipt before which nothing is kept; None: everything is."""
        return None if self.days is None else now - self.days * DAY


P = TypeVar("P", bound=Expiry | Retention)


def completed(name: str, policies: Iterable[P], default: P) -> tuple[P, ...]:
    """Give the policies of a setting with one for all that no other is for.

    Raises:
        TypeError: they are not several, or of another kind than the default.
        ValueError: two are for the same channel and kind of chat.
    """
    kind = type(default)
    check_list(name, policies, of=kind.__name__)
    given: tuple[P, ...] = tuple(policies)
    for policy in given:
        if not isinstance(policy, kind):
            raise TypeError(
                f"{name} is a list of {kind.__name__}, and {type(policy).__name__} is none"
            )
    places = [(policy.channel, policy.kind) for policy in given]
    for place in places:
        if places.count(place) > 1:
            raise ValueError(f"two policies are for the same channel and kind of chat: {place!r}")
    return given if (None, None) in places else (*given, default)


def policy_of(policies: Sequence[P], channel: str, kind: str) -> P:
    """Choose the policy of a chat: the one for its channel and kind, else for its channel, its
    kind, all.
    """
    by_place = {(policy.channel, policy.kind): policy for policy in policies}
    for place in ((channel, kind), (channel, None), (None, kind), (None, None)):
        if place in by_place:
            return by_place[place]
    raise LookupError(f"no policy is for {channel!r} and {kind!r}")


@lru_cache
def shortest_silence(expiries: tuple[Expiry, ...]) -> float | None:
    """Give the seconds of silence without which no session is over, wherever it is; None where none
    ever is.
    """
    known = [silence for expiry in expiries if (silence := expiry.shortest_silence) is not None]
    return min(known, default=None)


def longest(retentions: Sequence[Retention]) -> float | None:
    """Give the days after which nothing is kept anywhere; None where some of it is kept for
    good.
    """
    days = [retention.days for retention in retentions]
    known = [each for each in days if each is not None]
    return max(known) if known and len(known) == len(days) else None


def _check_place(channel: str | None, kind: str | None) -> None:
    if channel is not None:
        check_storable("channel", channel)
    if kind is not None and kind not in get_args(ChatKind):
        raise ValueError(f"unknown kind of chat {kind!r}: direct or group")


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC  # known also where no time-zone data is installed
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
        raise ValueError(
            f"unknown time zone {name!r}: give a name from the IANA database, like Europe/Vienna; "
            "where the system has no such data, install the package tzdata"
        ) from error

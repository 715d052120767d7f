"""When sessions end and how long messages are stored, by channel and kind of chat."""

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
    """When a session ends, and why: `idle` or `daily`."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """When a session ends without anybody asking for it.

    Args:
        max_age_hours: End a session after more than so many hours of silence, reason `idle`.
            None: silence never ends it.
        daily_hour: At this hour (0 to 23), end every session that began before it, reason
            `daily`. None: never.
        time_zone: The time zone of `daily_hour`, by its IANA name: `Europe/Vienna`.
        grace_minutes: If people are talking at that hour, end the session only after so many
            minutes of silence.
        channel: Use these settings for one channel only. A person's session over several channels
            uses those of the channel where it was last active.
        kind: Use these settings for one kind of chat only, `direct` or `group`.

    Raises:
        ValueError: a value is out of range; the message names it and the rule.

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
        """Raise ValueError for a value that is out of range."""
        _check_place(self.channel, self.kind)
        if self.max_age_hours is not None:
            check_number("max_age_hours", self.max_age_hours)

        check_number("grace_minutes", self.grace_minutes)

        hour = self.daily_hour
        if hour is not None and not (
            isinstance(hour, int) and not isinstance(hour, bool) and 0 <= hour <= 23
        ):
            raise ValueError(f"daily_hour must be an hour from 0 to 23, not {hour!r}")

        _zone(self.time_zone)

    @property
    def shortest_silence(self) -> float | None:
        """The least seconds of silence that can end a session; None if no silence does."""
        idle = [] if self.max_age_hours is None else [self.max_age_hours * HOUR]
        daily = [] if self.daily_hour is None else [self.grace_minutes * MINUTE]

        return min(idle + daily, default=None)

    def end_of(self, *, started_at: float, last_activity: float, now: float) -> End | None:
        """Return when and why a session ended; None if it goes on.

        A session counts as active when it began, even if its last message is older, as after
        joining an empty session with an older one. A clock that was set back ends nothing.
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
        """Return the first time after `after` at which the clock shows `daily_hour`.

        On a day when clocks skip that hour, it is the moment of the change.
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
    """How long messages are stored.

    Args:
        days: Days after a message was received; None stores it without limit.
        channel: Use this for one channel only.
        kind: Use this for one kind of chat only, `direct` or `group`.

    Raises:
        ValueError: a value is out of range; the message names it and the rule.

    Example:
        hub = SessionHub("bot.db", retention=[Retention(days=30, kind="group")])
    """

    days: float | None
    channel: str | None = None
    kind: ChatKind | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a value that is out of range."""
        _check_place(self.channel, self.kind)
        if self.days is not None:
            check_number("days", self.days)

    def before(self, now: float) -> float | None:
        """Return the time before which received messages are removed; None to remove none."""
        return None if self.days is None else now - self.days * DAY


P = TypeVar("P", bound=Expiry | Retention)


def completed(name: str, policies: Iterable[P], default: P) -> tuple[P, ...]:
    """Return the policies of a setting, with `default` added if none applies to all chats.

    Args:
        name: The name of the setting, for errors.

    Raises:
        TypeError: `policies` is not a list, or one of them has another type than `default`.
        ValueError: two apply to the same channel and kind of chat.
    """
    kind = type(default)
    check_list(name, policies, of=kind.__name__)
    given: tuple[P, ...] = tuple(policies)
    for policy in given:
        if not isinstance(policy, kind):
            raise TypeError(
                f"{name} must be a list of {kind.__name__}, but contains {type(policy).__name__}"
            )

    places = [(policy.channel, policy.kind) for policy in given]
    for place in places:
        if places.count(place) > 1:
            raise ValueError(
                f"{name} has two policies for the same channel and kind of chat, {place!r}: "
                "remove one"
            )

    return given if (None, None) in places else (*given, default)


def policy_of(policies: Sequence[P], channel: str, kind: str) -> P:
    """Return the policy of a chat.

    It is the one for the chat's channel and kind, else for its channel, else for its kind, else
    for all chats.
    """
    by_place = {(policy.channel, policy.kind): policy for policy in policies}
    for place in ((channel, kind), (channel, None), (None, kind), (None, None)):
        if place in by_place:
            return by_place[place]

    raise LookupError(f"no policy applies to channel {channel!r} and kind {kind!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """What a hub's or store's settings say about sessions, for operations.

    Args:
        max_age: Seconds of silence after which a session is over where no expiry says otherwise.
        expiries: When sessions are over, by channel and kind of chat; complete if not empty.
    """

    max_age: float
    expiries: tuple[Expiry, ...] = ()

    def expiry_of(self, channel: str, kind: str) -> Expiry:
        """Return the expiry of a chat."""
        default = (Expiry(max_age_hours=self.max_age / HOUR),)
        return policy_of(self.expiries or default, channel, kind)

    @property
    def shortest_silence(self) -> float | None:
        """Seconds of silence without which no session is over; None where none ever is."""
        return shortest_silence(self.expiries) if self.expiries else self.max_age


@lru_cache
def shortest_silence(expiries: tuple[Expiry, ...]) -> float | None:
    """Return the least seconds of silence that can end a session anywhere; None if none does."""
    known = [silence for expiry in expiries if (silence := expiry.shortest_silence) is not None]
    return min(known, default=None)


def longest(retentions: Sequence[Retention]) -> float | None:
    """Return the days after which no message is stored anywhere; None if some are kept for good."""
    days = [retention.days for retention in retentions]
    known = [each for each in days if each is not None]

    return max(known) if known and len(known) == len(days) else None


def _check_place(channel: str | None, kind: str | None) -> None:
    if channel is not None:
        check_storable("channel", channel)
    if kind is not None and kind not in get_args(ChatKind):
        raise ValueError(f"unknown kind of chat {kind!r}: use direct or group")


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC  # works without installed time zone data

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
        raise ValueError(
            f"unknown time zone {name!r}: use a name from the IANA database, like Europe/Vienna; "
            "if the system has no time zone data, install the package tzdata"
        ) from error

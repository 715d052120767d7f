"""Rules for linking and unlinking: who may, which user id survives, which segments return where.

Segments move between sessions; messages never move. Two invariants hold:
- A segment is in a session of the user who owns the account whose chat the segment belongs to.
- A session belongs to the user who owns the account in whose chat it began.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from session_plugin.checks import DAY

REST = DAY
"""Seconds between leaving a person and linking with another one."""
NEW_FOR = DAY
"""Seconds after a link in which neither side can erase or export what the other brought."""
SHOWN, CONFIRMED = 1, 2
"""How far a side of a link is: it was shown the other side, and it has said yes."""
NOTHING_TO_CONFIRM = (
    "There is nothing to confirm. Ask for a code first, then type it on the other account."
)


def must_rest(left_at: float | None, *, now: float) -> bool:
    """Return whether an account that left a person at `left_at` may not link with another yet.

    It may return to the person it left at any time. If it left later than now by so much, a clock
    was set back since, and it does not wait.
    """
    return left_at is not None and abs(now - left_at) < REST


def oldest(users: Iterable[tuple[float, str]]) -> str:
    """Return the user id that survives a link: the oldest of pairs (created_at, user_id)."""
    return min(users)[1]


@dataclass(frozen=True, slots=True)
class Part:
    """A segment of a session, the account whose chat it belongs to, and its home session."""

    segment_no: int
    account_no: int
    home_no: int


@dataclass(frozen=True, slots=True)
class Home:
    """A session to which segments may return.

    `founder_no` is the account in whose chat it began; `joined_into` the session it was joined to.
    """

    founder_no: int
    joined_into: int | None


@dataclass(frozen=True, slots=True)
class Return:
    """The segments that leave a session, and the session to which they return.

    Attributes:
        segments: The segments that leave.
        target: The session to which they go; None for a new one.
        founder_no: The account in whose chat the target began.
        rehomed: Those of `segments` whose home session becomes the target, because their own
            home does not leave with them.
        homes_left: Sessions that were joined into the old session, and are joined into the target
            from now on.
    """

    segments: tuple[int, ...]
    target: int | None
    founder_no: int
    rehomed: tuple[int, ...]
    homes_left: tuple[int, ...]


def part(
    session_no: int,
    founder_no: int,
    parts: Sequence[Part],
    *,
    leaving: frozenset[int],
    staying: frozenset[int],
    homes: Mapping[int, Home],
) -> Return | None:
    """Decide which segments leave a session when the accounts `leaving` part from `staying`.

    The session stays with the side of the account in whose chat it began. The segments of the
    other side return together to the newest of their home sessions that began in a chat of that
    side and was joined into this one, else to a new session. A home session that began in the chat
    of an account that has left before is on neither side.

    Returns:
        None if the other side has no segment in the session.
    """
    other_side = staying if founder_no in leaving else leaving
    gone = [segment for segment in parts if segment.account_no in other_side]
    if not gone:
        return None

    own = {
        segment.home_no
        for segment in gone
        if (home := homes.get(segment.home_no)) is not None
        and home.founder_no in other_side
        and home.joined_into == session_no
    }
    target = max(own, default=None)

    return Return(
        segments=tuple(segment.segment_no for segment in gone),
        target=target,
        founder_no=homes[target].founder_no if target is not None else gone[0].account_no,
        rehomed=tuple(segment.segment_no for segment in gone if segment.home_no not in own),
        homes_left=tuple(sorted(own - {target})) if target is not None else (),
    )

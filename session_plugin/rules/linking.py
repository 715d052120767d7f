"""How two accounts become one person and part again: who may, which id survives, what goes back
where.

Segments move, messages never do. A segment always stands in a session of the user who owns the
account whose chat it is; a session always belongs to the user who owns the account in whose chat it
began.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from session_plugin.checks import DAY

REST = DAY
"""Seconds that an account which left a person waits before it joins another one."""
NOTHING_TO_CONFIRM = (
    "There is nothing to confirm. Ask for a code first, and type it on the other account."
)


def must_rest(left_at: float | None, *, now: float) -> bool:
    """Tell whether an account has left a person so recently that it may join no other yet; back to
    that one it may.
    """
    return left_at is not None and now - left_at < REST


def oldest(users: Iterable[tuple[float, str]]) -> str:
    """Choose the user id that goes on: of those given as (created_at, user_id), the oldest."""
    return min(users)[1]


@dataclass(frozen=True, slots=True)
class Part:
    """One segment of a session: whose chat it is, and its home session."""

    segment_no: int
    account_no: int
    home_no: int


@dataclass(frozen=True, slots=True)
class Home:
    """A session that parts may go back to: in whose chat it began, and where it was joined into."""

    founder_no: int
    joined_into: int | None


@dataclass(frozen=True, slots=True)
class Return:
    """What leaves a session: these segments go to session `target` (None: a new one).

    `rehomed` of them get the target as home, because theirs does not come along; of `homes_left`
    each was joined into the session and is joined into the target from now on.
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
    homes: Mapping[int, Home],
) -> Return | None:
    """Decide what leaves a session when the accounts `leaving` and the others part; None if one
    side has nothing in it.

    The session stays with the account in whose chat it began. The other side's segments return
    together to the newest of their home sessions that began in a chat of that side and was joined
    into this one; else to a new session.
    """
    founder_leaves = founder_no in leaving
    gone = [p for p in parts if (p.account_no in leaving) != founder_leaves]
    if not gone:
        return None
    own = {
        p.home_no
        for p in gone
        if (home := homes.get(p.home_no)) is not None
        and (home.founder_no in leaving) != founder_leaves
        and home.joined_into == session_no
    }
    target = max(own, default=None)
    return Return(
        segments=tuple(p.segment_no for p in gone),
        target=target,
        founder_no=homes[target].founder_no if target is not None else gone[0].account_no,
        rehomed=tuple(p.segment_no for p in gone if p.home_no not in own),
        homes_left=tuple(sorted(own - {target})) if target is not None else (),
    )

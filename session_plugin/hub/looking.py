"""How a search goes on from snapshot to snapshot, and where people's last searches stopped.

Knows no hub and no view. What somebody searches for is never stored and never logged.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from session_plugin.checks import MINUTE, check_text, check_time
from session_plugin.model import Account
from session_plugin.records.conversation.histories import ALL
from session_plugin.records.conversation.searching import Piece, Request
from session_plugin.rules.found import Cursor, Found, Hit, read_cursor
from session_plugin.rules.searching import Query, Sender, narrowed, parse_query

LONGEST_SEARCH = 0.5
"""Seconds after which a search returns what it has, with a cursor."""
MOST_HITS = 1000
"""Hits of one call."""
REMEMBERED_SECONDS = 10 * MINUTE
MOST_REMEMBERED = 1000
"""How long, and of how many people, a last search is remembered in memory."""


def to_query(
    text: str,
    *,
    limit: int,
    since: float | None,
    until: float | None,
    who: Sender | None,
    channel: str | None,
) -> Query:
    """Check what a caller searches for.

    Raises:
        TypeError: an argument is of another kind than it has to be.
        ValueError: nothing is left to search for, or an argument makes no sense.
    """
    check_text("what is searched for", text)
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST_HITS:
        raise ValueError(f"limit is a whole number from 1 to {MOST_HITS}, not {limit!r}")
    if not isinstance(who, Account) and who not in {"me", "bot", None}:
        raise ValueError(f"who is 'me', 'bot', an Account or None, not {who!r}")
    if channel is not None:
        check_text("channel", channel)
    for name, moment in (("since", since), ("until", until)):
        if moment is not None:
            check_time(name, moment)

    return narrowed(parse_query(text), who=who, channel=channel, since=since, until=until)


def to_cursor(before: str | None) -> Cursor:
    """Return where a search begins: at the newest message, or where another one stopped.

    Raises:
        TypeError: `before` is no text.
        ValueError: it is no cursor.
    """
    if before is None:
        return Cursor(ALL)

    check_text("before", before)

    return read_cursor(before)


Look = Callable[[Request], Awaitable[Piece]]
"""Looks once, for one reader and one query, in a snapshot."""


async def look_through(look: Look, cursor: Cursor, *, limit: int) -> Found:
    """Return the newest matches, in as many snapshots as half a second allows."""
    give_up_at = time.monotonic() + LONGEST_SEARCH
    piece = Piece(hits=(), before=cursor.before)
    hits: list[Hit] = []
    while piece.before and len(hits) < limit:
        left = limit - len(hits)
        piece = await look(Request(before=piece.before, limit=left, exhausted=piece.exhausted))
        hits += piece.hits
        if time.monotonic() >= give_up_at:
            break

    return Found(
        hits=tuple(sorted(hits, key=lambda hit: hit.order)),
        cursor=str(Cursor(piece.before)) if piece.before else None,
        is_complete=not piece.before,
    )


@dataclass(frozen=True, slots=True)
class LastSearch:
    """What somebody searched for, and where that stopped."""

    text: str
    cursor: str
    until: float


class LastSearches:
    """Where each person's last search stopped, in memory and for ten minutes only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Remember none yet."""
        self._clock = clock
        self._found: OrderedDict[Account, LastSearch] = OrderedDict()

    def note(self, account: Account, text: str, cursor: str | None) -> None:
        """Remember a search that can go on; forget one that cannot."""
        self._found.pop(account, None)
        if cursor is None:
            return

        self._found[account] = LastSearch(text, cursor, self._clock() + REMEMBERED_SECONDS)
        while len(self._found) > MOST_REMEMBERED or self._is_over(next(iter(self._found))):
            self._found.popitem(last=False)

    def of(self, account: Account) -> LastSearch | None:
        """Return an account's last search; None if there is none, or it was too long ago."""
        return None if self._is_over(account) else self._found[account]

    def clear(self) -> None:
        """Forget all of them."""
        self._found.clear()

    def _is_over(self, account: Account) -> bool:
        found = self._found.get(account)
        return found is None or found.until <= self._clock()

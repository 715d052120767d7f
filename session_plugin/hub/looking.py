"""How a search goes on from snapshot to snapshot, and where people's last searches stopped.

Knows no hub and no view. What somebody searches for is never stored and never logged.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from session_plugin.checks import MINUTE, check_text, check_time
from session_plugin.model import Account
from session_plugin.records.conversation import meanings, searching
from session_plugin.records.conversation.histories import ALL
from session_plugin.records.conversation.meanings import Stretch
from session_plugin.records.conversation.searching import Piece, Request
from session_plugin.records.conversation.sources import Reader
from session_plugin.rules.found import Cursor, Found, Hit, read_cursor
from session_plugin.rules.meaning import Meaning, fused
from session_plugin.rules.numbers import FIRST
from session_plugin.rules.searching import Query, Sender, narrowed, parse_query

LONGEST_SEARCH = 0.5
"""Seconds after which a search returns what it has, with a cursor."""
MOST_HITS = 1000
"""Hits of one call."""
MOST_RANKED = 200
"""Matches of words that are ranked together with those of meaning."""
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


Read = Callable[..., Awaitable[Any]]
"""Runs an operation on its arguments in a snapshot, as `Database.read` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search for one reader.

    Args:
        read: How the database is read.
        reader: Who looks.
        query: For what.
        meaning: What the words mean, where a plugin says so.
    """

    read: Read
    reader: Reader
    query: Query
    meaning: Meaning | None = None

    async def found(self, cursor: Cursor, *, limit: int) -> Found:
        """Return what half a second finds, from a cursor on."""
        give_up_at = time.monotonic() + LONGEST_SEARCH
        if self.meaning is not None:
            return await self._with_meaning(self.meaning, cursor, limit, give_up_at)

        hits, before = await self._with_words(cursor, limit, give_up_at)
        return Found(
            hits=tuple(sorted(hits, key=lambda hit: hit.order)),
            cursor=str(Cursor(before)) if before > FIRST else None,
            is_complete=before <= FIRST,
        )

    async def _with_words(
        self, cursor: Cursor, limit: int, give_up_at: float
    ) -> tuple[list[Hit], int]:
        """Return the newest matches, and before which number to go on; `FIRST` at the end."""
        piece = Piece(hits=(), before=cursor.before)
        hits: list[Hit] = []
        while piece.before > cursor.last and len(hits) < limit:
            request = Request(
                before=piece.before, limit=limit - len(hits), exhausted=piece.exhausted
            )
            piece = await self.read(searching.search, self.reader, self.query, request)
            hits += piece.hits
            if time.monotonic() >= give_up_at:
                break

        return hits, piece.before

    async def _with_meaning(
        self, meaning: Meaning, cursor: Cursor, limit: int, give_up_at: float
    ) -> Found:
        """Rank a stretch of messages by their words and by their meaning; return a page of it."""
        hits, before = await self._with_words(cursor, MOST_RANKED, give_up_at)
        last = max(before, cursor.last)
        near = await self._near(meaning, Stretch(before=cursor.before, last=last), give_up_at)

        by_words = sorted(hits, key=lambda hit: hit.order)
        known = {hit.message.seq: hit for hit in (*near, *by_words) if hit.message.seq >= last}
        ranked = fused(
            [hit.message.seq for hit in by_words if hit.message.seq >= last],
            [hit.message.seq for hit in near],
        )
        shown = ranked[cursor.skip : cursor.skip + limit]

        following: Cursor | None = None
        if cursor.skip + limit < len(ranked):
            following = Cursor(max(ranked) + 1, last, cursor.skip + limit)
        elif last > FIRST:
            following = Cursor(last)

        return Found(
            hits=tuple(known[seq] for seq in shown),
            cursor=None if following is None else str(following),
            is_complete=following is None,
        )

    async def _near(self, meaning: Meaning, stretch: Stretch, give_up_at: float) -> list[Hit]:
        """Return the messages of a stretch that are closest in meaning, the closest first."""
        while stretch.before > stretch.last:
            stretch = await self.read(meanings.nearest, self.reader, meaning, stretch)
            if time.monotonic() >= give_up_at:
                break

        hits: list[Hit] = await self.read(
            meanings.load, self.reader, self.query, stretch.candidates
        )
        return hits


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

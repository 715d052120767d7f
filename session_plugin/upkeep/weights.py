"""How many tokens the unconsolidated messages of sessions have, for a limit of tokens.

Messages are weighed in the background, all that came meanwhile at once. Knows operations; knows
not what becomes of a session that is too heavy.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from session_plugin.context.fitting import Count
from session_plugin.counters import Counter
from session_plugin.database.database import Database
from session_plugin.records.upkeep.summaries import live_texts

MOST_KNOWN = 10_000
"""Sessions whose weight is remembered."""
MOST_WAITING = 10_000
"""Messages that wait to be weighed. Beyond that, their sessions' weights are read anew."""

Growth = tuple[int, int, str]
"""A session, how many messages it has with a new one, and that one's text."""


class Weights:
    """The weights of one hub's sessions, as far as they are known."""

    def __init__(
        self,
        *,
        database: Database,
        count: Count,
        limit: int,
        lookups: Counter,
        start: Callable[[Coroutine[Any, Any, Any]], object],
        on_heavy: Callable[[int, int], None],
    ) -> None:
        """Call `on_heavy` with each session that has more than `limit` tokens, and how many.

        `lookups` counts whether a weight was known.
        """
        self._database = database
        self._count = count
        self._limit = limit
        self._lookups = lookups
        self._start = start
        self._on_heavy = on_heavy
        self._known: dict[int, tuple[int, int]] = {}
        self._waiting: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, list[Growth]] = (
            weakref.WeakKeyDictionary()
        )

    def forget(self, session_no: int) -> None:
        """Forget the weight of a session that has changed in another way than by a message."""
        self._known.pop(session_no, None)

    def add(self, session_no: int, *, live_count: int, text: str) -> None:
        """Weigh a message that was added to a session, in the background."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(loop)
        if waiting is None:
            self._waiting[loop] = [(session_no, live_count, text)]
            self._start(self._work(loop))
        elif len(waiting) < MOST_WAITING:
            waiting.append((session_no, live_count, text))
        else:
            self.forget(session_no)

    async def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = self._waiting[loop]
        try:
            while waiting:
                some, waiting[:] = waiting[:], []
                await self._weigh(some)
        finally:
            del self._waiting[loop]

    async def _weigh(self, grown: Sequence[Growth]) -> None:
        if len(self._known) > MOST_KNOWN:
            self._known.clear()

        counts = await self._count([text for _, _, text in grown])
        unsure: dict[int, int] = {}
        for (session_no, live_count, _), tokens in zip(grown, counts, strict=True):
            before = self._known.pop(session_no, (-1, 0))
            is_known = before[0] + 1 == live_count
            is_hit = is_known or session_no in unsure
            self._lookups.add("session_tokens", "hit" if is_hit else "miss")
            total = before[1] + tokens
            if is_known and total <= self._limit:
                self._known[session_no] = live_count, total
            else:  # above the limit, instructions may have been added, but do not count
                unsure[session_no] = live_count

        for session_no, live_count in unsure.items():
            texts = await self._database.read(live_texts, session_no)
            total = sum(await self._count(texts))
            if total <= self._limit:
                self._known[session_no] = live_count, total
            else:
                self._on_heavy(session_no, total)

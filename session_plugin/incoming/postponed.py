"""Messages that a resting filter has not seen: they are stored without content, and filtered when
the rest is over.

What was not filtered must not reach the disk, so it is kept in memory, within bounds: a message is
given up after ten minutes, and where too many wait. Knows plugins and operations; knows no queue.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from session_plugin.errors import PluginError, SessionError
from session_plugin.logs import FieldLogger
from session_plugin.model import MessageEvent
from session_plugin.plugins.manager import FilterRests, Plugins
from session_plugin.records.conversation.recording import Recording

MOST, MOST_OF_CHAT = 1000, 100
"""Messages that wait, in all and of one chat."""
MOST_CHARACTERS = 8_000_000
"""Characters of all that wait."""
LONGEST = 600.0
"""Seconds that a message waits for a filter that rests again and again."""
SHORTEST_PAUSE = 0.05
"""Seconds between two looks at what waits."""
CLOSING_SECONDS = 5.0
"""Seconds that closing grants to filter all that waits."""

Restore = Callable[[Recording, MessageEvent | None, int], Awaitable[int | None]]
"""Stores what the filters left of a message; returns the number of the session that it changed."""

logger = FieldLogger("session_plugin.plugins")


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    original: MessageEvent
    recording: Recording
    seq: int
    since: float = field(default_factory=time.monotonic)


class Postponed:
    """One hub's messages that wait for a filter, over all its event loops."""

    def __init__(
        self,
        plugins: Plugins,
        *,
        restore: Restore,
        on_change: Callable[[Iterable[int]], None],
    ) -> None:
        """Ask `plugins`, and `restore` what they leave; `on_change` is told in which sessions."""
        self._plugins = plugins
        self._restore = restore
        self._on_change = on_change
        self._waiting: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
        self._tasks: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}
        self._has_warned = False

    @property
    def waiting(self) -> int:
        """How many messages wait to be filtered."""
        return sum(map(len, list(self._waiting.values())))

    def add(self, recording: Recording, seq: int) -> None:
        """Filter a message that was stored without content, as number `seq`, when it can be."""
        if recording.original is None or not seq:
            return

        loop = asyncio.get_running_loop()
        waiting = self._waiting.setdefault(loop, [])
        if self._is_full(waiting, recording.original):
            if not self._has_warned:
                self._has_warned = True
                logger.error("too many messages wait for a filter that rests: some stay withheld")
            return

        waiting.append(_Waiting(recording.original, recording, seq))
        if loop not in self._tasks:
            self._tasks[loop] = task = loop.create_task(self._go_on(waiting))
            task.add_done_callback(lambda _: self._tasks.pop(loop, None))

    def _is_full(self, waiting: list[_Waiting], event: MessageEvent) -> bool:
        of_chat = sum(one.original.chat == event.chat for one in waiting)
        characters = sum(len(one.original.text) for one in waiting)
        return len(waiting) >= MOST or of_chat >= MOST_OF_CHAT or characters >= MOST_CHARACTERS

    async def _go_on(self, waiting: list[_Waiting]) -> None:
        """Filter what waits, in its order, each message when its filters rest no longer."""
        while waiting:
            for one in list(waiting):
                if not self._plugins.rest_seconds(one.original) and await self._is_settled(one):
                    waiting.remove(one)

            given_up = [one for one in waiting if time.monotonic() - one.since > LONGEST]
            for one in given_up:
                waiting.remove(one)

            if given_up:
                logger.error(
                    "%(messages)d messages stay withheld: their filter rested for too long",
                    messages=len(given_up),
                )

            if waiting:
                left = min(self._plugins.rest_seconds(one.original) for one in waiting)
                await asyncio.sleep(max(SHORTEST_PAUSE, left))

    async def _is_settled(self, one: _Waiting, *, is_last_try: bool = False) -> bool:
        """Filter a message and store what is left of it; False if it has to wait again."""
        try:
            event = await self._plugins.filter(one.original, is_last_try=is_last_try)
        except FilterRests:
            return False
        except PluginError:
            return True  # its own failure: it stays withheld

        try:
            session_no = await self._restore(one.recording, event, one.seq)
        except SessionError as error:
            logger.warning(
                "a message that was filtered late is not stored yet: %(error)s", error=error
            )
            return False

        if session_no is not None:
            self._on_change((session_no,))

        return True

    async def finish(self) -> None:
        """Filter what still waits on this event loop, whatever rests: the hub closes."""
        loop = asyncio.get_running_loop()
        task = self._tasks.get(loop)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

        waiting = self._waiting.pop(loop, [])
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                while waiting and await self._is_settled(waiting[0], is_last_try=True):
                    del waiting[0]

        if waiting:
            logger.error(
                "%(messages)d messages stay withheld: their filter rested when the hub closed",
                messages=len(waiting),
            )

"""Readings awaited on an event loop: it is woken once for all that are done by then, not for
each.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar, cast

from session_plugin.database.engine import Engine, Task, Tx

A = TypeVar("A")
T = TypeVar("T")


async def read(engine: Engine, operation: Callable[[Tx, A], T], argument: A) -> T:
    """Run an operation that only reads, and wait for what it gives.

    Raises:
        DatabaseUnavailable: the engine is closed.
    """
    loop = asyncio.get_running_loop()
    arrivals = _arrivals.get(loop)
    if arrivals is None:
        arrivals = _arrivals[loop] = _Arrivals(loop)
    reading = _Reading(operation, argument, future=loop.create_future(), notify=arrivals.notify)
    engine.enqueue_reading(reading)
    return cast("T", await reading.future)


class _Reading(Task):
    """A reading whose caller waits on an event loop, and may be cancelled meanwhile."""

    __slots__ = ("future",)

    def __init__(
        self,
        operation: Callable[[Tx, Any], Any],
        argument: Any,
        *,
        future: asyncio.Future[Any],
        notify: Callable[[list[Task]], None],
    ) -> None:
        super().__init__(operation, argument, deadline=None, notify=notify)
        self.future = future

    def start(self) -> bool:
        """Tell whether anybody still waits for it."""
        return not self.future.cancelled()

    def is_wanted(self) -> bool:
        """Tell whether anybody still waits for it."""
        return not self.future.cancelled()


class _Arrivals:
    """Readings that are done and that one event loop has not taken in yet. It keeps no loop
    alive.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._done: deque[Task] = deque()
        self._is_woken = False
        self.notify = self._notify  # one object for all

    def _notify(self, tasks: list[Task]) -> None:
        """On another thread: leave them for the event loop, and wake it unless that was done
        already.
        """
        self._done.extend(tasks)
        if self._is_woken:
            return
        self._is_woken = True
        loop = self._loop()
        try:
            if loop is not None:
                loop.call_soon_threadsafe(self._take)
        except RuntimeError:  # it is closed, and nobody waits
            self._done.clear()

    def _take(self) -> None:
        self._is_woken = (
            False  # first: what comes from now on wakes the loop again, lest it be left lying
        )
        while self._done:
            reading = cast("_Reading", self._done.popleft())
            if reading.future.done():
                continue
            if reading.error is not None:
                reading.future.set_exception(reading.error)
            else:
                reading.future.set_result(reading.result)


_arrivals: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Arrivals] = (
    weakref.WeakKeyDictionary()
)

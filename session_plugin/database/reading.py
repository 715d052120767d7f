"""Awaiting readings: an event loop is woken once for all that are finished, not for each."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from session_plugin.database.engine import Engine, Task, Tx

P = ParamSpec("P")
T = TypeVar("T")


async def read(
    engine: Engine,
    operation: Callable[Concatenate[Tx, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run an operation that only reads, and return its result.

    Raises:
        DatabaseUnavailable: the engine is closed.
    """
    loop = asyncio.get_running_loop()
    finished = _finished.get(loop)
    if finished is None:
        finished = _finished[loop] = _Finished(loop)

    reading = _Reading(operation, args, kwargs, future=loop.create_future(), notify=finished.notify)
    engine.enqueue_reading(reading)

    return cast("T", await reading.future)


class _Reading(Task):
    """A reading whose caller waits on an event loop, and may be cancelled meanwhile."""

    def __init__(
        self,
        operation: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        future: asyncio.Future[Any],
        notify: Callable[[list[Task]], None],
    ) -> None:
        super().__init__(operation, args, kwargs, deadline=None, notify=notify)
        self.future = future

    def start(self) -> bool:
        """Check whether the caller still waits."""
        return not self.future.cancelled()

    def is_wanted(self) -> bool:
        """Check whether the caller still waits."""
        return not self.future.cancelled()


class _Finished:
    """Finished readings that one event loop has not collected yet. It keeps no loop alive."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._done: deque[Task] = deque()
        self._is_woken = False
        self.notify = self._notify  # one object for all: tasks are grouped by it

    def _notify(self, tasks: list[Task]) -> None:
        """Leave tasks for the event loop, on another thread, and wake it if it is not woken yet."""
        self._done.extend(tasks)
        if self._is_woken:
            return

        self._is_woken = True
        loop = self._loop()
        try:
            if loop is not None:
                loop.call_soon_threadsafe(self._collect)
        except RuntimeError:  # it is closed, and nobody waits
            self._done.clear()

    def _collect(self) -> None:
        self._is_woken = False  # first: a task that comes from now on wakes the loop again
        while self._done:
            reading = cast("_Reading", self._done.popleft())
            if reading.future.done():
                continue
            if reading.error is not None:
                reading.future.set_exception(reading.error)
            else:
                reading.future.set_result(reading.result)


_finished: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Finished] = (
    weakref.WeakKeyDictionary()
)

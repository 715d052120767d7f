"""One task at most, on whichever event loop started it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


class LoneTask:
    """A task that is not started again while it runs, unless its event loop has ended."""

    def __init__(self) -> None:
        """Run nothing yet."""
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it is under way on an event loop that is not closed."""
        task = self._task
        return task is not None and not task.done() and not task.get_loop().is_closed()

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Run `work` on the running event loop; call this only where nothing is under way."""
        self._task = asyncio.get_running_loop().create_task(work)

    async def wait(self) -> None:
        """Wait for its end, if it is under way on the running event loop."""
        task = self._task
        if task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait({task})

    async def stop(self) -> None:
        """Cancel it, and wait for its end where it is on the running event loop."""
        task, self._task = self._task, None
        if task is None or task.done() or task is asyncio.current_task():
            return

        loop = task.get_loop()
        if loop is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait({task})
        elif not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)

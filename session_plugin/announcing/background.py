"""Tasks that nobody awaits. Knows the event loop; knows not what they do."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from session_plugin.errors import SessionError
from session_plugin.logs import FieldLogger

T = TypeVar("T")

logger = FieldLogger("session_plugin.hub")


class BackgroundTasks:
    """One hub's tasks, over all its event loops."""

    def __init__(self) -> None:
        """Start with none."""
        self._tasks: set[asyncio.Task[Any]] = set()

    def keep(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` as a task and hold it: an event loop keeps only weak references."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[None]:
        """Run `work`; an error of the database's is logged."""

        async def attempt() -> None:
            try:
                await work
            except SessionError as error:
                logger.warning("work in the background was given up: %(error)s", error=error)

        return self.keep(attempt())

    async def finish(self) -> None:
        """Wait until no task of the running event loop is left."""
        loop = asyncio.get_running_loop()
        while tasks := [task for task in self._tasks if task.get_loop() is loop]:
            await asyncio.wait(tasks)

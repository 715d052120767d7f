"""Do again and again, while a hub is open, what only the passing of time asks for. Knows an event
loop, not what is done.

Of several processes on one database one at a time does it: the others find its lease.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from session_plugin.checks import MINUTE
from session_plugin.errors import SessionError
from session_plugin.logs import FieldLogger
from session_plugin.upkeep.lone_task import LoneTask

JITTER = 0.2
"""Each pause is up to so much of it shorter or longer, so that processes started together do not
stay together.
"""

logger = FieldLogger("session_plugin.hub")


class Rounds:
    """One hub's rounds."""

    def __init__(
        self,
        work: Callable[[], Awaitable[None]],
        *,
        minutes: float | None,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Do `work` every so many minutes; never by itself with None."""
        self._work = work
        self._minutes = minutes
        self._spread = spread
        self._task = LoneTask()

    def start(self) -> None:
        """See to it that rounds are made on the running event loop, or on the one that makes them
        already.
        """
        if self._minutes is not None and not self._task.is_running:
            self._task.start(self._rounds(self._minutes * MINUTE))

    async def stop(self) -> None:
        """Make no more rounds; one that is under way is given up, and the next one goes on
        with it.
        """
        await self._task.stop()

    async def _rounds(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds * self._spread(1 - JITTER, 1 + JITTER))
            try:
                await self._work()
            except SessionError as error:
                logger.warning(
                    "a round of upkeep was given up, and the next one tries again: %(error)s",
                    error=error,
                )
            except Exception:
                logger.exception("a round of upkeep failed, and the next one tries again")

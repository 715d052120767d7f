"""A bell that rings at every change, for those who wait for one. Knows asyncio; must not know what
changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


class Bell:
    """Let tasks wait until something is found that was not there before."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Let everybody who waits look again."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def wait_for(self, find: Callable[[], Found | None], *, seconds: float) -> Found:
        """Return what `find` finds, trying again at each ring; raise TimeoutError when the seconds
        are over.
        """
        async with asyncio.timeout(seconds):
            while (found := find()) is None:
                future = asyncio.get_running_loop().create_future()
                self._waiting.add(future)
                try:
                    await future
                finally:
                    self._waiting.discard(future)
            return found

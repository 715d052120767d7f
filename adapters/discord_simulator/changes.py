"""Waiting for a change. Knows asyncio; must not know what changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


class Changes:
    """Lets tasks wait until a condition becomes true."""

    def __init__(self) -> None:
        """Start without waiting tasks."""
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Make every waiting task check its condition again."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def wait_for(self, find: Callable[[], Found | None], *, seconds: float) -> Found:
        """Return the first result of `find` that is not None, trying again after each change.

        Raises:
            TimeoutError: `find` returned None for that many seconds.
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

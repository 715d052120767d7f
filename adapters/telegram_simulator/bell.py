"""A bell that wakes everybody who waits for something to change. Knows asyncio; knows nothing of
what changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Bell:
    """Wake all waiting tasks at each ring; a ring that nobody waits for is forgotten."""

    def __init__(self) -> None:
        """Hang up a bell that has not rung."""
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the tasks that wait now, each of which then looks at its own condition."""
        rung, self._rung = self._rung, asyncio.Event()
        rung.set()

    async def until(self, is_true: Callable[[], bool], *, seconds: float) -> bool:
        """Wait until `is_true()`, looking at once and then after each ring; False when the time is
        up first.
        """
        try:
            async with asyncio.timeout(seconds):
                while not is_true():
                    await self._rung.wait()
        except TimeoutError:
            return is_true()
        return True

"""Waiting for a change. Knows asyncio; must not know what changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Changes:
    """Wakes all waiting tasks at each change."""

    def __init__(self) -> None:
        """Start without a change."""
        self._rung = asyncio.Event()

    def notify(self) -> None:
        """Make every waiting task check its condition again."""
        rung, self._rung = self._rung, asyncio.Event()
        rung.set()

    async def wait_until(self, is_true: Callable[[], bool], *, seconds: float) -> bool:
        """Wait until `is_true()` holds, and return whether it does after that many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while not is_true():
                    await self._rung.wait()
        except TimeoutError:
            return is_true()

        return True

"""Work on a chat that is not queued yet: its lock, and how long its plugins were asked.

Knows event loops; knows no database and not what a message is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from session_plugin.model import Chat


@dataclass(slots=True, eq=False)
class ChatLock:
    """One chat's lock on one event loop; it exists as long as somebody holds or waits for it.

    `asked` counts for how long those who held it asked plugins, but for the one who does so since
    `asking_since`.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    asked: float = 0.0
    asking_since: float | None = None

    def seconds_asked(self) -> float:
        """Return for how long plugins were asked by now."""
        since = self.asking_since
        return self.asked + (0.0 if since is None else time.monotonic() - since)


@dataclass(slots=True, eq=False)
class Work:
    """Work on a chat that is not finished. It has its chat's lock until it is queued."""

    loop: asyncio.AbstractEventLoop
    chat: Chat
    chat_lock: ChatLock | None = None


async def wait(unfinished: set[asyncio.Future[Any]], left: Callable[[], float]) -> None:
    """Wait until all are finished, which leaves the set empty, or until `left` says 0 or less.

    A timer of its own is set again and again at a tenth of the cost of asyncio.wait: thousands
    wait like this in a burst.
    """
    if not unfinished:
        return

    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()
    timer: asyncio.TimerHandle

    def finish(future: asyncio.Future[Any]) -> None:
        unfinished.discard(future)
        if not (unfinished or waiter.done()):
            waiter.set_result(None)

    def look() -> None:
        nonlocal timer
        seconds = left()
        if seconds > 0:
            timer = loop.call_later(seconds, look)
        elif not waiter.done():
            waiter.set_result(None)

    for future in unfinished:
        future.add_done_callback(finish)

    timer = loop.call_later(max(0.0, left()), look)
    try:
        await waiter
    finally:
        timer.cancel()
        for future in unfinished:
            future.remove_done_callback(finish)

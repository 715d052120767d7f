"""Who keeps a hub open, and how each of them tells a person something. Knows no database and no platform."""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable

from session_plugin.model import Chat, Notice

Deliver = Callable[[Chat, Notice], Awaitable[None]]
"""How an adapter tells a person something in a chat; it raises if it cannot."""

logger = logging.getLogger("session_plugin.hub")


class Leases:
    """The claims on one hub."""

    def __init__(self) -> None:
        """Start with none."""
        self._guard = threading.Lock()
        self._held: list[Lease] = []

    def add(self, lease: Lease) -> None:
        """Hold a lease."""
        with self._guard:
            self._held.append(lease)

    def end(self, lease: Lease) -> bool:
        """Let a lease go; True if it was the last one."""
        with self._guard:
            if lease not in self._held:
                return False
            self._held.remove(lease)
            return not self._held

    async def deliver(self, chat: Chat, notice: Notice) -> bool:
        """Tell a person something, by the adapter that serves the chat; False where none of this process can."""
        with self._guard:
            held = list(self._held)
        serving = (one.deliver for one in held if (one.channel, one.bot_id) == (chat.channel, chat.bot_id))
        deliver = next((one for one in serving if one is not None), None)
        if deliver is None:
            return False
        try:
            await deliver(chat, notice)
        except Exception as error:
            logger.warning("a notice could not be delivered on %s: %s", chat.channel, type(error).__name__)
            return False
        return True


class Lease:
    """A claim on a hub: it stays open until the last one is released."""

    def __init__(
        self,
        channel: str,
        bot_id: str,
        deliver: Deliver | None,
        *,
        opener: Callable[[], Awaitable[object]],
        releaser: Callable[[Lease], Awaitable[None]],
    ) -> None:
        """Made by SessionHub.attach."""
        self.channel = channel
        self.bot_id = bot_id
        self.deliver = deliver
        self._opener = opener
        self._releaser = releaser

    async def open(self) -> None:
        """Open the database now, so that what is wrong with it shows at the start.

        Raises:
            DatabaseRefused: it may not be used.
        """
        await self._opener()

    async def release(self) -> None:
        """End this claim; the last one closes the hub. Releasing twice does nothing."""
        await self._releaser(self)

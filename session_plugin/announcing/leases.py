"""Leases: how adapters keep a hub open, and how they deliver notices. Knows no platform."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from session_plugin.logs import FieldLogger
from session_plugin.model import Chat, Notice, SessionMessage
from session_plugin.parts import Attachment
from session_plugin.plugins.failures import words_of

T = TypeVar("T")

Deliver = Callable[[Chat, Notice], Coroutine[Any, Any, None]]
"""Delivers a notice in a chat, by an adapter; raises if it cannot."""

Fetch = Callable[[Attachment, SessionMessage, int], Coroutine[Any, Any, bytes | str | None]]
"""Fetches a file of at most so many bytes that came with a message, by an adapter: its bytes, a
link without secrets, or None. It raises if it cannot.
"""

logger = FieldLogger("session_plugin.hub")


class Leases:
    """The leases on one hub."""

    def __init__(self) -> None:
        """Start with none."""
        self._guard = threading.Lock()
        self._held: list[Lease] = []

    def add(self, lease: Lease) -> None:
        """Hold a lease."""
        with self._guard:
            self._held.append(lease)

    def end(self, lease: Lease) -> bool:
        """Remove a lease. Return True if it was the last one."""
        with self._guard:
            if lease not in self._held:
                return False
            self._held.remove(lease)
            return not self._held

    def serve(self, chat: Chat) -> bool:
        """Check whether an adapter of this process can deliver notices in a chat."""
        return self._serving(chat) is not None

    def _serving(self, chat: Chat) -> Lease | None:
        with self._guard:
            held = list(self._held)
        serving = (one for one in held if (one.channel, one.bot_id) == (chat.channel, chat.bot_id))
        return next((one for one in serving if one.deliver is not None), None)

    async def fetch(
        self, attachment: Attachment, message: SessionMessage, *, max_bytes: int
    ) -> bytes | str | None:
        """Fetch a file by the adapter of the bot that received it; None if there is none here."""
        chat = message.chat
        if chat is None:
            return None

        with self._guard:
            held = list(self._held)
        for lease in held:
            serves = (lease.channel, lease.bot_id) == (chat.channel, chat.bot_id)
            if serves and lease.fetch is not None:
                return await lease.run(lease.fetch(attachment, message, max_bytes))

        return None

    async def deliver(self, chat: Chat, notice: Notice) -> bool:
        """Deliver a notice by the adapter that serves the chat. Return False if that fails."""
        lease = self._serving(chat)
        if lease is None:
            return False

        try:
            await lease.notify(chat, notice)
        except Exception as error:
            logger.warning(
                "a notice could not be delivered on %(channel)s: %(error)s",
                channel=chat.channel,
                error=words_of(error),
            )
            return False

        return True


class Lease:
    """An adapter's hold on a hub, which stays open until the last lease is released.

    Example:
        lease = hub.attach("linechat", "bot-1")
        await lease.open()  # the bot starts
        ...
        await lease.release()  # the bot has stopped
    """

    def __init__(
        self,
        channel: str,
        bot_id: str,
        deliver: Deliver | None,
        *,
        fetch: Fetch | None = None,
        opener: Callable[[], Awaitable[object]],
        watcher: Callable[[], Coroutine[Any, Any, None]],
        releaser: Callable[[Lease], Awaitable[None]],
    ) -> None:
        """Made by SessionHub.attach."""
        self.channel = channel
        self.bot_id = bot_id
        self.deliver = deliver
        self.fetch = fetch
        self._opener = opener
        self._watcher = watcher
        self._watching: asyncio.Task[None] | None = None
        self._releaser = releaser
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Open the database now, so that a fault shows at the start.

        Raises:
            DatabaseRefused: the database may not be used. The lease is released.
        """
        self._loop = asyncio.get_running_loop()
        try:
            await self._opener()
        except BaseException:
            await self.release()
            raise

        if self.deliver is not None and self._watching is None:
            self._watching = self._loop.create_task(self._watcher())

    async def notify(self, chat: Chat, notice: Notice) -> None:
        """Deliver a notice on the event loop that opened this lease, where the client lives."""
        if self.deliver is None:
            return

        await self.run(self.deliver(chat, notice))

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the event loop that opened this lease, where the client lives."""
        if self._loop is None or self._loop is asyncio.get_running_loop():
            return await work

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def release(self) -> None:
        """Release the hold; the last release closes the hub. Releasing twice does nothing."""
        watching, self._watching = self._watching, None
        if watching is not None and not watching.get_loop().is_closed():
            watching.get_loop().call_soon_threadsafe(watching.cancel)
        await self._releaser(self)

"""When a hub opens and closes, who holds it open, and which plugins it has."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from session_plugin.announcing.leases import Deliver, Fetch, Lease
from session_plugin.hub.assembly import HubParts
from session_plugin.model import STORE_CHANNEL
from session_plugin.store.store import SessionStore

MOST_CLOSINGS = 3
"""Times that closing closes what others have opened meanwhile; after that they mean to."""


class Lifecycle:
    """Opening and closing, leases, plugins, and the store on the same database."""

    _parts: HubParts

    def register(self, plugin: object, name: str | None = None) -> str:
        """Add a plugin; give the name it goes by in logs.

        Raises:
            PluginError: it does not fit the hook specifications.
        """
        return self._parts.plugins.register(plugin, name)

    def attach(
        self,
        channel: str,
        bot_id: str,
        deliver: Deliver | None = None,
        *,
        fetch: Fetch | None = None,
    ) -> Lease:
        """Return a lease for an adapter.

        Args:
            channel: The adapter's channel.
            bot_id: The bot's own account on it.
            deliver: Delivers notices on the channel; None if the adapter cannot.
            fetch: Fetches a file that the bot received, for `SessionView.fetch_media`: called with
                the attachment, its message, and the most bytes that are wanted.
        """
        lease = Lease(
            channel,
            bot_id,
            deliver,
            fetch=fetch,
            opener=self._parts.database.open,
            watcher=self._parts.notices.watch,
            releaser=self._release,
        )
        self._parts.leases.add(lease)
        return lease

    async def _release(self, lease: Lease) -> None:
        if self._parts.leases.end(lease):
            await self.close()
        else:  # the adapter's event loop may end before others release theirs
            await self._parts.intake.finish()

    async def __aenter__(self) -> Self:
        """Open the database and keep it open until the block ends.

        Raises:
            DatabaseRefused: it may not be used; it is left as it is.
        """
        lease = self.attach(STORE_CHANNEL, "")
        await lease.open()
        self._parts.own_leases.append(lease)

        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the lease that the block took."""
        await self._parts.own_leases.pop().release()

    async def close(self) -> None:
        """Close the database now, even if leases are held.

        What waits is stored first, and plugins are notified.
        """
        for _ in range(MOST_CLOSINGS):
            await self._close()
            # What a plugin does when it is notified of the last messages opens the database again.
            await self.settle()
            if self._parts.database.is_closed:
                break

    async def _close(self) -> None:
        await self._parts.rounds.stop()
        await self._parts.resealer.stop()
        await self._parts.eraser.stop()

        if self._parts.database.is_open or self._parts.intake.is_opening:
            self._parts.embedder.begin_closing()
            await self._parts.transcribing.finish()
            await self._parts.intake.finish()
            await self._parts.consolidator.finish()
            await self.settle()
            await self._parts.postponed.finish()
            await self._parts.rounds.stop()  # storing what waited may have started it again
            await self._parts.resealer.stop()
            await self._parts.eraser.stop()  # and so may have a forgetting

        self._parts.intake.stop_opening()
        await asyncio.to_thread(self._parts.database.close)

    async def settle(self) -> None:
        """Wait until what was handed in is stored, announced and consolidated.

        What the database cannot take within `store_patience` is not waited for.
        """
        await self._parts.intake.finish()
        await self._parts.background.finish()
        while self._parts.consolidator.hurry():
            await self._parts.background.finish()
        await self._parts.announcer.finish()

    def store(self) -> SessionStore:
        """Return the blocking API over this hub's database and writer. It calls no hooks."""
        settings = self._parts.settings
        return SessionStore._on(
            self._parts.database.block,
            context=self._parts.context,
            consolidation_threshold=settings.consolidation_threshold,
        )

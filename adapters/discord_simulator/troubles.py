"""Failures on demand: failing requests, cut connections, guild outages.

Must not know JSON, opcodes or routes.
"""

from __future__ import annotations

from .base import SimulatorBase
from .endpoint import Failure
from .entities import SimulatedChat, SimulatedGuild


class Troubles(SimulatorBase):
    """Failures that a test asks for."""

    def fail_next(
        self,
        method: str,
        path_contains: str,
        *,
        status: int | None,
        after_effect: bool = False,
        retry_after: float = 0.05,
        is_global: bool = False,
    ) -> None:
        """Make the next matching REST request fail with this status, or drop its connection (None).

        With `after_effect` the request takes effect and only its response is lost. A 429 asks to
        wait `retry_after` seconds, for that route, or for all routes if it is global.
        """
        self._endpoint.failures.append(
            Failure(method, path_contains, status, after_effect, retry_after, is_global)
        )

    def expire_links(self) -> None:
        """Let all links to files expire that were given out so far."""
        self._payloads.links += 1

    def cut(self, *, replays: int = 0) -> None:
        """Drop all gateway connections without a close frame; clients resume their sessions.

        A resumed session first receives the last `replays` events again, then those it missed:
        Discord does not guarantee that an event comes only once.
        """
        self._gateway.cut(replays=replays)

    async def reconnect(self) -> None:
        """Ask clients to reconnect and resume (opcode 7)."""
        await self._gateway.ask_to_reconnect()

    async def invalidate_session(self, *, resumable: bool) -> None:
        """Invalidate all sessions (opcode 9). Events are lost until clients identify again."""
        await self._gateway.invalidate(is_resumable=resumable)

    async def delete_chat(self, chat: SimulatedChat) -> None:
        """Delete a channel or thread as a moderator, with its messages and threads."""
        self._guild_of(chat, "the deletion of a channel")
        for event in self._events.chat_delete(chat):
            await self._deliver(event)

    async def remove_bot(self, guild: SimulatedGuild) -> None:
        """Remove the bot from a guild. It receives no more events of the guild."""
        await self._deliver(self._events.guild_delete(guild, is_outage=False))
        guild.has_bot = False

    async def add_bot(self, guild: SimulatedGuild) -> None:
        """Add the bot to a guild again."""
        guild.has_bot = True
        await self._deliver(self._events.guild_create(guild, is_new=True))

    async def outage(self, guild: SimulatedGuild) -> None:
        """Make a guild unavailable. Its events are lost until `recover`."""
        await self._deliver(self._events.guild_delete(guild, is_outage=True))
        guild.has_bot = False

    async def recover(self, guild: SimulatedGuild) -> None:
        """End the outage of a guild."""
        guild.has_bot = True
        await self._deliver(self._events.guild_create(guild))

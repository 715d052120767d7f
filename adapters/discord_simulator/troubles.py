"""Troubles of a simulated Discord, on demand: failing requests, cut connections, guilds that go.

Knows what may go wrong. Must not know JSON, opcodes or routes.
"""

from __future__ import annotations

from .door import Failure
from .scene import Scene
from .world import SimulatedChat, SimulatedGuild


class Troubles(Scene):
    """What goes wrong, when it is asked for."""

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
        """Let the next matching REST request fail with this status, or with None lose its
        connection.

        With `after_effect` the request is carried out and only its answer is lost. A 429 asks to
        wait for `retry_after` seconds, with that route or, if it is global, with all of them.
        """
        self._door.failures.append(
            Failure(method, path_contains, status, after_effect, retry_after, is_global)
        )

    def cut(self, *, replays: int = 0) -> None:
        """Drop all gateway connections without a close frame; a client resumes its session.

        It is sent what it missed, and before that as many of the events that it had already as
        `replays` says: Discord promises no event twice, and sends some twice all the same.
        """
        self._gateway.cut(replays=replays)

    async def reconnect(self) -> None:
        """Ask clients to reconnect and resume (opcode 7)."""
        await self._gateway.ask_to_reconnect()

    async def invalidate_session(self, *, resumable: bool) -> None:
        """Tell clients that their session is invalid (opcode 9); if it is not resumable, what
        follows is lost.
        """
        await self._gateway.invalidate(is_resumable=resumable)

    async def delete_chat(self, chat: SimulatedChat) -> None:
        """Let a moderator delete a channel or a thread, with all that stands in it. With a channel
        go its threads.
        """
        self._guild_of(chat, "the deletion of a channel")
        for event in self._events.gone(chat):
            await self._deliver(event)

    async def remove_bot(self, guild: SimulatedGuild) -> None:
        """Throw the bot out of a guild: it is told that, and nothing of the guild afterwards."""
        await self._deliver(self._events.guild_delete(guild, is_outage=False))
        guild.has_bot = False

    async def add_bot(self, guild: SimulatedGuild) -> None:
        """Let the bot into a guild again."""
        guild.has_bot = True
        await self._deliver(self._events.guild_create(guild, is_new=True))

    async def outage(self, guild: SimulatedGuild) -> None:
        """Let a guild be out of reach: the bot is told so, and nothing of the guild until
        `recover`.
        """
        await self._deliver(self._events.guild_delete(guild, is_outage=True))
        guild.has_bot = False

    async def recover(self, guild: SimulatedGuild) -> None:
        """Let a guild be there again."""
        guild.has_bot = True
        await self._deliver(self._events.guild_create(guild))

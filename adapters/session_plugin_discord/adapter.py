"""One client's attachment to a hub: opened before the client connects, closed with it.

It sees every event before its handlers do, by what discord.py offers for waiting: `wait_for` asks
its checks first, and ours always say no. Nothing of the author's is replaced: events, listeners,
checks and commands stay theirs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import discord
from discord.ext import commands

from session_plugin import Lease, SessionHub, SessionView
from session_plugin_discord.arrivals import Arrivals
from session_plugin_discord.chat_commands import ChatCommands
from session_plugin_discord.handlers import Handlers
from session_plugin_discord.incoming import Incoming
from session_plugin_discord.outgoing import Outgoing
from session_plugin_discord.own_messages import OwnMessages
from session_plugin_discord.translate import CHANNEL

logger = logging.getLogger("session_plugin.discord")

Source = discord.Message | discord.Interaction[Any] | commands.Context[Any]


class Adapter:
    """One client's attachment to a hub."""

    def __init__(
        self,
        client: discord.Client,
        hub: SessionHub,
        *,
        commands: Mapping[str, str] | None = {},
        group: str = "",
        slash_input: bool = True,
        ephemeral: bool = False,
    ) -> None:
        """Attach nothing yet; the settings are those of `install`.

        Raises:
            TypeError: `hub` is no SessionHub.
            ValueError: a command is unknown, or two have one name.
        """
        if not isinstance(hub, SessionHub):
            raise TypeError(
                f"a SessionHub is needed, not {type(hub).__name__}: hub = SessionHub('bot.db')"
            )
        self.hub = hub
        self._client = client
        self._own_messages = OwnMessages(client, hub, keeps_ephemeral=ephemeral)
        self._arrivals = Arrivals()
        self._handlers = Handlers(client)
        self._outgoing = Outgoing(client, self._own_messages, self._arrivals)
        self.commands = ChatCommands(client, hub, self._own_messages, commands, group)
        self._incoming = Incoming(
            client,
            hub,
            self._own_messages,
            self.commands,
            self._arrivals,
            keeps_slash_input=slash_input,
        )
        self._lease: Lease | None = None
        self._taps: dict[str, Callable[[Any], bool]] = {}
        self._waiting: list[asyncio.Task[Any]] = []

    async def open(self) -> None:
        """Open the hub and add our commands; does nothing if it is open.

        Raises:
            SessionError: the hub cannot be opened, or the client has a command of one of our names.
        """
        if self._lease is not None:
            return
        self._lease = self.hub.attach(CHANNEL, "", self.commands.deliver)
        try:
            await self._lease.open()
            self.commands.add()
        except BaseException:
            await self._lease.release()
            self._lease = None
            raise
        self._handlers.watch()
        self._outgoing.watch()
        if not self._client.intents.message_content:
            logger.warning(
                "the message_content intent is off: what is said in guilds is mostly blank "
                "and is not kept"
            )

    @property
    def is_open(self) -> bool:
        """Whether it holds the hub open."""
        return self._lease is not None

    def listen(self) -> None:
        """See every event from now on; for a client that has logged in. Does nothing if it listens
        already.
        """
        if self._lease is None or self._client.user is None or self._taps:
            return
        self._lease.bot_id = str(self._client.user.id)
        self._taps = {"socket_event_type": _tap(self._outgoing.begin)}
        self._taps |= {event: _tap(see) for event, see in self._incoming.checks().items()}
        wait_for: Any = self._client.wait_for
        self._waiting = [
            asyncio.ensure_future(wait_for(event, check=tap)) for event, tap in self._taps.items()
        ]

    async def close(self) -> None:
        """Detach, store what is on its way, release the hub; does nothing if it is closed."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        await self._stop_listening()
        self.commands.remove()
        self._handlers.unwatch()
        await self._outgoing.unwatch()
        await self._incoming.finish()
        await lease.release()

    async def _stop_listening(self) -> None:
        await asyncio.sleep(0)  # what has not begun to wait could not be cancelled
        for task in self._waiting:
            task.cancel()
        listeners: dict[str, list[Any]] = (
            self._client._listeners
        )  # else they would stay until the next such event
        for event, tap in self._taps.items():
            left = [one for one in listeners.pop(event, ()) if one[1] is not tap]
            if left:
                listeners[event] = left
        self._waiting.clear()
        self._taps.clear()

    async def session(self, source: Source) -> SessionView:
        """Give the session of a message, an interaction or a context, once what was said is
        stored.
        """
        if isinstance(source, commands.Context):
            source = source.interaction or source.message
        return await self._arrivals.session_of(source.id) or self._incoming.view(source)


def _tap(see: Callable[[Any], None]) -> Callable[[Any], bool]:
    """Make a check for `wait_for` that sees an event and never takes it; one that raised would be
    taken down.
    """

    def check(subject: Any) -> bool:
        try:
            see(subject)
        except Exception:
            logger.exception("an event could not be recorded; it is handled all the same")
        return False

    return check

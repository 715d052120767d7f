"""One client's attachment to a hub: opened before the client connects, closed with it.

The adapter sees every event before its handlers by a public means of discord.py: `wait_for` calls
its checks first, and the checks here always return False. Nothing of the author's is replaced:
events, listeners, checks and commands stay as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import discord
from discord.ext import commands

from session_plugin import Lease, SessionHub, SessionView
from session_plugin.logs import FieldLogger
from session_plugin_discord.answering import HandlerCounter
from session_plugin_discord.author_commands import AuthorCommands
from session_plugin_discord.commands import SessionCommands
from session_plugin_discord.files import Files
from session_plugin_discord.incoming import Incoming
from session_plugin_discord.outgoing import Outgoing
from session_plugin_discord.own_messages import OwnMessages
from session_plugin_discord.translate import CHANNEL

logger = FieldLogger("session_plugin.discord")

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
        conversation_commands: Collection[str] = (),
    ) -> None:
        """Check the arguments, which are those of `install`; attach nothing yet.

        Raises:
            TypeError: `hub` is not a SessionHub, or `conversation_commands` is a text.
            ValueError: `commands` names an unknown command, or the same name twice.
        """
        if not isinstance(hub, SessionHub):
            raise TypeError(
                f"the hub must be a SessionHub, not {type(hub).__name__}: "
                "pass SessionHub('bot.db'), for example"
            )

        self.hub = hub
        self._client = client
        self._own_messages = OwnMessages(client, hub, store_ephemeral=ephemeral)
        self.commands = SessionCommands(client, hub, self._own_messages, commands, group)
        self._incoming = Incoming(
            client,
            hub,
            self._own_messages,
            self.commands,
            AuthorCommands(client, conversation_commands),
            store_slash_input=slash_input,
            store_ephemeral=ephemeral,
        )
        self._outgoing = Outgoing(client, self._own_messages, self._incoming.pending)
        self._handler_counter = HandlerCounter(client)

        self._lease: Lease | None = None
        self._checks: dict[str, Callable[[Any], bool]] = {}
        self._waiting: list[asyncio.Task[Any]] = []

    async def open(self) -> None:
        """Open the hub and add the session commands; do nothing if it is open.

        Raises:
            SessionError: the hub cannot be opened, or the author has a command of the same name.
        """
        if self._lease is not None:
            return

        files = Files(self._client)
        self._lease = self.hub.attach(CHANNEL, "", self.commands.deliver, fetch=files.fetch)
        try:
            await self._lease.open()
            self.commands.registration.add()
        except BaseException:
            await self._lease.release()
            self._lease = None
            raise

        self._handler_counter.attach()
        self._outgoing.attach()
        if not self._client.intents.message_content:
            logger.warning(
                "the message_content intent is off, so most messages in guilds arrive without "
                "content and are not stored: set intents.message_content = True, and enable it "
                "in Discord's developer portal"
            )

    @property
    def is_open(self) -> bool:
        """Whether it holds the hub open."""
        return self._lease is not None

    def listen(self) -> None:
        """Observe every event from now on.

        Does nothing before the client has logged in, or if it listens already.
        """
        if self._lease is None or self._client.user is None or self._checks:
            return

        self._lease.bot_id = str(self._client.user.id)
        self._checks = {"socket_event_type": _observing(self._outgoing.begin_event)}
        for event, observe in self._incoming.observers().items():
            self._checks[event] = _observing(observe)

        wait_for: Any = self._client.wait_for
        self._waiting = [
            asyncio.ensure_future(wait_for(event, check=check))
            for event, check in self._checks.items()
        ]

    async def close(self) -> None:
        """Detach, wait until everything is recorded, release the hub; do nothing if closed."""
        lease, self._lease = self._lease, None
        if lease is None:
            return

        await self._stop_listening()
        self.commands.registration.remove()
        self._handler_counter.detach()
        await self._outgoing.detach()
        await self._incoming.finish()
        await lease.release()

    async def _stop_listening(self) -> None:
        await asyncio.sleep(0)  # a task that has not started yet would ignore its cancellation
        for task in self._waiting:
            task.cancel()

        # discord.py itself removes a cancelled listener only at the next event of its kind.
        listeners: dict[str, list[Any]] = self._client._listeners
        for event, check in self._checks.items():
            others = [entry for entry in listeners.pop(event, ()) if entry[1] is not check]
            if others:
                listeners[event] = others

        self._waiting.clear()
        self._checks.clear()

    async def session(self, source: Source) -> SessionView:
        """Return the session of a message, an interaction or a context, once that is stored."""
        if isinstance(source, commands.Context):
            source = source.interaction or source.message

        pending = self._incoming.pending
        view = await pending.session_of(source.id) or self._incoming.view(source)
        view.before_reading = partial(pending.catch_up, view)

        return view


def _observing(observe: Callable[[Any], None]) -> Callable[[Any], bool]:
    """Return a check for `wait_for` that observes events and never matches.

    It catches all errors: discord.py removes a check that raises.
    """

    def check(subject: Any) -> bool:
        try:
            observe(subject)
        except Exception:
            logger.exception("an event could not be recorded; its handlers run all the same")
        return False

    return check

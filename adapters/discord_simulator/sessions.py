"""Gateway sessions: the events of each client in order, and its present connection.

A session stores all its events, so a resumed session receives exactly those it missed. Knows
sockets and sequence numbers; must not know the meaning of events or the opcodes of clients.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass, field

from aiohttp import web

from .entities import Json
from .events import Event

DISPATCH = 0


class Connection:
    """A WebSocket of a client. Sends the events of its session from a position onwards."""

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.BaseTransport | None
    ) -> None:
        """Use an accepted socket and its transport, which `abort` closes."""
        self.socket = socket
        self.session: Session | None = None
        self.has_identified = False
        self.cursor = 0
        self._transport = transport
        self._sending = asyncio.Lock()

    async def send(self, frame: Json) -> None:
        """Send one frame; a client that has just disconnected is not an error."""
        await self._send_text(_encode(frame))

    async def _send_text(self, text: str) -> None:
        try:
            await self.socket.send_str(text)
        except (ConnectionError, RuntimeError):
            self.abort()

    async def flush(self) -> None:
        """Send all unsent events of the session; concurrent calls keep the order."""
        async with self._sending:
            while self.session is not None and self.cursor < len(self.session.log):
                self.cursor += 1
                await self._send_text(self.session.log[self.cursor - 1])

    def detach(self) -> None:
        """Stop sending events; another connection can resume the session."""
        if self.session is not None and self.session.connection is self:
            self.session.connection = None
        self.session = None

    def abort(self) -> None:
        """Drop the connection without a close frame, like a network failure."""
        self.detach()
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()


@dataclass(eq=False)
class Session:
    """The state that an IDENTIFY creates. An event's sequence number is its position in `log`."""

    intents: int
    shard_id: int = 0
    shard_count: int = 1
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    log: list[str] = field(default_factory=list, repr=False)
    connection: Connection | None = None
    replays: int = 0
    """How many sent events to send again when the session is resumed."""
    beginning: int = 0
    """How many events it started with; these are never replayed."""

    def append(self, name: str, payload: Json) -> None:
        """Append an event with the next sequence number."""
        self.log.append(_encode({"op": DISPATCH, "t": name, "s": len(self.log) + 1, "d": payload}))

    def offer(self, event: Event) -> None:
        """Append the event if this session's intents and shard receive it."""
        is_member = event.guild is None or event.guild.has_bot
        if not is_member and event.name != "INTERACTION_CREATE":  # of an app that a user installed
            return

        shard = 0 if event.guild is None else (event.guild.id >> 22) % self.shard_count
        if (not event.intent or self.intents & event.intent) and shard == self.shard_id:
            self.append(event.name, event.payload(self.intents))

    def attach(self, connection: Connection, *, sequence: int) -> None:
        """Send events after `sequence` to this connection, and detach an older one."""
        if self.connection is not None:
            self.connection.detach()
        self.connection, connection.session, connection.cursor = connection, self, sequence
        connection.has_identified = True


def _encode(frame: Json) -> str:
    # Escaped to ASCII, since a lone surrogate could not be sent as UTF-8.
    return json.dumps(frame, ensure_ascii=True)

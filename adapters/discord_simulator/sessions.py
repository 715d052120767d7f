"""Gateway sessions: what each client was told, in order, and the socket it listens on at the
moment.

A session keeps every event it was ever given, so a resumed one is sent exactly what it missed.
Knows sockets and sequence numbers; must not know what the events mean, nor the opcodes a client
sends.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass, field

from aiohttp import web

from .events import Event
from .payloads import Json

DISPATCH = 0


class Connection:
    """One WebSocket of a client. It sends what its session holds, from a place in that list
    onwards.
    """

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.BaseTransport | None
    ) -> None:
        """Take an accepted socket and the transport below it, which is what can be cut."""
        self.socket = socket
        self.session: Session | None = None
        self.has_identified = False
        self.cursor = 0
        self._transport = transport
        self._sending = asyncio.Lock()

    async def send(self, frame: Json) -> None:
        """Send one frame; a client that has just left is no error."""
        await self._send_text(_encode(frame))

    async def _send_text(self, text: str) -> None:
        try:
            await self.socket.send_str(text)
        except (ConnectionError, RuntimeError):
            self.abort()

    async def flush(self) -> None:
        """Send all events that the session holds and this connection has not sent; several callers
        keep the order.
        """
        async with self._sending:
            while self.session is not None and self.cursor < len(self.session.log):
                self.cursor += 1
                await self._send_text(self.session.log[self.cursor - 1])

    def detach(self) -> None:
        """Stop sending events; the session stays and can be resumed by another connection."""
        if self.session is not None and self.session.connection is self:
            self.session.connection = None
        self.session = None

    def abort(self) -> None:
        """Drop the connection without a word, as when a cable is pulled."""
        self.detach()
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()


@dataclass(eq=False)
class Session:
    """What one IDENTIFY began. `log` holds all its events as they were then; the sequence number is
    the place in it.
    """

    intents: int
    shard_id: int = 0
    shard_count: int = 1
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    log: list[str] = field(default_factory=list, repr=False)
    connection: Connection | None = None
    replays: int = 0
    """How many events that were sent already are sent again when it is resumed."""
    beginning: int = 0
    """How many events it began with, which are never sent again."""

    def tell(self, name: str, payload: Json) -> None:
        """Append an event under the next sequence number."""
        self.log.append(_encode({"op": DISPATCH, "t": name, "s": len(self.log) + 1, "d": payload}))

    def offer(self, event: Event) -> None:
        """Append the event if the intents ask for it and its guild (or direct chats: shard 0) is in
        this shard.
        """
        if event.guild is not None and not event.guild.has_bot:
            return
        shard = 0 if event.guild is None else (event.guild.id >> 22) % self.shard_count
        if (not event.intent or self.intents & event.intent) and shard == self.shard_id:
            self.tell(event.name, event.payload(self.intents))

    def attach(self, connection: Connection, *, sequence: int) -> None:
        """Let this connection send what comes after `sequence`; an older connection falls
        silent.
        """
        if self.connection is not None:
            self.connection.detach()
        self.connection, connection.session, connection.cursor = connection, self, sequence
        connection.has_identified = True


def _encode(frame: Json) -> str:
    # Escaped to ASCII, since a lone surrogate could not be sent as UTF-8.
    return json.dumps(frame, ensure_ascii=True)

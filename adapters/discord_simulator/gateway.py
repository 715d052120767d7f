"""The gateway: the documented protocol over a WebSocket, opcode by opcode.

Knows opcodes, close codes, sessions and the events that a new session starts with. Must not know
REST or how messages come about. Frames are plain text even for clients that ask for compression,
which clients accept.

Not simulated: missed heartbeats (no client is disconnected), rate limits, and the expiry of a
session that stays disconnected for minutes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from aiohttp import WSMsgType, web

from .entities import Json
from .events import GUILD_MEMBERS, MESSAGE_CONTENT, Event, Events
from .members import member_chunks
from .payloads import Payloads
from .sessions import Connection, Session

HEARTBEAT, IDENTIFY, PRESENCE, VOICE_STATE, RESUME, RECONNECT = 1, 2, 3, 4, 6, 7
REQUEST_GUILD_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK, REQUEST_SOUNDS = 8, 9, 10, 11, 31
IGNORED = {PRESENCE, VOICE_STATE, REQUEST_SOUNDS}

HEARTBEAT_INTERVAL_MS = 41_250
"""The interval that Discord sends in practice; the example in the documentation says 45000."""

API_VERSION = 10
HIGHEST_INTENT = 1 << 25
CLOSE_TIMEOUT = 0.5


class GatewayClosedError(Exception):
    """A protocol violation by the client, which closes the connection with a documented code."""

    def __init__(self, code: int, reason: str) -> None:
        """Use a documented close code and its reason."""
        super().__init__(f"{code}: {reason}")
        self.code, self.reason = code, reason


class Gateway:
    """The bot's sessions and their connections."""

    def __init__(
        self, payloads: Payloads, events: Events, *, token: str, changed: Callable[[], None]
    ) -> None:
        """Accept this token; call `changed` when a client starts or resumes a session."""
        self._payloads = payloads
        self._events = events
        self._token = token
        self._changed = changed
        self._sessions: dict[str, Session] = {}
        self._connections: set[Connection] = set()
        self._flushes: set[asyncio.Task[None]] = set()
        self.url = ""

    @property
    def shards_listened_to(self) -> int:
        """The number of shards with a connected session."""
        return len({session.shard_id for session in self._sessions.values() if session.connection})

    def publish(self, event: Event) -> None:
        """Append the event to every session that receives it, disconnected ones included."""
        for session in self._sessions.values():
            session.offer(event)

    async def flush(self) -> None:
        """Send all published events to all connected clients."""
        await asyncio.gather(*(connection.flush() for connection in list(self._connections)))

    def flush_soon(self) -> None:
        """Start to send published events; for callers that are not coroutines."""
        if self._connections:
            task = asyncio.get_running_loop().create_task(self.flush())
            self._flushes.add(task)
            task.add_done_callback(self._flushes.discard)

    def cut(self, *, replays: int) -> None:
        """Drop every connection without a close frame, and replay some events when it resumes."""
        for session in self._sessions.values():
            session.replays = replays
        for connection in list(self._connections):
            connection.abort()

    async def ask_to_reconnect(self) -> None:
        """Send opcode 7 to every client; events wait until the session is resumed."""
        await self._send_and_detach({"op": RECONNECT, "d": None})

    async def invalidate(self, *, is_resumable: bool) -> None:
        """Send opcode 9 to every client; delete sessions that are not resumable."""
        if not is_resumable:
            self._sessions.clear()
        await self._send_and_detach({"op": INVALID_SESSION, "d": is_resumable})

    async def _send_and_detach(self, frame: Json) -> None:
        await self.flush()
        for connection in list(self._connections):
            connection.detach()
            await connection.send(frame)

    async def close(self) -> None:
        """Close every connection with code 1001 and delete all sessions."""
        self._sessions.clear()
        connections = list(self._connections)
        for connection in connections:
            connection.detach()

        await asyncio.gather(
            *(
                connection.socket.close(code=1001, message=b"Going away")
                for connection in connections
            ),
            return_exceptions=True,
        )

        for connection in connections:
            connection.abort()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection until either side closes it."""
        socket = web.WebSocketResponse(timeout=CLOSE_TIMEOUT, max_msg_size=0)
        await socket.prepare(request)
        connection = Connection(socket, request.transport)
        self._connections.add(connection)

        try:
            await connection.send({"op": HELLO, "d": {"heartbeat_interval": HEARTBEAT_INTERVAL_MS}})
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    await self._receive(connection, frame.data)
        except GatewayClosedError as reason:
            await socket.close(code=reason.code, message=reason.reason.encode())
        finally:
            self._connections.discard(connection)
            if connection.session is not None and socket.close_code in {1000, 1001}:
                # Documented: these two codes end the session; after others it can be resumed.
                self._sessions.pop(connection.session.id, None)
            connection.detach()

        return socket

    async def _receive(self, connection: Connection, text: str) -> None:
        try:
            frame = json.loads(text)
            opcode, data = frame["op"], frame.get("d")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise GatewayClosedError(4002, "Error while decoding payload.") from error

        if not isinstance(opcode, int):
            raise GatewayClosedError(4002, "Error while decoding payload.")

        if opcode == HEARTBEAT:
            await connection.send({"op": HEARTBEAT_ACK})
        elif opcode in {IDENTIFY, RESUME}:
            if connection.has_identified:
                raise GatewayClosedError(4005, "Already authenticated.")
            if not isinstance(data, dict):
                raise GatewayClosedError(4002, "Error while decoding payload.")
            self._check_token(data)
            await (self._identify if opcode == IDENTIFY else self._resume)(connection, data)
        elif opcode not in {REQUEST_GUILD_MEMBERS, *IGNORED}:
            raise GatewayClosedError(4001, "Unknown opcode.")
        elif not connection.has_identified:
            raise GatewayClosedError(4003, "Not authenticated.")
        elif (
            opcode == REQUEST_GUILD_MEMBERS
            and connection.session is not None
            and isinstance(data, dict)
        ):
            await self._send_members(connection, connection.session, data)

    async def _send_members(self, connection: Connection, session: Session, request: Json) -> None:
        for chunk in member_chunks(
            self._payloads, request, has_intent=bool(session.intents & GUILD_MEMBERS)
        ):
            session.append("GUILD_MEMBERS_CHUNK", chunk)
        await connection.flush()

    def _check_token(self, data: Json) -> None:
        if str(data.get("token", "")).removeprefix("Bot ") != self._token:
            raise GatewayClosedError(4004, "Authentication failed.")

    async def _identify(self, connection: Connection, data: Json) -> None:
        session = self._new_session(data)
        self._sessions[session.id] = session
        session.attach(connection, sequence=0)
        mine = [
            guild
            for guild in self._payloads.world.guilds.values()
            if guild.has_bot and (guild.id >> 22) % session.shard_count == session.shard_id
        ]

        session.append(
            "READY",
            {
                "v": API_VERSION,
                "user": self._payloads.own_user(),
                "guilds": [{"id": str(guild.id), "unavailable": True} for guild in mine],
                "session_id": session.id,
                "resume_gateway_url": self.url,
                "shard": [session.shard_id, session.shard_count],
                "application": {
                    "id": str(self._payloads.world.application_id),
                    "flags": self._payloads.application_flags,
                },
            },
        )

        for guild in mine:
            session.offer(self._events.guild_create(guild))

        session.beginning = len(session.log)
        await connection.flush()
        self._changed()

    def _new_session(self, data: Json) -> Session:
        intents, shard = data.get("intents"), data.get("shard", [0, 1])
        if type(intents) is not int or not 0 <= intents < HIGHEST_INTENT * 2:
            raise GatewayClosedError(4013, "Invalid intent(s).")
        if intents & MESSAGE_CONTENT and not self._payloads.message_content_enabled:
            raise GatewayClosedError(4014, "Disallowed intent(s).")

        match shard:
            case [int(shard_id), int(shard_count)] if 0 <= shard_id < shard_count:
                return Session(intents, shard_id, shard_count)
            case _:
                raise GatewayClosedError(4010, "Invalid shard.")

    async def _resume(self, connection: Connection, data: Json) -> None:
        session = self._sessions.get(str(data.get("session_id")))
        if session is None:
            await connection.send({"op": INVALID_SESSION, "d": False})
            return

        sequence = data.get("seq")
        if type(sequence) is not int or not 0 <= sequence <= len(session.log):
            raise GatewayClosedError(4007, "Invalid seq.")

        again, session.replays = session.replays, 0
        session.attach(connection, sequence=max(sequence - again, min(sequence, session.beginning)))
        session.append("RESUMED", {})
        await connection.flush()
        self._changed()

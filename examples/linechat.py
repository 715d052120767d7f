"""A chat system small enough to read, JSON objects over TCP, one a line; and a library for its
bots.

Neither knows session_plugin. It is the platform of `adapters/README.md`:
`session_plugin_linechat.py` is the adapter for its bots, `terminal_bot.py` is one of them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

BOT_ID = "bot-1"


@dataclass
class Message:
    """What somebody said. `sender` is None for announcements, which are nobody's."""

    id: str
    room: str
    kind: Literal["direct", "group"]
    sender: str | None
    name: str
    text: str
    sent_at: float
    reply_to: str | None = None
    edited_at: float | None = None
    extras: dict[str, Any] = field(default_factory=dict)
    """For whoever extends a bot."""

    @property
    def is_from_bot(self) -> bool:
        return self.sender == BOT_ID


@dataclass(frozen=True)
class Person:
    id: str
    name: str


@dataclass(frozen=True)
class Room:
    id: str
    kind: Literal["direct", "group"]
    members: tuple[Person, ...]


class Extension(Protocol):
    """What can be put into a bot's `extensions`."""

    async def start(self) -> None:
        """The bot has connected; what is raised here keeps it from starting."""

    async def see(self, message: Message) -> bool:
        """A message, new or edited, before the handler is called; False keeps it from the
        handler.
        """

    async def stop(self) -> None:
        """The bot is about to leave; its handlers have ended."""


class LineBot:
    """The bot library: connects, calls one handler for each new message, and sends."""

    def __init__(self, address: str) -> None:
        self.id = BOT_ID
        self.handler: Callable[[Message], Awaitable[object]] | None = None
        self.extensions: list[Extension] = []
        self._host, _, self._port = address.partition(":")
        self._numbers = itertools.count(1)
        self._sending: dict[int, asyncio.Future[Message]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def on_message(
        self, handler: Callable[[Message], Awaitable[object]]
    ) -> Callable[[Message], Awaitable[object]]:
        """Take a function as the handler: `@bot.on_message`."""
        self.handler = handler
        return handler

    async def send(self, room: str, text: str, *, reply_to: str | None = None) -> Message:
        """Say something, and give the message as the server took it."""
        number = next(self._numbers)
        self._sending[number] = asyncio.get_running_loop().create_future()
        self._writer.write(
            _pending_writes({"number": number, "room": room, "text": text, "reply_to": reply_to})
        )
        return await self._sending[number]

    async def start(self) -> None:
        """Connect; messages come from now on."""
        self._reader, self._writer = await asyncio.open_connection(self._host, int(self._port))
        try:
            for extension in self.extensions:
                await extension.start()
        except BaseException:
            self._writer.close()
            raise
        self._writer.write(_pending_writes({"ready": True}))
        self._arrived: asyncio.Queue[Message] = asyncio.Queue()
        self._work = [asyncio.create_task(self._read()), asyncio.create_task(self._handle_all())]

    async def stop(self) -> None:
        """Leave, when the handlers that run have ended."""
        self._work[1].cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for extension in self.extensions:
            await extension.stop()
        self._work[0].cancel()
        self._writer.close()

    async def _read(self) -> None:
        async for line in self._reader:
            told = json.loads(line)
            message = Message(**told["message"])
            if told["number"] is None:
                self._arrived.put_nowait(message)
            else:
                self._sending.pop(told["number"]).set_result(message)

    async def _handle_all(self) -> None:
        while True:
            message = await self._arrived.get()
            goes_on = [await extension.see(message) for extension in self.extensions]
            if self.handler is not None and all(goes_on) and message.edited_at is None:
                task = asyncio.create_task(self._handle(self.handler, message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _handle(
        self, handler: Callable[[Message], Awaitable[object]], message: Message
    ) -> None:
        try:
            await handler(message)
        except Exception as error:
            print(f"the handler failed: {error!r}", file=sys.stderr)


class LineServer:
    """The chat system: people, rooms, and one bot that may connect."""

    def __init__(self) -> None:
        self.bot = Person(BOT_ID, "Bot")
        self._numbers = itertools.count(1)
        self._message_ids = itertools.count(
            time.time_ns()
        )  # what another server gave its messages comes never again
        self._stands: dict[str, list[Message]] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[Any]] = set()
        self._ready = asyncio.Event()
        self._said = asyncio.Event()

    async def __aenter__(self) -> LineServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        if self._serving:
            await asyncio.wait(self._serving)

    def environment(self) -> dict[str, str]:
        host, port = self._server.sockets[0].getsockname()
        return {"LINECHAT_ADDRESS": f"{host}:{port}"}

    async def connected(self) -> None:
        await self._ready.wait()

    def user(self, name: str) -> Person:
        return Person(f"person-{next(self._numbers)}", name)

    def direct_chat(self, user: Person) -> Room:
        return Room(f"direct-{user.id}", "direct", (user,))

    def group(self, name: str, *members: Person) -> Room:
        return Room(f"{name}-{next(self._numbers)}", "group", members)

    async def say(
        self, user: Person, room: Room, text: str, *, reply_to: Message | None = None
    ) -> Message:
        replied = None if reply_to is None else reply_to.id
        return self._tell(self._write(room.id, user.id, user.name, text, replied))

    async def announce(self, name: str, room: Room, text: str) -> Message:
        """Say something in nobody's name."""
        return self._tell(self._write(room.id, None, name, text))

    async def edit(self, message: Message, text: str) -> Message:
        message.text, message.edited_at = text, time.time()
        return self._tell(message)

    async def repeat(self, message: Message) -> None:
        """Deliver a message once more, as after a connection that broke."""
        self._tell(message)

    def messages(self, room: Room) -> list[Message]:
        return self._stands.get(room.id, [])

    async def answer(self, room: Room, *, after: Message) -> Message:
        """Wait for the bot's first message in a room after another one."""
        while True:
            stands = self.messages(room)
            for message in stands[stands.index(after) + 1 :]:
                if message.is_from_bot:
                    return message
            await self._said.wait()

    def _write(
        self, room: str, sender: str | None, name: str, text: str, reply_to: str | None = None
    ) -> Message:
        kind: Literal["direct", "group"] = "direct" if room.startswith("direct-") else "group"
        message = Message(
            str(next(self._message_ids)), room, kind, sender, name, text, time.time(), reply_to
        )
        self._stands.setdefault(room, []).append(message)
        self._said.set()
        self._said = asyncio.Event()
        return message

    def _tell(self, message: Message, *, number: int | None = None) -> Message:
        for writer in self._writers:
            writer.write(_pending_writes({"number": number, "message": asdict(message)}))
        return message

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        async for line in reader:
            asked = json.loads(line)
            if "ready" in asked:
                self._writers.add(writer)
                self._ready.set()
                continue
            message = self._write(
                asked["room"], BOT_ID, self.bot.name, asked["text"], asked["reply_to"]
            )
            writer.write(_pending_writes({"number": asked["number"], "message": asdict(message)}))
        self._writers.discard(writer)
        self._ready.clear()
        writer.close()


def _pending_writes(data: dict[str, Any]) -> bytes:
    return json.dumps(data).encode() + b"\n"

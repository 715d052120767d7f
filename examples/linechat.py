"""A made-up chat platform (JSON over TCP, one object a line) and a client library for its bots.

It does not know session_plugin. `session_plugin_linechat.py` is the adapter for its bots, explained
in `adapters/README.md`; `terminal_bot.py` is a bot that uses it.
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
    """A message. `sender` is the id of a person, None for announcements and for the bot."""

    id: str
    room: str
    kind: Literal["direct", "group"]
    sender: str | None
    name: str
    text: str
    sent_at: float
    reply_to: str | None = None
    is_from_bot: bool = False
    edited_at: float | None = None
    extras: dict[str, Any] = field(default_factory=dict)
    """For extensions of the bot library."""

    @property
    def command(self) -> str:
        """`link` where a person writes `/link CODE`; empty if it is not a command."""
        word = (self.text.split(maxsplit=1) or [""])[0]
        return word[1:] if self.sender is not None and word.startswith("/") else ""

    @property
    def argument(self) -> str:
        """What follows the first word."""
        return "".join(self.text.split(maxsplit=1)[1:])


Handler = Callable[[Message], Awaitable[object]]


@dataclass(frozen=True)
class Person:
    """A person with an account."""

    id: str
    name: str


@dataclass(frozen=True)
class Room:
    """A place for messages."""

    id: str
    kind: Literal["direct", "group"]
    members: tuple[Person, ...]


class Extension(Protocol):
    """An object in a bot's `extensions`."""

    async def start(self) -> None:
        """Called when the bot has connected. An exception keeps the bot from starting."""

    async def see(self, message: Message) -> None:
        """Called with each new or edited message, before the handler is."""

    async def stop(self) -> None:
        """Called when the handlers have finished, before the bot disconnects."""


class LineBot:
    """The client library: connects, calls a handler for each new message, and sends."""

    def __init__(self, address: str) -> None:
        self.id = BOT_ID
        self.handler: Handler | None = None
        self.extensions: list[Extension] = []
        self.commands: dict[str, Handler] = {}
        """Commands of extensions. Their messages reach neither `Extension.see` nor the handler."""
        self._host, _, self._port = address.partition(":")
        self._numbers = itertools.count(1)
        self._sending: dict[int, asyncio.Future[Message]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def on_message(self, handler: Handler) -> Handler:
        """Set the handler; a decorator."""
        self.handler = handler
        return handler

    async def send(self, room: str, text: str, reply_to: str | None = None) -> Message:
        """Send a message, and return it as the server stored it."""
        number = next(self._numbers)
        self._sending[number] = asyncio.get_running_loop().create_future()
        self._writer.write(
            _to_line({"number": number, "room": room, "text": text, "reply_to": reply_to})
        )
        return await self._sending[number]

    async def start(self) -> None:
        """Connect and begin to receive messages."""
        self._reader, self._writer = await asyncio.open_connection(self._host, int(self._port))

        try:
            for extension in self.extensions:
                await extension.start()
        except BaseException:
            self._writer.close()
            raise

        self._writer.write(_to_line({"ready": True}))
        self._received: asyncio.Queue[Message] = asyncio.Queue()
        self._work = [asyncio.create_task(self._read()), asyncio.create_task(self._handle_all())]

    async def stop(self) -> None:
        """Wait for running handlers, then disconnect."""
        self._work[1].cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

        for extension in self.extensions:
            await extension.stop()

        self._work[0].cancel()
        self._writer.close()

    async def _read(self) -> None:
        async for line in self._reader:
            received = json.loads(line)
            message = Message(**received["message"])

            if received["number"] is None:
                self._received.put_nowait(message)
            else:
                self._sending.pop(received["number"]).set_result(message)

    async def _handle_all(self) -> None:
        while True:
            message = await self._received.get()
            is_new = message.edited_at is None

            if is_new and message.command in self.commands:
                await self._handle(self.commands[message.command], message)
                continue

            for extension in self.extensions:
                await extension.see(message)

            if is_new and self.handler is not None:
                task = asyncio.create_task(self._handle(self.handler, message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _handle(self, handler: Handler, message: Message) -> None:
        try:
            await handler(message)
        except Exception as error:
            print(f"a handler failed: {error!r}", file=sys.stderr)


class LineServer:
    """The platform: people, rooms, and the one bot that may connect."""

    def __init__(self) -> None:
        self.bot = Person(BOT_ID, "Bot")
        self._numbers = itertools.count(1)
        # Begins with the time, so that ids of an earlier server are not reused.
        self._message_ids = itertools.count(time.time_ns())
        self._messages: dict[str, list[Message]] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[Any]] = set()
        self._ready = asyncio.Event()
        self._added = asyncio.Event()

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
        """Return the variables by which a bot in another process finds the server."""
        host, port = self._server.sockets[0].getsockname()
        return {"LINECHAT_ADDRESS": f"{host}:{port}"}

    async def connected(self) -> None:
        """Wait until the bot is ready for messages."""
        await self._ready.wait()

    def user(self, name: str) -> Person:
        """Add a person."""
        return Person(f"person-{next(self._numbers)}", name)

    def direct_chat(self, user: Person) -> Room:
        """Return the room of a person and the bot."""
        return Room(f"direct-{user.id}", "direct", (user,))

    def group(self, name: str, *members: Person) -> Room:
        """Add a room of several people and the bot."""
        return Room(f"{name}-{next(self._numbers)}", "group", members)

    async def say(
        self, user: Person, room: Room, text: str, *, reply_to: Message | None = None
    ) -> Message:
        """Send a message from a person."""
        replied = None if reply_to is None else reply_to.id
        return self._deliver(self._add(room.id, user.id, user.name, text, replied))

    async def announce(self, name: str, room: Room, text: str) -> Message:
        """Send a message that is from no person."""
        return self._deliver(self._add(room.id, None, name, text))

    async def edit(self, message: Message, text: str) -> Message:
        """Change a message."""
        message.text, message.edited_at = text, time.time()
        return self._deliver(message)

    async def repeat(self, message: Message) -> None:
        """Deliver a message once more, as after a lost connection."""
        self._deliver(message)

    def messages(self, room: Room) -> list[Message]:
        """Return all messages of a room, oldest first."""
        return self._messages.get(room.id, [])

    async def answer(self, room: Room, *, after: Message) -> Message:
        """Wait for the bot's first message in a room after another message."""
        while True:
            messages = self.messages(room)
            for message in messages[messages.index(after) + 1 :]:
                if message.is_from_bot:
                    return message
            await self._added.wait()

    def _add(
        self,
        room: str,
        sender: str | None,
        name: str,
        text: str,
        reply_to: str | None = None,
        *,
        is_from_bot: bool = False,
    ) -> Message:
        kind: Literal["direct", "group"] = "direct" if room.startswith("direct-") else "group"
        number = str(next(self._message_ids))
        message = Message(
            number, room, kind, sender, name, text, time.time(), reply_to, is_from_bot
        )
        self._messages.setdefault(room, []).append(message)

        self._added.set()
        self._added = asyncio.Event()

        return message

    def _deliver(self, message: Message) -> Message:
        for writer in self._writers:
            writer.write(_to_line({"number": None, "message": asdict(message)}))
        return message

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

        async for line in reader:
            request = json.loads(line)
            if "ready" in request:
                self._writers.add(writer)
                self._ready.set()
            else:
                message = self._add(
                    request["room"],
                    None,
                    self.bot.name,
                    request["text"],
                    request["reply_to"],
                    is_from_bot=True,
                )

                writer.write(_to_line({"number": request["number"], "message": asdict(message)}))

        self._writers.discard(writer)
        self._ready.clear()
        writer.close()


def _to_line(data: dict[str, Any]) -> bytes:
    return json.dumps(data).encode() + b"\n"

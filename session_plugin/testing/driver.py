"""A platform for tests: who plays it, and how bots run on it, under the same verbs for every
platform.

Knows the hub's public names. Knows no platform: an adapter's author derives a driver from this one.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import pytest

from session_plugin import (
    Account,
    Chat,
    DatabaseUnavailable,
    SessionHub,
    SessionMessage,
    SessionView,
)

Ability = Literal[
    "groups", "threads", "edits", "replies", "attachments", "repeats", "strangers", "sending"
]
"""What a platform, or its simulator, may lack: each test that needs it is skipped then."""
ALL: Mapping[str, str] = MappingProxyType({})
"""Our commands, each under its own name."""
PATIENCE = 20.0
"""Seconds after which a test gives up on what should have happened long ago."""
STEP = 0.01
"""Seconds between two looks at what is waited for."""


@dataclass
class Turn:
    """What a bot author's handler has at hand, whatever the platform.

    `message` is the platform's own object; `say` sends to the chat, `reply` in answer to the
    message. `session` is None where nobody can own one.

    Example:
        async def echo(turn: Turn) -> None:
            await turn.say(f"you said {turn.text}")
    """

    text: str
    session: Any
    message: Any
    say: Callable[[str], Awaitable[Any]]
    reply: Callable[[str], Awaitable[Any]]


Handle = Callable[[Turn], Awaitable[object]]
"""A bot author's handler of messages.

Example:
    async def recall(turn: Turn) -> None:
        await turn.reply(str(await turn.session.history()))

    handle: Handle = recall
"""


class Driver(ABC):
    """One platform: its simulator, and bots that run on it.

    A driver derives from this one, sets the first attributes below, and says how a bot is made and
    run. People, chats and messages are the simulator's own objects. A person has an `id`; a chat
    has an `id`, a `kind`, which is `"direct"` or something else, its `members`, and where there are
    threads a `thread_id`; a message has `id`, `text` and `is_from_bot`.

    Args:
        simulator: What plays the platform. It has a `bot` with an `id`, and the verbs `user`,
            `direct_chat`, `say` and `messages`; and, where the platform can do them, `group`,
            `thread`, `edit` and `repeat`, as below.

    Attributes:
        channel: The adapter's name of its platform, in accounts and chats.
        prefix: What stands before a command: `"/"`.
        package: The adapter's package, with `install`, `to_event` and `CHANNEL`.
        lacks: What the platform cannot do.
        program: A command line that starts a bot in a process of its own, which answers everything
            said in direct chats, on the database that SESSION_DATABASE names, and finds the
            simulator by `environment()`. Without one, the tests that kill a bot are skipped.
        failures: What handlers raised. The first of them is raised when the bot has stopped.

    Example:
        class MyDriver(Driver):
            channel, prefix, package = "discord", "!", session_plugin_discord
            lacks = frozenset({"threads", "attachments"})

            def make(self, handle=None, **options): ...

            def connected(self, bot): ...
    """

    channel: str
    prefix: str
    package: Any
    lacks: frozenset[Ability] = frozenset()
    program: Sequence[str] = ()

    def __init__(self, simulator: Any) -> None:
        """Drive bots on a simulator that has started."""
        self.simulator = simulator
        self.failures: list[BaseException] = []

    # What an adapter's author says

    @abstractmethod
    def make(self, handle: Handle | None = None, **options: Any) -> Any:
        """Make a bot of the author's, whose handler of messages calls `handled`; nothing is
        installed yet.
        """

    @abstractmethod
    def connected(self, bot: Any) -> AbstractAsyncContextManager[Any]:
        """Run a bot in the running event loop while the block runs; it listens when the block
        begins.
        """

    async def strangers(self, group: Any) -> list[tuple[Any, str]]:
        """Let everybody speak who is nobody's user; give where, and under which name."""
        self.needs("strangers")
        raise NotImplementedError

    async def stranger(self, group: Any, name: str, text: str) -> None:
        """Let somebody who is nobody's user speak in a group under a name."""
        self.needs("strangers")
        raise NotImplementedError

    async def send(self, bot: Any, chat: Any, text: str) -> None:
        """Let a bot say something in a chat that nobody asked for there."""
        self.needs("sending")
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Give the variables by which a bot in another process finds the simulator."""
        found: dict[str, str] = self.simulator.environment()
        return found

    # Bots

    def install(
        self, hub: SessionHub, *, commands: Mapping[str, str] | None = ALL, into: Any = None
    ) -> Any:
        """Attach a hub to a bot, by default to one that does nothing else; give the bot."""
        bot = self.make() if into is None else into
        self.package.install(bot, hub, commands=commands)
        return bot

    @asynccontextmanager
    async def started(self, bot: Any) -> AsyncIterator[Any]:
        """Run a bot while the block runs."""
        async with self.connected(bot):
            yield bot
        if self.failures:
            raise self.failures[0]

    @asynccontextmanager
    async def running(
        self,
        hub: SessionHub,
        handle: Handle | None = None,
        *,
        commands: Mapping[str, str] | None = ALL,
        **options: Any,
    ) -> AsyncIterator[Any]:
        """Make a bot, attach a hub to it, and run it while the block runs."""
        bot = self.install(hub, commands=commands, into=self.make(handle, **options))
        async with self.started(bot):
            yield bot

    async def handled(self, handle: Handle | None, turn: Turn) -> None:
        """Call the author's handler, and keep what it raises for `started`."""
        if handle is None:
            return
        try:
            await handle(turn)
        except BaseException as failure:
            self.failures.append(failure)
            raise

    # People and what they do

    def needs(self, *abilities: Ability) -> None:
        """Skip the test where the platform lacks one of these."""
        for ability in abilities:
            if ability in self.lacks:
                pytest.skip(f"{self.channel} has no {ability}")

    def user(self, name: str, **details: Any) -> Any:
        """Make a person; a second one of the same name is somebody else."""
        return self.simulator.user(name, **details)

    def direct_chat(self, user: Any) -> Any:
        """Give a person's direct chat with the bot."""
        return self.simulator.direct_chat(user)

    def group(self, name: str, *members: Any) -> Any:
        """Make a group with these people and the bot in it."""
        self.needs("groups")
        return self.simulator.group(name, *members)

    def thread(self, group: Any, name: str) -> Any:
        """Open a thread in a group."""
        self.needs("threads")
        return self.simulator.thread(group, name)

    async def say(
        self,
        user: Any,
        chat: Any,
        text: str,
        *,
        reply_to: Any = None,
        attachments: Sequence[tuple[str, bytes]] = (),
    ) -> Any:
        """Let a person write; give the message."""
        details: dict[str, Any] = {}
        if reply_to is not None:
            self.needs("replies")
            details["reply_to"] = reply_to
        if attachments:
            self.needs("attachments")
            details["attachments"] = attachments
        return await self.simulator.say(user, chat, text, **details)

    async def edit(self, message: Any, text: str) -> None:
        """Let its author change a message."""
        self.needs("edits")
        await self.simulator.edit(message, text)

    async def repeat(self, message: Any) -> None:
        """Deliver a message once more, under the same id."""
        self.needs("repeats")
        await self.simulator.repeat(message)

    def messages(self, chat: Any) -> list[Any]:
        """Give what stands in a chat, oldest first."""
        return list(self.simulator.messages(chat))

    # What is waited for

    async def answer(self, chat: Any, *, after: Any = None) -> Any:
        """Wait for the bot's first message in a chat that stands after another one; without one,
        for its first of all.
        """

        def found() -> Any:
            stands = self.messages(chat)
            known = [one.id for one in stands]
            start = known.index(after.id) + 1 if after is not None and after.id in known else 0
            return next((one for one in stands[start:] if one.is_from_bot), None)

        return await self._until(found, f"the bot did not answer in {chat}")

    async def ask(self, user: Any, chat: Any, text: str) -> str:
        """Say something, and give the words of the bot's answer to it."""
        said = await self.say(user, chat, text)
        return str((await self.answer(chat, after=said)).text)

    async def notified(self, chat: Any, words: str) -> str:
        """Wait until the bot has said something with these words in a chat; give all of it."""

        def found() -> str | None:
            return next(
                (one.text for one in self.messages(chat) if one.is_from_bot and words in one.text),
                None,
            )

        return str(await self._until(found, f"the bot never said {words!r} in {chat}"))

    async def until(self, is_true: Callable[[], object]) -> None:
        """Wait until a condition holds, looking again and again."""
        await self._until(lambda: is_true() or None, "what was waited for did not happen")

    async def _until(self, find: Callable[[], Any], otherwise: str) -> Any:
        for _ in range(int(PATIENCE / STEP)):
            if (found := find()) is not None:
                return found
            await asyncio.sleep(STEP)
        raise TimeoutError(f"{otherwise} within {PATIENCE:g} s")

    # What is kept

    @property
    def bot_id(self) -> str:
        """The bot's own account."""
        return str(self.simulator.bot.id)

    def command(self, name: str, argument: str = "") -> str:
        """Give a command as people type it."""
        return f"{self.prefix}{name} {argument}".strip()

    def account(self, user: Any) -> Account:
        """Give a person's account, as the adapter must see it."""
        return Account(self.channel, str(user.id))

    def chat(self, chat: Any) -> Chat:
        """Give a chat, as the adapter must see it."""
        kind: Literal["direct", "group"] = "direct" if chat.kind == "direct" else "group"
        thread = str(getattr(chat, "thread_id", None) or "")
        return Chat(self.channel, str(chat.id), kind, bot_id=self.bot_id, thread_id=thread)

    def view(self, hub: SessionHub, chat: Any, user: Any = None) -> SessionView:
        """Give the session that a person sees in a chat; the owner of a direct chat, if nobody is
        named.
        """
        if user is None and chat.kind == "direct":
            user = getattr(chat, "user", None) or chat.members[0]
        return hub.session_of(self.chat(chat), None if user is None else self.account(user))

    async def history(self, hub: SessionHub, chat: Any, *, count: int) -> list[SessionMessage]:
        """Wait until so many messages are stored, and give all that is."""
        found: list[SessionMessage] = []
        for _ in range(int(PATIENCE / STEP)):
            with suppress(DatabaseUnavailable):
                found = await self.view(hub, chat).history(limit=None)
            if len(found) >= count:
                return found
            await asyncio.sleep(STEP)
        raise AssertionError(f"{count} messages were expected: {[one.content for one in found]}")

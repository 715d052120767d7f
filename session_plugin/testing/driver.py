"""A platform for tests: its simulator and the bots on it, with the same methods for all platforms.

Knows the hub's public names and no platform. An adapter's author derives a driver from `Driver`.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import pytest

from session_plugin import (
    Account,
    Chat,
    DatabaseUnavailable,
    SessionHub,
    SessionMessage,
    SessionView,
)

T = TypeVar("T")

Ability = Literal[
    "groups", "threads", "edits", "replies", "attachments", "repeats", "strangers", "sending"
]
"""What a platform or its simulator may lack; tests that need it are then skipped."""
ALL: Mapping[str, str] = MappingProxyType({})
"""All session commands, each under its own name."""
PATIENCE = 20.0
"""Seconds after which waiting for something fails."""
STEP = 0.01
"""Seconds between two checks while waiting."""


@dataclass
class Turn:
    """What a bot author's handler receives, on every platform.

    `message` is the platform's object. `say` sends to its chat, `reply` sends a reply to it.
    `session` is None if nobody can own one.

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
"""A bot author's handler for messages.

Example:
    async def recall(turn: Turn) -> None:
        await turn.reply(str(await turn.session.history()))

    handle: Handle = recall
"""


class Driver(ABC):
    """One platform: its simulator, and bots that run on it.

    A subclass sets the first four attributes below and implements `make` and `connected`. People,
    chats and messages are objects of the simulator with these attributes:
    - a person: `id`;
    - a chat: `id`, `kind` (`"direct"` or something else), `members`, and if the platform has
      threads `thread_id`, and `parent` of a thread;
    - a message: `id`, `text`, `is_from_bot`.

    Args:
        simulator: A simulator of the platform. It has a `bot` with an `id`, and the methods
            `user`, `direct_chat`, `say` and `messages`; and, if the platform has them, `group`,
            `thread`, `edit` and `repeat`. Their arguments are those of the methods below.

    Attributes:
        channel: The adapter's name of its platform, as in accounts and chats.
        prefix: What precedes a command: `"/"`.
        package: The adapter's package, with `install`, `to_event` and `CHANNEL`.
        lacks: What the platform cannot do.
        program: A command line that starts a bot in another process. The bot answers every
            message in a direct chat, uses the database in SESSION_DATABASE, and finds the
            simulator by `environment()`. Without a program, tests that kill a bot are skipped.
        failures: What handlers raised, of bots that `make` made. Waiting raises the first at once,
            or else it is raised when the bot has stopped.
        reports: The logger under which the client library reports what a handler raised and nobody
            handled, and how these messages begin. Waiting for a message of the bot raises it.

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
    reports: tuple[str, str] | None = None

    def __init__(self, simulator: Any) -> None:
        """Use a simulator that has started."""
        self.simulator = simulator
        self.failures: list[BaseException] = []
        self._reported: list[BaseException] = []

    # Methods that a subclass implements

    @abstractmethod
    def make(self, handle: Handle | None = None, **options: Any) -> Any:
        """Return a bot of the author's, whose message handler calls `handled`.

        The hub is not installed in it.
        """

    @abstractmethod
    def connected(self, bot: Any) -> AbstractAsyncContextManager[Any]:
        """Run a bot in the current event loop; it receives messages when the block begins."""

    async def strangers(self, group: Any) -> list[tuple[Any, str]]:
        """Let each kind of author that belongs to no user write; return chats and names."""
        self.needs("strangers")
        raise NotImplementedError

    async def stranger(self, group: Any, name: str, text: str) -> None:
        """Let an author that belongs to no user write in a group, under `name`."""
        self.needs("strangers")
        raise NotImplementedError

    async def send(self, bot: Any, chat: Any, text: str) -> None:
        """Let a bot send a message that answers nobody in this chat."""
        self.needs("sending")
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return the variables by which a bot in another process finds the simulator."""
        variables: dict[str, str] = self.simulator.environment()
        return variables

    # Bots

    def install(
        self, hub: SessionHub, *, commands: Mapping[str, str] | None = ALL, into: Any = None
    ) -> Any:
        """Install a hub in a bot, by default in a new one without a handler; return the bot."""
        bot = self.make() if into is None else into
        self.package.install(bot, hub, commands=commands)

        return bot

    @asynccontextmanager
    async def started(self, bot: Any) -> AsyncIterator[Any]:
        """Run a bot while the block runs; at the end, raise what its handler raised first."""
        with self._noting_reports():
            async with self.connected(bot):
                yield bot

        self._raise_failure()

    @asynccontextmanager
    async def running(
        self,
        hub: SessionHub,
        handle: Handle | None = None,
        *,
        commands: Mapping[str, str] | None = ALL,
        **options: Any,
    ) -> AsyncIterator[Any]:
        """Make a bot, install a hub in it, and run it while the block runs."""
        bot = self.install(hub, commands=commands, into=self.make(handle, **options))
        async with self.started(bot):
            yield bot

    async def handled(self, handle: Handle | None, turn: Turn) -> None:
        """Call the author's handler; record what it raises in `failures`, and raise it again."""
        if handle is None:
            return

        try:
            await handle(turn)
        except BaseException as failure:
            self.failures.append(failure)
            raise

    def raised_by_handler(self, error: BaseException) -> BaseException | None:
        """Return what a handler raised, from what the client library reported; None if it only
        refused to call one.
        """
        return error

    @contextmanager
    def _noting_reports(self) -> Iterator[None]:
        self._reported.clear()
        if self.reports is None:
            yield
            return

        name, beginning = self.reports
        logger, handler = logging.getLogger(name), _ReportHandler(beginning, self._reported.append)
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)

    # People, chats and messages

    def needs(self, *abilities: Ability) -> None:
        """Skip the test if the platform lacks one of `abilities`."""
        for ability in abilities:
            if ability in self.lacks:
                pytest.skip(f"{self.channel} has no {ability}")

    def user(self, name: str, **details: Any) -> Any:
        """Return a new person; a second call with the same name returns somebody else."""
        return self.simulator.user(name, **details)

    def direct_chat(self, user: Any) -> Any:
        """Return a person's direct chat with the bot."""
        return self.simulator.direct_chat(user)

    def group(self, name: str, *members: Any) -> Any:
        """Return a new group of `members` and the bot."""
        self.needs("groups")
        return self.simulator.group(name, *members)

    def thread(self, group: Any, name: str) -> Any:
        """Return a new thread in a group."""
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
        """Let a person write in a chat, and return the message.

        Args:
            user: The person.
            chat: The chat.
            text: The text of the message.
            reply_to: The message to which it replies.
            attachments: Names and contents of files to send with it.
        """
        details: dict[str, Any] = {}

        if reply_to is not None:
            self.needs("replies")
            details["reply_to"] = reply_to

        if attachments:
            self.needs("attachments")
            details["attachments"] = attachments

        return await self.simulator.say(user, chat, text, **details)

    async def edit(self, message: Any, text: str) -> None:
        """Let the author of a message edit it."""
        self.needs("edits")
        await self.simulator.edit(message, text)

    async def repeat(self, message: Any) -> None:
        """Deliver a message again, with the same id."""
        self.needs("repeats")
        await self.simulator.repeat(message)

    def messages(self, chat: Any) -> list[Any]:
        """Return the messages in a chat, oldest first."""
        return list(self.simulator.messages(chat))

    # Waiting

    async def answer(self, chat: Any, *, after: Any = None) -> Any:
        """Wait for the bot's first message after `after` in a chat, and return it.

        If `after` is None or not in the chat, all messages are searched.
        """

        def found() -> Any:
            messages = self.messages(chat)
            ids = [message.id for message in messages]
            start = ids.index(after.id) + 1 if after is not None and after.id in ids else 0
            return next((message for message in messages[start:] if message.is_from_bot), None)

        return await self._until(found, f"the bot did not answer in {chat}")

    async def ask(self, user: Any, chat: Any, text: str) -> str:
        """Let a person write in a chat, and return the text of the bot's answer."""
        said = await self.say(user, chat, text)

        return str((await self.answer(chat, after=said)).text)

    async def told(self, chat: Any, words: str) -> str:
        """Wait for a message of the bot that contains `words`, and return its text."""

        def found() -> str | None:
            texts = (message.text for message in self.messages(chat) if message.is_from_bot)
            return next((text for text in texts if words in text), None)

        return str(await self._until(found, f"the bot did not send {words!r} in {chat}"))

    async def until(self, is_true: Callable[[], object]) -> None:
        """Wait until a condition is true."""
        await self._until(lambda: is_true() or None, "the condition did not become true")

    async def unless_failed(self, waiting: Coroutine[Any, Any, T]) -> T:
        """Wait for something of the simulator's, or until a handler raises, and raise that."""
        task = asyncio.ensure_future(waiting)
        try:
            await self._until(lambda: task.done() or None, "the simulator did not answer")
            return await task
        finally:
            task.cancel()

    async def _until(self, find: Callable[[], Any], otherwise: str) -> Any:
        for _ in range(int(PATIENCE / STEP)):
            if (found := find()) is not None:
                return found
            self._raise_failure()
            for report in self._reported:
                if (failure := self.raised_by_handler(report)) is not None:
                    raise failure
            await asyncio.sleep(STEP)

        raise TimeoutError(f"{otherwise} within {PATIENCE:g} s") from self._last_report()

    def _raise_failure(self) -> None:
        if self.failures:
            raise self.failures[0]

    def _last_report(self) -> BaseException | None:
        return self._reported[-1] if self._reported else None

    # What the hub stores

    @property
    def bot_id(self) -> str:
        """The id of the bot's own account."""
        return str(self.simulator.bot.id)

    def command(self, name: str, argument: str = "") -> str:
        """Return a command as people type it."""
        return f"{self.prefix}{name} {argument}".strip()

    def account(self, user: Any) -> Account:
        """Return the Account that the adapter must make of a person."""
        return Account(self.channel, str(user.id))

    def chat(self, chat: Any) -> Chat:
        """Return the Chat that the adapter must make of a chat."""
        kind: Literal["direct", "group"] = "direct" if _is_direct(chat) else "group"
        thread = str(getattr(chat, "thread_id", None) or "")

        return Chat(self.channel, str(chat.id), kind, bot_id=self.bot_id, thread_id=thread)

    def view(self, hub: SessionHub, chat: Any, user: Any = None) -> SessionView:
        """Return the session that a person sees in a chat, by default a direct chat's owner."""
        if user is None and _is_direct(chat):
            user = getattr(chat, "user", None) or chat.members[0]

        return hub.session_of(self.chat(chat), None if user is None else self.account(user))

    async def history(self, hub: SessionHub, chat: Any, *, count: int) -> list[SessionMessage]:
        """Wait until at least `count` messages are stored, and return all."""
        found: list[SessionMessage] = []

        for _ in range(int(PATIENCE / STEP)):
            with suppress(DatabaseUnavailable):
                found = await self.view(hub, chat).history(limit=None)
            if len(found) >= count:
                return found
            self._raise_failure()
            await asyncio.sleep(STEP)

        texts = [message.content for message in found]
        raise AssertionError(
            f"{count} messages were expected, but these are stored: {texts}"
        ) from self._last_report()


class _ReportHandler(logging.Handler):
    """Passes on the errors of a client library's log messages that begin in a certain way."""

    def __init__(self, beginning: str, note: Callable[[BaseException], None]) -> None:
        super().__init__(logging.ERROR)
        self._beginning = beginning
        self._note = note

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and str(record.msg).startswith(self._beginning):
            self._note(error)


def _is_direct(chat: Any) -> bool:
    """Check whether a chat is direct, or a thread in a direct one."""
    return bool((getattr(chat, "parent", None) or chat).kind == "direct")

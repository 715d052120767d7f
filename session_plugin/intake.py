"""Messages on their way to the database: filtered, in order for each chat, and waited for with patience, not for ever.

If the database has not taken a message within the patience, whoever handed it in goes on, and the message waits in line.
Messages that wait like that are bounded: beyond the bound the oldest is dropped and counted. Knows plugins and operations.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from session_plugin.database.engine import Engine, Tx
from session_plugin.errors import DatabaseUnavailable, PluginError
from session_plugin.model import Chat, MessageEvent
from session_plugin.plugins import Plugins
from session_plugin.records.outcomes import Announcement, Done

A = TypeVar("A")
T = TypeVar("T")
Announce = Callable[[Chat, tuple[Announcement, ...]], None]

MOST_LATE = 10_000
"""Messages that may wait for the database after whoever handed them in has gone on."""

logger = logging.getLogger("session_plugin.hub")


@dataclass(frozen=True, slots=True)
class Filtered:
    """A message as it may be stored; without content if a filter failed."""

    event: MessageEvent
    is_withheld: bool = False


@dataclass(slots=True, eq=False)
class Passage(Generic[T]):
    """One operation in line: the writer's future, and that of the event loop which handed it in."""

    future: Future[Done[T]]
    arrived: asyncio.Future[T]
    is_late: bool = False


class Intake:
    """One hub's messages that are not stored yet."""

    def __init__(
        self, plugins: Plugins, *, engine: Callable[[], Awaitable[Engine]], announce: Announce, patience: float
    ) -> None:
        """Filter with `plugins`, write to `engine`, hand what is committed to `announce`."""
        self._plugins = plugins
        self._engine = engine
        self._announce = announce
        self._patience = patience
        self._lanes: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, weakref.WeakValueDictionary[Chat, asyncio.Lock]
        ] = weakref.WeakKeyDictionary()
        self._guard = threading.Lock()
        self._waiting: dict[Chat, set[Future[Any]]] = {}
        self._late: deque[Future[Any]] = deque()
        self._underway: set[asyncio.Future[Any]] = set()
        self._is_behind = False
        self.dropped = 0

    def lane(self, chat: Chat) -> asyncio.Lock:
        """Give the lock that keeps one chat's messages in the order in which they were handed in."""
        lanes = self._lanes.setdefault(asyncio.get_running_loop(), weakref.WeakValueDictionary())
        return lanes.setdefault(chat, asyncio.Lock())

    async def filter(self, event: MessageEvent) -> Filtered | None:
        """Run a message through the filters; None if nothing of it is to be kept."""
        if not self._plugins.has("session_filter_message"):
            return Filtered(event)
        try:
            kept = await self._plugins.filter(event)
        except PluginError:
            return Filtered(replace(event, text="", attachments=(), metadata={}), is_withheld=True)
        return None if kept is None else Filtered(kept)

    async def submit(self, chat: Chat, operation: Callable[[Tx, A], Done[T]], argument: A) -> Passage[T]:
        """Put an operation in line; what it announces is announced when it is committed. To be called in the chat's lane."""
        future = (await self._engine()).write(operation, argument, is_patient=True)
        loop = asyncio.get_running_loop()
        passage = Passage(future, loop.create_future())
        self._underway.add(passage.arrived)
        passage.arrived.add_done_callback(self._underway.discard)
        with self._guard:
            self._waiting.setdefault(chat, set()).add(future)

        def committed(_: Future[Done[T]]) -> None:
            self._forget(chat, future)
            with suppress(RuntimeError):  # its loop is closed: nobody waits, and starts are told at the next opening
                loop.call_soon_threadsafe(self._arrive, chat, passage)

        future.add_done_callback(committed)
        return passage

    def _forget(self, chat: Chat, future: Future[Any]) -> None:
        with self._guard:
            waiting = self._waiting.get(chat, set())
            waiting.discard(future)
            if not waiting:
                self._waiting.pop(chat, None)

    def _arrive(self, chat: Chat, passage: Passage[T]) -> None:
        future, arrived = passage.future, passage.arrived
        if future.cancelled():
            arrived.cancel()
            return
        error = future.exception()
        if error is None:
            self._is_behind = False
            if not arrived.done():
                arrived.set_result(future.result().value)
            self._announce(chat, future.result().announcements)
        elif not arrived.done():
            arrived.set_exception(error)
            arrived.exception()  # it counts as seen: whoever waited may be gone
            if passage.is_late:
                logger.error("a message that had to wait for the database could not be stored: %s", error)

    async def outcome(self, passage: Passage[T]) -> T | None:
        """Wait for a committed value, with patience; None if it has to come later.

        Raises:
            Exception: whatever the operation raised.
        """
        done, _ = await asyncio.wait({passage.arrived}, timeout=self._patience)
        if done:
            return passage.arrived.result()
        passage.is_late = True
        if not self._is_behind:
            self._is_behind = True
            logger.warning(
                "the database has taken nothing for %g s; messages wait in line and are stored when it can be written",
                self._patience,
            )
        self._late.append(passage.future)
        while self._late and self._late[0].done():
            self._late.popleft()
        if len(self._late) > MOST_LATE and self._late.popleft().cancel():
            self.dropped += 1
            if self.dropped == 1:
                logger.error("more than %d messages wait for the database: the oldest are dropped", MOST_LATE)
        return None

    async def settled(self, chat: Chat) -> None:
        """Wait until all that was handed in for a chat is stored, so that reading sees it.

        Raises:
            DatabaseUnavailable: it is not, within the patience.
        """
        try:
            async with asyncio.timeout(self._patience):
                async with self.lane(chat):
                    with self._guard:
                        futures = list(self._waiting.get(chat, ()))
                if futures:
                    await asyncio.wait([_without_error(future) for future in futures])
        except TimeoutError as error:
            raise DatabaseUnavailable("messages of this chat still wait for the database; read again later") from error

    async def finish(self) -> None:
        """Wait, within the patience, until all that was handed in on the running event loop is stored."""
        loop = asyncio.get_running_loop()
        if underway := [arrived for arrived in self._underway if arrived.get_loop() is loop]:
            await asyncio.wait(underway, timeout=self._patience)


def _without_error(future: Future[Any]) -> asyncio.Future[Any]:
    """Give a future to wait for on the running event loop; what went wrong is for whoever handed the message in."""
    wrapped = asyncio.wrap_future(future)
    wrapped.add_done_callback(lambda done: done.cancelled() or done.exception())
    return wrapped

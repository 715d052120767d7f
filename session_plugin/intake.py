"""Messages on their way to the database: filtered, in order for each chat, and waited for with patience, not for ever.

If the database has not taken a message within the patience, whoever handed it in goes on, and the message waits in line. The
patience is with the database, not with each message: what the first in line has waited counts for those behind it, so that
a bot whose database is gone answers as fast as ever after one patience.
Messages that wait like that are bounded: beyond the bound the oldest is dropped and counted. Knows plugins and operations.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
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

    async def outcome(self) -> T:
        """Wait for the committed value; whoever is cancelled over it takes the operation out of the line, if it can."""
        try:
            return await self.arrived
        except asyncio.CancelledError:
            self.future.cancel()
            raise


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
        self._underway: dict[Chat, set[Future[None]]] = {}
        self._late: deque[asyncio.Task[Any]] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._arrivals: dict[asyncio.AbstractEventLoop, list[tuple[Chat, Passage[Any]]]] = {}
        self._in_line: dict[Passage[Any], float] = {}
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
        with self._guard:
            self._in_line[passage] = time.monotonic()

        def committed(_: Future[Done[T]]) -> None:
            with self._guard:
                self._in_line.pop(passage, None)
                arrivals = self._arrivals.setdefault(loop, [])
                arrivals.append((chat, passage))
                is_first = len(arrivals) == 1
            if is_first:
                self._wake(loop)

        future.add_done_callback(committed)
        return passage

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake an event loop for all that arrives by the time it looks: waking it costs more than storing a message."""
        try:
            loop.call_soon_threadsafe(self._arrive_all, loop)
        except RuntimeError:  # it is closed: nobody waits, and starts are told at the next opening
            with self._guard:
                self._arrivals.pop(loop, None)

    def _arrive_all(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._guard:
            arrivals = self._arrivals.pop(loop, [])
        for chat, passage in arrivals:
            self._arrive(chat, passage)

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

    async def patiently(self, chat: Chat, work: Coroutine[Any, Any, T]) -> T | None:
        """Do what takes a message in, filters and all, but wait for it with patience; None if it has to come later.

        It goes on if whoever waits is cancelled. Who reads the chat's session waits for it.

        Raises:
            Exception: whatever went wrong with it within the patience.
        """
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the event loop keeps only weak references
        over: Future[None] = Future()
        with self._guard:
            self._underway.setdefault(chat, set()).add(over)
            patience = self._patience_left()
        task.add_done_callback(lambda _: self._end(chat, task, over))
        try:
            done, _ = await asyncio.wait({task}, timeout=patience)
        except asyncio.CancelledError:
            task.add_done_callback(_log_late)
            raise
        if done:
            return task.result()
        task.add_done_callback(_log_late)
        self._let_wait(task)
        return None

    def _patience_left(self) -> float:
        """Give the seconds of patience that the first in line has left over. To be called under the guard."""
        since = next(iter(self._in_line.values()), None)
        return self._patience if since is None else max(0.0, self._patience - (time.monotonic() - since))

    def _end(self, chat: Chat, task: asyncio.Task[Any], over: Future[None]) -> None:
        self._tasks.discard(task)
        with self._guard:
            underway = self._underway[chat]
            underway.discard(over)
            if not underway:
                del self._underway[chat]
        over.set_result(None)

    def _let_wait(self, task: asyncio.Task[Any]) -> None:
        """Leave a message in line, and drop the oldest where too many are."""
        if not self._is_behind:
            self._is_behind = True
            logger.warning(
                "a message was not stored within %g s: it waits in line for the database, or for a filter", self._patience
            )
        self._late.append(task)
        while self._late and self._late[0].done():
            self._late.popleft()
        if len(self._late) > MOST_LATE:
            oldest = self._late.popleft()
            oldest.get_loop().call_soon_threadsafe(oldest.cancel)
            self.dropped += 1
            if self.dropped == 1:
                logger.error("more than %d messages wait for the database: the oldest are dropped", MOST_LATE)

    async def settled(self, chat: Chat) -> None:
        """Wait until all that was handed in for a chat is stored, so that reading sees it.

        Raises:
            DatabaseUnavailable: it is not, within the patience.
        """
        with self._guard:
            underway = list(self._underway.get(chat, ()))
            patience = self._patience_left()
        if not underway:
            return
        _, late = await asyncio.wait([asyncio.wrap_future(over) for over in underway], timeout=patience)
        if late:
            raise DatabaseUnavailable("messages of this chat still wait to be stored; read again later")

    async def finish(self) -> None:
        """Wait, within the patience, until all that was handed in on the running event loop is stored."""
        loop = asyncio.get_running_loop()
        if tasks := [task for task in self._tasks if task.get_loop() is loop]:
            await asyncio.wait(tasks, timeout=self._patience)


def _log_late(task: asyncio.Task[Any]) -> None:
    """Look at the end of what nobody waits for any more."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("a message that had to wait could not be stored: %s", type(error).__name__)

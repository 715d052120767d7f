"""Messages on their way in: through the filters, in order for each chat, and into the line before
the database.

A message that no plugin has to see first joins the line at once; others do so in their chat's lane,
one after another. Knows plugins and operations.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from session_plugin.database.engine import Engine, Tx
from session_plugin.errors import DatabaseUnavailable, PluginError
from session_plugin.incoming.pending_writes import Announce, PendingWrite, PendingWrites
from session_plugin.model import Chat, MessageEvent
from session_plugin.plugins.manager import Plugins
from session_plugin.records.results import Result

A = TypeVar("A")
T = TypeVar("T")

OPENING_PAUSE = 0.5
"""Seconds between two attempts to open a database for messages that wait for it."""

logger = logging.getLogger("session_plugin.hub")


@dataclass(frozen=True, slots=True)
class Filtered:
    """A message as it may be stored; without content if a filter failed."""

    event: MessageEvent
    is_withheld: bool = False


@dataclass(slots=True)
class _ChatLock:
    """The way of one chat's messages to the line; it is there as long as somebody is in it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Intake:
    """One hub's messages that are not stored yet."""

    def __init__(
        self,
        plugins: Plugins,
        *,
        engine: Callable[[], Awaitable[Engine]],
        open_engine: Callable[[], Engine | None],
        announce: Announce,
        patience: float,
    ) -> None:
        """Filter with `plugins`, write to `engine`, hand what is committed to `announce`.

        `open_engine` gives the engine without waiting, or None where it has to be waited for.
        """
        self._plugins = plugins
        self._engine = engine
        self._open_engine = open_engine
        self._patience = patience
        self._pending_writes = PendingWrites(announce=announce, patience=patience)
        self._at_the_door: dict[object, tuple[asyncio.AbstractEventLoop, float]] = {}
        self._closings = 0
        self._chat_locks: dict[tuple[asyncio.AbstractEventLoop, Chat], _ChatLock] = {}
        self._guard = threading.Lock()
        self._underway: dict[Chat, dict[Future[None], asyncio.AbstractEventLoop]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def waiting(self) -> int:
        """How many messages, edits and deletions are handed in and not on disk yet."""
        return self._pending_writes.waiting

    @property
    def is_opening(self) -> bool:
        """Whether something waits for the database to be opened."""
        return self._opening_since() is not None

    @property
    def dropped(self) -> int:
        """How many messages were dropped because too many waited."""
        return self._pending_writes.dropped

    @asynccontextmanager
    async def chat_lock(self, chat: Chat) -> AsyncIterator[None]:
        """Keep one chat's messages in the order in which they were handed in: one at a time passes
        through its lane.
        """
        place = (asyncio.get_running_loop(), chat)
        chat_lock = self._chat_locks.setdefault(place, _ChatLock())
        chat_lock.users += 1
        try:
            async with chat_lock.lock:
                yield
        finally:
            chat_lock.users -= 1
            if not chat_lock.users:
                del self._chat_locks[place]

    async def filter(self, event: MessageEvent) -> Filtered | None:
        """Run a message through the filters; None if nothing of it is to be kept."""
        if not self._plugins.has("session_filter_message"):
            return Filtered(event)
        try:
            kept = await self._plugins.filter(event)
        except PluginError:
            return Filtered(replace(event, text="", attachments=(), metadata={}), is_withheld=True)
        return None if kept is None else Filtered(kept)

    async def submit(
        self, chat: Chat, operation: Callable[[Tx, A], Result[T]], argument: A
    ) -> Awaitable[T]:
        """Put an operation in line; what it announces is announced when it is committed. To be
        called in the chat's lane.

        Awaiting what it gives waits for the committed value; whoever is cancelled over that takes
        it out of the line.
        """
        engine = await self._opened()
        await self._pending_writes.room()
        return self._pending_writes.through(
            self._pending_writes.join(engine, chat, operation, argument)
        )

    async def _opened(self) -> Engine:
        """Give the engine. One that cannot be opened just now is tried again, until it opens or
        nothing waits for it.
        """
        closings, waiting = self._closings, object()
        with self._guard:
            self._at_the_door[waiting] = asyncio.get_running_loop(), time.monotonic()
        try:
            while True:
                try:
                    return await self._engine()
                except DatabaseUnavailable as error:
                    if self._closings != closings:
                        raise
                    logger.info("messages wait for a database that cannot be opened: %s", error)
                await asyncio.sleep(
                    OPENING_PAUSE - time.monotonic() % OPENING_PAUSE
                )  # all at once, to share an attempt
                if self._closings != closings:
                    raise DatabaseUnavailable(
                        "the hub was closed before its database could be opened"
                    )
        finally:
            with self._guard:
                del self._at_the_door[waiting]

    def submit_at_once(
        self,
        chat: Chat,
        operation: Callable[[Tx, A], Result[T]],
        argument: A,
        *,
        then: Callable[[T], None],
    ) -> PendingWrite[T] | None:
        """Put an operation in line where nothing of the chat is before the line; None where
        something is.

        `then` is called with the committed value, whoever waits for it.
        """
        engine = self._open_engine()
        if (
            engine is None
            or (asyncio.get_running_loop(), chat) in self._chat_locks
            or not self._pending_writes.has_room
        ):
            return None
        return self._pending_writes.join(engine, chat, operation, argument, then=then)

    def arrival(self, passage: PendingWrite[T]) -> Awaitable[T | None]:
        """Wait for what was submitted at once, with patience; None if it has to come later."""
        return self._pending_writes.patiently(passage)

    async def patiently(self, chat: Chat, work: Coroutine[Any, Any, T]) -> T | None:
        """Do what takes a message in, filters and all, but wait for it with patience; None if it
        has to come later.

        It goes on if whoever waits is cancelled. Who reads the chat's session waits for it.

        Raises:
            Exception: whatever went wrong with it within the patience.
        """
        loop = asyncio.get_running_loop()
        task = loop.create_task(work)
        self._tasks.add(task)  # the event loop keeps only weak references
        over: Future[None] = Future()
        with self._guard:
            self._underway.setdefault(chat, {})[over] = loop
        task.add_done_callback(lambda _: self._end(chat, task, over))
        try:
            done, _ = await asyncio.wait({task}, timeout=self._patience_left())
        except asyncio.CancelledError:
            task.add_done_callback(_log_late)
            raise
        if done:
            return task.result()
        task.add_done_callback(_log_late)
        self._pending_writes.let_wait(_LateTask(task))
        return None

    def _end(self, chat: Chat, task: asyncio.Task[Any], over: Future[None]) -> None:
        self._tasks.discard(task)
        with self._guard:
            underway = self._underway[chat]
            del underway[over]
            if not underway:
                del self._underway[chat]
        over.set_result(None)

    async def settled(self, chat: Chat) -> None:
        """Wait until all that was handed in for a chat is stored, so that reading sees it.

        Raises:
            DatabaseUnavailable: it is not, within the patience.
        """
        with self._guard:  # what an event loop that has ended had under way is never over
            underway = [
                over for over, loop in self._underway.get(chat, {}).items() if not loop.is_closed()
            ]
        underway += self._pending_writes.newest(chat)
        if not underway:
            return
        waiting = [asyncio.wrap_future(over) for over in underway]
        _, late = await asyncio.wait(waiting, timeout=self._patience_left())
        if late:
            raise DatabaseUnavailable(
                "messages of this chat still wait to be stored; read again later"
            )

    def _patience_left(self) -> float:
        """Give the seconds of patience left over by the first that waits for the database to open,
        or in line.
        """
        since = self._opening_since()
        left = self._pending_writes.patience_left()
        return (
            left
            if since is None
            else min(left, max(0.0, self._patience - (time.monotonic() - since)))
        )

    def _opening_since(self) -> float | None:
        """Tell since when the first waits for the database to open. What an ended event loop left
        behind does not.
        """
        with self._guard:
            return next(
                (since for loop, since in self._at_the_door.values() if not loop.is_closed()), None
            )

    async def finish(self) -> None:
        """Wait, within the patience, until all that was handed in on the running event loop is
        stored.
        """
        loop = asyncio.get_running_loop()
        waiting: list[asyncio.Future[Any]] = [
            task for task in self._tasks if task.get_loop() is loop
        ]
        waiting += [asyncio.wrap_future(over) for over in self._pending_writes.all_of(loop)]
        if waiting:
            await asyncio.wait(waiting, timeout=self._patience_left())

    def give_up_opening(self) -> None:
        """Let nothing open the database that waits for it now: the hub closes."""
        self._closings += 1


class _LateTask:
    """Something under way that nobody waits for any more."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task

    def done(self) -> bool:
        return self._task.done()

    def drop(self) -> None:
        with suppress(RuntimeError):  # its event loop is closed
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)


def _log_late(task: asyncio.Task[Any]) -> None:
    """Look at the end of what nobody waits for any more."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("a message that had to wait could not be stored: %s", type(error).__name__)

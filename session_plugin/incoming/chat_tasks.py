"""Tasks that work on chats: one at a time on each chat, and waited for with patience.

Work holds its chat's lock until what it writes is queued, so that messages keep their order. Knows
the queue of writes and how the database is opened; does not know what a message is.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Concatenate, ParamSpec, TypeVar

from session_plugin.database.database import Database
from session_plugin.database.engine import Engine, Tx
from session_plugin.errors import DatabaseUnavailable
from session_plugin.incoming.chat_work import ChatLock, Work, wait
from session_plugin.incoming.pending_writes import PendingWrites
from session_plugin.incoming.turns import PendingWrite
from session_plugin.logs import FieldLogger
from session_plugin.model import Chat
from session_plugin.plugins.failures import words_of
from session_plugin.records.results import Returned

P = ParamSpec("P")
T = TypeVar("T")

OPENING_PAUSE = 0.5
"""Seconds between two attempts to open a database for messages that wait for it."""

logger = FieldLogger("session_plugin.hub")


class ChatTasks:
    """The work of one hub that is not finished yet."""

    def __init__(self, database: Database, writes: PendingWrites, *, patience: float) -> None:
        """Queue what is written in `writes`, once `database` is open; `patience` is in seconds."""
        self._database = database
        self._writes = writes
        self._patience = patience
        self._waiting_to_open: dict[object, tuple[asyncio.AbstractEventLoop, float]] = {}
        self._closings = 0
        self._locks: dict[tuple[asyncio.AbstractEventLoop, Chat], ChatLock] = {}
        self._guard = threading.Lock()
        self._underway: dict[Chat, dict[Future[None], Work]] = {}
        self._tasks: dict[asyncio.Task[Any], Work] = {}

    @property
    def is_opening(self) -> bool:
        """Whether something waits for the database to be opened."""
        return self._opening_since() is not None

    def has_work(self, chat: Chat) -> bool:
        """Check whether something on this event loop is to be queued for a chat before others."""
        return bool(self._locks) and (asyncio.get_running_loop(), chat) in self._locks

    @asynccontextmanager
    async def lock(self, chat: Chat) -> AsyncIterator[None]:
        """Let one message of a chat pass at a time, in the order in which they were handed in."""
        loop = asyncio.get_running_loop()
        chat_lock = self._take_lock(loop, chat)
        try:
            async with chat_lock.lock:
                yield
        finally:
            self._leave_lock(loop, chat)

    def _take_lock(self, loop: asyncio.AbstractEventLoop, chat: Chat) -> ChatLock:
        """Let everything of a chat that is handed in from now on wait for its lock."""
        chat_lock = self._locks.setdefault((loop, chat), ChatLock())
        chat_lock.users += 1
        return chat_lock

    def _leave_lock(self, loop: asyncio.AbstractEventLoop, chat: Chat) -> None:
        chat_lock = self._locks[loop, chat]
        chat_lock.users -= 1
        if not chat_lock.users:
            del self._locks[loop, chat]

    @contextmanager
    def asking(self, chat: Chat) -> Iterator[None]:
        """Count the time in which plugins are asked, under a chat's lock."""
        chat_lock = self._locks[asyncio.get_running_loop(), chat]
        chat_lock.asking_since = time.monotonic()
        try:
            yield
        finally:
            chat_lock.asked = chat_lock.seconds_asked()
            chat_lock.asking_since = None

    async def enqueue(
        self,
        chat: Chat,
        operation: Callable[Concatenate[Tx, P], Returned[T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> PendingWrite[T]:
        """Queue an operation, under the chat's lock, as soon as there is capacity."""
        engine = await self._opened()
        await self._writes.wait_for_capacity()
        write = self._writes.enqueue(engine, chat, operation, *args, **kwargs)

        self._queued(self._tasks[current_task()])

        return write

    def _queued(self, work: Work) -> None:
        """Let others of the chat pass some work, which is queued or has ended."""
        if work.chat_lock is not None:
            work.chat_lock = None
            self._leave_lock(work.loop, work.chat)

    async def _opened(self) -> Engine:
        """Return the engine; try again to open it until it opens or the hub closes."""
        closings, waiter = self._closings, object()
        with self._guard:
            self._waiting_to_open[waiter] = asyncio.get_running_loop(), time.monotonic()

        try:
            while True:
                try:
                    return await self._database.open()
                except DatabaseUnavailable as error:
                    if self._closings != closings:
                        raise
                    logger.info(
                        "messages wait for a database that cannot be opened: %(error)s", error=error
                    )

                # All waiters try at once, to share an attempt.
                await asyncio.sleep(OPENING_PAUSE - time.monotonic() % OPENING_PAUSE)
                if self._closings != closings:
                    raise DatabaseUnavailable(
                        "the hub was closed before its database could be opened"
                    )
        finally:
            with self._guard:
                del self._waiting_to_open[waiter]

    async def patiently(self, chat: Chat, work: Coroutine[Any, Any, T]) -> T | None:
        """Wait with patience for work on a chat; None if it is finished later.

        It goes on if its caller is cancelled. Readers of the chat's session wait for it.

        Raises:
            Exception: what went wrong with it within the patience.
        """
        return await self.wait_patiently(self.begin(chat, work))

    def begin(self, chat: Chat, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start work on a chat, for which readers of the chat's session wait."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(work)
        own = Work(loop, chat, self._take_lock(loop, chat))
        self._tasks[task] = own  # the event loop keeps only weak references
        finished: Future[None] = Future()
        with self._guard:
            self._underway.setdefault(chat, {})[finished] = own

        task.add_done_callback(lambda _: self._end(task, finished))

        return task

    async def wait_patiently(self, task: asyncio.Task[T]) -> T | None:
        """Wait with patience for work that was begun; None if it is finished later."""
        try:
            await self._wait_for({task: self._tasks[task]})
        except asyncio.CancelledError:
            task.add_done_callback(log_failure)
            raise

        if task.done():
            return task.result()

        task.add_done_callback(log_failure)
        is_stalled = self._remaining_patience() <= 0
        self._writes.leave_queued(_TimedOutTask(task), is_stalled=is_stalled)

        return None

    def _end(self, task: asyncio.Task[Any], finished: Future[None]) -> None:
        work = self._tasks.pop(task)
        self._queued(work)
        with self._guard:
            underway = self._underway[work.chat]
            del underway[finished]
            if not underway:
                del self._underway[work.chat]

        finished.set_result(None)

    def let_others_pass(self) -> None:
        """Let others of its chat pass the current task, which does not hold the chat's lock."""
        self._queued(self._tasks[current_task()])

    def hold_others_up(self) -> None:
        """Let others of its chat wait for the current task again."""
        work = self._tasks[current_task()]
        work.chat_lock = self._take_lock(work.loop, work.chat)

    async def settled(self, chat: Chat) -> None:
        """Wait until all that was handed in for a chat is stored, so that reading sees it.

        Raises:
            DatabaseUnavailable: it is not, within the patience.
        """
        with self._guard:  # work on an event loop that has ended is never finished
            waiting: dict[asyncio.Future[Any], Work] = {
                asyncio.wrap_future(finished): work
                for finished, work in self._underway.get(chat, {}).items()
                if not work.loop.is_closed()
            }

        queued = [asyncio.wrap_future(left) for left in self._writes.newest(chat)]
        if await self._wait_for(waiting, queued):
            raise DatabaseUnavailable(
                "messages of this chat still wait to be stored; read again later"
            )

    async def finish(self) -> None:
        """Wait, within the patience, until all that this event loop handed in is stored."""
        loop = asyncio.get_running_loop()
        waiting: dict[asyncio.Future[Any], Work] = {
            task: work for task, work in self._tasks.items() if work.loop is loop
        }
        queued = [asyncio.wrap_future(left) for left in self._writes.all_of(loop)]
        await self._wait_for(waiting, queued)

    def stop_opening(self) -> None:
        """Let nothing open the database that waits for it now: the hub closes."""
        self._closings += 1

    async def _wait_for(
        self,
        works: Mapping[asyncio.Future[Any], Work],
        queued: Iterable[asyncio.Future[Any]] = (),
    ) -> set[asyncio.Future[Any]]:
        """Wait for works and for queued writes, and return those with which patience ran out.

        With works that are not queued yet, patience also ends when the plugins of their chat were
        asked for so long. How soon the event loop comes to them spends none.
        """
        asked_before = {
            chat_lock: chat_lock.seconds_asked()
            for work in works.values()
            if (chat_lock := work.chat_lock) is not None
        }
        unfinished = {future for future in (*works, *queued) if not future.done()}

        def left() -> float:
            least = self._remaining_patience()
            for future in unfinished & works.keys():
                if (chat_lock := works[future].chat_lock) is not None:
                    asked = chat_lock.seconds_asked() - asked_before.get(chat_lock, 0.0)
                    least = min(least, self._patience - asked)

            return least

        await wait(unfinished, left)

        return unfinished

    def _remaining_patience(self) -> float:
        """Return the patience left with a database that is being opened or does not move."""
        since = self._opening_since()
        left = self._writes.remaining_patience()
        if since is None:
            return left

        return min(left, max(0.0, self._patience - (time.monotonic() - since)))

    def _opening_since(self) -> float | None:
        """Return since when the first waits for the opening; loops that have ended do not count."""
        with self._guard:
            waiting = self._waiting_to_open.values()
            return next((since for loop, since in waiting if not loop.is_closed()), None)


class _TimedOutTask:
    """Work whose caller has gone on."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task

    def done(self) -> bool:
        return self._task.done()

    def drop(self) -> None:
        with suppress(RuntimeError):  # its event loop is closed
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)


def current_task() -> asyncio.Task[Any]:
    """Return the task that works on a chat."""
    task = asyncio.current_task()
    assert task is not None, "work on a chat runs in a task"
    return task


def log_failure(task: asyncio.Task[Any]) -> None:
    """Log the failure of work that nobody waits for any more."""
    if not task.cancelled() and (error := task.exception()) is not None:
        words = words_of(error)
        logger.error("a message that stayed queued could not be stored: %(error)s", error=words)

"""Writes that are queued but not yet committed, and how long callers wait for them.

If the database has not taken a write within the patience, its caller goes on and the write stays
queued. Patience is with a database that does not move, not with each write: it runs from the last
COMMIT, or from when the oldest write was queued if that was later, and counts for all writes after
it. So a burst is waited for however long it takes, and a bot whose database is gone still answers
quickly. Writes without a waiting caller are bounded while the database does not move: beyond the
bound the oldest is dropped and counted.

Knows the writer and event loops; knows no plugins, and not what a message is.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast

from session_plugin.database.engine import Engine, Task, Tx
from session_plugin.errors import DatabaseUnavailable
from session_plugin.logs import FieldLogger
from session_plugin.model import Chat
from session_plugin.plugins.failures import words_of
from session_plugin.records.results import Announcement, Result

P = ParamSpec("P")
T = TypeVar("T")
Announce = Callable[[Chat, tuple[Announcement, ...]], None]

QUEUE_CAPACITY = 10_000
"""Writes in the queue; further callers wait until there is capacity."""
MOST_TIMED_OUT = 10_000
"""Writes that may stay queued after their callers have gone on."""
TIMED_OUT: Any = object()
"""What the waiter of a write gets when the patience has run out."""

logger = FieldLogger("session_plugin.hub")


class PendingWrite(Task, Generic[T]):
    """One operation of a chat that waits for its COMMIT, queued on one event loop.

    `finished` has its value, its error, or `TIMED_OUT`. `left_queue` is done when the write is
    committed, failed or dropped; it is made where another thread or loop asks for it.
    """

    __slots__ = (
        "chat",
        "finished",
        "is_dropped",
        "left_queue",
        "loop",
        "on_result",
        "patient_until",
    )

    def __init__(
        self,
        chat: Chat,
        operation: Callable[..., Result[T]],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        loop: asyncio.AbstractEventLoop,
        notify: Callable[[list[Task]], None],
        on_result: Callable[[T], None] | None,
    ) -> None:
        """Made by PendingWrites.enqueue."""
        super().__init__(operation, args, kwargs, deadline=None, notify=notify)
        self.chat = chat
        self.loop = loop
        self.on_result = on_result
        self.finished: asyncio.Future[T] = loop.create_future()
        self.left_queue: Future[None] | None = None
        self.patient_until = 0.0
        self.is_dropped = False

    def start(self) -> bool:
        """Return False if the write was dropped."""
        return not self.is_dropped

    def is_wanted(self) -> bool:
        """Return False if the write was dropped."""
        return not self.is_dropped


class TimedOut(Protocol):
    """Something that stays queued although its caller has gone on."""

    def done(self) -> bool:
        """Check whether it is queued no longer."""

    def drop(self) -> None:
        """Remove it from the queue."""


class PendingWrites:
    """One hub's queue of writes, over all its event loops."""

    def __init__(self, *, announce: Announce, patience: float) -> None:
        """Hand what is committed to `announce`; let no caller wait over `patience` seconds."""
        self._announce = announce
        self._patience = patience
        self._guard = threading.Lock()
        # In a plain dict, finding the first item passes over all that were removed before it.
        self._queued_at: OrderedDict[PendingWrite[Any], float] = OrderedDict()
        self._newest: dict[Chat, PendingWrite[Any]] = {}
        self._waiters: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiters] = (
            weakref.WeakKeyDictionary()
        )
        self._latest: _Waiters | None = None
        self._for_capacity: deque[asyncio.Future[None]] = deque()
        self._timed_out: deque[TimedOut] = deque()
        self._engine: Engine | None = None
        self._is_behind = False
        self.dropped = 0
        self.timed_out = 0

    @property
    def waiting(self) -> int:
        """How many writes are queued and not on disk yet."""
        return len(self._queued_at)

    @property
    def has_capacity(self) -> bool:
        """Whether one more write may be queued, and nobody waits to queue one."""
        return len(self._queued_at) < QUEUE_CAPACITY and not self._for_capacity

    async def wait_for_capacity(self) -> None:
        """Wait until one more write may be queued. Callers are served in their order."""
        add = self._for_capacity.append
        while len(self._queued_at) >= QUEUE_CAPACITY:
            waiter = asyncio.get_running_loop().create_future()
            with self._guard:
                add(waiter)
            await waiter
            add = self._for_capacity.appendleft  # it was this caller's turn already

    def enqueue(
        self,
        engine: Engine,
        chat: Chat,
        on_result: Callable[[T], None] | None,
        operation: Callable[Concatenate[Tx, P], Result[T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> PendingWrite[T]:
        """Queue an operation, on the running event loop.

        When it is committed, its announcements are announced and `on_result` is called with its
        value, whether or not a caller still waits.

        Raises:
            DatabaseUnavailable: the engine is closed.
        """
        self._engine = engine
        loop = asyncio.get_running_loop()
        notify = self._waiters_on(loop).notify
        write = PendingWrite(
            chat, operation, args, kwargs, loop=loop, notify=notify, on_result=on_result
        )
        with self._guard:
            self._queued_at[write] = time.monotonic()
            self._newest[chat] = write

        try:
            engine.enqueue(write)
        except DatabaseUnavailable:
            self._leave([write])
            raise

        return write

    async def wait_patiently(self, write: PendingWrite[T]) -> T | None:
        """Return a write's value; None if patience runs out first, and the write stays queued."""
        with self._guard:
            write.patient_until = time.monotonic() + self._remaining_patience()

        self._waiters_on(write.loop).add(write)
        value = await write.finished

        return None if value is TIMED_OUT else value

    async def wait(self, write: PendingWrite[T]) -> T:
        """Return a write's value, however long it takes. Cancelling the caller drops the write."""
        try:
            return await write.finished
        except asyncio.CancelledError:
            self._drop(write)
            raise

    def remaining_patience(self) -> float:
        """Return for how many seconds more a caller waits if the database does not move."""
        with self._guard:
            return self._remaining_patience()

    def newest(self, chat: Chat) -> list[Future[None]]:
        """Return what is done when all writes of a chat that are queued now have left the queue."""
        with self._guard:
            write = self._newest.get(chat)
            return [] if write is None else [_left_queue(write)]

    def all_of(self, loop: asyncio.AbstractEventLoop) -> list[Future[None]]:
        """Return what is done when all writes queued on an event loop have left the queue."""
        with self._guard:
            return [_left_queue(write) for write in self._queued_at if write.loop is loop]

    def leave_queued(self, timed_out: TimedOut, *, is_stalled: bool) -> None:
        """Keep something queued whose caller has gone on.

        If the database does not move (`is_stalled`), drop the oldest of too many.
        """
        if not self._is_behind:
            self._is_behind = True
            trouble = self._engine.trouble if self._engine is not None else ""
            reason = trouble or "the database takes long, or a filter does"
            logger.warning(
                "a message was not stored within %(seconds)g s and stays queued: %(reason)s",
                seconds=self._patience,
                reason=reason,
            )

        self.timed_out += 1
        self._timed_out.append(timed_out)
        while self._timed_out and self._timed_out[0].done():
            self._timed_out.popleft()

        if is_stalled and len(self._timed_out) > MOST_TIMED_OUT:
            self._timed_out.popleft().drop()
            self.dropped += 1
            if self.dropped == 1:
                logger.error(
                    "more than %(messages)d messages wait for the database: the oldest are dropped",
                    messages=MOST_TIMED_OUT,
                )

    def _waiters_on(self, loop: asyncio.AbstractEventLoop) -> _Waiters:
        if (latest := self._latest) is not None and latest.loop() is loop:  # nearly always the same
            return latest

        waiters = self._waiters.get(loop)
        if waiters is None:
            waiters = self._waiters[loop] = _Waiters(
                loop,
                finish=self._finish,
                leave=self._leave,
                time_out=self._time_out,
                moves_until=self._moves_until,
            )

        self._latest = waiters

        return waiters

    def _remaining_patience(self) -> float:
        queued_at = next(iter(self._queued_at.values()), None)
        if queued_at is None:
            return self._patience
        until = max(queued_at + self._patience, self._moves_until())
        return max(0.0, until - time.monotonic())

    def _moves_until(self) -> float:
        """Return until when the last COMMIT shows that the database moves."""
        committed_at = 0.0 if self._engine is None else self._engine.committed_at
        return committed_at + self._patience

    def _finish(self, writes: list[PendingWrite[Any]]) -> None:
        """Wake the callers of writes, on their event loop, and announce what they changed.

        The writes have left the queue by then: how soon an event loop comes to this is not the
        database's doing.
        """
        for write in writes:
            is_awaited = not write.finished.done()
            if write.error is None:
                self._is_behind = False
                if is_awaited:
                    write.finished.set_result(write.result.value)
            elif is_awaited:
                write.finished.set_exception(write.error)
            else:
                words = words_of(write.error)
                logger.error(
                    "a message that stayed queued could not be stored: %(error)s", error=words
                )

        for write in writes:
            if write.error is None:
                self._follow_up(write)

    def _follow_up(self, write: PendingWrite[Any]) -> None:
        result = write.result
        if result.announcements:
            self._announce(write.chat, result.announcements)
        if write.on_result is not None:
            write.on_result(result.value)

    def _leave(self, writes: Iterable[PendingWrite[Any]]) -> None:
        """Remove writes from the queue, on any thread, and let waiting callers queue theirs."""
        with self._guard:
            for write in writes:
                self._queued_at.pop(write, None)
                if self._newest.get(write.chat) is write:
                    del self._newest[write.chat]

            left = [write.left_queue for write in writes if write.left_queue is not None]
            waiters: list[asyncio.Future[None]] = []
            while self._for_capacity and len(waiters) < QUEUE_CAPACITY - len(self._queued_at):
                if not (waiter := self._for_capacity.popleft()).done():  # not cancelled
                    waiters.append(waiter)

        for future in left:
            if not future.done():
                future.set_result(None)

        for waiter in waiters:
            _wake(waiter)

    def _time_out(self, write: PendingWrite[Any]) -> None:
        """Let the caller of a write go on."""
        write.finished.set_result(TIMED_OUT)
        self.leave_queued(_TimedOutWrite(self, write), is_stalled=True)

    def _drop(self, write: PendingWrite[Any]) -> None:
        write.is_dropped = True
        self._leave([write])


class _Waiters:
    """The callers that wait on one event loop. It keeps no loop alive."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        finish: Callable[[list[PendingWrite[Any]]], None],
        leave: Callable[[list[PendingWrite[Any]]], None],
        time_out: Callable[[PendingWrite[Any]], None],
        moves_until: Callable[[], float],
    ) -> None:
        self.loop = weakref.ref(loop)
        self._finish = finish
        self._leave = leave
        self._time_out = time_out
        self._moves_until = moves_until
        self._patient: deque[PendingWrite[Any]] = deque()
        self._is_watching = False
        self.notify = self._notify  # one object for all: tasks are grouped by it

    def add(self, write: PendingWrite[Any]) -> None:
        """Watch a write's patience. The first to come loses it first, so one timer does."""
        self._patient.append(write)
        if not self._is_watching:
            self._watch()

    def _notify(self, tasks: list[Task]) -> None:
        """Wake the event loop, on the writer's thread, and remove its writes from the queue.

        In this order: a caller that waits for the end of the queue finds on the loop what is to be
        announced.
        """
        writes = cast("list[PendingWrite[Any]]", tasks)
        loop = self.loop()
        with suppress(RuntimeError):  # the loop is closed; starts are announced at the next opening
            if loop is not None:
                loop.call_soon_threadsafe(self._notified, writes)

        self._leave(writes)

    def _notified(self, writes: list[PendingWrite[Any]]) -> None:
        self._finish(writes)
        while self._patient and self._patient[0].finished.done():
            self._patient.popleft()

    def _watch(self) -> None:
        while self._patient:
            first = self._patient[0]
            left = max(first.patient_until, self._moves_until()) - time.monotonic()
            is_waiting = not (first.finished.done() or first.is_notified)
            if is_waiting and left > 0:
                self._is_watching = True
                first.loop.call_later(left, self._watch)
                return

            self._patient.popleft()
            if is_waiting:
                self._time_out(first)

        self._is_watching = False


class _TimedOutWrite:
    """A write whose caller has gone on."""

    def __init__(self, writes: PendingWrites, write: PendingWrite[Any]) -> None:
        self._writes = writes
        self._write = write

    def done(self) -> bool:
        return self._write.is_notified or self._write.is_dropped

    def drop(self) -> None:
        self._writes._drop(self._write)


def _left_queue(write: PendingWrite[Any]) -> Future[None]:
    """Return what is done when a write has left the queue. Called under the queue's guard."""
    if write.left_queue is None:
        write.left_queue = Future()
    return write.left_queue


def _wake(waiter: asyncio.Future[None]) -> None:
    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    with suppress(RuntimeError):  # its event loop is closed
        waiter.get_loop().call_soon_threadsafe(wake)

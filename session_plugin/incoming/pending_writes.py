"""The line before the database: what was handed over and is not on disk yet, and how long anybody
waits for it.

If the database has not taken something within the patience, whoever handed it in goes on, and it
waits in line. The patience is with the database, not with each message: what the first in line has
waited counts for those behind it, so that a bot whose database is gone answers as fast as ever
after one patience. What waits like that is bounded: beyond the bound the oldest is dropped and
counted. Knows the writer and event loops; knows no plugins and not what a message is.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar, cast

from session_plugin.database.engine import Engine, Task, Tx
from session_plugin.errors import DatabaseUnavailable
from session_plugin.model import Chat
from session_plugin.records.results import Announcement, Result

A = TypeVar("A")
T = TypeVar("T")
Announce = Callable[[Chat, tuple[Announcement, ...]], None]

MOST_IN_LINE = 10_000
"""Operations in line for the writer; whoever comes after waits until there is room."""
MOST_LATE = 10_000
"""Operations that may wait for the database after whoever handed them in has gone on."""
LATE: Any = object()
"""What a passage's waiter gets when the patience has run out."""

logger = logging.getLogger("session_plugin.hub")


class PendingWrite(Task, Generic[T]):
    """One operation of a chat on its way to the database, handed over on one event loop."""

    __slots__ = ("arrived", "chat", "is_dropped", "loop", "over", "patient_until", "then")

    def __init__(
        self,
        chat: Chat,
        operation: Callable[[Tx, Any], Result[T]],
        argument: Any,
        *,
        loop: asyncio.AbstractEventLoop,
        notify: Callable[[list[Task]], None],
        then: Callable[[T], None] | None,
    ) -> None:
        """Made by Line.join."""
        super().__init__(operation, argument, deadline=None, notify=notify)
        self.chat = chat
        self.loop = loop
        self.then = then
        self.arrived: asyncio.Future[T] = loop.create_future()
        self.over: Future[None] | None = None
        self.patient_until = 0.0
        self.is_dropped = False

    def start(self) -> bool:
        """Tell whether to go on with it: it may have been dropped from the line."""
        return not self.is_dropped

    def is_wanted(self) -> bool:
        """Tell whether it was not dropped."""
        return not self.is_dropped


class Late(Protocol):
    """Something that still waits though nobody waits for it any more."""

    def done(self) -> bool:
        """Tell whether it waits no longer."""

    def drop(self) -> None:
        """Give it up."""


class PendingWrites:
    """One hub's operations that are handed over and not on disk yet, over all its event loops."""

    def __init__(self, *, announce: Announce, patience: float) -> None:
        """Hand what is committed to `announce`; let nobody wait longer than `patience` seconds."""
        self._announce = announce
        self._patience = patience
        self._guard = threading.Lock()
        # In a plain dict, finding the first passes over all that have left before it.
        self._in_line: OrderedDict[PendingWrite[Any], float] = OrderedDict()
        self._newest: dict[Chat, PendingWrite[Any]] = {}
        self._waiters: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiters] = (
            weakref.WeakKeyDictionary()
        )
        self._latest: _Waiters | None = None
        self._at_the_end: deque[asyncio.Future[None]] = deque()
        self._late: deque[Late] = deque()
        self._engine: Engine | None = None
        self._is_behind = False
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """How many operations are handed over and not on disk yet."""
        return len(self._in_line)

    @property
    def has_room(self) -> bool:
        """Whether one more may join."""
        return len(self._in_line) < MOST_IN_LINE

    async def room(self) -> None:
        """Wait until one more may join, behind those who wait for it already."""
        while not self.has_room:
            waiter = asyncio.get_running_loop().create_future()
            self._at_the_end.append(waiter)
            await waiter

    def join(
        self,
        engine: Engine,
        chat: Chat,
        operation: Callable[[Tx, A], Result[T]],
        argument: A,
        *,
        then: Callable[[T], None] | None = None,
    ) -> PendingWrite[T]:
        """Put an operation in line, on the running event loop.

        When it is committed, what it announces is announced, and `then` is called with its value;
        whoever waits or not.

        Raises:
            DatabaseUnavailable: the engine is closed.
        """
        self._engine = engine
        loop = asyncio.get_running_loop()
        passage = PendingWrite(
            chat, operation, argument, loop=loop, notify=self._waiters_on(loop).notify, then=then
        )
        with self._guard:
            self._in_line[passage] = time.monotonic()
            self._newest[chat] = passage
        try:
            engine.enqueue(passage)
        except DatabaseUnavailable:
            self._leave([passage])
            raise
        return passage

    async def patiently(self, passage: PendingWrite[T]) -> T | None:
        """Wait for a passage's value; None if the patience runs out first, and it stays in line."""
        with self._guard:
            passage.patient_until = time.monotonic() + self._patience_left()
        self._waiters_on(passage.loop).add(passage)
        value = await passage.arrived
        return None if value is LATE else value

    async def through(self, passage: PendingWrite[T]) -> T:
        """Wait for a passage's value for as long as it takes; whoever is cancelled over it takes it
        out of the line.
        """
        try:
            return await passage.arrived
        except asyncio.CancelledError:
            self._drop(passage)
            raise

    def patience_left(self) -> float:
        """Give the seconds of patience that the first in line has left over."""
        with self._guard:
            return self._patience_left()

    def newest(self, chat: Chat) -> list[Future[None]]:
        """Give what is over when all that a chat has in line by now is."""
        with self._guard:
            passage = self._newest.get(chat)
            return [] if passage is None else [_over(passage)]

    def all_of(self, loop: asyncio.AbstractEventLoop) -> list[Future[None]]:
        """Give what is over when all that an event loop has in line by now is."""
        with self._guard:
            return [_over(passage) for passage in self._in_line if passage.loop is loop]

    def let_wait(self, late: Late) -> None:
        """Leave something in line that nobody waits for any more, and drop the oldest where too
        many are.
        """
        if not self._is_behind:
            self._is_behind = True
            trouble = self._engine.trouble if self._engine is not None else ""
            reason = trouble or "the database takes long, or a filter does"
            logger.warning(
                "a message was not stored within %g s and waits in line: %s", self._patience, reason
            )
        self._late.append(late)
        while self._late and self._late[0].done():
            self._late.popleft()
        if len(self._late) > MOST_LATE:
            self._late.popleft().drop()
            self.dropped += 1
            if self.dropped == 1:
                logger.error(
                    "more than %d messages wait for the database: the oldest are dropped", MOST_LATE
                )

    def _waiters_on(self, loop: asyncio.AbstractEventLoop) -> _Waiters:
        if (latest := self._latest) is not None and latest.loop() is loop:  # nearly always the same
            return latest
        waiters = self._waiters.get(loop)
        if waiters is None:
            waiters = self._waiters[loop] = _Waiters(
                loop, arrive=self._arrive, leave=self._leave, give_up=self._give_up
            )
        self._latest = waiters
        return waiters

    def _patience_left(self) -> float:
        since = next(iter(self._in_line.values()), None)
        return (
            self._patience
            if since is None
            else max(0.0, self._patience - (time.monotonic() - since))
        )

    def _arrive(self, passages: list[PendingWrite[Any]]) -> None:
        """Take in what the writer is done with, on the event loop that handed it over: whoever
        waits comes first.

        It has left the line by then: how soon an event loop comes to this is not the database's
        doing.
        """
        for passage in passages:
            is_awaited = not passage.arrived.done()
            if passage.error is None:
                self._is_behind = False
                if is_awaited:
                    passage.arrived.set_result(passage.result.value)
            elif is_awaited:
                passage.arrived.set_exception(passage.error)
            else:
                logger.error(
                    "a message that had to wait could not be stored: %s",
                    type(passage.error).__name__,
                )
        for passage in passages:
            if passage.error is None:
                self._follow_up(passage)

    def _follow_up(self, passage: PendingWrite[Any]) -> None:
        done = passage.result
        if done.announcements:
            self._announce(passage.chat, done.announcements)
        if passage.then is not None:
            passage.then(done.value)

    def _leave(self, passages: Iterable[PendingWrite[Any]]) -> None:
        """Take passages out of the line, on any thread, and let others in."""
        with self._guard:
            for passage in passages:
                self._in_line.pop(passage, None)
                if self._newest.get(passage.chat) is passage:
                    del self._newest[passage.chat]
            overs = [passage.over for passage in passages if passage.over is not None]
            room = min(len(self._at_the_end), MOST_IN_LINE - len(self._in_line))
            waiters = [self._at_the_end.popleft() for _ in range(room)]
        for over in overs:
            if not over.done():
                over.set_result(None)
        for waiter in waiters:
            _wake(waiter)

    def _give_up(self, passage: PendingWrite[Any]) -> None:
        """Let whoever waits for a passage go on."""
        passage.arrived.set_result(LATE)
        self.let_wait(_TimedOutWrite(self, passage))

    def _drop(self, passage: PendingWrite[Any]) -> None:
        passage.is_dropped = True
        self._leave([passage])


class _Waiters:
    """Who waits on one event loop. It keeps no loop alive."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        arrive: Callable[[list[PendingWrite[Any]]], None],
        leave: Callable[[list[PendingWrite[Any]]], None],
        give_up: Callable[[PendingWrite[Any]], None],
    ) -> None:
        self.loop = weakref.ref(loop)
        self._arrive = arrive
        self._leave = leave
        self._give_up = give_up
        self._patient: deque[PendingWrite[Any]] = deque()
        self._is_watching = False
        self.notify = self._notify  # one object for all: the writer tells all who have it at once

    def add(self, passage: PendingWrite[Any]) -> None:
        """Watch a passage's patience. The first to come is the first to lose it, so one timer will
        do.
        """
        self._patient.append(passage)
        if not self._is_watching:
            self._watch()

    def _notify(self, tasks: list[Task]) -> None:
        """On the writer's thread: wake the event loop, once for all that it has handed over, and
        take that out of the line.

        In this order: who waits for the end of the line finds on the loop what is to be announced.
        """
        passages = cast("list[PendingWrite[Any]]", tasks)
        loop = self.loop()
        with suppress(
            RuntimeError
        ):  # it is closed: nobody waits, and starts are told at the next opening
            if loop is not None:
                loop.call_soon_threadsafe(self._notified, passages)
        self._leave(passages)

    def _notified(self, passages: list[PendingWrite[Any]]) -> None:
        self._arrive(passages)
        while self._patient and self._patient[0].arrived.done():
            self._patient.popleft()

    def _watch(self) -> None:
        while self._patient:
            first = self._patient[0]
            left = first.patient_until - time.monotonic()
            is_waiting = not (first.arrived.done() or first.is_notified)
            if is_waiting and left > 0:
                self._is_watching = True
                first.loop.call_later(left, self._watch)
                return
            self._patient.popleft()
            if is_waiting:
                self._give_up(first)
        self._is_watching = False


class _TimedOutWrite:
    """A passage that nobody waits for any more."""

    def __init__(self, line: PendingWrites, passage: PendingWrite[Any]) -> None:
        self._pending_writes = line
        self._passage = passage

    def done(self) -> bool:
        return self._passage.is_notified or self._passage.is_dropped

    def drop(self) -> None:
        self._pending_writes._drop(self._passage)


def _over(passage: PendingWrite[Any]) -> Future[None]:
    """Give what is done when a passage is over, from any thread. To be called under the line's
    guard.
    """
    if passage.over is None:
        passage.over = Future()
    return passage.over


def _wake(waiter: asyncio.Future[None]) -> None:
    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    with suppress(RuntimeError):  # its event loop is closed
        waiter.get_loop().call_soon_threadsafe(wake)

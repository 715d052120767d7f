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
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from session_plugin.database.engine import Engine, Tx
from session_plugin.incoming.turns import Callers, PendingWrite, Turn
from session_plugin.logs import FieldLogger
from session_plugin.model import Chat
from session_plugin.plugins.failures import words_of
from session_plugin.records.results import Returned

P = ParamSpec("P")
T = TypeVar("T")
FollowUp = Callable[[list[PendingWrite[Any]]], None]

QUEUE_CAPACITY = 10_000
"""Writes in the queue; further callers wait until there is capacity."""
MOST_TIMED_OUT = 10_000
"""Writes that may stay queued after their callers have gone on."""

logger = FieldLogger("session_plugin.hub")


class TimedOut(Protocol):
    """Something that stays queued although its caller has gone on."""

    def done(self) -> bool:
        """Check whether it is queued no longer."""

    def drop(self) -> None:
        """Remove it from the queue."""


class PendingWrites:
    """One hub's queue of writes, over all its event loops."""

    def __init__(self, *, follow_up: FollowUp, patience: float) -> None:
        """Hand what is committed to `follow_up`, on the event loop that queued it; let no caller
        wait over `patience` seconds.
        """
        self._follow_up = follow_up
        self._patience = patience
        self._guard = threading.Lock()
        self._queued: dict[PendingWrite[Any], None] = {}
        self._newest: dict[str, PendingWrite[Any]] = {}
        """By the chat's id on its platform. Chats that share it, such as the threads of one group,
        wait for each other's: the queue has one order.
        """
        self._turns: deque[Turn] = deque()
        self._open_turns: list[Turn] = []
        self._callers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Callers] = (
            weakref.WeakKeyDictionary()
        )
        self._latest: Callers | None = None
        self._for_capacity: deque[asyncio.Future[None]] = deque()
        self._timed_out: deque[TimedOut] = deque()
        self._engine: Engine | None = None
        self._is_behind = False
        self.dropped = 0
        self.timed_out = 0

    @property
    def waiting(self) -> int:
        """How many writes are queued and not on disk yet."""
        return len(self._queued)

    @property
    def has_capacity(self) -> bool:
        """Whether one more write may be queued, and nobody waits to queue one."""
        return len(self._queued) < QUEUE_CAPACITY and not self._for_capacity

    async def wait_for_capacity(self) -> None:
        """Wait until one more write may be queued. Callers are served in their order."""
        add = self._for_capacity.append
        while len(self._queued) >= QUEUE_CAPACITY:
            waiter = asyncio.get_running_loop().create_future()
            with self._guard:
                add(waiter)
            await waiter
            add = self._for_capacity.appendleft  # it was this caller's turn already

    def turn(self) -> Turn:
        """Return the turn that the running event loop is in."""
        loop = asyncio.get_running_loop()
        callers = self._callers_on(loop)
        turn = callers.turn
        if turn is None:
            turn = callers.turn = Turn(loop, callers)
            loop.call_soon(self._end_turn, turn)

        return turn

    def add(self, engine: Engine, write: PendingWrite[T], turn: Turn) -> asyncio.Future[T | None]:
        """Queue a write with the others of its turn; return what its caller waits for.

        That is its value, or None if patience runs out first, and the write stays queued.

        Raises:
            DatabaseUnavailable: the engine is closed.
        """
        self._put(engine, write, turn, more_follow=True)
        turn.patient.append(write)

        return write.finished

    def enqueue(
        self,
        engine: Engine,
        chat: Chat,
        operation: Callable[Concatenate[Tx, P], Returned[T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> PendingWrite[T]:
        """Queue an operation at once, on the running event loop.

        Raises:
            DatabaseUnavailable: the engine is closed.
        """
        loop = asyncio.get_running_loop()
        write: PendingWrite[T] = PendingWrite(chat, operation, args, kwargs)
        self._put(engine, write, Turn(loop, self._callers_on(loop)), more_follow=False)
        self._hand_over()

        return write

    def _put(
        self, engine: Engine, write: PendingWrite[Any], turn: Turn, *, more_follow: bool
    ) -> None:
        self._engine = engine
        write.turn = turn
        write.notify = turn.callers.notify
        write.finished = turn.loop.create_future()
        with self._guard:  # both: who finds it here may wake the writer for it
            engine.enqueue(write, more_follow=more_follow)
            self._queued[write] = None
            self._newest[write.chat.chat_id] = write
            turn.waiting += 1
            if not turn.is_open:
                turn.is_open = True
                self._open_turns.append(turn)

    def _end_turn(self, turn: Turn) -> None:
        """Wake the writer for what a turn has queued, and watch the patience of its callers."""
        turn.callers.turn = None
        self._hand_over()

        patient, turn.patient = turn.patient, []
        if patient:
            turn.patient_until = time.monotonic() + self.remaining_patience()
            turn.callers.add(patient)

    def _hand_over(self) -> None:
        """Wake the writer for what the turns of all event loops have queued by now.

        A loop that is blocked, or has ended, does not come to it itself.
        """
        if not self._open_turns:
            return

        with self._guard:
            now = time.monotonic()
            for turn in self._open_turns:
                turn.is_open, turn.queued_at = False, now
            self._turns.extend(turn for turn in self._open_turns if turn.waiting)
            self._open_turns.clear()

        if self._engine is not None:
            self._engine.wake()

    async def wait(self, write: PendingWrite[T]) -> T:
        """Return a write's value, however long it takes. Cancelling the caller drops the write."""
        try:
            value: T = await write.finished
        except asyncio.CancelledError:
            self._drop(write)
            raise

        return value

    def remaining_patience(self) -> float:
        """Return for how many seconds more a caller waits if the database does not move."""
        with self._guard:
            return self._remaining_patience()

    def newest(self, chat: Chat) -> list[Future[None]]:
        """Return what is done when all writes of a chat that are queued now have left the queue."""
        self._hand_over()
        with self._guard:
            write = self._newest.get(chat.chat_id)
            return [] if write is None else [write.leaving()]

    def all_of(self, loop: asyncio.AbstractEventLoop) -> list[Future[None]]:
        """Return what is done when all writes queued on an event loop have left the queue."""
        self._hand_over()
        with self._guard:
            return [write.leaving() for write in self._queued if write.turn.loop is loop]

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

    def _callers_on(self, loop: asyncio.AbstractEventLoop) -> Callers:
        if (latest := self._latest) is not None and latest.loop() is loop:  # nearly always the same
            return latest

        callers = self._callers.get(loop)
        if callers is None:
            for ended in [known for known in list(self._callers) if known.is_closed()]:
                self._callers.pop(ended, None)  # what they wait for would keep it for ever
            callers = self._callers[loop] = Callers(
                loop,
                finish=self._finish,
                leave=self._leave,
                time_out=self._time_out,
                moves_until=self._moves_until,
            )

        self._latest = callers

        return callers

    def _remaining_patience(self) -> float:
        if not self._turns:
            return self._patience

        until = max(self._turns[0].queued_at + self._patience, self._moves_until())
        return max(0.0, until - time.monotonic())

    def _moves_until(self) -> float:
        """Return until when the last COMMIT shows that the database moves."""
        committed_at = 0.0 if self._engine is None else self._engine.committed_at
        return committed_at + self._patience

    def _finish(self, writes: list[PendingWrite[Any]]) -> None:
        """Wake the callers of writes, on their event loop, and follow up what they changed.

        The writes have left the queue by then: how soon an event loop comes to this is not the
        database's doing.
        """
        stored = []
        for write in writes:
            is_awaited = not write.finished.done()
            if write.error is None:
                stored.append(write)
                if is_awaited:
                    write.finished.set_result(write.result.value)
            elif is_awaited:
                write.finished.set_exception(write.error)
            else:
                words = words_of(write.error)
                logger.error(
                    "a message that stayed queued could not be stored: %(error)s", error=words
                )

        if stored:
            self._is_behind = False
            self._follow_up(stored)

    def _leave(self, writes: Iterable[PendingWrite[Any]]) -> None:
        """Remove writes from the queue, on any thread, and let waiting callers queue theirs."""
        with self._guard:
            for write in writes:
                if write not in self._queued:
                    continue
                del self._queued[write]
                write.turn.waiting -= 1
                if self._newest.get(write.chat.chat_id) is write:
                    del self._newest[write.chat.chat_id]

            while self._turns and not self._turns[0].waiting:
                self._turns.popleft()

            left = [write.left_queue for write in writes if write.left_queue is not None]
            waiters: list[asyncio.Future[None]] = []
            while self._for_capacity and len(waiters) < QUEUE_CAPACITY - len(self._queued):
                if not (waiter := self._for_capacity.popleft()).done():  # not cancelled
                    waiters.append(waiter)

        for future in left:
            if not future.done():
                future.set_result(None)

        for waiter in waiters:
            _wake(waiter)

    def _time_out(self, write: PendingWrite[Any]) -> None:
        """Let the caller of a write go on."""
        write.finished.set_result(None)
        self.leave_queued(_TimedOutWrite(self, write), is_stalled=True)

    def _drop(self, write: PendingWrite[Any]) -> None:
        write.is_dropped = True
        self._leave([write])


class _TimedOutWrite:
    """A write whose caller has gone on."""

    def __init__(self, writes: PendingWrites, write: PendingWrite[Any]) -> None:
        self._writes = writes
        self._write = write

    def done(self) -> bool:
        return self._write.is_notified or self._write.is_dropped

    def drop(self) -> None:
        self._writes._drop(self._write)


def _wake(waiter: asyncio.Future[None]) -> None:
    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    with suppress(RuntimeError):  # its event loop is closed
        waiter.get_loop().call_soon_threadsafe(wake)

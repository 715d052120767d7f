"""Writes that wait for their COMMIT, and the turns of an event loop that queue them.

What one turn of an event loop hands in goes to the writer together, when the turn ends. Knows the
writer's tasks and event loops; knows no plugins, and not what a message is.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Generic, TypeVar, cast

from session_plugin.database.engine import Task
from session_plugin.model import Chat
from session_plugin.records.operation_context import OperationContext

T = TypeVar("T")


class PendingWrite(Task, Generic[T]):
    """One operation of a chat that waits for its COMMIT, queued on one event loop.

    `finished` has its value or its error, or None when the patience of its caller has run out.
    `left_queue` is done when the write is committed, failed or dropped; it is made where another
    thread or loop asks for it.
    """

    chat: Chat
    turn: Turn
    finished: asyncio.Future[Any]
    left_queue: Future[None] | None = None
    is_dropped = False

    def __init__(
        self, chat: Chat, operation: Callable[..., Any], args: tuple[Any, ...], kwargs: Any
    ) -> None:
        """Wait to be queued."""
        self.chat = chat
        self.operation = operation
        self.args = args
        self.kwargs = cast("Mapping[str, Any]", kwargs)

    def start(self) -> bool:
        """Return False if the write was dropped."""
        return not self.is_dropped

    def is_wanted(self) -> bool:
        """Return False if the write was dropped."""
        return not self.is_dropped

    def leaving(self) -> Future[None]:
        """Return what is done when it has left the queue. Called under the queue's guard."""
        if self.left_queue is None:
            self.left_queue = Future()
        return self.left_queue


class Turn:
    """What one turn of an event loop has queued.

    Attributes:
        loop: The event loop.
        callers: Those that wait on it.
        context: What the turn's messages share: when they were handed in, and under which policies.
        waiting: How many of its writes are queued.
        is_open: The writer was not woken yet for the latest of them.
        queued_at: When it was.
        patient: The writes of the turn whose callers wait with patience, until it ends.
        patient_until: Until when they do.
    """

    __slots__ = (
        "callers",
        "context",
        "is_open",
        "loop",
        "patient",
        "patient_until",
        "queued_at",
        "waiting",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, callers: Callers) -> None:
        """Begin with nothing queued."""
        self.loop = loop
        self.callers = callers
        self.context: OperationContext | None = None
        self.waiting = 0
        self.is_open = False
        self.queued_at = 0.0
        self.patient: list[PendingWrite[Any]] = []
        self.patient_until = 0.0


class Callers:
    """The callers that wait on one event loop, for one hub. It keeps no loop alive."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        finish: Callable[[list[PendingWrite[Any]]], None],
        leave: Callable[[list[PendingWrite[Any]]], None],
        time_out: Callable[[PendingWrite[Any]], None],
        moves_until: Callable[[], float],
    ) -> None:
        """Wait for nothing yet.

        Args:
            loop: The event loop.
            finish: Called on it with writes that are committed or have failed.
            leave: Called with them before that, on the writer's thread.
            time_out: Called on it with a write whose caller's patience has run out.
            moves_until: Returns until when the last COMMIT shows that the database moves.
        """
        self.loop = weakref.ref(loop)
        self.turn: Turn | None = None
        self._finish = finish
        self._leave = leave
        self._time_out = time_out
        self._moves_until = moves_until
        self._patient: deque[PendingWrite[Any]] = deque()
        self._is_watching = False
        self.notify = self._notify  # one object for all: tasks are grouped by it

    def add(self, writes: list[PendingWrite[Any]]) -> None:
        """Watch the patience of writes. The first to come loses it first, so one timer does."""
        self._patient.extend(writes)
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
            left = max(first.turn.patient_until, self._moves_until()) - time.monotonic()
            is_waiting = not (first.finished.done() or first.is_notified)
            if is_waiting and left > 0:
                self._is_watching = True
                first.turn.loop.call_later(left, self._watch)
                return

            self._patient.popleft()
            if is_waiting:
                self._time_out(first)

        self._is_watching = False

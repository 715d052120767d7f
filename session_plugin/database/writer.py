"""One thread that owns the write connection and commits in groups.

Whatever waits goes into one transaction, each operation under a savepoint of its own, and every caller is told after the
COMMIT. So an acknowledged operation is on disk, and a hundred callers share one fsync. Knows no SQL and no backend.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any, Protocol, TypeVar

from session_plugin.database.engine import InBulk, Tx
from session_plugin.errors import DatabaseLocked, DatabaseUnavailable, SessionError

A = TypeVar("A")
T = TypeVar("T")

MOST_IN_A_GROUP = 256
"""Operations in one transaction: enough to share an fsync well, few enough to keep each caller's wait short."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds between tries while the database cannot be written."""

logger = logging.getLogger("session_plugin.database")


class WriteConnection(Protocol):
    """What the writer needs of a backend. Every error it raises is a SessionError or the operation's own."""

    tx: Tx

    def begin(self) -> None:
        """Start a transaction that may write."""

    def commit(self) -> None:
        """Make it durable."""

    def rollback(self) -> None:
        """Undo all of it; harmless when there is none."""

    def attempt(self, operation: Callable[[Tx, Any], Any], argument: Any) -> Any:
        """Run one operation atomically within the transaction: its result, or its error with nothing changed."""

    def close(self) -> None:
        """Close, leaving the database tidy."""


@dataclass(slots=True, eq=False)
class _Task:
    operation: Callable[[Tx, Any], Any]
    argument: Any
    deadline: float | None
    future: Future[Any] = field(default_factory=Future)
    result: Any = None
    error: Exception | None = None
    is_started: bool = False

    def start(self) -> bool:
        """Tell whether to go on with it: a caller may have cancelled it while it waited."""
        if not self.is_started:
            self.is_started = self.future.set_running_or_notify_cancel()
        return self.is_started

    def tell(self) -> None:
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Runs operations one group at a time on a thread of its own."""

    def __init__(self, connection: WriteConnection, *, busy_timeout: float) -> None:
        """Take over `connection`, which nobody else uses from now on."""
        self._connection = connection
        self._busy_timeout = busy_timeout
        self._waiting: deque[_Task] = deque()
        self._changed = threading.Condition()
        self._closing_at: float | None = None
        self._tries = 0
        self._thread = threading.Thread(target=self._work, name="session_plugin-writer", daemon=True)
        self._thread.start()

    def submit(self, operation: Callable[[Tx, A], T], argument: A, *, is_patient: bool) -> Future[T]:
        """Queue an operation, from any thread."""
        deadline = None if is_patient else time.monotonic() + self._busy_timeout
        task = _Task(operation, argument, deadline)
        with self._changed:
            if self._closing_at is not None:
                raise DatabaseUnavailable("the database is closed")
            self._waiting.append(task)
            self._changed.notify()
        return task.future

    def close(self, timeout: float) -> None:
        """Carry out what waits, for `timeout` seconds at most; fail the rest; close the connection."""
        with self._changed:
            if self._closing_at is None:
                self._closing_at = time.monotonic() + timeout
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _work(self) -> None:
        while (group := self._next_group()) is not None:
            try:
                self._run(group)
                self._tries = 0
            except SessionError as error:  # the database's own; an operation's error went to its caller
                self._connection.rollback()
                self._wait_or_fail(group, error)
        self._connection.close()

    def _next_group(self) -> list[_Task] | None:
        with self._changed:
            while not self._waiting:
                if self._closing_at is not None:
                    return None
                self._changed.wait()
            count = min(len(self._waiting), MOST_IN_A_GROUP)
            return [self._waiting.popleft() for _ in range(count)]

    def _run(self, group: list[_Task]) -> None:
        self._connection.begin()
        started = [task for task in group if task.start()]
        for operation, run in groupby(started, key=attrgetter("operation")):
            self._attempt(operation, list(run))
        self._connection.commit()
        for task in started:
            task.tell()

    def _attempt(self, operation: Callable[[Tx, Any], Any], tasks: list[_Task]) -> None:
        """Run tasks of one operation: at once if it can, one by one if it cannot or if that fails."""
        if isinstance(operation, InBulk) and len(tasks) > 1:
            try:
                results = self._connection.attempt(operation.many, [task.argument for task in tasks])
            except DatabaseUnavailable:
                raise
            except Exception as error:  # one of them is at fault; one by one it is that one's error
                logger.debug("operations are run one by one, because one of them failed: %s", type(error).__name__)
            else:
                for task, result in zip(tasks, results, strict=True):
                    task.result, task.error = result, None
                return
        for task in tasks:
            task.error = None
            try:
                task.result = self._connection.attempt(operation, task.argument)
            except DatabaseUnavailable:
                raise
            except Exception as error:  # whatever an operation raises is its caller's
                task.error = error

    def _wait_or_fail(self, group: list[_Task], error: SessionError) -> None:
        """Put back what can wait, in its old order, and fail what cannot."""
        now = time.monotonic()
        is_over = self._closing_at is not None and now >= self._closing_at
        keep = []
        for task in group:
            is_late = task.deadline is not None and (now >= task.deadline or not isinstance(error, DatabaseLocked))
            if not (is_late or is_over):
                keep.append(task)
            elif task.start():
                task.future.set_exception(error)
        with self._changed:
            self._waiting.extendleft(reversed(keep))
        if self._tries == 0 and not isinstance(error, DatabaseLocked):
            logger.warning("the database cannot be written, and is tried again until it can: %s", error)
        self._tries += 1
        time.sleep(min(SHORTEST_PAUSE * self._tries, LONGEST_PAUSE))

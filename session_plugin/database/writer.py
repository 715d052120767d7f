"""One thread that owns the write connection and commits in groups.

Whatever waits goes into one transaction, each operation under a savepoint of its own, and every
caller is told after the COMMIT. So an acknowledged operation is on disk, and a hundred callers
share one fsync. Knows no SQL and no backend.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from itertools import groupby
from operator import attrgetter
from typing import Any, Protocol, TypeVar

from session_plugin.counters import DatabaseCounters
from session_plugin.database.engine import InBulk, NotAlone, Task, Tx
from session_plugin.database.remembering import Remembering
from session_plugin.errors import DatabaseLocked, DatabaseUnavailable, SessionError
from session_plugin.logs import FieldLogger

T = TypeVar("T")

MOST_IN_A_GROUP = 256
"""Operations in one transaction: enough to share an fsync well, few enough to keep each caller's
wait short.
"""
CROWDED = 4096
"""Operations in line from which on those that nobody wants any more are looked for, whenever the
line has doubled.
"""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds between tries while the database cannot be written."""

GRACE = 2.0
"""Seconds beyond its timeout for which closing waits for a database that does not answer: one more
try may take so long.
"""
IN_DOUBT = "; what was written last may be stored all the same: look before you try again"

logger = FieldLogger("session_plugin.database")


class CommitInDoubt(DatabaseUnavailable):
    """The connection was lost before a COMMIT was answered; what became of it is asked for when the
    database is back.
    """


class WriteConnection(Protocol):
    """What the writer needs of a backend. Every error it raises is a SessionError, NotAlone or the
    operation's own.
    """

    @property
    def tx(self) -> Tx:
        """The transaction that has begun."""

    def begin(self, *, is_alone: bool) -> None:
        """Start a transaction that writes: alone in the database, or beside others that need not
        be.
        """

    def commit(self) -> None:
        """Make it durable.

        Raises:
            CommitInDoubt: it may be, and `was_committed` will tell.
        """

    def pause(self) -> None:
        """Do what is better done between two transactions, when nobody waits for the last one any
        more.
        """

    def was_committed(self) -> bool:
        """Return what became of the transaction that is in doubt.

        Raises:
            DatabaseUnavailable: that cannot be told yet.
        """

    def rollback(self) -> None:
        """Undo all of it; harmless when there is none."""

    def attempt(self, operation: Callable[[Tx], T], *, is_whole: bool) -> T:
        """Run one operation atomically within the transaction: its result, or its error with
        nothing changed.

        Where it is the whole transaction so far, a failure may begin that anew, which is cheaper
        than a savepoint.
        """

    def close(self) -> None:
        """Close, leaving the database tidy."""


class FutureTask(Task):
    """A task whose caller waits on a future, which it may cancel while the task waits."""

    def __init__(
        self,
        operation: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        deadline: float | None,
    ) -> None:
        """Wait until `deadline`, or without end, for a database that cannot be written."""
        super().__init__(operation, args, kwargs, deadline=deadline, notify=_set_futures)
        self.future: Future[Any] = Future()

    def start(self) -> bool:
        """Check whether to go on with it, and let nobody cancel it from now on."""
        if not self.is_started:
            self.is_started = self.future.set_running_or_notify_cancel()
        return self.is_started

    def is_wanted(self) -> bool:
        """Check whether nobody has cancelled it."""
        return not self.future.cancelled()


def _set_futures(tasks: list[Task]) -> None:
    for task in tasks:
        assert isinstance(task, FutureTask)
        if task.error is not None:
            task.future.set_exception(task.error)
        else:
            task.future.set_result(task.result)


class Writer:
    """Runs operations one group at a time on a thread of its own."""

    def __init__(
        self,
        connection: WriteConnection,
        *,
        counters: DatabaseCounters,
        remembering: Remembering | None = None,
    ) -> None:
        """Take over `connection`, which nobody else uses from now on.

        `remembering` is told of each COMMIT before anybody else.
        """
        self._connection = connection
        self._counters = counters
        self._remembering = remembering
        self._waiting: deque[Task] = deque()
        self._crowded_at = CROWDED
        self._guard = threading.RLock()
        self._changed = threading.Condition(self._guard)
        self._is_idle = False
        self._closing_at: float | None = None
        self._tries = 0
        self.trouble = ""
        self.committed_at = 0.0
        self._in_doubt: list[Task] = []
        self._group: list[Task] = []
        self._thread = threading.Thread(
            target=self._work, name="session_plugin-writer", daemon=True
        )
        self._thread.start()

    def enqueue(self, task: Task, *, more_follow: bool = False) -> None:
        """Put a task in line, from any thread; leave it to `wake` to begin if `more_follow`."""
        with self._guard:
            if self._closing_at is not None:
                raise DatabaseUnavailable("the database is closed")
            if len(self._waiting) >= self._crowded_at:
                self._leave_out_unwanted()
            self._waiting.append(task)
            if self._is_idle and not more_follow:
                self._changed.notify()

    def wake(self) -> None:
        """Begin with what is in line."""
        with self._guard:
            if self._is_idle:
                self._changed.notify()

    def _leave_out_unwanted(self) -> None:
        """Forget what was given up while it waited: as long as nothing can be written, nobody else
        comes to it.
        """
        self._waiting = deque(task for task in self._waiting if task.is_wanted())
        self._crowded_at = max(CROWDED, 2 * len(self._waiting))

    def close(self, timeout: float) -> None:
        """Carry out what waits, for `timeout` seconds at most; fail the rest; close the
        connection.
        """
        with self._guard:
            if self._closing_at is None:
                self._closing_at = time.monotonic() + timeout
            self._changed.notify()

        if threading.current_thread() is self._thread:
            return

        self._thread.join(timeout + GRACE)
        # the database does not answer at all; the thread ends with the process, if not before
        if self._thread.is_alive():
            with self._guard:
                left = [*self._group, *self._waiting]
                self._waiting.clear()
            self._fail(left, CommitInDoubt("the database does not answer" + IN_DOUBT))

    def _work(self) -> None:
        while (group := self._next_group()) is not None:
            self._group = group
            try:
                self._run(group)
                self._tries, self.trouble = 0, ""
            # the database's own; an operation's error went to its caller
            except SessionError as error:
                self._connection.rollback()
                self._wait_or_fail(group, error)
            except Exception as error:  # a mistake of ours: callers must not wait for ever
                logger.exception("a group of operations was given up")
                self._connection.rollback()
                self._fail(group, error)

            self._group = group = []  # what is written is not kept until the next one comes

        self._connection.close()

    def _next_group(self) -> list[Task] | None:
        with self._guard:
            while not self._waiting:
                if self._closing_at is not None:
                    return None
                self._is_idle = True
                self._changed.wait()
                self._is_idle = False
            count = min(len(self._waiting), MOST_IN_A_GROUP)
            return [self._waiting.popleft() for _ in range(count)]

    def _run(self, group: list[Task]) -> None:
        if self._in_doubt:
            self._resolve_doubt()
            group[:] = [task for task in group if task not in self._in_doubt]
            self._in_doubt = []

        self._connection.begin(is_alone=not all(map(_may_share, group)))
        started = [task for task in group if task.start()]
        try:
            self._attempt_all(started)
        except NotAlone:
            self._connection.rollback()
            self._connection.begin(is_alone=True)
            self._attempt_all(started)

        began_at = time.monotonic()
        try:
            self._commit(started)
        except CommitInDoubt:
            self._in_doubt = started
            raise

        self.committed_at = time.monotonic()
        self._counters.commit_seconds.observe(self.committed_at - began_at)
        self._counters.commit_operations.observe(len(started))
        _notify(started)
        self._connection.pause()

    def _commit(self, tasks: list[Task]) -> None:
        remembering = self._remembering
        if remembering is None:
            self._connection.commit()
            return

        remembering.before_commit(tasks)
        try:
            self._connection.commit()
        except BaseException:
            remembering.after_failure()
            raise
        remembering.after_commit()

    def _resolve_doubt(self) -> None:
        """Learn what became of the last group: tell its tasks, or leave them in line to be run
        again.
        """
        if self._connection.was_committed():
            _notify(self._in_doubt)
        else:
            self._in_doubt = []

    def _attempt_all(self, tasks: list[Task]) -> None:
        is_whole = True
        for operation, run in groupby(tasks, key=attrgetter("operation")):
            self._attempt(operation, list(run), is_whole=is_whole)
            is_whole = False

    def _attempt(self, operation: Callable[..., Any], tasks: list[Task], *, is_whole: bool) -> None:
        """Run tasks of one operation: together if it can, one by one if it cannot or that fails."""
        if isinstance(operation, InBulk):
            if self._attempt_together(operation, tasks, is_whole=is_whole):
                return
            self._connection.tx.alone()

        for task in tasks:
            task.error = None
            try:
                task.result = self._connection.attempt(task.run, is_whole=is_whole)
            except DatabaseUnavailable:
                raise
            except Exception as error:  # whatever an operation raises is its caller's
                task.error = error
            is_whole = False

    def _attempt_together(
        self, operation: InBulk[Any, Any], tasks: list[Task], *, is_whole: bool
    ) -> bool:
        """Run one operation for several tasks. Return False if one of them is at fault."""
        arguments = [task.argument for task in tasks]
        try:
            results = self._connection.attempt(
                lambda tx: operation.many(tx, arguments), is_whole=is_whole
            )
        except (DatabaseUnavailable, NotAlone):
            raise
        except Exception as error:  # one by one it is that task's error
            name = type(error).__name__
            logger.debug(
                "operations are run one by one, because one of them failed: %(error)s", error=name
            )
            return False

        for task, result in zip(tasks, results, strict=True):
            task.result, task.error = result, None

        return True

    def _wait_or_fail(self, group: list[Task], error: SessionError) -> None:
        """Put back what can wait and is still wanted, in its old order, and fail what cannot."""
        now = time.monotonic()
        is_over = self._closing_at is not None and now >= self._closing_at
        if is_over:
            with self._guard:
                group = [*group, *self._waiting]
                self._waiting.clear()

        keep, failed, in_doubt = [], [], []
        for task in group:
            is_in_doubt = task in self._in_doubt
            if not (task.is_wanted() or is_in_doubt):
                continue

            can_wait = is_in_doubt or isinstance(error, DatabaseLocked)
            is_late = task.deadline is not None and (now >= task.deadline or not can_wait)
            if not (is_late or is_over):
                keep.append(task)
            elif is_in_doubt:
                in_doubt.append(task)
            else:
                failed.append(task)

        self._fail(failed, error)
        self._fail(in_doubt, CommitInDoubt(f"{error}{IN_DOUBT}"))
        with self._guard:
            self._waiting.extendleft(reversed(keep))

        self.trouble = str(error)
        self._tries += 1
        time.sleep(min(SHORTEST_PAUSE * self._tries, LONGEST_PAUSE))

    def _fail(self, tasks: list[Task], error: Exception) -> None:
        failed = [task for task in tasks if not task.is_notified and task.start()]
        for task in failed:
            task.error = error
        _notify(failed)


def _may_share(task: Task) -> bool:
    return isinstance(task.operation, InBulk) and not task.operation.is_alone


def _notify(tasks: list[Task]) -> None:
    """Tell each task what became of it: all that are told the same way at once."""
    notified: dict[Callable[[list[Task]], None], list[Task]] = {}
    for task in tasks:
        if not task.is_notified:
            task.is_notified = True
            notified.setdefault(task.notify, []).append(task)

    for notify, its in notified.items():
        try:
            notify(its)
        except Exception:  # whose task it is: the others of the group are told all the same
            logger.exception("somebody could not be told what became of an operation")

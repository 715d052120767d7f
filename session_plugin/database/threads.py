"""The common part of the engines: one thread that writes, a few that read."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Concatenate, ParamSpec, TypeVar

from session_plugin.counters import DatabaseCounters
from session_plugin.database.engine import Sealer, Task, Tx
from session_plugin.database.readers import Readers
from session_plugin.database.remembering import Remembering
from session_plugin.database.writer import FutureTask, WriteConnection, Writer
from session_plugin.errors import DatabaseUnavailable
from session_plugin.logs import FieldLogger

P = ParamSpec("P")
T = TypeVar("T")

LEAST_TO_WRITE = 2.0
"""Seconds that closing grants the writer at least. Closing may have spent its time on a purge,
which is never interrupted, and writes that waited for the purge must not fail because of it.
"""


logger = FieldLogger("session_plugin.database")


class ThreadedEngine(ABC):
    """An engine without its connections, which a subclass provides."""

    def __init__(
        self,
        url: str,
        *,
        busy_timeout: float,
        is_read_only: bool = False,
        counters: DatabaseCounters | None = None,
        remembering: Remembering | None = None,
    ) -> None:
        """Prepare the engine without opening anything.

        Args:
            url: Names the database in errors and logs; contains no password.
            busy_timeout: Seconds after which a write fails while others hold the lock.
            is_read_only: Open no connection that can write, and create nothing.
            counters: Where its commits and reads are counted.
            remembering: What is told of each COMMIT.
        """
        self.url = url
        self._busy_timeout = busy_timeout
        self._is_read_only = is_read_only
        self._counters = counters or DatabaseCounters()
        self._remembering = remembering
        self._sealer: Sealer | None = None
        self._writer: Writer | None = None
        self._readers: Readers | None = None
        self._pid = 0

    def write(
        self, operation: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Queue an operation for the writer."""
        deadline = time.monotonic() + self._busy_timeout
        return self._write(FutureTask(operation, args, kwargs, deadline=deadline))

    def write_patiently(
        self, operation: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Queue an operation for the writer, however long that cannot write."""
        return self._write(FutureTask(operation, args, kwargs, deadline=None))

    def _write(self, task: FutureTask) -> Future[Any]:
        self.enqueue(task)
        return task.future

    def enqueue(self, task: Task, /, *, more_follow: bool = False) -> None:
        """Queue a task for the writer."""
        writer = self._writer
        if writer is None or os.getpid() != self._pid:
            writer = self._open_writer()  # says what is wrong
        writer.enqueue(task, more_follow=more_follow)

    def wake(self) -> None:
        """Let the writer begin with what is queued."""
        if self._writer is not None:
            self._writer.wake()

    @property
    def trouble(self) -> str:
        """Why the latest attempt to write failed; empty if it succeeded."""
        return "" if self._writer is None else self._writer.trouble

    @property
    def committed_at(self) -> float:
        """By time.monotonic(), when the writer last committed; 0 if it never did."""
        return 0.0 if self._writer is None else self._writer.committed_at

    def read(
        self, operation: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Run a reading operation in a snapshot."""
        task = FutureTask(operation, args, kwargs, deadline=None)
        self.enqueue_reading(task)

        return task.future

    def enqueue_reading(self, task: Task, /) -> None:
        """Queue a task that only reads; without reader threads, the writer runs it."""
        readers = self._readers  # read once: another thread may close the engine meanwhile
        if readers is None:
            self._open_writer().enqueue(task)
        else:
            self._check_process()
            readers.enqueue(task)

    def seal_with(self, sealer: Sealer, /) -> None:
        """Wrap each transaction from now on."""
        self._sealer = sealer

    def _wrapped(self, tx: Tx) -> Tx:
        return tx if self._sealer is None else self._sealer.wrap_reading(tx)

    def close(self, timeout: float = 10.0) -> None:
        """Finish running reads, carry out queued writes, and close the connections.

        Half of `timeout` is for reads; writes have the rest, at least `LEAST_TO_WRITE` seconds.
        """
        give_up_at = time.monotonic() + timeout

        readers, self._readers = self._readers, None
        if readers is not None and readers.close(timeout / 2):
            self._end_reading()

        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close(max(LEAST_TO_WRITE, give_up_at - time.monotonic()))

        if self._sealer is not None:
            self._sealer.close()

    def _start(self, writing: WriteConnection | None, *, readers: int) -> None:
        self._pid = os.getpid()
        if writing is not None:
            self._writer = Writer(writing, counters=self._counters, remembering=self._remembering)

        if readers:
            self._readers = Readers(self._read, count=readers, counters=self._counters)

    def _note_new(self) -> None:
        logger.info("new database at %(database)s", database=self.url)

    def _open_writer(self) -> Writer:
        writer = self._writer
        if writer is None:
            raise self._not_open()

        self._check_process()
        return writer

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise DatabaseUnavailable(
                f"{self.url} was opened before this process was forked: open it in each process"
            )

    def _not_open(self) -> DatabaseUnavailable:
        is_open = self._is_read_only and self._readers is not None
        return DatabaseUnavailable(
            f"{self.url} is {'open for reading only' if is_open else 'not open'}"
        )

    @abstractmethod
    def _read(self, operation: Callable[[Tx], T]) -> T:
        """Run a reading operation; called on a reader thread."""

    def _end_reading(self) -> None:  # noqa: B027 - not every engine has something to close here
        """Close the connections for reading; called when no reader is left."""

"""What every engine does alike: one thread that writes, a few that read."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from session_plugin.database.engine import Task, Tx
from session_plugin.database.readers import Readers
from session_plugin.database.writer import FutureTask, WriteConnection, Writer
from session_plugin.errors import DatabaseUnavailable

A = TypeVar("A")
T = TypeVar("T")

LEAST_TO_WRITE = 2.0
"""Seconds that closing leaves the writer, however long the rest took: writing a file anew is not
cut short, and what waits has waited for that.
"""


class ThreadedEngine(ABC):
    """An engine but for its connections."""

    def __init__(self, url: str, *, busy_timeout: float) -> None:
        """Go by `url` in errors and logs; give up after `busy_timeout` seconds what others keep
        from being written.
        """
        self.url = url
        self._busy_timeout = busy_timeout
        self._writer: Writer | None = None
        self._readers: Readers | None = None
        self._pid = 0

    def write(
        self, operation: Callable[[Tx, A], T], argument: A, /, *, is_patient: bool = False
    ) -> Future[T]:
        """Queue an operation for the writer."""
        return self._open_writer().write(operation, argument, is_patient=is_patient)

    def enqueue(self, task: Task, /) -> None:
        """Queue a task for the writer."""
        self._open_writer().enqueue(task)

    @property
    def trouble(self) -> str:
        """Why the last try to write failed; empty if it did not."""
        return "" if self._writer is None else self._writer.trouble

    def read(self, operation: Callable[[Tx, A], T], argument: A, /) -> Future[T]:
        """Run a reading operation in a snapshot."""
        task = FutureTask(operation, argument, deadline=None)
        self.enqueue_reading(task)
        return task.future

    def enqueue_reading(self, task: Task, /) -> None:
        """Queue a task that only reads; without threads for that, for the writer."""
        writer, readers = (
            self._open_writer(),
            self._readers,
        )  # closing takes them away at any moment
        if readers is None:
            writer.enqueue(task)
        else:
            readers.enqueue(task)

    def close(self, timeout: float = 10.0) -> None:
        """Finish what is being read, carry out what waits, close the connections."""
        give_up_at = time.monotonic() + timeout
        readers, self._readers = self._readers, None
        if readers is not None and readers.close(timeout / 2):
            self._end_reading()
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close(max(LEAST_TO_WRITE, give_up_at - time.monotonic()))

    def _start(self, writing: WriteConnection, *, readers: int) -> None:
        self._pid = os.getpid()
        self._writer = Writer(writing, busy_timeout=self._busy_timeout)
        if readers:
            self._readers = Readers(self._read, count=readers)

    def _open_writer(self) -> Writer:
        writer = self._writer
        if writer is None:
            raise self._not_open()
        if os.getpid() != self._pid:
            raise DatabaseUnavailable(
                f"{self.url} was opened before this process was forked: open it anew in each "
                "process"
            )
        return writer

    def _not_open(self) -> DatabaseUnavailable:
        return DatabaseUnavailable(f"{self.url} is not open")

    @abstractmethod
    def _read(self, operation: Callable[[Tx, A], T], argument: A) -> T:
        """Run a reading operation on one of the threads that read."""

    def _end_reading(self) -> None:  # noqa: B027 - not every engine has something to close here
        """Close the connections that were read on; nobody reads any more."""

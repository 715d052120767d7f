"""The threads that read: each takes what has waited longest, and tells who waits for it at
once.

A thread and a queue are all there is to it: a pool of the standard library's takes a third of a
short reading's time for locks and futures of its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from session_plugin.counters import DatabaseCounters
from session_plugin.database.engine import Task, Tx
from session_plugin.errors import DatabaseUnavailable


class Readers:
    """A few threads that read until they are closed."""

    def __init__(
        self,
        read: Callable[[Callable[[Tx], Any]], Any],
        *,
        count: int,
        counters: DatabaseCounters,
    ) -> None:
        """Let `count` threads run operations on their arguments by `read`."""
        self._read = read
        self._counters = counters
        self._guard = threading.Lock()
        self._is_closed = False
        self._waiting: SimpleQueue[Task | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"session_plugin-reader-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def enqueue(self, task: Task) -> None:
        """Put a task in line, from any thread.

        Raises:
            DatabaseUnavailable: they are closed.
        """
        with self._guard:
            if self._is_closed:
                raise DatabaseUnavailable("the database is closed")
            self._waiting.put(task)

    def close(self, timeout: float) -> bool:
        """Finish what waits, for `timeout` seconds at most, and fail the rest; False if a thread
        cannot come to an end.

        A server that does not answer holds it; it ends with the process then, if not before.
        """
        with self._guard:
            self._is_closed = True

        give_up_at = time.monotonic() + timeout
        self._end()
        for thread in self._threads:
            thread.join(max(0.0, give_up_at - time.monotonic()))

        if not any(thread.is_alive() for thread in self._threads):
            return True

        with suppress(Empty):
            while True:
                task = self._waiting.get_nowait()
                if task is not None and task.start():
                    task.error = DatabaseUnavailable("the database was closed before it answered")
                    _notify(task)

        self._end()

        return False

    def _end(self) -> None:
        for _ in self._threads:
            self._waiting.put(None)

    def _work(self) -> None:
        while (task := self._waiting.get()) is not None:
            if not task.start():
                continue
            began_at = time.monotonic()
            try:
                task.result = self._read(task.run)
            except Exception as error:  # whatever an operation raises is its caller's
                task.error = error

            self._counters.read_seconds.observe(time.monotonic() - began_at)
            _notify(task)
            del task  # what it read is not kept until the next one comes


def _notify(task: Task) -> None:
    task.is_notified = True
    task.notify([task])

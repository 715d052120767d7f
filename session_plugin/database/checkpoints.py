"""Bring what an SQLite file's log (WAL) holds into the file itself, beside the writer, so that no caller waits for it.

SQLite would do it in whichever COMMIT makes the log long. Here a thread of its own does nearly all of it while the writer
goes on; what the writer added meanwhile is little, and the writer does that between two transactions, so that the log begins
anew: it stays bounded under a load that never pauses.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing

LONG = 4 * 1024 * 1024
"""Bytes of log from which on it is brought into the file; SQLite's own measure, 1,000 pages."""

logger = logging.getLogger("session_plugin.database")


class Checkpointer:
    """The checkpoints of one file, as long as its writer has it open."""

    def __init__(self, path: str, writing: sqlite3.Connection, *, connect: Callable[[], sqlite3.Connection]) -> None:
        """Relieve `writing` of its checkpoints; `connect` gives another connection to the same file."""
        writing.execute("PRAGMA wal_autocheckpoint = 0")
        writing.execute(f"PRAGMA journal_size_limit = {LONG}")  # a log that begins anew is cut, so its length tells
        self._log = f"{path}-wal"
        self._writing = writing
        self._connect = connect
        self._running: threading.Thread | None = None
        self._next_at = LONG

    def between_transactions(self) -> None:
        """Begin, or finish, bringing a long log into the file. To be called on the writer's thread."""
        if self._running is None:
            length = self._length()
            if length > self._next_at:
                self._next_at = length + LONG // 4  # somebody still reads from it: no hurry to try again
                self._start()
            elif length <= LONG:
                self._next_at = LONG
        elif not self._running.is_alive():
            self._running = None
            self._writing.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def close(self) -> None:
        """End the thread; what is still in the log is brought into the file when the writer closes it."""
        if self._running is not None:
            self._running.join()

    def _start(self) -> None:
        thread = threading.Thread(target=self._checkpoint, name="session_plugin-checkpoint", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending, and lets no thread begin
            self._writing.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        else:
            self._running = thread

    def _length(self) -> int:
        try:
            return os.stat(self._log).st_size  # noqa: PTH116 - after each transaction, and a Path costs more than asking
        except OSError:
            return 0

    def _checkpoint(self) -> None:
        try:
            with closing(self._connect()) as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            logger.info("a checkpoint is left to the writer: %s", error)

"""Checkpoints of an SQLite file's write-ahead log (WAL), so that no caller waits for one.

By itself, SQLite runs a checkpoint inside the COMMIT that makes the log long. Here a separate
thread copies most of the log into the file while the writer goes on. The writer then copies the
little that it added meanwhile, between two transactions, so that the log restarts from its
beginning. The log therefore stays bounded under a load that never pauses. It cannot restart while
somebody reads from it; if there is always some short read, the writer waits for one to end.

The log's file is not truncated, because an fsync of overwritten bytes is cheaper than one of a
file that grew. How far the current log reaches is known from its salt, which its header and its
frames share; frames of an earlier log have another one
(https://www.sqlite.org/fileformat2.html#walformat). Where the wal-index can be looked at, it says
so without a system call.
"""

from __future__ import annotations

import io
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from session_plugin.database.sqlite_log import FRAME_HEADER_BYTES, HEADER_BYTES
from session_plugin.database.wal_index import WalIndex
from session_plugin.logs import FieldLogger

LONG = 4 * 1024 * 1024
"""Bytes of log at which a checkpoint begins; SQLite's own default, 1,000 pages."""
LONGEST_KEPT = 4 * LONG
"""Bytes to which the log's file is truncated when the log restarts."""

logger = FieldLogger("session_plugin.database")


class Checkpointer:
    """The checkpoints of one file, while its writer has it open."""

    def __init__(
        self,
        path: str,
        writing: sqlite3.Connection,
        *,
        index: WalIndex | None,
        connect: Callable[[], sqlite3.Connection],
    ) -> None:
        """Turn off SQLite's own checkpoints.

        Args:
            path: The path of the database's file.
            writing: The writer's connection.
            index: The wal-index of the same file; None where it cannot be looked at.
            connect: Opens another connection to the same file.
        """
        writing.execute("PRAGMA wal_autocheckpoint = 0")
        writing.execute(f"PRAGMA journal_size_limit = {LONGEST_KEPT}")
        page_bytes: int = writing.execute("PRAGMA page_size").fetchone()[0]
        self._frame_bytes = FRAME_HEADER_BYTES + page_bytes
        self._path = Path(f"{path}-wal")
        self._log: io.FileIO | None = None
        self._index = index
        self._writing = writing
        self._connect = connect
        self._running: threading.Thread | None = None
        self._next_at = LONG
        self._insist_at = LONGEST_KEPT

    def between_transactions(self) -> bool:
        """Start a checkpoint of a long log, or finish it; call this on the writer's thread.

        Return True if one was finished: the next transaction may begin a new log.
        """
        if self._running is None:
            if self._reaches(self._next_at):
                self._next_at += LONG // 4  # if a reader keeps the log from restarting
                self._start()
            elif self._next_at > LONG and not self._reaches(LONG):
                self._next_at, self._insist_at = LONG, LONGEST_KEPT
        elif not self._running.is_alive():
            self._running = None
            self._finish()
            return True

        return False

    def close(self) -> None:
        """Wait for the thread; closing the writer's connection copies the rest."""
        if self._running is not None:
            self._running.join()

        if self._log is not None:
            self._log.close()

    def _finish(self) -> None:
        """Copy the rest of the log; if readers prevent its restart, wait for them.

        The wait is bounded by the busy timeout. The next one comes only when the log has doubled,
        so that a read of several hours does not delay the writer again and again.
        """
        how = "PASSIVE"
        if self._reaches(self._insist_at):
            how = "RESTART"
            self._insist_at *= 2

        self._writing.execute(f"PRAGMA wal_checkpoint({how})").fetchone()

    def _start(self) -> None:
        thread = threading.Thread(
            target=self._checkpoint, name="session_plugin-checkpoint", daemon=True
        )

        try:
            thread.start()
        except RuntimeError:  # the interpreter is shutting down and starts no more threads
            self._writing.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        else:
            self._running = thread

    def _reaches(self, length: int) -> bool:
        """Return whether the current log has more than `length` bytes."""
        frames = length // self._frame_bytes
        if self._index is not None:
            return self._index.frames() > frames

        return self._has_more_than(frames)

    def _has_more_than(self, frames: int) -> bool:
        """Return whether the log's file has more frames of the current log."""
        try:
            if self._log is None:
                # Closing it drops no locks of SQLite: it has none on the log's file.
                self._log = self._path.open("rb", buffering=0)
            header = self._bytes_at(0, HEADER_BYTES)
            frame = self._bytes_at(HEADER_BYTES + frames * self._frame_bytes, FRAME_HEADER_BYTES)
        except OSError:
            return False

        return len(frame) == FRAME_HEADER_BYTES and frame[8:16] == header[16:24]

    def _bytes_at(self, offset: int, count: int) -> bytes:
        assert self._log is not None

        self._log.seek(offset)
        return self._log.read(count)

    def _checkpoint(self) -> None:
        try:
            with closing(self._connect()) as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            logger.info("a checkpoint failed, so the writer runs it: %(error)s", error=error)

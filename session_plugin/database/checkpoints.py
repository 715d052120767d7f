"""Bring what an SQLite file's log (WAL) holds into the file itself, beside the writer, so that no
caller waits for it.

SQLite would do it in whichever COMMIT makes the log long. Here a thread of its own does nearly all
of it while the writer goes on; what the writer added meanwhile is little, and the writer does that
between two transactions, so that the log begins anew: it stays bounded under a load that never
pauses. It cannot begin anew while anybody reads from it; where somebody always does, each for a
moment only, the writer waits for those moments to end.

The log's file keeps its length then, because an fsync of what was written over is cheaper than one
of a file that grew. How far the log in it reaches is told by the salt, which its header and its
frames share: what an earlier log left behind has another one
(https://www.sqlite.org/fileformat2.html#walformat).
"""

from __future__ import annotations

import io
import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

LONG = 4 * 1024 * 1024
"""Bytes of log from which on it is brought into the file; SQLite's own measure, 1,000 pages."""
LONGEST_KEPT = 4 * LONG
"""Bytes that the log's file may keep when the log begins anew."""
HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24

logger = logging.getLogger("session_plugin.database")


class Checkpointer:
    """The checkpoints of one file, as long as its writer has it open."""

    def __init__(
        self, path: str, writing: sqlite3.Connection, *, connect: Callable[[], sqlite3.Connection]
    ) -> None:
        """Relieve `writing` of its checkpoints; `connect` gives another connection to the same
        file.
        """
        writing.execute("PRAGMA wal_autocheckpoint = 0")
        writing.execute(f"PRAGMA journal_size_limit = {LONGEST_KEPT}")
        self._path = Path(f"{path}-wal")
        self._log: io.FileIO | None = None
        self._writing = writing
        self._connect = connect
        self._running: threading.Thread | None = None
        self._next_at = LONG
        self._insist_at = LONGEST_KEPT

    def between_transactions(self) -> None:
        """Begin, or finish, bringing a long log into the file. To be called on the writer's
        thread.
        """
        if self._running is None:
            if self._reaches(self._next_at):
                self._next_at += LONG // 4  # somebody still reads from it: no hurry to try again
                self._start()
            elif self._next_at > LONG and not self._reaches(LONG):
                self._next_at, self._insist_at = LONG, LONGEST_KEPT
        elif not self._running.is_alive():
            self._running = None
            self._finish()

    def close(self) -> None:
        """End the thread; what is still in the log is brought into the file when the writer closes
        it.
        """
        if self._running is not None:
            self._running.join()
        if self._log is not None:
            self._log.close()

    def _finish(self) -> None:
        """Bring the rest into the file; where the log has become long by those who read from it,
        wait for them.

        No longer than for a lock, and only when it has doubled since: one who reads for hours would
        hold up the writer again and again, and to no purpose.
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
        except RuntimeError:  # the interpreter is ending, and lets no thread begin
            self._writing.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        else:
            self._running = thread

    def _reaches(self, length: int) -> bool:
        """Tell whether the log is so many bytes long."""
        try:
            if self._log is None:
                self._log = self._path.open(
                    "rb", buffering=0
                )  # until `close`; SQLite has no locks on this file
            header = self._bytes_at(0, HEADER_BYTES)
            frame_bytes = FRAME_HEADER_BYTES + int.from_bytes(header[8:12], "big")
            frame = self._bytes_at(
                HEADER_BYTES + length // frame_bytes * frame_bytes, FRAME_HEADER_BYTES
            )
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
            logger.info("a checkpoint is left to the writer: %s", error)

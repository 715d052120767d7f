"""What a process may remember of its database between two COMMITs of anybody.

Knows when the database has changed without this process's writer; does not know what is remembered.
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from session_plugin.database.engine import Task
from session_plugin.database.wal_index import WalIndex, is_next
from session_plugin.logs import FieldLogger

logger = FieldLogger("session_plugin.database")


class Remembering(ABC):
    """Something that is remembered of one database, as of the last COMMIT of its writer.

    The header of the wal-index is the same as after that COMMIT, or else somebody has committed
    since: another process, or another connection of this one. Then everything is dropped. That
    between two headers there was the writer's own COMMIT only is known from their counter, and from
    the write lock, which the writer holds when it looks at the first of them. Where a COMMIT may
    have written nothing, and so may not be counted, `PRAGMA data_version` says it.

    Where there is no wal-index to look at, nothing is remembered: in memory, on PostgreSQL, on
    Windows.
    """

    def __init__(self) -> None:
        """Remember nothing; no database is open yet."""
        self.guard = threading.Lock()
        """Held while something is remembered, dropped or looked at; never for long."""
        self._index: WalIndex | None = None
        self._known = b""
        self._committing: Sequence[Task] | None = None
        self._version: Callable[[], int] = lambda: 0
        self._before: int | None = None
        self._counts = False
        self._pid = 0

    @abstractmethod
    def drop_all(self) -> None:
        """Drop everything. The guard is held."""

    @abstractmethod
    def surely_write(self, tasks: Sequence[Task]) -> bool:
        """Check that tasks have changed anything, so that their COMMIT is counted in the header."""

    @abstractmethod
    def note(self, tasks: Sequence[Task]) -> None:
        """Note what a COMMIT has changed, or drop what it may have. The guard is held.

        Called before anybody is told of the COMMIT.
        """

    @property
    def is_usable(self) -> bool:
        """Whether anything can be remembered; ask before taking the guard, which a fork may have
        left held in the child.
        """
        return self._index is not None and os.getpid() == self._pid

    def begin(self, index: WalIndex, version: Callable[[], int]) -> None:
        """Begin to remember what a database says that an engine has opened.

        `version` returns another number after each COMMIT by anybody but the writer; it is called
        on the writer's thread.
        """
        with self.guard:
            self._index, self._known, self._pid = index, index.header(), os.getpid()
            self._version, self._committing = version, None

    def end(self) -> None:
        """Drop everything, and look at the wal-index no more; the engine closes it afterwards."""
        with self.guard:
            self._index = None
            self.drop_all()

    def before_commit(self, tasks: Sequence[Task]) -> None:
        """Look at what was committed before; the writer holds the write lock, and calls this before
        each COMMIT with the tasks that it has run.
        """
        if self._index is None:
            return

        self._counts = self.surely_write(tasks)
        if not self._counts:
            self._before = self._looked_up_version()

        with self.guard:
            if self._index is not None:
                self._look(self._index)
                self._committing = tasks

    def after_commit(self) -> None:
        """Note what was committed, if nobody who reads has done so, unless somebody else has
        committed meanwhile.
        """
        index = self._index
        if index is None:
            return

        header = index.header()
        is_alone = self._counts or self._is_same_version()
        with self.guard:
            tasks, self._committing = self._committing, None
            if tasks is None or self._index is None or header == self._known:
                return

            is_own = is_alone and is_next(header, self._known)
            self._known = header
            if is_own:
                self._note(tasks)
            else:
                self.drop_all()

    def after_failure(self) -> None:
        """Drop everything after a COMMIT that failed: what became of it is read again."""
        with self.guard:
            self._committing = None
            self.drop_all()  # the next look finds out what the header is now

    def drop_outdated(self) -> None:
        """Drop everything if somebody else has committed."""
        if self.is_usable:
            with self.guard:
                self.is_current()

    def is_current(self) -> bool:
        """Check whether what is remembered is all that is committed; drop it if somebody else has
        committed. The guard is held.

        A COMMIT of the writer that can be seen already is noted here. It is on disk by then, and
        the writer may wait for this thread before it can note it.
        """
        if self._index is None:
            return False
        if self._committing is None:
            return self._look(self._index)

        header = self._index.header()
        if self._counts and is_next(header, self._known):
            # Nobody else could commit before the writer has.
            tasks, self._committing, self._known = self._committing, None, header
            self._note(tasks)

        return header == self._known

    def may_remember(self) -> bool:
        """Check whether what was read can be remembered: as `is_current` does, but during a COMMIT
        of the writer too, because afterwards that is noted, or all is dropped. The guard is held.
        """
        return self.is_current() or (self._index is not None and self._committing is not None)

    def _is_same_version(self) -> bool:
        return self._before is not None and self._looked_up_version() == self._before

    def _looked_up_version(self) -> int | None:
        try:
            return self._version()
        except Exception:  # the group that is committed must not fail because of it
            logger.exception("whether others have committed cannot be told")
            return None

    def _look(self, index: WalIndex) -> bool:
        header = index.header()
        if header == self._known:
            return True

        self._known = header
        self.drop_all()

        return False

    def _note(self, tasks: Sequence[Task]) -> None:
        try:
            self.note(tasks)
        except Exception:  # what is stored is stored, and its callers are told
            logger.exception("what was remembered of the database was dropped")
            self.drop_all()

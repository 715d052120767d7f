"""See to it that what was forgotten leaves no byte behind: now if that can be, else as soon as it
can.

On SQLite that rewrites the file, and nobody can write meanwhile. So all who were forgotten since
the last rewrite share the next one, and there is at most one in so many minutes.

What was sealed with keys of its own is unreadable as soon as these are destroyed, which comes first
and takes milliseconds. Then the file is rewritten for the ids, times and counts that are left of
it, at a quiet time: when nothing was stored for a while, or after a week.

What is still to be seen to lies in the database, and so does when the file was last rewritten. So
another process, or the next start, goes on with it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from session_plugin.checks import DAY, MINUTE
from session_plugin.database.database import Database
from session_plugin.database.engine import Engine, Purged, Tx
from session_plugin.errors import SessionError
from session_plugin.logs import FieldLogger
from session_plugin.records.upkeep import marks
from session_plugin.upkeep.key_destroyer import KeyDestroyer

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds between tries, each pause twice as long as the one before it."""
QUIET_SECONDS = 120.0
"""Seconds without anything stored, as far as this process knows, after which the file is rewritten
for what is unreadable already.
"""
LONGEST_WAIT = 7 * DAY
"""Seconds after which it is rewritten for that even if it was never quiet."""
TRIED_AGAIN = "what was forgotten is still in the database's file, and is tried again: %(error)s"

logger = FieldLogger("session_plugin.hub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What is to be erased.

    Args:
        newest: The number of the newest erasure; None if there is none.
        urgent: How many of them can be read until the file is rewritten.
        oldest_at: When the first of all was noted.
    """

    newest: int | None
    urgent: int
    oldest_at: float


@dataclass(frozen=True, slots=True)
class Erasure:
    """What came of a try.

    Args:
        is_done: Nothing is left to be done.
        seconds: When the next rewrite of the file is due; 0 where none is, or where it waits for
            others to leave the file.
        is_unreadable: What is left in the file was sealed with keys that are destroyed.
    """

    is_done: bool
    seconds: float = 0.0
    is_unreadable: bool = False


class Eraser:
    """One hub's erasing."""

    def __init__(
        self,
        database: Database,
        *,
        keys: KeyDestroyer,
        clock: Callable[[], float],
        minutes: float,
    ) -> None:
        """Erase in `database` what is marked there, in one rewrite in so many minutes at most, and
        destroy `keys` before.
        """
        self._database = database
        self.keys = keys
        """Keys that are to be destroyed."""
        self._made_at = time.monotonic()
        self._clock = clock
        self._apart = minutes * MINUTE
        self._rewritten: tuple[Engine, int] | None = None
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            WeakKeyDictionary()
        )
        self._trying: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}
        self._woken: dict[asyncio.AbstractEventLoop, asyncio.Event] = {}
        self.pending = 0
        """Deletions whose bytes may still be in the file, when this hub last looked."""

    async def erase(self, *, at_once: bool = False) -> Erasure:
        """Erase what is to be erased, or go on with it in the background.

        Args:
            at_once: However lately the file was rewritten.
        """
        try:
            erasure = await self._try(at_once=at_once)
        except SessionError as error:
            logger.warning(TRIED_AGAIN, error=error)
            erasure = Erasure(is_done=False)

        if not erasure.is_done:
            self._keep_trying()

        return erasure

    async def go_on(self) -> None:
        """Take up what an earlier process did not come to, or what is due by now."""
        if (await self._look()).newest is not None or not await self.keys.destroy():
            self._keep_trying()

    async def _look(self) -> Pending:
        pending = await self._database.read(pending_erasures)
        self.pending = pending.urgent
        return pending

    async def stop(self) -> None:
        """Try no more, on whatever event loop; what is still to be done stays in the database."""
        here = asyncio.get_running_loop()
        for loop, task in list(self._trying.items()):
            if loop is here:
                task.cancel()
                await asyncio.wait({task})
            elif not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)

    async def _try(self, *, at_once: bool = False) -> Erasure:
        """Destroy keys, then erase, if it is time."""
        is_destroyed = await self.keys.destroy()
        seconds = 0.0 if at_once else await self._seconds_to_wait()
        if seconds and is_destroyed:
            return Erasure(is_done=False, seconds=seconds, is_unreadable=True)

        erasure = Erasure(is_done=True) if seconds else await self._erase_in_turn(at_once=at_once)
        return erasure if is_destroyed else replace(erasure, is_done=False, is_unreadable=False)

    async def _seconds_to_wait(self) -> float:
        """Return how long the file is left alone because nothing in it can be read that was
        forgotten.
        """
        pending = await self._look()
        engine = await self._database.open()
        is_late = self._clock() >= pending.oldest_at + LONGEST_WAIT
        if pending.newest is None or pending.urgent or is_late or not engine.must_rewrite:
            return 0.0

        quiet = time.monotonic() - max(engine.committed_at, self._made_at)
        return max(0.0, QUIET_SECONDS - quiet)

    async def _erase_in_turn(self, *, at_once: bool) -> Erasure:
        """Erase; who waits for the lock finds it done, or shares what is next.

        What has begun is finished even if the caller is cancelled, as the engine does when it
        closes: what is noted in the database has to be true.
        """
        async with self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            pending = await self._look()
            if pending.newest is None:
                return Erasure(is_done=True)

            apart = 0.0 if at_once else self._apart
            erasing = asyncio.ensure_future(self._erase(pending.newest, apart=apart))
            try:
                erasure = await asyncio.shield(erasing)
            except asyncio.CancelledError:
                await asyncio.wait({erasing})
                raise

            return replace(erasure, is_unreadable=not pending.urgent)

    async def _erase(self, newest: int, *, apart: float) -> Erasure:
        engine = await self._database.open()
        is_rewritten = self._is_rewritten(engine, newest)
        if engine.must_rewrite and not is_rewritten:
            erasure = await self._rewrite(engine, newest, apart=apart)
        else:
            purged = await self._database.purge(is_rewritten=is_rewritten)
            erasure = Erasure(is_done=purged is Purged.ALL)

        if erasure.is_done:
            await self._database.write(drop_erasures, newest)
            self.pending = 0

        return erasure

    def _is_rewritten(self, engine: Engine, newest: int) -> bool:
        """Check whether the file was rewritten after all that is to be erased was deleted."""
        return (
            self._rewritten is not None
            and self._rewritten[0] is engine
            and newest <= self._rewritten[1]
        )

    async def _rewrite(self, engine: Engine, newest: int, *, apart: float) -> Erasure:
        """Rewrite the file, unless that was done less than `apart` seconds ago."""
        now = self._clock()
        turn = await self._database.write(marks.take_turn, marks.REWRITTEN, now=now, apart=apart)
        if turn.seconds:
            return Erasure(is_done=False, seconds=turn.seconds)

        purged = Purged.NOTHING
        try:
            purged = await self._database.purge()
        finally:
            if purged is Purged.NOTHING:
                await self._database.write(marks.put, marks.REWRITTEN, turn.before)

        if purged is not Purged.NOTHING:
            self._rewritten = engine, newest

        return Erasure(is_done=purged is Purged.ALL)

    def _keep_trying(self) -> None:
        loop = asyncio.get_running_loop()
        if loop in self._trying:
            self._woken[loop].set()
            return

        self._woken[loop] = asyncio.Event()
        self._trying[loop] = task = loop.create_task(self._until_done(self._woken[loop]))
        task.add_done_callback(lambda _: self._trying.pop(loop, None))

    async def _until_done(self, woken: asyncio.Event) -> None:
        pause = FIRST_PAUSE
        while self._database.is_open:
            seconds = 0.0
            woken.clear()
            try:
                erasure = await self._try()
                if erasure.is_done:
                    logger.info("what was forgotten has left the database's file")
                    return
                seconds = erasure.seconds
            except SessionError as error:
                logger.warning(TRIED_AGAIN, error=error)

            with suppress(TimeoutError):  # a longer wait is cut: the clock may be set meanwhile
                async with asyncio.timeout(min(seconds or pause, LONGEST_PAUSE)):
                    await woken.wait()

            pause = FIRST_PAUSE if seconds else min(2 * pause, LONGEST_PAUSE)


def pending_erasures(tx: Tx) -> Pending:
    """Return what has not been seen to."""
    row = tx.one("pending_erasures")
    return Pending(
        newest=row["erasure_no"], urgent=row["pending"], oldest_at=row["oldest_at"] or 0.0
    )


def drop_erasures(tx: Tx, erasure_no: int) -> None:
    """Note that all erasures up to this one have been seen to."""
    tx.run("drop_erasures", erasure_no=erasure_no)

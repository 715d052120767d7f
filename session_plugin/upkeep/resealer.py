"""Seal what was stored before encryption was turned on, or open it again after it was turned off,
while the bot goes on.

Pieces are short, and others may write between them for as long as one takes. Of several processes
one at a time does it; whichever comes next goes on where it stopped, also after a kill.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress

from session_plugin.database.database import Database
from session_plugin.encryption.sealing import STATE_SECONDS, Sealing
from session_plugin.errors import DatabaseRefused, SessionError
from session_plugin.logs import FieldLogger
from session_plugin.records.upkeep import encryption_state, resealing, work_leases
from session_plugin.records.upkeep.encryption_state import BEFORE_ALL
from session_plugin.records.upkeep.resealing import TABLES, Piece, Table, Wanted
from session_plugin.upkeep.eraser import Eraser
from session_plugin.upkeep.lone_task import LoneTask

LEASE, LEASE_SECONDS = "encryption", 10.0
"""If its holder dies, others wait no longer than that; nothing goes wrong if two are at it."""
FIRST_ROWS, MOST_ROWS = 50, 1000
LONG_PIECE, SHORT_PIECE = 0.015, 0.007
"""Seconds that a piece holds the writer: those of more get fewer rows, those of less get more."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 0.2
"""Seconds in which others may write, for as long as a piece has taken with its COMMIT."""
OTHERS_FOLLOW = STATE_SECONDS + 5.0
"""Seconds after which every other process seals what it writes, or does not any more."""

logger = FieldLogger("session_plugin.encryption")


class Resealer:
    """One hub's sealing of older rows."""

    def __init__(
        self,
        database: Database,
        *,
        sealing: Callable[[], Sealing | None],
        eraser: Eraser,
        clock: Callable[[], float],
    ) -> None:
        """Do what the database says, with the keys of `sealing`; None where there are none."""
        self._database = database
        self._sealing = sealing
        self._eraser = eraser
        self._clock = clock
        self._holder = uuid.uuid4().hex
        self._task = LoneTask()
        self._leased_at = 0.0
        self._left = 0
        """Cells that could not be opened, when that was last counted."""

    def begin(self) -> None:
        """Begin in the background what an opening has asked for."""
        if self._sealing() is not None:
            self.start()

    def start(self) -> None:
        """Go on in the background, on the running event loop, unless that is under way."""
        if not self._task.is_running:
            self._task.start(self._attempt())

    async def stop(self) -> None:
        """Go on no more; the next process does, or the next start."""
        await self._task.stop()

    async def run(self) -> None:
        """Go on until all is sealed, or opened; return at once where another process is at it."""
        await self._task.wait()
        await self._run()

    async def _attempt(self) -> None:
        is_done = False
        while not is_done:
            try:
                is_done = await self._run()
            except DatabaseRefused as error:
                logger.warning("what is stored cannot be sealed: %(error)s", error=error)
                return
            except SessionError as error:
                logger.warning(
                    "sealing what is stored was interrupted, and goes on: %(error)s", error=error
                )
            except Exception:
                logger.exception("sealing what is stored failed, and upkeep tries again")
                return

            if not is_done:
                await asyncio.sleep(LEASE_SECONDS)
                is_done = not self._database.is_open

    async def _run(self) -> bool:
        """Do what is to be done; return False where another process is at it."""
        known = await self._database.read(encryption_state.find)
        sealing = self._sealing()
        if known is not None and sealing is None:
            await self._give_up()
        if known is None or sealing is None or known.state == "sealed":
            return True
        if not await self._take_lease():
            return False

        try:
            if known.state == "sealing":
                await self._seal()
            else:
                await self._open()
        finally:
            with suppress(SessionError):
                await self._database.write(work_leases.release, self._lease())

        return True

    async def _give_up(self) -> None:
        """Close a database that another process has encrypted meanwhile: it is refused then, where
        it would be written plain.
        """
        logger.error(
            "the database was encrypted while this process used it without keys; it is refused "
            "from now on. Restart with encryption=Keys(...)."
        )
        await asyncio.to_thread(self._database.close)

    def _lease(self) -> work_leases.WorkLease:
        return work_leases.WorkLease(
            name=LEASE, holder=self._holder, now=self._clock(), seconds=LEASE_SECONDS
        )

    async def _take_lease(self) -> bool:
        self._leased_at = time.monotonic()
        return await self._database.write(work_leases.take, self._lease())

    async def _still_has_lease(self) -> bool:
        is_fresh = time.monotonic() - self._leased_at < LEASE_SECONDS / 4
        return is_fresh or await self._take_lease()

    async def _seal(self) -> None:
        logger.info("what was stored before encryption is being sealed")
        for is_first in (True, False):
            if not await self._go_through_until_others_follow("sealing"):
                return

            left = await self._database.read(resealing.count_plain)
            if not left:
                if await self._database.write(resealing.finish_sealing, now=self._clock()):
                    logger.info("all that is stored is sealed; the file is rewritten once")
                    await self._eraser.erase()
                return

            if not is_first:  # by then, every process that has keys seals
                logger.warning(
                    "%(cells)d cells were written plain meanwhile: another process uses the "
                    "database without keys. Restart it with them; what it wrote is sealed, too.",
                    cells=left,
                )
            await self._database.write(resealing.begin_again, "sealing")

    async def _open(self) -> None:
        logger.info("what is sealed is being opened: encryption is turned off")
        while await self._go_through_until_others_follow("opening"):
            left = await self._database.read(resealing.count_sealed)
            if not left:
                if await self._eraser.keys.destroy() and await self._database.write(resealing.end):
                    logger.info("nothing is sealed any more; copies of before need the key store")
                return

            if left == self._left:  # they were not written meanwhile, by a process that followed
                logger.warning(
                    "%(cells)d sealed cells cannot be opened, since their keys are missing; they "
                    "are left as they are, and encryption does not end. Give the store of keys "
                    "that has them.",
                    cells=left,
                )
                return

            self._left = left
            await self._database.write(resealing.begin_again, "opening")

    async def _go_through_until_others_follow(self, wanted: Wanted) -> bool:
        """Do what `_go_through` does, and wait for what others write meanwhile."""
        others_follow_at = time.monotonic() + OTHERS_FOLLOW
        if not await self._go_through(wanted):
            return False

        await asyncio.sleep(others_follow_at - time.monotonic())
        return True

    async def _go_through(self, wanted: Wanted) -> bool:
        """Go through all tables; return False where it is not wanted any more, or another process
        has taken it over.
        """
        for table in TABLES:
            if not await self._pieces(self._of_table(wanted, table)):
                return False

        return await self._pieces(self._of_messages(wanted)) and await self._pieces(
            self._of_vectors(wanted)
        )

    def _of_table(self, wanted: Wanted, table: Table) -> Callable[[int], Awaitable[Piece]]:
        after = table.first

        async def write(limit: int) -> Piece:
            nonlocal after
            piece = await self._database.write(
                resealing.reseal_table, wanted, table, after, limit=limit
            )
            if piece.last:
                after = piece.last[0]
            return piece

        return write

    def _of_messages(self, wanted: Wanted) -> Callable[[int], Awaitable[Piece]]:
        async def write(limit: int) -> Piece:
            return await self._database.write(resealing.reseal_messages, wanted, limit=limit)

        return write

    def _of_vectors(self, wanted: Wanted) -> Callable[[int], Awaitable[Piece]]:
        after = (BEFORE_ALL, BEFORE_ALL)

        async def write(limit: int) -> Piece:
            nonlocal after
            piece = await self._database.write(resealing.reseal_vectors, wanted, after, limit=limit)
            if piece.last:
                after = piece.last
            return piece

        return write

    async def _pieces(self, write: Callable[[int], Awaitable[Piece]]) -> bool:
        """Write pieces until none is left; return False where it is not to go on."""
        limit = FIRST_ROWS
        while True:
            began = time.monotonic()
            piece = await write(limit)
            took = time.monotonic() - began
            if not piece.is_wanted or not await self._still_has_lease():
                return False
            if not piece.rows:
                return True

            if piece.seconds > LONG_PIECE:
                limit = max(1, limit // 2)
            elif piece.seconds < SHORT_PIECE:
                limit = min(MOST_ROWS, limit * 2)
            await asyncio.sleep(min(max(took, SHORTEST_PAUSE), LONGEST_PAUSE))

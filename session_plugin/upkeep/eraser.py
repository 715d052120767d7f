"""See to it that what was forgotten leaves no byte behind, now if that can be, else again and again
until it has been done.

What is still to be seen to lies in the database, so another process, or the next start, goes on
with it.
"""

from __future__ import annotations

import asyncio
import logging

from session_plugin.database.database import Database
from session_plugin.database.engine import Tx
from session_plugin.errors import SessionError

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds between tries, each pause twice as long as the one before it."""

logger = logging.getLogger("session_plugin.hub")


class Eraser:
    """One hub's erasing."""

    def __init__(self, database: Database) -> None:
        """Erase in `database` what is marked there."""
        self._database = database
        self._trying: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}

    async def erase(self) -> bool:
        """Erase what is to be erased; False if it could not be done now, and is tried again in the
        background.
        """
        try:
            is_done = await self._try()
        except SessionError as error:
            logger.warning(
                "what was forgotten is still in the database's file, and is tried again: %s", error
            )
            is_done = False
        if not is_done:
            self._keep_trying()
        return is_done

    async def go_on(self) -> None:
        """Take up what an earlier process did not come to."""
        if await self._database.read(newest_erasure) is not None:
            self._keep_trying()

    async def stop(self) -> None:
        """Try no more, on whatever event loop; what is still to be done stays in the database."""
        here = asyncio.get_running_loop()
        for loop, task in list(self._trying.items()):
            if loop is here:
                task.cancel()
                await asyncio.wait({task})
            elif not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)

    async def _try(self) -> bool:
        newest = await self._database.read(newest_erasure)
        if newest is None:
            return True
        if not await self._database.purge():
            return False
        await self._database.write(drop_erasures, newest)
        return True

    def _keep_trying(self) -> None:
        loop = asyncio.get_running_loop()
        if loop not in self._trying:
            self._trying[loop] = task = loop.create_task(self._until_done())
            task.add_done_callback(lambda _: self._trying.pop(loop, None))

    async def _until_done(self) -> None:
        pause = FIRST_PAUSE
        while self._database.is_open:
            try:
                if await self._try():
                    logger.info("what was forgotten has left the database's file")
                    return
            except SessionError as error:
                logger.warning(
                    "what was forgotten is still in the database's file, and is tried again: %s",
                    error,
                )
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def newest_erasure(tx: Tx) -> int | None:
    """Return the number of the newest erasure that has not been seen to; None if all have."""
    number: int | None = tx.one("newest_erasure")["erasure_no"]
    return number


def drop_erasures(tx: Tx, erasure_no: int) -> None:
    """Note that all erasures up to this one have been seen to."""
    tx.run("drop_erasures", erasure_no=erasure_no)

"""See to it that keys which the database counts as destroyed are destroyed in the key store, and
are used by no process any more.

What is still to be done lies in the database, so another process, or the next start, goes on with
it. Knows the key store of one database; does not know whose the keys were.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from session_plugin.checks import DAY
from session_plugin.database.database import Database
from session_plugin.encryption.sealing import Sealing
from session_plugin.errors import SessionError
from session_plugin.logs import FieldLogger
from session_plugin.records.people import data_keys
from session_plugin.records.upkeep import marks

logger = FieldLogger("session_plugin.encryption")


class KeyDestroyer:
    """The destroying of one hub's database's keys; nothing where nothing is sealed."""

    def __init__(
        self,
        database: Database,
        *,
        sealing: Callable[[], Sealing | None],
        clock: Callable[[], float],
    ) -> None:
        """Destroy what `database` says; `sealing` has its keys once it is open."""
        self._database = database
        self._sealing = sealing
        self._clock = clock
        self._checked = 0

    async def destroy(self) -> bool:
        """Destroy what is still to be destroyed; return whether none is left.

        False while the key store or the database cannot be reached.
        """
        try:
            await self._destroy()
        except SessionError as error:
            logger.warning(
                "keys of what was forgotten are still in the key store, and are destroyed as soon "
                "as it can be reached: %(error)s",
                error=error,
            )
            return False
        except Exception:  # a store of the author's own
            logger.exception("the key store failed to destroy keys, and is asked again")
            return False

        return True

    async def _destroy(self) -> None:
        sealing = await self._opened()
        if sealing is None:
            return

        while key_ids := await self._database.read(data_keys.to_destroy):
            await asyncio.to_thread(sealing.ring.destroy, key_ids)
            await self._database.write(data_keys.note_destroyed, key_ids)

    async def drop(self) -> None:
        """Forget keys, here in memory, that another process has destroyed."""
        sealing = await self._opened()
        if sealing is not None:
            await self._database.read(sealing.drop_destroyed)

    async def check(self) -> None:
        """Destroy again what was destroyed before, where the key store has it: one does that was
        put back from a copy.
        """
        try:
            found = await self._check()
        except SessionError as error:
            logger.warning(
                "whether the key store has keys that were destroyed is looked at later: %(error)s",
                error=error,
            )
        except Exception:  # a store of the author's own
            logger.exception("the key store failed to say which keys it has")
        else:
            self._checked = 0
            if found:
                logger.warning(
                    "the key store had %(keys)d keys that were destroyed before, so it was put "
                    "back from a copy; they are destroyed again",
                    keys=found,
                )

    async def _check(self) -> int:
        sealing, found = await self._opened(), 0
        if sealing is None:
            return 0

        while (piece := await self._database.read(data_keys.destroyed_after, self._checked)).last:
            if piece.done:
                found += await asyncio.to_thread(sealing.ring.destroy_again, piece.done)
            self._checked = piece.last

        return found

    async def sweep(self) -> None:
        """Destroy, once a day, the keys of what was removed otherwise than by forgetting, and those
        that came back with a copy of the key store.
        """
        if await self._opened() is None:
            return

        now = self._clock()
        swept_at = await self._database.read(marks.find, marks.SWEPT)
        if marks.seconds_left(swept_at, now=now, apart=DAY):
            return
        await self._database.write(marks.put, marks.SWEPT, now)

        await self.check()
        after: bytes | None = data_keys.FIRST_KEY
        count = 0
        while after is not None:
            owners = await self._database.read(data_keys.owners, after)
            if owners.gone:
                count += await self._database.write(data_keys.sweep, after, now=now)
            after = owners.following

        if count:
            logger.info("keys that seal nothing any more are destroyed: %(keys)d", keys=count)
            await self.destroy()

    async def _opened(self) -> Sealing | None:
        """Return what has the keys of the database, which is opened if need be."""
        await self._database.open()
        return self._sealing()

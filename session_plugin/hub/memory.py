"""A hub's memory over time: summaries, retention, status, copies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from session_plugin.database.copying import copy_database
from session_plugin.errors import UnknownSession
from session_plugin.hub.assembly import HubParts
from session_plugin.model import Summary
from session_plugin.records.conversation import sessions
from session_plugin.records.upkeep import decay, status, summaries
from session_plugin.reports import CopyReport, DecayReport, HubStatus, OnProgress


class Memory:
    """Consolidation, decay, and what the passing of time asks for."""

    _parts: HubParts

    async def consolidate(
        self, session_id: str, *, progress: OnProgress | None = None
    ) -> Summary | None:
        """Put a summary in front of the oldest half of a session's messages, which stay readable.

        None where nothing is done: too few messages (half the threshold or fewer), a summariser
        that failed or gave nothing useful, a message under it that changed meanwhile, another
        process that is at it. A session that waits after failures is tried all the same.

        Args:
            session_id: Which session.
            progress: Called after each piece that a summariser has summed up.

        Raises:
            UnknownSession: no session has this id.
        """
        return await self._parts.consolidator.consolidate(
            await self._session_no(session_id), is_asked_for=True, progress=progress
        )

    async def undo_consolidation(self, session_id: str) -> bool:
        """Take back a session's newest summary: what stood before it counts again, its messages or
        the summary before.

        False where there is none. A session that is over its threshold then is consolidated anew
        with the next message.

        Raises:
            UnknownSession: no session has this id.
        """
        session_no = await self._session_no(session_id)
        is_undone = await self._parts.database.write(summaries.undo, session_no)
        if is_undone:
            self._parts.counters.consolidations.add("undone")
        self._parts.consolidator.renew((session_no,))

        return is_undone

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text: by the first plugin whose `session_count_tokens` can tell,
        else by an estimate.
        """
        return await self._parts.tokens.count(texts)

    async def _session_no(self, session_id: str) -> int:
        session_no = await self._parts.database.read(sessions.session_no_of, session_id)
        if session_no is None:
            raise UnknownSession(f"no session has the id {session_id!r}")
        return session_no

    async def pin(self, session_id: str, *, is_pinned: bool = True) -> None:
        """Keep a session from retention, or no longer. It still ends as any other, and people can
        still have it erased.

        Raises:
            UnknownSession: no session has this id.
        """
        session_no = await self._session_no(session_id)
        await self._parts.database.write(decay.pin, session_no, is_pinned=is_pinned)

    async def decay(
        self,
        *,
        dry_run: bool = False,
        confirm_clock: bool = False,
        progress: OnProgress | None = None,
    ) -> DecayReport:
        """Remove what was received longer ago than its retention, in pieces that never hold the
        writer long.

        Archive, summaries and remembered deletions go like everything else; pinned sessions stay.

        Nothing is removed, and the report says `is_held`, while the clock may be wrong: it is more
        than a day from the last round of upkeep, or new messages' platforms contradict it. That
        ends once a new message's platform agrees with it, or after a day without contradiction.

        Args:
            dry_run: Remove nothing; say what would go, and why.
            confirm_clock: The clock is right, so go on.
            progress: Called after each piece.
        """
        if dry_run:
            return await self._parts.upkeep.count_old()

        return await self._parts.upkeep.decay(progress=progress, confirm_clock=confirm_clock)

    async def end_silent(self) -> int:
        """End the sessions whose time is over although nobody writes to them; return how many."""
        return await self._parts.upkeep.end_silent()

    async def status(self) -> HubStatus:
        """Return how the hub is: how much it keeps, what waits, what fails. It looks at every
        session, so ask now and then.

        People and messages are counted at the same time, by two readings, each as of its beginning.
        """
        settings, database = self._parts.settings, self._parts.database
        people, messages = await asyncio.gather(
            database.read(status.count_people, settings.bot, now=settings.clock()),
            database.read(
                status.count_messages, settings.bot, threshold=settings.consolidation_threshold
            ),
        )
        return HubStatus(
            database=(await database.open()).url,
            waiting=self._parts.intake.waiting,
            dropped=self._parts.intake.dropped,
            postponed=self._parts.postponed.waiting,
            plugins=self._parts.plugins.status(),
            **{name: getattr(part, name) for part in (people, messages) for name in part.__slots__},
        )

    async def backup(self, path: str | Path, *, progress: OnProgress | None = None) -> CopyReport:
        """Copy all that is stored by now into a new SQLite file, for its owner only, while the bot
        goes on.

        The file opens as a hub of its own, on whichever backend this one is, and
        `restore_database` puts it in place. The secret beside an SQLite file is not in it, but is
        needed where anybody was forgotten.

        Args:
            path: Where; nothing may be there yet.
            progress: Called with how far it is, on another thread.

        Returns:
            How many rows of each kind are in the copy.

        Raises:
            DatabaseRefused: there is something at `path` already, it cannot be created, or this hub
                is in memory.
        """
        await self._parts.database.open()
        return await asyncio.to_thread(
            copy_database, self._parts.database.path, path, progress=progress
        )

    async def upkeep(self, *, confirm_clock: bool = False) -> None:
        """Do now what the open hub does every `upkeep_minutes`: end silent sessions, decay, make
        summaries again.

        What another process that has ended did not come to erase is erased, too. What is stored
        plain in a database that is encrypted is sealed, or opened again if that was turned off.

        Args:
            confirm_clock: As for `decay`.
        """
        await self._parts.upkeep.run(confirm_clock=confirm_clock)
        await self._parts.resealer.run()

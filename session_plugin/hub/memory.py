"""A hub's memory over time: summaries in front of old messages, and what is past its retention."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from session_plugin.checks import MINUTE
from session_plugin.database.copying import copy_database
from session_plugin.database.engine import Tx
from session_plugin.errors import UnknownSession
from session_plugin.hub.base import HubBase
from session_plugin.model import STORE_CHANNEL, Summary
from session_plugin.records.conversation import messages, sessions
from session_plugin.records.people import attempts
from session_plugin.records.upkeep import decay as decaying
from session_plugin.records.upkeep import status as counting
from session_plugin.records.upkeep import summaries, work_leases
from session_plugin.reports import DecayReport, HubStatus, ImportReport, OnProgress, Progress
from session_plugin.rules.policies import policy_of
from session_plugin.store import import_operations
from session_plugin.store.importing import Import

A = TypeVar("A")
SILENT_AT_ONCE = 50
"""Sessions ended in one transaction."""
WITHDRAWN_AT_ONCE = 100
"""Summaries made again in one round of upkeep."""

logger = logging.getLogger("session_plugin.hub")


class Memory(HubBase):
    """Consolidation, decay, and what the passing of time asks for."""

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
        return await self._consolidator.consolidate(
            await self._numbered(session_id), is_asked_for=True, progress=progress
        )

    async def undo_consolidation(self, session_id: str) -> bool:
        """Take back a session's newest summary: what stood before it counts again, its messages or
        the summary before.

        False where there is none. A session that is over its threshold then is consolidated anew
        with the next message.

        Raises:
            UnknownSession: no session has this id.
        """
        session_no = await self._numbered(session_id)
        is_undone = await self._write(summaries.undo, session_no)
        self._renew_summaries((session_no,))
        return is_undone

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text: by the first plugin whose `session_count_tokens` can tell,
        else by an estimate.
        """
        return await self._tokens.count(texts)

    async def _numbered(self, session_id: str) -> int:
        session_no = await self._read(sessions.session_no_of, session_id)
        if session_no is None:
            raise UnknownSession(f"no session has the id {session_id!r}")
        return session_no

    def _when_due(self, outcome: messages.RecordResult, text: str) -> None:
        """Consolidate a session that has grown over a limit, after its message is acknowledged."""
        if (
            outcome.session_no is not None
            and outcome.live_count
            and self._consolidator.may_be_due(outcome.live_count)
        ):
            grown = self._consolidator.grew(
                outcome.session_no, live_count=outcome.live_count, text=text
            )
            self._in_background(grown)

    def _renew_summaries(self, session_nos: Iterable[int]) -> None:
        """Make summaries again whose messages have changed."""
        for session_no in session_nos:
            self._in_background(self._consolidator.consolidate(session_no, is_renewal=True))

    async def pin(self, session_id: str, *, is_pinned: bool = True) -> None:
        """Keep a session from retention, or no longer. It still ends as any other, and people can
        still have it erased.

        Raises:
            UnknownSession: no session has this id.
        """
        await self._write(decaying.pin, (await self._numbered(session_id), is_pinned))

    async def decay(
        self, *, dry_run: bool = False, progress: OnProgress | None = None
    ) -> DecayReport:
        """Remove what was received longer ago than its retention, in pieces that never hold the
        writer long.

        Archive, summaries and remembered deletions go like everything else; pinned sessions stay.

        Args:
            dry_run: Remove nothing; say what would go, and why.
            progress: Called after each piece.
        """
        retentions = decaying.Retentions(
            context=self.operation_context(), policies=self._retentions
        )
        if dry_run:
            return await self._read(decaying.count_old, retentions)
        await self.end_silent()
        parts = []
        for cutoff in await self._read(decaying.cutoffs, retentions):
            messages = await self._in_pieces(decaying.remove_messages, cutoff, "messages", progress)
            tombstones = await self._in_pieces(
                decaying.remove_tombstones, cutoff, "tombstones", progress
            )
            parts.append(decaying.part_of(cutoff, messages=messages, tombstones=tombstones))
        sessions = 0
        while count := await self._remove_sessions(retentions, sessions, progress):
            sessions += count  # those that were joined into one that went can go now, too
        report = decaying.report_of(parts, sessions=sessions)
        if report != DecayReport():
            logger.info(
                "decay removed %d messages and %d sessions", report.messages, report.sessions
            )
        return report

    async def _in_pieces(
        self, operation: Callable[[Tx, A], int], argument: A, what: str, progress: OnProgress | None
    ) -> int:
        total = 0
        while count := await self._write(operation, argument):
            total += count
            if progress is not None:
                progress(Progress(what=what, done=total))
        return total

    async def _remove_sessions(
        self, retentions: decaying.Retentions, before: int, progress: OnProgress | None
    ) -> int:
        total, after = 0, 0
        while True:
            count, following = await self._write(decaying.remove_sessions, (retentions, after))
            total += count
            if progress is not None and count:
                progress(Progress(what="sessions", done=before + total))
            if following is None:
                return total
            after = following

    async def end_silent(self) -> int:
        """End the sessions whose time is over, though nobody writes to them any more; tell how
        many.
        """
        context, after, total = self.operation_context(), 0, 0
        while session_nos := await self._read(
            sessions.seemingly_live, (context, after, SILENT_AT_ONCE)
        ):
            after = session_nos[-1]
            is_heard = self._plugins.has("session_on_end")
            total += await self._announced(
                sessions.end_those_over, (context, session_nos, is_heard)
            )
        return total

    async def status(self) -> HubStatus:
        """Say how the hub is: how much it keeps, what waits, what fails. It looks at every session,
        so ask now and then.
        """
        counts = await self._read(counting.count, (self.bot, self._threshold))
        return HubStatus(
            database=(await self._open()).url,
            waiting=self._intake.waiting,
            dropped=self._intake.dropped,
            plugins=self._plugins.status(),
            **{name: getattr(counts, name) for name in counting.Counts.__slots__},
        )

    async def backup(self, path: str | Path, *, progress: OnProgress | None = None) -> None:
        """Copy all that is stored by now into a new SQLite file, for its owner only, while the bot
        goes on.

        The file opens as a hub of its own, on whichever backend this one is. The secret beside an
        SQLite file is not in it.

        Args:
            path: Where; nothing may be there yet.
            progress: Told how far it is, on a thread of its own.

        Raises:
            DatabaseRefused: there is something at `path` already, it cannot be created, or this hub
                is in memory.
        """
        await self._open()
        await asyncio.to_thread(copy_database, self._engine.database, path, progress=progress)

    async def import_original(
        self, path: str | Path, *, progress: OnProgress | None = None
    ) -> ImportReport:
        """Take in what the original SessionStore kept in its `sessions.db`, which is left
        untouched.

        Its users are users here, under the same ids, and `store()` finds their sessions under the
        same ids. Times and order stay; a summary is a summary again. It can be run again, and takes
        in what came since. Hooks are told of none of it. Best done before the bot first runs: what
        is said earlier comes before it in the order.

        Args:
            path: The original's file.
            progress: Called after each piece.

        Raises:
            DatabaseRefused: it is no database of the original's, or damaged.
        """
        before = policy_of(self._retentions, STORE_CHANNEL, "direct").before(
            self.operation_context().now
        )
        import_ = Import(path, before=before, progress=progress)
        await asyncio.to_thread(import_.open)
        try:
            while (piece := await asyncio.to_thread(import_.next_piece)) is not None:
                import_.note(
                    piece,
                    await self._write(import_operations.take_in, (self.operation_context(), piece)),
                )
        finally:
            await asyncio.to_thread(import_.close)
        return import_.report()

    async def upkeep(self) -> None:
        """Do now what the open hub does every `upkeep_minutes`: end silent sessions, decay, make
        summaries again.

        What another process that has ended did not come to erase is erased, too.
        """
        await self.decay()
        await self._eraser.go_on()
        await self._write(attempts.drop_old, self.operation_context())
        for session_no in await self._read(
            summaries.withdrawn, (self.bot, self._clock(), WITHDRAWN_AT_ONCE)
        ):
            await self._consolidator.consolidate(session_no, is_renewal=True)

    async def _take_turn(self) -> None:
        """Make a round of upkeep, unless another process made one lately."""
        assert self._upkeep_minutes is not None
        seconds = self._upkeep_minutes * MINUTE / 2
        claim = work_leases.Claim(
            name=f"upkeep:{self.bot}", holder=self._holder, now=self._clock(), seconds=seconds
        )
        if await self._write(work_leases.take, claim):
            await self.upkeep()

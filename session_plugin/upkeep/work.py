"""The work of a round of upkeep: end silent sessions, apply retention, erase, renew summaries.

Of several processes on one database, one at a time does it. Knows operations and the consolidator;
knows not when it is called.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from session_plugin.announcing.announcer import Announcer
from session_plugin.checks import MINUTE
from session_plugin.database.database import Database
from session_plugin.database.engine import Tx
from session_plugin.plugins.manager import Plugins
from session_plugin.records.conversation import sessions
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import attempts
from session_plugin.records.upkeep import decay, summaries, work_leases
from session_plugin.records.upkeep.decay import Retentions
from session_plugin.reports import DecayReport, OnProgress, Progress
from session_plugin.rules.policies import Retention
from session_plugin.upkeep.consolidator import Consolidator
from session_plugin.upkeep.eraser import Eraser

P = ParamSpec("P")

SILENT_AT_ONCE = 50
"""Sessions ended in one transaction."""
WITHDRAWN_AT_ONCE = 100
"""Summaries made again in one round of upkeep."""

logger = logging.getLogger("session_plugin.hub")


class UpkeepWork:
    """One hub's upkeep."""

    def __init__(
        self,
        *,
        database: Database,
        plugins: Plugins,
        announcer: Announcer,
        consolidator: Consolidator,
        eraser: Eraser,
        context: Callable[[], OperationContext],
        retentions: tuple[Retention, ...],
    ) -> None:
        """Keep what is in `database` within `retentions`."""
        self._database = database
        self._plugins = plugins
        self._announcer = announcer
        self._consolidator = consolidator
        self._eraser = eraser
        self._context = context
        self._retentions = retentions
        self._holder = uuid.uuid4().hex

    async def run(self) -> None:
        """Do everything a round does."""
        await self.decay()
        await self._eraser.go_on()
        context = self._context()
        await self._database.write(attempts.drop_old, context)

        withdrawn = await self._database.read(
            summaries.withdrawn, context.bot, now=context.now, limit=WITHDRAWN_AT_ONCE
        )
        for session_no in withdrawn:
            await self._consolidator.consolidate(session_no, is_renewal=True)

    async def run_unless_done(self, *, minutes: float) -> None:
        """Do everything a round does, unless another process did within half of `minutes`."""
        context = self._context()
        lease = work_leases.WorkLease(
            name=f"upkeep:{context.bot}",
            holder=self._holder,
            now=context.now,
            seconds=minutes * MINUTE / 2,
        )
        if await self._database.write(work_leases.take, lease):
            await self.run()

    async def end_silent(self) -> int:
        """End the sessions whose time is over although nobody writes to them; return how many."""
        context, after, total = self._context(), 0, 0
        while session_nos := await self._database.read(
            sessions.seemingly_live, context, after=after, limit=SILENT_AT_ONCE
        ):
            after = session_nos[-1]
            is_heard = self._plugins.has("session_on_end")
            total += await self._announcer.write(
                sessions.end_those_over, context, session_nos, is_heard=is_heard
            )
        return total

    async def count_old(self) -> DecayReport:
        """Return what `decay` would remove, and why."""
        return await self._database.read(decay.count_old, self._retentions_now())

    async def decay(self, *, progress: OnProgress | None = None) -> DecayReport:
        """Remove what is past its retention, in pieces that never hold the writer long."""
        retentions = self._retentions_now()
        await self.end_silent()

        rows = []
        for cutoff in await self._database.read(decay.cutoffs, retentions):
            messages = await self._in_pieces(
                "messages", progress, decay.remove_old_messages, cutoff
            )
            tombstones = await self._in_pieces(
                "tombstones", progress, decay.remove_tombstones, cutoff
            )
            rows.append(decay.part_of(cutoff, messages=messages, tombstones=tombstones))

        removed = 0
        while count := await self._remove_sessions(retentions, removed, progress):
            removed += count  # sessions that were joined into a removed one can go now, too

        report = decay.report_of(rows, sessions=removed)
        if report != DecayReport():
            logger.info(
                "decay removed %d messages and %d sessions", report.messages, report.sessions
            )
        return report

    def _retentions_now(self) -> Retentions:
        return Retentions(context=self._context(), policies=self._retentions)

    async def _in_pieces(
        self,
        what: str,
        progress: OnProgress | None,
        operation: Callable[Concatenate[Tx, P], int],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> int:
        total = 0
        while count := await self._database.write(operation, *args, **kwargs):
            total += count
            if progress is not None:
                progress(Progress(what=what, done=total))
        return total

    async def _remove_sessions(
        self, retentions: Retentions, before: int, progress: OnProgress | None
    ) -> int:
        total, after = 0, 0
        while True:
            count, following = await self._database.write(
                decay.remove_sessions, retentions, after=after
            )
            total += count
            if progress is not None and count:
                progress(Progress(what="sessions", done=before + total))
            if following is None:
                return total
            after = following

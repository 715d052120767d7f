"""The work of a round of upkeep: end silent sessions, apply retention, erase, renew summaries.

Of several processes on one database, one at a time does it. Knows operations and the consolidator;
knows not when it is called.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from session_plugin.announcing.announcer import Announcer
from session_plugin.checks import DAY, MINUTE
from session_plugin.database.database import Database
from session_plugin.database.engine import Tx
from session_plugin.logs import FieldLogger
from session_plugin.plugins.manager import Plugins
from session_plugin.records.conversation import sessions
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import attempts, audit, forgotten, notices
from session_plugin.records.upkeep import clocks, decay, summaries, work_leases
from session_plugin.records.upkeep.decay import Retentions
from session_plugin.reports import DecayReport, OnProgress, Progress
from session_plugin.rules.clocks import ClockState, PlatformTimes
from session_plugin.rules.numbers import FIRST
from session_plugin.rules.policies import Retention, longest
from session_plugin.upkeep.consolidator import Consolidator
from session_plugin.upkeep.eraser import Eraser

P = ParamSpec("P")

SILENT_AT_ONCE = 50
"""Sessions ended in one transaction."""
WITHDRAWN_AT_ONCE = 100
"""Summaries made again in one round of upkeep."""

logger = FieldLogger("session_plugin.hub")


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
        times: PlatformTimes,
        on_clock: Callable[[ClockState], None],
    ) -> None:
        """Keep what is in `database` within `retentions`, as far as the clock can be right.

        `times` is what platforms say of it; `on_clock` is told what is known of it after a round.
        """
        self._database = database
        self._plugins = plugins
        self._announcer = announcer
        self._consolidator = consolidator
        self._eraser = eraser
        self._context = context
        self._retentions = retentions
        self._times = times
        self._on_clock = on_clock
        self._holder = uuid.uuid4().hex

    async def run(self, *, confirm_clock: bool = False) -> None:
        """Do everything a round does."""
        report = await self.decay(confirm_clock=confirm_clock)
        await self._eraser.keys.drop()
        await self._eraser.keys.sweep()
        await self._eraser.go_on()
        context = self._context()
        if not report.is_held:
            await self._drop_old(context)

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
        else:
            await self._eraser.keys.drop()

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

    async def _drop_old(self, context: OperationContext) -> None:
        """Remove what is remembered of people's doings once it does not matter any more."""
        await self._database.write(attempts.drop_old, context)
        await self._database.write(notices.drop_old, context)
        await self._in_pieces("forgotten messages", None, forgotten.drop_old, context)

        days = longest(self._retentions)
        if days is not None:
            before = context.now - days * DAY
            await self._in_pieces("audit", None, audit.drop_old, before=before)

    async def _is_clock_trusted(self, *, confirm: bool) -> bool:
        """Check whether the clock can be right, so that what is old by it may be deleted."""
        now = self._context().now
        before = await self._database.read(clocks.find)
        found = await self._database.write(
            clocks.check, now=now, evidence=self._times.evidence(now), is_confirmed=confirm
        )
        self._on_clock(found)

        if found.is_trusted and not before.is_trusted:
            logger.info("the clock is believed again, and what is past its retention is deleted")

        if not found.is_trusted and before.is_trusted:
            leap = 0.0 if found.trusted_at is None else (now - found.trusted_at) / DAY
            logger.warning(
                "the clock is %(days)+.1f days from the last round of upkeep, or from the "
                "platforms' clocks: nothing is deleted until a new message's platform agrees with "
                "it, or it has gone on for a day. If it is right, call "
                "hub.decay(confirm_clock=True)",
                days=leap,
            )

        return found.is_trusted

    async def decay(
        self, *, progress: OnProgress | None = None, confirm_clock: bool = False
    ) -> DecayReport:
        """Remove what is past its retention, in pieces that never hold the writer long; nothing
        while the clock is in doubt.
        """
        await self.end_silent()
        if not await self._is_clock_trusted(confirm=confirm_clock):
            return DecayReport(is_held=True)

        retentions = self._retentions_now()

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
                "decay removed %(messages)d messages and %(sessions)d sessions",
                messages=report.messages,
                sessions=report.sessions,
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
        total, after = 0, FIRST
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

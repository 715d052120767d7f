"""The text of a summary: asked of plugins, piece by piece, or a digest.

If a plugin raises, hangs or answers nothing useful, nothing changes but the count of failures.
Knows plugins and operations; knows not when a summary is due.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from session_plugin.context.digest import DIGEST_BUDGET, DIGEST_NAME, digest
from session_plugin.context.marks import quoted
from session_plugin.counters import HubCounters
from session_plugin.database.database import Database
from session_plugin.errors import PluginError
from session_plugin.logs import FieldLogger
from session_plugin.model import Session, SessionMessage
from session_plugin.plugins.manager import Plugins
from session_plugin.records.conversation.sessions import session_data
from session_plugin.records.upkeep import summaries, work_leases
from session_plugin.reports import OnProgress, Progress
from session_plugin.rules.consolidation import fault_of, lease_name

MOST_AT_ONCE = 200
"""Messages that a plugin is given at once. A longer range, an archive that is summed up anew, comes
to it in pieces.
"""
LEASE_MARGIN = 30.0
"""Seconds that a lease outlasts the summariser: enough to put the summary in place."""

logger = FieldLogger("session_plugin.hub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a session is consolidated, and for how long its summariser is waited for."""

    messages: int
    tokens: int | None
    patience: float
    renews: bool = True
    """Whether summaries of changed sessions are made again; False leaves that to the bot."""


class SummaryMaker:
    """Makes the texts of one hub's summaries."""

    def __init__(
        self,
        plugins: Plugins,
        *,
        database: Database,
        clock: Callable[[], float],
        limits: Limits,
        counters: HubCounters,
    ) -> None:
        """Ask `plugins`; where none has an opinion, make a digest."""
        self._plugins = plugins
        self._database = database
        self._clock = clock
        self._limits = limits
        self._counters = counters
        self._holder = uuid.uuid4().hex

    @property
    def is_plugin(self) -> bool:
        """Whether a plugin is asked."""
        return self._plugins.has("session_summarize")

    def lease(self, session_no: int) -> work_leases.WorkLease:
        """Return the lease for summing up a session."""
        seconds = self._limits.patience + LEASE_MARGIN
        return work_leases.WorkLease(
            name=lease_name(session_no), holder=self._holder, now=self._clock(), seconds=seconds
        )

    def digests(self, plans: Iterable[summaries.Plan]) -> list[summaries.Written]:
        """Make a digest for each plan."""
        return [
            self._written(plan, self._digest(plan.messages, plan.previous), DIGEST_NAME)
            for plan in plans
        ]

    async def make(
        self, plan: summaries.Plan, progress: OnProgress | None
    ) -> summaries.Written | None:
        """Make a summary for a plan; None where that failed, or the session is gone.

        `progress` is called after each piece that a plugin has summed up.
        """
        if not self.is_plugin:
            return (await asyncio.to_thread(self.digests, [plan]))[0]

        session = await self._database.read(session_data, plan.session_no)
        if session is None:
            return None

        text, made_by = plan.previous, DIGEST_NAME
        for start in range(0, len(plan.messages), MOST_AT_ONCE):
            if start:
                await self._database.write(work_leases.take, self.lease(plan.session_no))

            piece = plan.messages[start : start + MOST_AT_ONCE]
            try:
                answer = await self._ask(session, piece, text)
            except PluginError as error:
                await self._note_failure(plan.session_no, session, str(error))
                return None

            if answer is None:
                left = plan.messages[start:]
                text, made_by = await asyncio.to_thread(self._digest, left, text), DIGEST_NAME
                break

            text, made_by = answer
            if progress is not None:
                total = len(plan.messages)
                done = min(start + MOST_AT_ONCE, total)
                progress(Progress(what="messages", done=done, total=total))

        assert text is not None

        return self._written(plan, text, made_by)

    def _written(self, plan: summaries.Plan, text: str, made_by: str) -> summaries.Written:
        return summaries.Written(plan=plan, text=text, made_by=made_by, made_at=self._clock())

    def _digest(self, messages: Sequence[SessionMessage], previous: str | None) -> str:
        """Sum up without a model; under a limit of tokens, in about a quarter of it, so that there
        is room again.
        """
        tokens = self._limits.tokens
        return digest(
            messages,
            previous,
            budget=DIGEST_BUDGET if tokens is None else min(DIGEST_BUDGET, tokens),
        )

    async def _ask(
        self, session: Session, messages: tuple[SessionMessage, ...], previous: str | None
    ) -> tuple[str, str] | None:
        """Ask the plugins for a summary: its text and who made it; None where none has an opinion.

        Raises:
            PluginError: it failed, or what it gave is no summary.
        """
        answer = await self._plugins.ask(
            "session_summarize",
            seconds=self._limits.patience,
            session=session,
            messages=messages,
            previous=previous,
        )
        if answer is None:
            return None

        longest = len(previous or "") + len(quoted(messages))
        fault = fault_of(answer.value, longest=longest)
        if fault is not None:
            self._plugins.note_failure(answer.plugin, "session_summarize")
            raise PluginError(f"plugin {answer.plugin} gave no usable summary: {fault}")

        return answer.value, answer.plugin

    async def _note_failure(self, session_no: int, session: Session, reason: str) -> None:
        self._counters.consolidations.add("failed")
        failures = await self._database.write(
            summaries.note_failure, session_no, reason=reason, now=self._clock()
        )
        if failures is not None:
            logger.warning(
                "session %(session_id)s could not be summed up (failure %(failures)d in a row), "
                "and nothing of it is changed: %(reason)s",
                session_id=session.session_id,
                failures=failures,
                reason=reason,
            )

"""Put summaries in front of old messages: plan, summarise outside any transaction, put in place if nothing changed.

If a summariser raises, hangs or answers nothing useful, nothing changes. Knows plugins and operations.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from session_plugin.announcer import Run
from session_plugin.errors import PluginError
from session_plugin.model import Summary
from session_plugin.plugins import Plugins
from session_plugin.records import summaries
from session_plugin.records.contexts import session_with_messages
from session_plugin.records.sessions import session_data
from session_plugin.rules.consolidation import DIGEST_NAME, digest

logger = logging.getLogger("session_plugin.hub")


class Consolidator:
    """One hub's consolidations; of one session, one at a time."""

    def __init__(self, plugins: Plugins, *, read: Run, write: Run, clock: Callable[[], float]) -> None:
        """Ask `plugins` for summaries; read and write by the hub's own ways to the database."""
        self._plugins = plugins
        self._read = read
        self._write = write
        self._clock = clock
        self._busy: set[int] = set()

    async def consolidate(self, session_no: int, *, threshold: int | None) -> Summary | None:
        """Put a summary in front of a session's oldest half; with no threshold, only make a withdrawn one again.

        None where nothing was changed, or somebody is at it already.
        """
        if session_no in self._busy:
            return None
        self._busy.add(session_no)
        try:
            request = summaries.PlanRequest(session_no=session_no, threshold=threshold)
            plan: summaries.Plan | None = await self._read(summaries.plan, request)
            written = None if plan is None else await self._summarise(plan)
            if written is None or not await self._write(summaries.put, written):
                return None
            summary: Summary | None = (await self._read(session_with_messages, session_no))[1]
            return summary
        finally:
            self._busy.discard(session_no)

    async def _summarise(self, plan: summaries.Plan) -> summaries.Written | None:
        session = await self._read(session_data, plan.session_no)
        try:
            answer = await self._plugins.ask(
                "session_summarize", session=session, messages=plan.messages, previous=plan.previous
            )
        except PluginError:
            return None
        if answer is None:
            text = await asyncio.to_thread(digest, plan.messages, plan.previous)
            return summaries.Written(plan=plan, text=text, made_by=DIGEST_NAME, made_at=self._clock())
        if not isinstance(answer.value, str) or not answer.value.strip():
            logger.warning("plugin %s gave no usable summary of a session; nothing is changed", answer.plugin)
            return None
        return summaries.Written(plan=plan, text=answer.value, made_by=answer.plugin, made_at=self._clock())

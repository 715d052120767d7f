"""A hub's memory over time: summaries in front of old messages, and what is past its retention."""

from __future__ import annotations

from collections.abc import Iterable

from session_plugin.errors import UnknownSession
from session_plugin.hub.base import HubBase
from session_plugin.model import DecayReport, Summary
from session_plugin.records import decay as decaying
from session_plugin.records import messages, sessions
from session_plugin.rules.settings import DAY


class Memory(HubBase):
    """Consolidation and decay."""

    async def consolidate(self, session_id: str) -> Summary | None:
        """Put a summary in front of the oldest half of a session's messages, which stay readable.

        None where nothing is done: too few messages (half the threshold or fewer), a summariser that failed or gave
        nothing useful, a message under it that changed meanwhile.

        Raises:
            UnknownSession: no session has this id.
        """
        session_no = await self._read(sessions.session_no_of, session_id)
        if session_no is None:
            raise UnknownSession(f"no session has the id {session_id!r}")
        return await self._consolidator.consolidate(session_no, threshold=self._threshold)

    def _when_due(self, outcome: messages.Outcome) -> None:
        """Consolidate a session that has grown over the threshold, after its message is acknowledged."""
        if outcome.session_no is not None and outcome.live_count > self._threshold:
            self._in_background(self._consolidator.consolidate(outcome.session_no, threshold=self._threshold))

    def _renew_summaries(self, session_nos: Iterable[int]) -> None:
        """Make summaries again whose messages have changed."""
        for session_no in session_nos:
            self._in_background(self._consolidator.consolidate(session_no, threshold=None))

    async def decay(self, *, dry_run: bool = False) -> DecayReport:
        """Remove what was received more than `retention_days` ago, in pieces that never hold the writer long."""
        if self._retention_days is None:
            return DecayReport(is_dry_run=dry_run)
        moment = self.moment()
        cutoff = decaying.Cutoff(bot=self.bot, before=moment.now - self._retention_days * DAY, moment=moment)
        if dry_run:
            return await self._read(decaying.count_old, cutoff)
        total = DecayReport()
        while (piece := await self._write(decaying.remove_piece, cutoff)) != DecayReport():
            total = decaying.add(total, piece)
        return total

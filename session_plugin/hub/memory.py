"""A hub's memory over time: summaries in front of old messages, and what is past its retention."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from session_plugin.errors import UnknownSession
from session_plugin.hub.base import HubBase
from session_plugin.model import DecayReport, Summary
from session_plugin.records import decay as decaying
from session_plugin.records import messages, sessions, summaries
from session_plugin.rules.settings import DAY


class Memory(HubBase):
    """Consolidation and decay."""

    async def consolidate(self, session_id: str) -> Summary | None:
        """Put a summary in front of the oldest half of a session's messages, which stay readable.

        None where nothing is done: too few messages (half the threshold or fewer), a summariser that failed or gave
        nothing useful, a message under it that changed meanwhile, another process that is at it. A session that waits
        after failures is tried all the same.

        Raises:
            UnknownSession: no session has this id.
        """
        return await self._consolidator.consolidate(await self._numbered(session_id), is_asked_for=True)

    async def undo_consolidation(self, session_id: str) -> bool:
        """Take back a session's newest summary: what stood before it counts again, its messages or the summary before.

        False where there is none. A session that is over its threshold then is consolidated anew with the next message.

        Raises:
            UnknownSession: no session has this id.
        """
        session_no = await self._numbered(session_id)
        is_undone = await self._write(summaries.undo, session_no)
        self._renew_summaries((session_no,))
        return is_undone

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text: by the first plugin whose `session_count_tokens` can tell, else by an estimate."""
        return await self._tokens.count(texts)

    async def _numbered(self, session_id: str) -> int:
        session_no = await self._read(sessions.session_no_of, session_id)
        if session_no is None:
            raise UnknownSession(f"no session has the id {session_id!r}")
        return session_no

    def _when_due(self, outcome: messages.Outcome, text: str) -> None:
        """Consolidate a session that has grown over a limit, after its message is acknowledged."""
        if outcome.session_no is not None and outcome.live_count and self._consolidator.may_be_due(outcome.live_count):
            grown = self._consolidator.grew(outcome.session_no, live_count=outcome.live_count, text=text)
            self._in_background(grown)

    def _renew_summaries(self, session_nos: Iterable[int]) -> None:
        """Make summaries again whose messages have changed."""
        for session_no in session_nos:
            self._in_background(self._consolidator.consolidate(session_no, is_renewal=True))

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

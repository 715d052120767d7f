"""Put summaries in front of old messages: plan, summarise outside any transaction, put in place if
nothing changed.

A session that is over a limit waits for a pause first, so that those who write do not wait for
summaries. Knows operations; knows not how a summary is made.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

from session_plugin.announcing.announcer import Announcer
from session_plugin.context.fitting import Count
from session_plugin.context.tokens import estimate_tokens
from session_plugin.counters import HubCounters
from session_plugin.database.database import Database
from session_plugin.model import SessionMessage, Summary
from session_plugin.plugins.manager import Plugins
from session_plugin.records.conversation.recording import RecordResult
from session_plugin.records.conversation.sessions import session_data
from session_plugin.records.upkeep import summaries, work_leases
from session_plugin.reports import OnProgress
from session_plugin.rules.consolidation import messages_over_budget
from session_plugin.tracing import CONVERSATION, Tracing
from session_plugin.upkeep.due import Due, DueSessions
from session_plugin.upkeep.making import Limits, SummaryMaker
from session_plugin.upkeep.weights import Weights

CLOSING_SECONDS = 5.0
"""How long closing waits for a summariser."""
BREATH = 0.005
"""Seconds between two pages of a long session."""
MOST_DIGESTS = 1
"""Digests in the making at a time on one event loop. Where many sessions are due at once, more
would all compete with those who write: with two 100 tasks stored an eighth less, with all at once
p99 of a record was half as long again.
"""
MOST_ROUNDS = 5
"""Times that a session is looked at again because it changed meanwhile; then its next message does
so.
"""
MOST_PUT_OFF = 2
"""Times its limit that a session has when its summary is put off no more: with the limit of 100,
one summary stands for 100 messages in a burst, and for 50 otherwise.
"""

Outcome = Literal["stored", "unchanged", "outdated"]
"""What came of a session; outdated where it changed meanwhile."""


class Consolidator:
    """One hub's consolidations; of one session, one at a time."""

    def __init__(
        self,
        plugins: Plugins,
        *,
        database: Database,
        announcer: Announcer,
        count: Count,
        clock: Callable[[], float],
        start: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
        is_idle: Callable[[], bool],
        is_changing: Callable[[int], bool],
        limits: Limits,
        counters: HubCounters,
        tracing: Tracing,
    ) -> None:
        """Ask `plugins` for summaries and store them in `database`.

        `start` runs a task in the background; `is_idle` tells whether no write waits,
        `is_changing` whether a message of a session is edited again and again.
        """
        self._database = database
        self._announcer = announcer
        self._count = count
        self._clock = clock
        self._start = start
        self._limits = limits
        self._counters = counters
        self._tracing = tracing
        self._maker = SummaryMaker(
            plugins, database=database, clock=clock, limits=limits, counters=counters
        )
        self._busy: set[int] = set()
        self._reports: dict[int, OnProgress] = {}
        self._unasked: set[asyncio.Task[Any]] = set()
        self._digesting: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )
        self._due = DueSessions(
            self._do,
            start=self._begin,
            busy=self._busy,
            is_changing=is_changing,
            is_open=lambda: database.is_open,
            is_idle=is_idle,
            most_size=limits.tokens,
        )
        self._weights = Weights(
            database=database,
            count=count,
            limit=limits.tokens or 0,
            lookups=counters.caches,
            start=self._begin,
            on_heavy=self._note_weight,
        )

    def note_growth(self, result: RecordResult, text: str) -> None:
        """Let a session wait for a summary that a stored message has taken over a limit.

        No task is started for a message while its session waits already, or is being summed up.
        """
        session_no, live_count = result.session_no, result.live_count
        if session_no is None or not live_count:
            return

        self._due.note_stored()
        most = self._limits.messages
        if live_count > most:
            self._due.add(session_no, is_urgent=live_count > MOST_PUT_OFF * most)
        elif self._limits.tokens is not None:
            if session_no in self._busy or self._due.has(session_no):
                self._weights.forget(session_no)
                self._due.add(session_no, size=estimate_tokens(text))
            else:
                self._weights.add(session_no, live_count=live_count, text=text)

    def _note_weight(self, session_no: int, tokens: int) -> None:
        limit = self._limits.tokens
        self._due.add(session_no, is_urgent=limit is not None and tokens > MOST_PUT_OFF * limit)

    def renew(self, session_nos: Iterable[int]) -> None:
        """Let changed sessions wait until their summaries are made again."""
        for session_no in session_nos if self._limits.renews else ():
            self._due.add(session_no, is_renewal=True)

    def hurry(self) -> bool:
        """Begin what waits on the running event loop, in the background; return False if nothing
        does.
        """
        return self._due.hurry()

    async def catch_up(self, session_no: int | None) -> bool:
        """Write the summary of a session that waits for one, before a model is given the session;
        return False if it does not wait.

        A summary by a plugin takes long, so it is only begun.
        """
        due = None if session_no is None else self._due.pop(session_no)
        if due is None:
            return False

        task = self._begin(self._sum_up(due.session_no, is_renewal=due.is_renewal))
        if self._maker.is_plugin:
            return False

        await asyncio.shield(task)
        return True

    async def consolidate(
        self,
        session_no: int,
        *,
        is_renewal: bool = False,
        is_asked_for: bool = False,
        progress: OnProgress | None = None,
    ) -> Summary | None:
        """Put a summary in front of a session's oldest half; a renewal only makes a withdrawn one
        again.

        None where nothing was changed, somebody is at it already, or it waits after failures and
        nobody asked for it. What comes while this hub is at it is done afterwards.
        """
        if progress is not None and session_no not in self._busy:
            self._reports[session_no] = progress

        is_done = await self._sum_up(session_no, is_renewal=is_renewal, is_asked_for=is_asked_for)
        if not (is_asked_for and is_done):
            return None

        return await self._database.read(summaries.current_summary, session_no)

    async def finish(self) -> None:
        """Begin what waits, and let what nobody asked for end within some seconds, or give it up: a
        model must not hold up a bot that closes.
        """
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + CLOSING_SECONDS
        self.hurry()
        while tasks := [task for task in self._unasked if task.get_loop() is loop]:
            _, late = await asyncio.wait(tasks, timeout=max(0.0, give_up_at - loop.time()))
            for task in late:
                task.cancel()
            if late:
                break

        self._digesting.pop(loop, None)  # it would keep the loop alive

    def _begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start what nobody asked for."""
        task = self._start(work)
        self._unasked.add(task)
        task.add_done_callback(self._unasked.discard)
        return task

    async def _do(self, some: Sequence[Due]) -> None:
        """Sum up sessions that waited: by plugins all at once, or by digests together."""
        if self._maker.is_plugin:
            for due in some:
                self._begin(self._sum_up(due.session_no, is_renewal=due.is_renewal))
            return

        numbers = {due.session_no for due in some}
        self._busy |= numbers
        try:
            now = self._clock()
            requests = [await self._request(due.session_no, due.is_renewal, now) for due in some]
            outcomes = await self._digest_all(requests, now=now)
        finally:
            self._busy -= numbers

        for due, outcome in zip(some, outcomes, strict=True):
            if outcome == "unchanged":
                self._due.note_idle_look(due.session_no)
            elif outcome == "outdated":
                await self._sum_up(due.session_no, is_renewal=due.is_renewal)

    async def _sum_up(
        self, session_no: int, *, is_renewal: bool = False, is_asked_for: bool = False
    ) -> bool:
        """Return whether a summary was put in place."""
        if session_no in self._busy:
            self._due.add(session_no, is_renewal=is_renewal)
            return False

        self._busy.add(session_no)
        task = asyncio.current_task()
        if task is not None and not is_asked_for:
            self._unasked.add(task)

        try:
            outcome: Outcome = "outdated"
            for _ in range(1 + MOST_ROUNDS):
                outcome = await self._once(
                    session_no, is_renewal=is_renewal, is_asked_for=is_asked_for
                )
                if outcome != "outdated":
                    break

            if outcome != "stored":
                self._due.note_idle_look(session_no)

            return outcome == "stored"
        finally:
            self._busy.discard(session_no)
            self._reports.pop(session_no, None)
            if task is not None:
                self._unasked.discard(task)

    def _digest_slot(self) -> asyncio.Semaphore:
        return self._digesting.setdefault(
            asyncio.get_running_loop(), asyncio.Semaphore(MOST_DIGESTS)
        )

    async def _once(self, session_no: int, *, is_renewal: bool, is_asked_for: bool) -> Outcome:
        """Do what is to be done for a session now."""
        now = None if is_asked_for else self._clock()
        request = await self._request(session_no, is_renewal, now)
        if not self._maker.is_plugin:
            return (await self._digest_all([request], now=now))[0]

        lease = self._maker.lease(session_no)
        if not (
            await self._database.read(summaries.is_due, request, now=now)
            and await self._database.write(work_leases.take, lease)
        ):
            return "unchanged"

        try:
            beginning = await self._database.read(summaries.begin, request)
            return await self._carry_out(request, beginning)
        finally:
            await self._database.write(work_leases.release, lease)

    async def _digest_all(
        self, requests: Sequence[summaries.PlanRequest], *, now: float | None
    ) -> list[Outcome]:
        """Put digests in front of several sessions: read, digested and stored together, some
        hundred messages at a time.

        A digest takes no time, so no lease is taken: of two only one is put in place.
        """
        outcomes: list[Outcome] = []
        while left := requests[len(outcomes) :]:
            async with self._digest_slot():
                asked = [(request, self._maker.lease(request.session_no)) for request in left]
                begun = await self._database.read(summaries.begin_several, asked, now=now)
                outcomes += await self._put_digests(left[: len(begun)], begun)

        return outcomes

    async def _put_digests(
        self,
        requests: Sequence[summaries.PlanRequest],
        begun: Sequence[summaries.Beginning | None],
    ) -> list[Outcome]:
        outcomes: list[Outcome] = ["unchanged"] * len(begun)
        plans: dict[int, summaries.Plan] = {}
        for position, beginning in enumerate(begun):
            is_plain = beginning is not None and beginning.is_whole and beginning.plan.messages
            if beginning is not None and is_plain and self._tracing.start is None:
                plans[position] = beginning.plan
            else:
                outcomes[position] = await self._carry_out(requests[position], beginning)

        if plans:
            several = await asyncio.to_thread(self._maker.digests, plans.values())
            for position, outcome in zip(plans, await self._put(several), strict=True):
                outcomes[position] = outcome

        return outcomes

    async def _carry_out(
        self, request: summaries.PlanRequest, beginning: summaries.Beginning | None
    ) -> Outcome:
        """Summarise what was planned, and put it in place."""
        if beginning is None:
            return "unchanged"
        if self._tracing.start is None:
            return await self._put_in_place(request, beginning)

        with self._tracing.start("consolidate") as span:
            outcome = await self._put_in_place(request, beginning)
            span.stop()
            session_no = request.session_no
            session = (
                await self._database.read(session_data, session_no) if span.is_recording else None
            )
            if session is not None:
                span.note(CONVERSATION, session.session_id)
            span.note("session_plugin.outcome", "stored" if outcome == "stored" else "unchanged")

        return outcome

    async def _put_in_place(
        self, request: summaries.PlanRequest, beginning: summaries.Beginning | None
    ) -> Outcome:
        written = None
        while beginning is not None:
            plan = await self._filled(beginning)
            if plan.messages:
                written = await self._maker.make(plan, self._reports.get(plan.session_no))
                break
            await self._database.write(summaries.clear, plan)
            beginning = await self._database.read(summaries.begin, replace(request, at_least=0))

        return "unchanged" if written is None else (await self._put([written]))[0]

    async def _put(self, several: Sequence[summaries.Written]) -> list[Outcome]:
        """Put summaries in place, in one transaction, unless something changed under them."""
        put = [self._announcer.write(summaries.PUT, written) for written in several]
        outcomes: list[Outcome] = [
            "stored" if is_put else "outdated" for is_put in await asyncio.gather(*put)
        ]
        for written, outcome in zip(several, outcomes, strict=True):
            self._weights.forget(written.plan.session_no)
            self._counters.consolidations.add(outcome)

        return outcomes

    async def _filled(self, beginning: summaries.Beginning) -> summaries.Plan:
        """Return a plan with its messages; many are read page by page: a long session must not hold
        up those who write.

        If one changes between two pages, putting the summary in place finds that out.
        """
        plan = beginning.plan
        if beginning.is_whole:
            return plan

        messages: list[tuple[int, SessionMessage]] = []
        for planned in plan.ranges:
            before = planned.to_seq + 1
            while found := await self._database.read(
                summaries.read_page, plan.session_no, planned, before=before
            ):
                messages += found
                if len(found) < summaries.PAGE:
                    break
                before = found[-1][0]
                await asyncio.sleep(BREATH)

        return summaries.filled(plan, messages)

    async def _request(
        self, session_no: int, is_renewal: bool, now: float | None
    ) -> summaries.PlanRequest:
        """Return what to plan. Unless it is asked for, by a `now` of None, nothing is to be done
        for a session that is within its limits by now.
        """
        if is_renewal:
            return summaries.PlanRequest(session_no=session_no, threshold=None)

        at_least = 0
        if self._limits.tokens is not None and (
            now is None or not await self._database.read(summaries.is_waiting, session_no, now=now)
        ):
            tokens = await self._count(await self._database.read(summaries.live_texts, session_no))
            at_least = messages_over_budget(tokens, budget=self._limits.tokens)

        most = self._limits.messages
        beyond = 0 if now is None or at_least else most

        return summaries.PlanRequest(
            session_no=session_no, threshold=most, at_least=at_least, beyond=beyond
        )

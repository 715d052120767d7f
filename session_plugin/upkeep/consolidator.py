"""Put summaries in front of old messages: plan, summarise outside any transaction, put in place if
nothing changed.

If a summariser raises, hangs or answers nothing useful, nothing changes but the count of failures.
Of several processes one at a time asks about a session. Knows plugins and operations.
"""

from __future__ import annotations

import asyncio
import uuid
import weakref
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from session_plugin.announcing.announcer import Announcer
from session_plugin.context.digest import DIGEST_BUDGET, DIGEST_NAME, digest
from session_plugin.context.fitting import Count
from session_plugin.context.marks import quoted
from session_plugin.counters import HubCounters
from session_plugin.database.database import Database
from session_plugin.errors import PluginError
from session_plugin.logs import FieldLogger
from session_plugin.model import Session, SessionMessage, Summary
from session_plugin.plugins.manager import Plugins
from session_plugin.records.conversation.recording import RecordResult
from session_plugin.records.conversation.sessions import session_data
from session_plugin.records.upkeep import summaries, work_leases
from session_plugin.reports import OnProgress, Progress
from session_plugin.rules.consolidation import fault_of, lease_name, messages_over_budget
from session_plugin.tracing import CONVERSATION, Tracing

MOST_AT_ONCE = 200
"""Messages that a plugin is given at once. A longer range, an archive that is summed up anew, comes
to it in pieces.
"""
LEASE_MARGIN = 30.0
"""Seconds that a lease outlasts the summariser: enough to put the summary in place."""
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
MOST_WEIGHTS = 10_000

logger = FieldLogger("session_plugin.hub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a session is consolidated, and for how long its summariser is waited for."""

    messages: int
    tokens: int | None
    patience: float
    renews: bool = True
    """Whether summaries of changed sessions are made again; False leaves that to the bot."""


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
        start: Callable[[Coroutine[Any, Any, Any]], object],
        limits: Limits,
        counters: HubCounters,
        tracing: Tracing,
    ) -> None:
        """Ask `plugins` for summaries and store them in `database`."""
        self._plugins = plugins
        self._database = database
        self._announcer = announcer
        self._count = count
        self._clock = clock
        self._start = start
        self._limits = limits
        self._counters = counters
        self._tracing = tracing
        self._holder = uuid.uuid4().hex
        self._busy: set[int] = set()
        self._again: dict[
            int, bool
        ] = {}  # sessions to look at again; whether only for what was withdrawn
        self._reports: dict[int, OnProgress] = {}
        self._unasked: set[asyncio.Task[Any]] = set()
        self._weights: dict[int, tuple[int, int]] = {}
        self._digesting: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )

    def note_growth(self, result: RecordResult, text: str) -> None:
        """Consolidate a session that a stored message has taken over a limit, in the background."""
        session_no, live_count = result.session_no, result.live_count
        if session_no is not None and live_count and self.may_be_due(live_count):
            self._start(self.grew(session_no, live_count=live_count, text=text))

    def renew(self, session_nos: Iterable[int]) -> None:
        """Make summaries of changed sessions again, in the background."""
        for session_no in session_nos if self._limits.renews else ():
            self._start(self.consolidate(session_no, is_renewal=True))

    def may_be_due(self, live_count: int) -> bool:
        """Check at once whether a session with so many messages can be over a limit."""
        return live_count > self._limits.messages or self._limits.tokens is not None

    async def grew(self, session_no: int, *, live_count: int, text: str) -> None:
        """Consolidate a session to which `text` was added, if it has more than the limit of
        messages or tokens now.
        """
        if live_count > self._limits.messages or await self._is_heavy(session_no, live_count, text):
            await self.consolidate(session_no)

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
        if session_no in self._busy:
            self._look_again(session_no, is_renewal=is_renewal)
            return None

        self._busy.add(session_no)
        if progress is not None:
            self._reports[session_no] = progress

        task = asyncio.current_task()
        if task is not None and not is_asked_for:
            self._unasked.add(task)

        try:
            is_done = await self._once(session_no, is_renewal=is_renewal, is_asked_for=is_asked_for)
            for _ in range(MOST_ROUNDS):
                if session_no not in self._again:
                    break
                is_done |= await self._once(
                    session_no, is_renewal=self._again.pop(session_no), is_again=True
                )

            if not (is_asked_for and is_done):
                return None

            return await self._database.read(summaries.current_summary, session_no)
        finally:
            self._busy.discard(session_no)
            self._again.pop(session_no, None)
            self._reports.pop(session_no, None)
            if task is not None:
                self._unasked.discard(task)

    def _look_again(self, session_no: int, *, is_renewal: bool) -> None:
        self._again[session_no] = is_renewal and self._again.get(session_no, True)

    async def finish(self) -> None:
        """Let what nobody asked for end within some seconds, or give it up: a model must not hold
        up a bot that closes.
        """
        tasks = [task for task in self._unasked if task.get_loop() is asyncio.get_running_loop()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=CLOSING_SECONDS)
            for task in late:
                task.cancel()

        self._digesting.pop(asyncio.get_running_loop(), None)  # it would keep the loop alive

    def _digest_slot(self) -> asyncio.Semaphore:
        return self._digesting.setdefault(
            asyncio.get_running_loop(), asyncio.Semaphore(MOST_DIGESTS)
        )

    async def _once(
        self,
        session_no: int,
        *,
        is_renewal: bool = False,
        is_asked_for: bool = False,
        is_again: bool = False,
    ) -> bool:
        """Do what is to be done, and tell whether anything was."""
        now = None if is_asked_for else self._clock()
        if (
            now is not None
            and self._limits.tokens is not None
            and await self._database.read(summaries.is_waiting, session_no, now=now)
        ):
            return False  # before all that it holds is read and weighed

        request = await self._request(session_no, is_renewal=is_renewal, is_again=is_again)
        lease = self._lease(session_no)
        if not self._asks_plugins():  # a digest takes no time, and of two only one is put in place
            async with self._digest_slot():
                beginning = await self._database.read(
                    summaries.begin_unless_leased, request, now=now, lease=lease
                )
                return await self._carry_out(request, beginning)

        if not (
            await self._database.read(summaries.is_due, request, now=now)
            and await self._database.write(work_leases.take, lease)
        ):
            return False

        try:
            beginning = await self._database.read(summaries.begin, request)
            return await self._carry_out(request, beginning)
        finally:
            await self._database.write(work_leases.release, lease)

    async def _carry_out(
        self, request: summaries.PlanRequest, beginning: summaries.Beginning | None
    ) -> bool:
        """Summarise what was planned; return whether a summary was put in place."""
        if beginning is None:
            return False
        if self._tracing.start is None:
            return await self._put_in_place(request, beginning)

        with self._tracing.start("consolidate") as span:
            is_done = await self._put_in_place(request, beginning)
            span.stop()
            session_no = request.session_no
            session = (
                await self._database.read(session_data, session_no) if span.is_recording else None
            )
            if session is not None:
                span.note(CONVERSATION, session.session_id)
            span.note("session_plugin.outcome", "stored" if is_done else "unchanged")

        return is_done

    async def _put_in_place(
        self, request: summaries.PlanRequest, beginning: summaries.Beginning | None
    ) -> bool:
        written = None
        while beginning is not None:
            plan = await self._filled(beginning)
            if plan.messages:
                written = await self._summarise(plan)
                break
            await self._database.write(summaries.clear, plan)
            beginning = await self._database.read(summaries.begin, replace(request, at_least=0))

        if written is None:
            return False

        if not await self._announcer.write(summaries.PUT, written):
            # It changed meanwhile.
            self._counters.consolidations.add("outdated")
            self._look_again(request.session_no, is_renewal=request.threshold is None)
            return False

        self._counters.consolidations.add("stored")
        self._weights.pop(request.session_no, None)

        return True

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

    def _lease(self, session_no: int) -> work_leases.WorkLease:
        seconds = self._limits.patience + LEASE_MARGIN
        return work_leases.WorkLease(
            name=lease_name(session_no), holder=self._holder, now=self._clock(), seconds=seconds
        )

    async def _request(
        self, session_no: int, *, is_renewal: bool, is_again: bool
    ) -> summaries.PlanRequest:
        """Return what to plan: for a session that is looked at again, less than for one that is
        known to be over a limit.
        """
        if is_renewal:
            return summaries.PlanRequest(session_no=session_no, threshold=None)

        at_least = 0
        if self._limits.tokens is not None:
            tokens = await self._count(await self._database.read(summaries.live_texts, session_no))
            at_least = messages_over_budget(tokens, budget=self._limits.tokens)

        most = self._limits.messages
        beyond = most if is_again and not at_least else 0

        return summaries.PlanRequest(
            session_no=session_no, threshold=most, at_least=at_least, beyond=beyond
        )

    async def _is_heavy(self, session_no: int, live_count: int, text: str) -> bool:
        """Check whether a session has more tokens than the limit, reading it only where its
        messages were not all seen.
        """
        if self._limits.tokens is None:
            return False
        if len(self._weights) > MOST_WEIGHTS:
            self._weights.clear()

        count, tokens = self._weights.get(session_no, (-1, 0))
        is_known = count + 1 == live_count
        self._counters.caches.add("session_tokens", "hit" if is_known else "miss")
        if is_known:
            tokens += sum(await self._count((text,)))

        if (
            not is_known or tokens > self._limits.tokens
        ):  # instructions were added, but do not count
            texts = await self._database.read(summaries.live_texts, session_no)
            tokens = sum(await self._count(texts))

        self._weights[session_no] = (live_count, tokens)

        return tokens > self._limits.tokens

    async def _summarise(self, plan: summaries.Plan) -> summaries.Written | None:
        if not self._asks_plugins():
            digested = await asyncio.to_thread(self._digest, plan.messages, plan.previous)
            return summaries.Written(
                plan=plan, text=digested, made_by=DIGEST_NAME, made_at=self._clock()
            )

        session = await self._database.read(session_data, plan.session_no)
        if session is None:
            return None

        text, made_by = plan.previous, DIGEST_NAME
        for start in range(0, len(plan.messages), MOST_AT_ONCE):
            if start:
                await self._database.write(work_leases.take, self._lease(plan.session_no))

            piece = plan.messages[start : start + MOST_AT_ONCE]
            try:
                answer = await self._ask(session, piece, text)
            except PluginError as error:
                await self._note_failure(plan.session_no, session, str(error))
                return None

            if answer is None:
                text, made_by = (
                    await asyncio.to_thread(self._digest, plan.messages[start:], text),
                    DIGEST_NAME,
                )
                break

            text, made_by = answer
            if plan.session_no in self._reports:
                total = len(plan.messages)
                done = min(start + MOST_AT_ONCE, total)
                self._reports[plan.session_no](Progress(what="messages", done=done, total=total))

        assert text is not None

        return summaries.Written(plan=plan, text=text, made_by=made_by, made_at=self._clock())

    def _asks_plugins(self) -> bool:
        return self._plugins.has("session_summarize")

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

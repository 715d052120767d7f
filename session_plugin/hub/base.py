"""What every part of a hub stands on: its settings, its plugins, its engine, and work in the
background.

Knows operations, plugins and the event loop; knows no SQL and no platform.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from session_plugin.announcing.announcer import Announcer
from session_plugin.announcing.leases import Deliver, Lease, Leases
from session_plugin.announcing.notices import Notices
from session_plugin.checks import (
    HOUR,
    check_functions,
    check_id,
    check_list,
    check_number,
    check_storable,
    check_text,
)
from session_plugin.database.engine import Engine, Tx
from session_plugin.database.opening import SharedEngine, located
from session_plugin.database.reading import read
from session_plugin.errors import LinkingOff, PluginError, SessionError
from session_plugin.incoming.intake import Intake
from session_plugin.keys import Keys
from session_plugin.model import STORE_CHANNEL, Account, Chat
from session_plugin.plugins.counting import TokenCounter
from session_plugin.plugins.manager import Plugins
from session_plugin.plugins.summarizer import Summarize, Summarizer
from session_plugin.records.conversation import sessions
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import accounts, link_requests
from session_plugin.records.results import Result
from session_plugin.rules.policies import Expiry, Retention, completed
from session_plugin.store.store import SessionStore
from session_plugin.upkeep.consolidator import Consolidator, Limits
from session_plugin.upkeep.eraser import Eraser
from session_plugin.upkeep.rounds import Upkeep

A = TypeVar("A")
T = TypeVar("T")
SHORTEST_UPKEEP = 0.001
"""Minutes; a pause of none would leave no time for anything else."""
UNANNOUNCED_AT_OPENING = 1000
"""Starts and ends announced at opening that an earlier process did not come to announce."""
MOST_CLOSINGS = 3
"""Times that closing closes what others have opened meanwhile; who goes on after that means to."""

logger = logging.getLogger("session_plugin.hub")


class HubBase:
    """A hub without anything to say: it opens, reads, writes, announces and closes."""

    def __init__(
        self,
        database: str | Path,
        *,
        bot: str = "",
        max_age_hours: float = 24.0,
        expiry: Iterable[Expiry] = (),
        retention_days: float | None = 365,
        retention: Iterable[Retention] = (),
        upkeep_minutes: float | None = 5.0,
        consolidation_threshold: int = 100,
        consolidation_tokens: int | None = None,
        summarize: Summarize | None = None,
        summary_patience: float = 60.0,
        plugins: Iterable[object] = (),
        load_entry_points: bool = True,
        store_patience: float = 2.0,
        secret: str | bytes | None = None,
        record_when: Callable[[Chat], bool] | None = None,
        direct_sees_groups: bool = False,
        privacy_text: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Check the settings and register the plugins; the database is not touched yet."""
        check_storable("bot", bot)
        check_number("max_age_hours", max_age_hours)
        if retention_days is not None:
            check_number("retention_days", retention_days)
        if upkeep_minutes is not None:
            check_number("upkeep_minutes", upkeep_minutes, at_least=SHORTEST_UPKEEP)
        check_number("consolidation_threshold", consolidation_threshold, at_least=2)
        if consolidation_tokens is not None:
            check_number("consolidation_tokens", consolidation_tokens, at_least=2)
        check_number("store_patience", store_patience)
        check_number("summary_patience", summary_patience)
        check_list("plugins", plugins, of="plugins")
        check_functions(clock=clock, record_when=record_when)
        check_text("privacy_text", privacy_text or "")
        self.bot = bot
        self._max_age_hours = max_age_hours
        self._expiries = completed("expiry", expiry, Expiry(max_age_hours=max_age_hours))
        self._retentions = completed("retention", retention, Retention(days=retention_days))
        self._upkeep = Upkeep(self._take_turn, minutes=upkeep_minutes)
        self._upkeep_minutes = upkeep_minutes
        self._holder = uuid.uuid4().hex
        self._threshold = consolidation_threshold
        self._record_when = record_when
        self._direct_sees_groups = direct_sees_groups
        self._privacy_text = privacy_text
        self._clock = clock
        self._plugins = Plugins()
        self._engine = SharedEngine(database)
        self._announcer = Announcer(self._plugins, read=self._read, write=self._write)
        self._intake = Intake(
            self._plugins,
            engine=self._open,
            open_engine=self._opened,
            announce=self._announcer.announce,
            patience=store_patience,
        )
        self._tokens = TokenCounter(self._plugins)
        self._consolidator = Consolidator(
            self._plugins,
            read=self._read,
            write=self._write,
            announced=self._announced,
            count=self._tokens.count,
            clock=clock,
            limits=Limits(
                messages=consolidation_threshold,
                tokens=consolidation_tokens,
                patience=summary_patience,
            ),
        )
        self._leases = Leases()
        self._own_leases: list[Lease] = []
        self._keys = Keys(secret, database=located(database))
        self._notices = Notices(
            self._leases,
            read=self._read,
            write=self._write,
            context=self.operation_context,
            is_open=lambda: self._engine.is_open,
            start=self._in_background,
        )
        self._eraser = Eraser(
            engine=self._open,
            read=self._read,
            write=self._write,
            is_open=lambda: self._engine.is_open,
        )
        self._tasks: set[asyncio.Task[Any]] = set()
        self._register_all(plugins, summarize, load_entry_points=load_entry_points)

    def _register_all(
        self, plugins: Iterable[object], summarize: Summarize | None, *, load_entry_points: bool
    ) -> None:
        for plugin in plugins:
            self.register(plugin)
        if summarize is not None:
            self.register(Summarizer(summarize), "summarize")
        if load_entry_points:
            for loaded in self._plugins.load_entry_points():
                logger.info("plugin %s", loaded)

    def register(self, plugin: object, name: str | None = None) -> str:
        """Add a plugin; give the name it goes by in logs.

        Raises:
            PluginError: it does not fit the hook specifications.
        """
        return self._plugins.register(plugin, name)

    def attach(self, channel: str, bot_id: str, deliver: Deliver | None = None) -> Lease:
        """Take a lease for an adapter, and say how it delivers notices to people on its channel."""
        lease = Lease(
            channel,
            bot_id,
            deliver,
            opener=self._open,
            watcher=self._notices.watch,
            releaser=self._release,
        )
        self._leases.add(lease)
        return lease

    async def _release(self, lease: Lease) -> None:
        if self._leases.end(lease):
            await self.close()

    async def __aenter__(self) -> Self:
        """Open the database and keep it open until the block ends.

        Raises:
            DatabaseRefused: it may not be used; it is left as it is.
        """
        lease = self.attach(STORE_CHANNEL, "")
        await lease.open()
        self._own_leases.append(lease)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the lease that the block took."""
        await self._own_leases.pop().release()

    async def close(self) -> None:
        """Close the database now, whoever holds leases: what waits is stored and hooks are told
        first.
        """
        for _ in range(MOST_CLOSINGS):
            await self._close()
            # what was stored last is told now, and what plugins say to it opens the database again
            await self.settle()
            if not self._engine.is_open:
                break

    async def _close(self) -> None:
        await self._upkeep.stop()
        await self._eraser.stop()
        if self._engine.is_open or self._intake.is_opening:
            await self._consolidator.finish()
            await self.settle()
            await self._upkeep.stop()  # storing what waited may have started it again
            await self._eraser.stop()  # as may have what was being forgotten
        self._intake.give_up_opening()
        await asyncio.to_thread(self._engine.close)

    async def settle(self) -> None:
        """Wait until what was handed in is stored, hooks were told of it, and consolidations under
        way are done.

        What the database cannot take within `store_patience` is not waited for.
        """
        await self._intake.finish()
        while tasks := [
            task for task in self._tasks if task.get_loop() is asyncio.get_running_loop()
        ]:
            await asyncio.wait(tasks)
        await self._announcer.finish()

    def _opened(self) -> Engine | None:
        """Give the engine if it is open; what is handed in on another event loop than before takes
        upkeep along.
        """
        self._upkeep.start()
        return self._engine.engine

    async def _open(self) -> Engine:
        self._upkeep.start()
        if self._engine.engine is not None:
            return self._engine.engine
        engine = await asyncio.wrap_future(self._engine.future())
        unannounced = await read(engine, sessions.unannounced, (self.bot, UNANNOUNCED_AT_OPENING))
        self._announcer.announce(None, unannounced)
        self._in_background(self._eraser.go_on())
        return engine

    async def _take_turn(self) -> None:
        """Make a round of upkeep; what it is, a hub's memory says."""
        raise NotImplementedError

    async def _read(self, operation: Callable[[Tx, A], T], argument: A) -> T:
        return await read(await self._open(), operation, argument)

    async def _write(self, operation: Callable[[Tx, A], T], argument: A) -> T:
        return await asyncio.wrap_future((await self._open()).write(operation, argument))

    async def _announced(
        self, operation: Callable[[Tx, A], Result[T]], argument: A, *, chat: Chat | None = None
    ) -> T:
        """Run an operation and announce what it changed, even if whoever asked for it is cancelled
        meanwhile.
        """

        async def carry_out() -> T:
            done = await self._write(operation, argument)
            self._announcer.announce(chat, done.announcements)
            return done.value

        return await asyncio.shield(self._kept(carry_out()))

    def operation_context(self) -> OperationContext:
        """Give what operations need to know of now and of this hub, for SessionView."""
        return OperationContext(
            bot=self.bot,
            now=self._clock(),
            max_age=self._max_age_hours * HOUR,
            new_id=_new_id,
            expiries=self._expiries,
            keyed_hash=self._keys.keyed_hash,
        )

    async def _whose(self, account: Account | None) -> str | None:
        """Ask the plugins whose a new account is, if any of them might know."""
        if account is None or not self._plugins.has("session_resolve_user"):
            return None
        try:
            if await self._read(accounts.is_known, account):
                return None
        except SessionError:
            logger.info(
                "the database cannot tell whether an account is known; the plugins are asked "
                "all the same"
            )
        try:
            answer = await self._plugins.ask(
                "session_resolve_user", check=partial(check_id, "user_id"), account=account
            )
        except PluginError as error:
            logger.warning(
                "no plugin tells whose a new account is, so it gets a user of its own: %s", error
            )
            return None
        return None if answer is None else str(answer.value)

    async def burn_codes(self, text: str) -> None:
        """Make worthless whatever in a text is a link code: others than its owner have seen it."""
        try:
            hashes = self._keys.code_hashes_in(text)
            is_code = bool(hashes) and await self._read(link_requests.is_any_live, hashes)
            if is_code:
                (await self._open()).write(
                    link_requests.burn, (self.operation_context(), hashes), is_patient=True
                )
        except LinkingOff:
            logger.debug("linking is off, so there are no codes")
        except SessionError as error:
            logger.warning("a code that was said in a group could not be taken back: %s", error)

    def store(self) -> SessionStore:
        """Give the blocking API over this hub's database and writer. It calls no hooks."""
        return SessionStore._on(
            lambda: self._engine.future().result(),
            bot=self.bot,
            max_age_hours=self._max_age_hours,
            expiries=self._expiries,
            consolidation_threshold=self._threshold,
            clock=self._clock,
            keyed_hash=self._keys.keyed_hash,
        )

    def _in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do something that nobody waits for; where the database gives out, that is logged."""

        async def attempt() -> None:
            try:
                await work
            except SessionError as error:
                logger.warning("work in the background was given up: %s", error)

        return self._kept(attempt())

    def _kept(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the event loop keeps only weak references
        task.add_done_callback(self._tasks.discard)
        return task


def _new_id() -> str:
    return uuid.uuid4().hex

"""SessionHub: what adapters, bots and plugins talk to.

Knows operations, plugins and the event loop; knows no SQL and no platform. A hub belongs to no event loop: it opens when it
is first needed, and closes when the last lease on it ends.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
import uuid
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from session_plugin.announcer import Announcer
from session_plugin.consolidator import Consolidator
from session_plugin.database.engine import Engine, Tx
from session_plugin.database.opening import SharedEngine
from session_plugin.errors import PluginError, SessionError, UnknownSession
from session_plugin.intake import Filtered, Intake
from session_plugin.leases import Deliver, Lease, Leases
from session_plugin.model import (
    STORE_CHANNEL,
    Account,
    Chat,
    DecayReport,
    LinkCode,
    LinkPreview,
    MessageEvent,
    Session,
    SessionIdentity,
    SessionMessage,
    Summary,
    check_id,
    check_storable,
)
from session_plugin.notices import Notices
from session_plugin.plugins import Plugins
from session_plugin.records import bulk, linking, messages, people, sessions
from session_plugin.records import decay as decaying
from session_plugin.records.outcomes import Done, Moment
from session_plugin.records.unlinking import unlink
from session_plugin.rules.linking import code_hash, new_code
from session_plugin.rules.settings import DAY, HOUR, check_number
from session_plugin.store import SessionStore
from session_plugin.view import SessionView

A = TypeVar("A")
T = TypeVar("T")
UNTOLD_AT_OPENING = 1000
"""Starts and ends announced at opening that an earlier process did not come to announce."""

logger = logging.getLogger("session_plugin.hub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of a message that was handed in.

    Args:
        session: The session as the message's chat sees it.
        message: The message as it is stored; None where it is not.
        is_new: It was not known before.
        is_stored: It is on disk. False for one that a filter keeps nothing of, one that was deleted before it came, and
            one that still waits for a database that cannot be written.
    """

    session: SessionView
    message: SessionMessage | None
    is_new: bool
    is_stored: bool


class SessionHub:
    """One conversation per person across channels, kept in one database.

    Args:
        database: A path, or `":memory:"`.
        bot: Your name for the assistant, if several share a database; their sessions are apart.
        max_age_hours: Hours of silence after which the next message starts a new session; exactly as many do not.
        retention_days: Days after which `decay` removes messages; None keeps them.
        consolidation_threshold: Unconsolidated messages of a session beyond which the oldest half gets a summary in front.
        plugins: Objects with hook implementations; see `session_plugin.hooks`.
        load_entry_points: Also register what installed packages offer in the entry-point group `session_plugin`.
        store_patience: Seconds after which the bot goes on although the database has not taken a message.
        clock: Seconds since 1970.

    Raises:
        ValueError: a setting makes no sense.
        PluginError: a plugin does not fit the hook specifications.
    """

    def __init__(
        self,
        database: str | Path,
        *,
        bot: str = "",
        max_age_hours: float = 24.0,
        retention_days: float | None = 365,
        consolidation_threshold: int = 100,
        plugins: Iterable[object] = (),
        load_entry_points: bool = True,
        store_patience: float = 2.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Check the settings and register the plugins; the database is not touched yet."""
        check_storable("bot", bot)
        check_number("max_age_hours", max_age_hours)
        check_number("consolidation_threshold", consolidation_threshold, at_least=2)
        check_number("store_patience", store_patience)
        if retention_days is not None:
            check_number("retention_days", retention_days)
        self.bot = bot
        self._max_age_hours = max_age_hours
        self._retention_days = retention_days
        self._threshold = consolidation_threshold
        self._clock = clock
        self._plugins = Plugins()
        self._engine = SharedEngine(database)
        self._announcer = Announcer(self._plugins, read=self._read, write=self._write)
        self._intake = Intake(self._plugins, engine=self._open, announce=self._announcer.announce, patience=store_patience)
        self._consolidator = Consolidator(self._plugins, read=self._read, write=self._announced, clock=clock)
        self._leases = Leases()
        self._own_leases: list[Lease] = []
        self._notices = Notices(self._leases, reach=self._reach, shown=self.show_pending_link, start=self._in_background)
        self._tasks: set[asyncio.Task[Any]] = set()
        for plugin in plugins:
            self.register(plugin)
        if load_entry_points:
            for loaded in self._plugins.load_entry_points():
                logger.info("plugin %s", loaded)

    # Opening and closing

    def register(self, plugin: object, name: str | None = None) -> str:
        """Add a plugin; give the name it goes by in logs.

        Raises:
            PluginError: it does not fit the hook specifications.
        """
        return self._plugins.register(plugin, name)

    def attach(self, channel: str, bot_id: str, deliver: Deliver | None = None) -> Lease:
        """Take a lease for an adapter, and say how it delivers notices to people on its channel."""
        lease = Lease(channel, bot_id, deliver, opener=self._open, releaser=self._release)
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
        self._own_leases.append(lease)
        try:
            await lease.open()
        except BaseException:
            await self._own_leases.pop().release()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the lease that the block took."""
        await self._own_leases.pop().release()

    async def close(self) -> None:
        """Close the database now, whoever holds leases: what waits is stored and hooks are told first."""
        if self._engine.is_open:
            await self.settle()
        await asyncio.to_thread(self._engine.close)

    async def settle(self) -> None:
        """Wait until what was handed in is stored, hooks were told of it, and consolidations under way are done.

        What the database cannot take within `store_patience` is not waited for.
        """
        await self._intake.finish()
        while tasks := [task for task in self._tasks if task.get_loop() is asyncio.get_running_loop()]:
            await asyncio.wait(tasks)
        await self._announcer.finish()

    async def _open(self) -> Engine:
        if self._engine.is_open:
            return self._engine.future().result()
        engine = await asyncio.wrap_future(self._engine.future())
        untold = await asyncio.wrap_future(engine.read(sessions.untold, (self.bot, UNTOLD_AT_OPENING)))
        self._announcer.announce(None, untold)
        return engine

    async def _read(self, operation: Callable[[Tx, A], T], argument: A) -> T:
        return await asyncio.wrap_future((await self._open()).read(operation, argument))

    async def _write(self, operation: Callable[[Tx, A], T], argument: A) -> T:
        return await asyncio.wrap_future((await self._open()).write(operation, argument))

    async def _announced(self, operation: Callable[[Tx, A], Done[T]], argument: A, *, chat: Chat | None = None) -> T:
        """Run an operation and announce what it changed, even if whoever asked for it is cancelled meanwhile."""

        async def carry_out() -> T:
            done = await self._write(operation, argument)
            self._announcer.announce(chat, done.announcements)
            return done.value

        return await asyncio.shield(self._kept(carry_out()))

    def moment(self) -> Moment:
        """Give what operations need to know of now and of this hub, for SessionView."""
        return Moment(bot=self.bot, now=self._clock(), max_age=self._max_age_hours * HOUR, new_id=_new_id)

    # Messages

    async def record(self, event: MessageEvent) -> Recorded:
        """Store a message, once, however often it is handed in.

        Returns once it is on disk, or after `store_patience` seconds with `is_stored` False; it is then stored, in order,
        as soon as the database can be written.

        Raises:
            ValueError: it cannot be stored as it is: the direct chat of one account with words of another, say.
            DatabaseRefused: the database may not be used.
        """
        view = self.session_of(event.chat, event.author or event.answers, event=event)
        recorded = await self._intake.patiently(event.chat, self._record(event, view))
        return recorded or Recorded(session=view, message=None, is_new=True, is_stored=False)

    async def _record(self, event: MessageEvent, view: SessionView) -> Recorded:
        async with self._intake.lane(event.chat):
            kept = await self._intake.filter(event)
            if kept is None:
                return Recorded(session=view, message=None, is_new=True, is_stored=False)
            passage = await self._intake.submit(event.chat, bulk.RECORD, await self._recording(kept))
        outcome = await passage.outcome()
        view.is_duplicate = outcome.fate == "duplicate"
        view.is_stored = outcome.fate in ("stored", "duplicate")
        self._when_due(outcome)
        message = outcome.known
        if outcome.fate == "stored":
            message = messages.as_stored(kept.event, outcome, is_withheld=kept.is_withheld)
        return Recorded(session=view, message=message, is_new=not view.is_duplicate, is_stored=view.is_stored)

    async def edit(self, event: MessageEvent) -> bool:
        """Change a stored message to what it says now; one that was never seen is stored.

        False where nothing changed: the same words, or a later edit is known already.
        """
        return await self._intake.patiently(event.chat, self._edit(event)) or False

    async def _edit(self, event: MessageEvent) -> bool:
        async with self._intake.lane(event.chat):
            kept = await self._intake.filter(event)
            if kept is not None:
                passage = await self._intake.submit(event.chat, messages.edit, await self._recording(kept))
        if kept is None:
            return event.message_id is not None and await self._delete(event.chat, (event.message_id,)) > 0
        outcome = await passage.outcome()
        if outcome is not None and outcome.session_no is not None:
            self._when_due(outcome)
            self._renew_summaries((outcome.session_no,))
        return outcome is not None

    async def delete(self, chat: Chat, message_ids: Iterable[str]) -> int:
        """Remove messages from history, archive and summaries; one that comes later is not stored either.

        Tells how many there were.

        Raises:
            TypeError: an id is not text, or a text was given instead of several.
            ValueError: an id is empty, or has a NUL or a lone surrogate.
        """
        if isinstance(message_ids, str):
            raise TypeError(f"message_ids are several ids, not one text: {message_ids!r}")
        message_ids = tuple(message_ids)
        for message_id in message_ids:
            check_id("message_id", message_id)
        return await self._intake.patiently(chat, self._delete(chat, message_ids)) or 0

    async def _delete(self, chat: Chat, message_ids: tuple[str, ...]) -> int:
        deletion = messages.Deletion(moment=self.moment(), chat=chat, message_ids=message_ids)
        async with self._intake.lane(chat):
            passage = await self._intake.submit(chat, messages.delete, deletion)
        outcome = await passage.outcome()
        self._renew_summaries(outcome.session_nos)
        return outcome.count

    def session_of(self, chat: Chat, account: Account | None, *, event: MessageEvent | None = None) -> SessionView:
        """Give the session as somebody in a chat sees it; nothing is read before something is awaited."""
        return SessionView(self, chat, account, event)

    async def read(self, chat: Chat | None, operation: Callable[[Tx, A], T], argument: A) -> T:
        """Run a reading operation, for SessionView: after all that was handed in for `chat` is stored, or at once.

        Raises:
            DatabaseUnavailable: messages of this chat still wait for the database.
        """
        if chat is not None:
            await self._intake.settled(chat)
        return await self._read(operation, argument)

    async def start_new(self, where: sessions.Where) -> Session | None:
        """End the live session and start the next, for SessionView; None where nobody is known to own one."""
        await self._intake.settled(where.chat)
        return await self._announced(sessions.start_new, where, chat=where.chat)

    async def _recording(self, kept: Filtered) -> messages.Recording:
        return messages.Recording(
            moment=self.moment(),
            event=kept.event,
            user_id=await self._whose(kept.event.author),
            answered_user_id=await self._whose(kept.event.answers),
            is_withheld=kept.is_withheld,
        )

    async def _whose(self, account: Account | None) -> str | None:
        """Ask the plugins whose a new account is, if any of them might know."""
        if account is None or not self._plugins.has("session_resolve_user"):
            return None
        try:
            if await self._read(people.is_known, account):
                return None
        except SessionError:
            logger.info("the database cannot tell whether an account is known; the plugins are asked all the same")
        try:
            answer = await self._plugins.ask("session_resolve_user", account=account)
            if answer is not None:
                check_id("user_id", answer.value)
        except (PluginError, TypeError, ValueError) as error:
            logger.warning("no plugin tells whose a new account is, so it gets a user of its own: %s", error)
            return None
        return None if answer is None else str(answer.value)

    # People

    async def identity_of(self, who: Account | str) -> SessionIdentity | None:
        """Give the user of an account, or of a user id that is or was theirs; None for nobody known."""
        if isinstance(who, Account):
            return await self._read(people.identity_of_account, who)
        return await self._read(people.identity_of_user, who)

    async def request_link(self, account: Account, *, chat: Chat | None = None, display_name: str = "") -> LinkCode:
        """Make a one-time code, to be typed on the account that is to be linked with this one within ten minutes.

        An account has one code at a time; only a hash of it is stored.

        Args:
            account: Who asks.
            chat: The direct chat in which they ask, where they can be told who typed the code; None for one known already.
            display_name: The name that the other side is shown; empty leaves the one that is known.
        """
        code = new_code(secrets.choice)
        hashed = code_hash(code)
        if hashed is None:
            raise SessionError("a code was made that no one can type")
        user_id = await self._whose(account)
        asked = linking.CodeRequest(
            moment=self.moment(), account=account, code_hash=hashed, chat=chat, display_name=display_name, user_id=user_id
        )
        return LinkCode(code=code, expires_at=await self._announced(linking.request, asked))

    async def redeem_link(
        self, account: Account, code: str, *, chat: Chat | None = None, display_name: str = ""
    ) -> LinkPreview:
        """Use up a code on the other account. Nothing is linked, and nothing shared, before its asker confirms.

        `chat` and `display_name` are as in `request_link`, of the account that types the code.

        Raises:
            LinkRefused: whatever is wrong with the code; which it is, is not told.
        """
        user_id = await self._whose(account)
        typed = linking.Redemption(
            moment=self.moment(),
            account=account,
            code_hash=code_hash(code),
            chat=chat,
            display_name=display_name,
            user_id=user_id,
        )
        preview = await self._announced(linking.redeem, typed)
        self._notices.ask_for_confirmation(preview)
        return preview

    async def pending_link(self, account: Account) -> LinkPreview | None:
        """Give the link that waits for this account's confirmation, if any."""
        await self._notices.delivered(account)
        return await self._read(linking.pending, (self.moment(), account))

    async def show_pending_link(self, account: Account) -> None:
        """Note that the asker has been shown who typed the code."""
        await self._write(linking.mark_shown, (self.moment(), account))

    async def confirm_link(self, account: Account) -> SessionIdentity:
        """Link the account that asked for a code with the one that typed it: one user, one history in order.

        Raises:
            LinkRefused: nobody typed this account's code, or too long ago.
        """
        linked = await self._announced(linking.confirm, (self.moment(), account))
        self._notices.tell_others("linked", account, linked)
        return linked.identity

    async def unlink(self, account: Account) -> SessionIdentity:
        """Take one account out of a person: each side gets back exactly what came from it.

        Raises:
            LinkRefused: the account is not linked with any other.
        """
        linked = await self._announced(unlink, (self.moment(), account))
        self._notices.tell_others("unlinked", account, linked)
        return linked.identity

    async def _reach(self, account: Account) -> Chat | None:
        return await self._read(sessions.reach, (self.bot, account))

    # Memory over time

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

    def store(self) -> SessionStore:
        """Give the blocking API over this hub's database and writer. It calls no hooks."""
        return SessionStore._on(
            lambda: self._engine.future().result(),
            bot=self.bot,
            max_age_hours=self._max_age_hours,
            consolidation_threshold=self._threshold,
            clock=self._clock,
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

"""SessionStore: the original blocking API, on the operations and the writer that the hub uses.

Usable from any thread, and from several processes on one file. Knows operations; knows no hooks and
no event loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import platformdirs

from session_plugin.checks import (
    HOUR,
    check_id,
    check_mapping,
    check_number,
    check_storable,
    check_text,
)
from session_plugin.context.digest import DIGEST_NAME, digest
from session_plugin.database.engine import Engine, Tx
from session_plugin.database.opening import located, open_engine
from session_plugin.errors import SessionError
from session_plugin.keys import Keys
from session_plugin.model import Account, Session, SessionMessage, check_role
from session_plugin.records.conversation.histories import ALL
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.upkeep import summaries, work_leases
from session_plugin.reports import ImportReport, OnProgress
from session_plugin.rules.consolidation import lease_name
from session_plugin.rules.policies import Expiry
from session_plugin.store import import_operations, operations
from session_plugin.store.importing import Import

A = TypeVar("A")
T = TypeVar("T")

CONSOLIDATION_SECONDS = 60.0
"""How long others wait if this process ends while it sums up."""
SUMMARY_HEADING = "Session history summary:"

logger = logging.getLogger("session_plugin.store")


class SessionStore:
    """Sessions of users whom the caller names, kept in a database.

    A user here is a user of the hub too: `get_or_create` with a hub's user id gives that person's
    session over all channels.

    Args:
        db_path: A path, or `":memory:"`; without one, `sessions.db` in the user's data directory.
        max_age_hours: Hours of silence after which `get_or_create` starts a new session; exactly as
            many do not.
        consolidation_threshold: Messages beyond which the oldest half gives way to a summary.

    Raises:
        DatabaseRefused: the database may not be used; it is left as it is.
        ValueError: a setting makes no sense.

    Example:
        with SessionStore("notes.db", max_age_hours=24.0, consolidation_threshold=100) as store:
            session = store.get_or_create("ann", display_name="Ann")
            store.save_message(session.session_id, "user", "Remember the milk.")
            print([message.content for message in store.get_or_create("ann").messages])
    """

    def __init__(
        self,
        db_path: str | Path | None = None,
        *,
        max_age_hours: float = 24.0,
        consolidation_threshold: int = 100,
    ) -> None:
        """Open the database."""
        path = (
            platformdirs.user_data_path("session_plugin") / "sessions.db"
            if db_path is None
            else db_path
        )
        where = located(path)

        def keyed_hash(*parts: str) -> bytes:
            return Keys(None, database=where).keyed_hash(
                *parts
            )  # no secret is looked for before somebody was forgotten

        self._set_up("", max_age_hours, consolidation_threshold, time.time, keyed_hash)
        engine = open_engine(path)
        self._engine: Callable[[], Engine] = lambda: engine
        self._is_own = True

    @classmethod
    def _on(
        cls,
        engine: Callable[[], Engine],
        *,
        bot: str,
        max_age_hours: float,
        expiries: tuple[Expiry, ...],
        consolidation_threshold: int,
        clock: Callable[[], float],
        keyed_hash: Callable[..., bytes],
    ) -> Self:
        """Make a store on a hub's engine, which closing the store leaves open."""
        store = cls.__new__(cls)
        store._set_up(bot, max_age_hours, consolidation_threshold, clock, keyed_hash)
        store._expiries = expiries
        store._engine = engine
        store._is_own = False
        return store

    def _set_up(
        self,
        bot: str,
        max_age_hours: float,
        threshold: int,
        clock: Callable[[], float],
        keyed_hash: Callable[..., bytes],
    ) -> None:
        check_number("max_age_hours", max_age_hours)
        check_number("consolidation_threshold", threshold, at_least=2)
        self._bot = bot
        self._max_age_hours = max_age_hours
        self._threshold = threshold
        self._clock = clock
        self._keyed_hash = keyed_hash
        self._holder = uuid.uuid4().hex
        self._expiries: tuple[Expiry, ...] = ()
        self._has_warned = False

    def get_or_create(
        self, user_id: str, *, channel: str = "", channel_user_id: str = "", display_name: str = ""
    ) -> Session:
        """Give the user's live session, with its summary and unconsolidated messages, or a new one.

        Args:
            user_id: Who; also the id under which the hub knows this person.
            channel: With `channel_user_id`: what the user is called there, entered in
                `identity.channel_ids`, and the session counts as active now. A label only; it never
                decides who somebody is. One without the other is ignored.
            channel_user_id: See `channel`.
            display_name: The name to show; one that is stored already wins.

        Raises:
            TypeError: an id or the name is not text.
            ValueError: an id is empty or too long, or has a NUL or a lone surrogate.
        """
        check_id("user_id", user_id)
        for what, label in (("channel", channel), ("channel_user_id", channel_user_id)):
            check_storable(what, label)
        check_text("display_name", display_name)
        asked = operations.Asked(
            context=self._context(),
            user_id=user_id,
            channel=channel,
            channel_user_id=channel_user_id,
            display_name=display_name,
        )
        opened = self._write(operations.open_session, asked).value
        session, summary = opened.session, opened.summary
        if summary is not None:
            text = f"{SUMMARY_HEADING}\n{summary.text}"
            session.messages.insert(
                0, SessionMessage(role="system", content=text, timestamp=summary.made_at)
            )
        return session

    def save_message(
        self,
        session_id: str,
        role: str,
        content: str,
        *,
        channel: str = "",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Store a message, then consolidate if there are more than the threshold.

        A session that is over takes the message and stays over. A consolidation that fails is
        logged, and the next message tries it again: the message itself is stored.

        Raises:
            UnknownSession: no session has this id.
            ValueError: the role is unknown, or the id or the channel has a NUL or a lone surrogate.
            TypeError: the content is not text, or the metadata is no mapping, or holds what JSON
                has no word for.
        """
        check_storable("session_id", session_id)
        check_role(role)
        check_text("content", content)
        check_storable("channel", channel)
        if metadata is not None:
            check_mapping("metadata", metadata)
        saved = operations.Saved(
            context=self._context(),
            handle=session_id,
            role=role,
            content=content,
            channel=channel,
            metadata=metadata,
        )
        appended = self._write(operations.append, saved).value
        if appended.live_count > self._threshold:
            try:
                self._consolidate(appended.session_no)
            except SessionError as error:
                logger.warning("a session could not be consolidated, and is tried again: %s", error)

    def consolidate(self, session_id: str) -> None:
        """Let the oldest half of the messages give way to a summary, unless there are `threshold //
        2` or fewer.

        The messages are not deleted; the hub still reads them. An unknown session has no effect.
        """
        check_storable("session_id", session_id)
        session_no = self._read(operations.session_no_of_handle, (self._bot, session_id))
        if session_no is not None:
            self._consolidate(session_no)

    def _consolidate(self, session_no: int) -> None:
        claim = work_leases.Claim(
            name=lease_name(session_no),
            holder=self._holder,
            now=self._clock(),
            seconds=CONSOLIDATION_SECONDS,
        )
        if not self._write(work_leases.take, claim):
            return  # somebody is at it
        try:
            plan = self._read(
                summaries.plan,
                summaries.PlanRequest(session_no=session_no, threshold=self._threshold),
            )
            if plan is not None and plan.messages:
                text = digest(plan.messages, plan.previous)
                written = summaries.Written(
                    plan=plan, text=text, made_by=DIGEST_NAME, made_at=self._clock()
                )
                self._write(summaries.put, written)
        finally:
            self._write(work_leases.release, claim)

    def decay(self, max_age_hours: float | None = None) -> int:
        """Remove sessions in which nothing was said for more than `max_age_hours`, but for pinned
        ones; tell how many.

        Args:
            max_age_hours: None for the store's own; 0 for all in which nothing was said just now.

        Raises:
            ValueError: the age makes no sense.
        """
        hours = self._max_age_hours if max_age_hours is None else max_age_hours
        check_number("max_age_hours", hours)
        expiry = operations.Expiry(context=self._context(), max_age=hours * HOUR)
        total = 0
        while (removed := self._write(operations.remove_parts, expiry).value) > 0:
            total += removed
        return total

    def link_channel(self, session_id: str, channel: str, channel_user_id: str) -> None:
        """Say that an account which nobody owns is the user of this session. It is the operator's
        word, and audited.

        An unknown session has no effect.

        Raises:
            AccountTaken: the account belongs to another user.
            ValueError: an id is empty or too long, or has a NUL or a lone surrogate.
        """
        check_storable("session_id", session_id)
        check_id("channel", channel)
        claim = operations.Claim(
            context=self._context(), handle=session_id, account=Account(channel, channel_user_id)
        )
        self._write(operations.claim_account, claim)

    def list_sessions(self, *, active_only: bool = True, limit: int = 50) -> list[Session]:
        """List sessions, the most recently active first, without messages.

        Args:
            active_only: Leave out those in which nothing was said for more than `max_age_hours`.
            limit: How many at most; -1 for all.
        """
        check_number("limit", limit, at_least=-1)
        limit = ALL if limit == -1 else int(min(limit, ALL))
        context = self._context()
        max_age = context.max_age if active_only else None
        return self._read(
            operations.list_sessions,
            operations.Listing(context=context, max_age=max_age, limit=limit),
        )

    def import_original(
        self, path: str | Path, *, progress: OnProgress | None = None
    ) -> ImportReport:
        """Take in what the original SessionStore kept in its `sessions.db`, which is left
        untouched.

        Users and sessions keep their ids, messages their times and order. It can be run again, and
        takes in what came since.

        Args:
            path: The original's file.
            progress: Called after each piece.

        Raises:
            DatabaseRefused: it is no database of the original's, or damaged.
        """
        import_ = Import(path, before=None, progress=progress)
        import_.open()
        try:
            while (piece := import_.next_piece()) is not None:
                import_.note(
                    piece, self._write(import_operations.take_in, (self._context(), piece))
                )
        finally:
            import_.close()
        return import_.report()

    def close(self) -> None:
        """Close the database; closing twice does nothing."""
        if self._is_own:
            self._engine().close()

    def __enter__(self) -> Self:
        """Use the store as a context manager."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _context(self) -> OperationContext:
        return OperationContext(
            bot=self._bot,
            now=self._clock(),
            max_age=self._max_age_hours * HOUR,
            new_id=lambda: uuid.uuid4().hex,
            expiries=self._expiries,
            keyed_hash=self._keyed_hash,
        )

    def _read(self, operation: Callable[[Tx, A], T], argument: A) -> T:
        self._warn_on_a_loop()
        return self._engine().read(operation, argument).result()

    def _write(self, operation: Callable[[Tx, A], T], argument: A) -> T:
        self._warn_on_a_loop()
        return self._engine().write(operation, argument).result()

    def _warn_on_a_loop(self) -> None:
        if not self._has_warned and asyncio._get_running_loop() is not None:
            self._has_warned = True
            logger.warning(
                "SessionStore blocks the event loop it is called on; use SessionHub there, or "
                "a thread"
            )

"""SessionStore: the original blocking API, on the operations and the writer that the hub uses.

Usable from any thread, and from several processes on one file. Knows operations; knows no hooks and
no event loop.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

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
from session_plugin.encryption.keys import Keys
from session_plugin.encryption.unlocking import Encryption
from session_plugin.errors import SessionError
from session_plugin.logs import FieldLogger
from session_plugin.model import Account, Session, SessionMessage, check_role
from session_plugin.records.conversation.histories import ALL
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.upkeep import summaries, work_leases
from session_plugin.reports import ImportReport, OnProgress
from session_plugin.rules.consolidation import lease_name
from session_plugin.rules.policies import Policies
from session_plugin.secret import Secret
from session_plugin.store import import_operations, operations
from session_plugin.store.original_import import AccountsOf, Import

P = ParamSpec("P")
T = TypeVar("T")

CONSOLIDATION_SECONDS = 60.0
"""How long others wait if this process ends while it sums up."""
SUMMARY_HEADING = "Session history summary:"

logger = FieldLogger("session_plugin.store")


class SessionStore:
    """Sessions of users whom the caller names, kept in a database.

    A user here is a user of the hub too: `get_or_create` with a hub's user id gives that person's
    session over all channels.

    Args:
        db_path: A path, or `":memory:"`; without one, `sessions.db` in the user's data directory.
        max_age_hours: Hours of silence after which `get_or_create` starts a new session; exactly as
            many do not.
        consolidation_threshold: Messages beyond which the oldest half gives way to a summary.
        encryption: Keys with which what is private is sealed in the database; see `SessionHub`.

    Raises:
        DatabaseRefused: the database may not be used; it is left as it is.
        ValueError: a setting makes no sense.

    Example:
        with SessionStore("notes.db", max_age_hours=24.0, consolidation_threshold=100) as store:
            session = store.get_or_create("ann", display_name="Ann")
            store.save_message(session.session_id, "user", "Remember the milk.")
            print([message.content for message in store.get_or_create("ann").messages])
    """

    _owned: Engine | None

    def __init__(
        self,
        db_path: str | Path | None = None,
        *,
        max_age_hours: float = 24.0,
        consolidation_threshold: int = 100,
        encryption: Keys | None = None,
    ) -> None:
        """Open the database."""
        check_number("max_age_hours", max_age_hours)
        check_number("consolidation_threshold", consolidation_threshold, at_least=2)
        path = db_path
        if path is None:
            import platformdirs  # noqa: PLC0415 - only needed here

            path = platformdirs.user_data_path("session_plugin") / "sessions.db"

        where = located(path)

        @cache
        def secret() -> Secret:
            # A secret is looked for only where somebody was forgotten, so it must be there.
            return Secret(None, database=where, may_make=False)

        def keyed_hash(*parts: str) -> bytes:
            return secret().keyed_hash(*parts)

        policies = Policies(max_age=max_age_hours * HOUR)

        def context() -> OperationContext:
            return OperationContext(
                bot="",
                now=time.time(),
                policies=policies,
                new_id=lambda: uuid.uuid4().hex,
                keyed_hash=keyed_hash,
            )

        engine = open_engine(path)
        try:
            Encryption(encryption, database=where, may_begin=True).unlock(engine)
        except BaseException:
            engine.close()
            raise
        self._set_up(lambda: engine, context, consolidation_threshold)
        self._owned = engine

    @classmethod
    def _on(
        cls,
        engine: Callable[[], Engine],
        *,
        context: Callable[[], OperationContext],
        consolidation_threshold: int,
    ) -> Self:
        """Make a store on a hub's engine, which closing the store leaves open."""
        store = cls.__new__(cls)
        store._set_up(engine, context, consolidation_threshold)
        return store

    def _set_up(
        self,
        engine: Callable[[], Engine],
        context: Callable[[], OperationContext],
        threshold: int,
    ) -> None:
        self._engine = engine
        self._context = context
        self._threshold = threshold
        self._holder = uuid.uuid4().hex
        self._owned = None
        self._has_warned = False
        self._has_listed = False

    def get_or_create(
        self, user_id: str, *, channel: str = "", channel_user_id: str = "", display_name: str = ""
    ) -> Session:
        """Return the user's live session, with its summary and unconsolidated messages, or a new
        one.

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

        opened = self._write(
            operations.open_session,
            self._context(),
            user_id,
            channel=channel,
            channel_user_id=channel_user_id,
            display_name=display_name,
        ).value
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

        appended = self._write(
            operations.append,
            self._context(),
            session_id,
            role=role,
            content=content,
            channel=channel,
            metadata=metadata,
        ).value
        if appended.live_count > self._threshold:
            try:
                self._consolidate(appended.session_no)
            except SessionError as error:
                logger.warning(
                    "a session could not be consolidated, and is tried again: %(error)s",
                    error=error,
                )

    def consolidate(self, session_id: str) -> None:
        """Let the oldest half of the messages give way to a summary, unless there are `threshold //
        2` or fewer.

        The messages are not deleted; the hub still reads them. An unknown session has no effect.
        """
        check_storable("session_id", session_id)
        session_no = self._read(operations.session_no_of_handle, self._context().bot, session_id)
        if session_no is not None:
            self._consolidate(session_no)

    def _consolidate(self, session_no: int) -> None:
        lease = work_leases.WorkLease(
            name=lease_name(session_no),
            holder=self._holder,
            now=self._context().now,
            seconds=CONSOLIDATION_SECONDS,
        )
        if not self._write(work_leases.take, lease):
            return  # another process is at it

        try:
            request = summaries.PlanRequest(session_no=session_no, threshold=self._threshold)
            plan = self._read(summaries.plan, request)
            if plan is not None and plan.messages:
                written = summaries.Written(
                    plan=plan,
                    text=digest(plan.messages, plan.previous),
                    made_by=DIGEST_NAME,
                    made_at=self._context().now,
                )
                self._write(summaries.put, written)
        finally:
            self._write(work_leases.release, lease)

    def decay(self, max_age_hours: float | None = None) -> int:
        """Remove sessions in which nothing was said for more than `max_age_hours`, but for pinned
        ones; return how many.

        Args:
            max_age_hours: None for the store's own; 0 for all in which nothing was said just now.

        Raises:
            ValueError: the age makes no sense.
        """
        context = self._context()
        max_age = context.policies.max_age
        if max_age_hours is not None:
            check_number("max_age_hours", max_age_hours)
            max_age = max_age_hours * HOUR

        total = 0
        while removed := self._write(
            operations.remove_idle_segments, context, max_age=max_age
        ).value:
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
        account = Account(channel, channel_user_id)
        self._write(operations.claim_account, self._context(), session_id, account)

    def list_sessions(self, *, active_only: bool = True, limit: int = 50) -> list[Session]:
        """List the store's own sessions, the most recently active first, without messages.

        What people say to a bot on the same database is not among them. `session-plugin sessions`
        and `OperatorHub.sessions` list that; the first call logs a warning if there is any.

        Args:
            active_only: Leave out those in which nothing was said for more than `max_age_hours`.
            limit: How many at most; -1 for all.
        """
        check_number("limit", limit, at_least=-1)
        limit = ALL if limit == -1 else int(min(limit, ALL))
        context = self._context()
        max_age = context.policies.max_age if active_only else None

        if not self._has_listed:
            self._has_listed = True
            if self._read(operations.has_other_sessions, context):
                logger.warning(
                    "list_sessions shows the sessions of SessionStore only; this database also has "
                    "those of a bot, which `session-plugin sessions` lists"
                )

        return self._read(operations.list_sessions, context, max_age=max_age, limit=limit)

    def import_original(
        self,
        path: str | Path,
        *,
        accounts: AccountsOf | None = None,
        progress: OnProgress | None = None,
    ) -> ImportReport:
        """Take in what the original SessionStore kept in its `sessions.db`, which is left
        untouched.

        Users and sessions keep their ids, messages their times and order. It can be run again, and
        takes in what came since.

        Args:
            path: The original's file.
            accounts: Whose account each of its users is, by the user's id: a mapping to
                `Account`, or a function. They become that user's if nobody owns them; it is your
                word, and audited.
            progress: Called after each piece.

        Raises:
            DatabaseRefused: it is no database of the original's, or damaged.
        """
        import_ = Import(path, accounts=accounts, before=None, progress=progress)
        import_.open()
        try:
            while (piece := import_.next_piece()) is not None:
                imported = self._write(
                    import_operations.import_piece,
                    self._context(),
                    piece,
                    import_.account_of(piece),
                )
                import_.note(piece, imported)
        finally:
            import_.close()

        return import_.report()

    def close(self) -> None:
        """Close the database; closing twice does nothing."""
        if self._owned is not None:
            self._owned.close()

    def __enter__(self) -> Self:
        """Use the store as a context manager."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _read(
        self, operation: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        self._warn_on_a_loop()
        return self._engine().read(operation, *args, **kwargs).result()

    def _write(
        self, operation: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        self._warn_on_a_loop()
        return self._engine().write(operation, *args, **kwargs).result()

    def _warn_on_a_loop(self) -> None:
        if not self._has_warned and asyncio._get_running_loop() is not None:
            self._has_warned = True
            logger.warning(
                "SessionStore blocks the event loop it is called on; use SessionHub there, or "
                "a thread"
            )

"""SessionStore's operations. Its `session_id` is a handle: it names one user's own part of a
session and follows it when accounts are linked and unlinked, so that saving through an old one
never writes under somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from session_plugin.database.engine import Row, Tx
from session_plugin.errors import AccountTaken, UnknownSession
from session_plugin.model import STORE_CHANNEL, Account, Chat, Session, Summary
from session_plugin.records import message_rows
from session_plugin.records.cells import from_json, to_json
from session_plugin.records.conversation.contexts import session_with_messages
from session_plugin.records.conversation.recording import store_row
from session_plugin.records.conversation.removing import ALL_OF_IT, remove_messages
from session_plugin.records.conversation.sessions import (
    end_expired,
    find_or_start_segment,
    get_or_create_chat,
    session_data,
)
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import audit
from session_plugin.records.people.accounts import find_account, get_or_create_account
from session_plugin.records.results import Announcement, Result
from session_plugin.records.upkeep.decay import drop_session
from session_plugin.rules.scopes import Scope

PARTS = 50
"""Parts removed in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session under its handle, with its unconsolidated messages, and its summary."""

    session: Session
    summary: Summary | None


def open_session(
    tx: Tx,
    context: OperationContext,
    user_id: str,
    *,
    channel: str = "",
    channel_user_id: str = "",
    display_name: str = "",
) -> Result[Opened]:
    """Find the live session of a user, or start one, and give it under the user's own handle."""
    own = Account(STORE_CHANNEL, user_id)
    row = find_account(tx, own)
    name = display_name if row is None or not row["display_name"] else ""
    person, seen = get_or_create_account(tx, context, own, display_name=name, user_id=user_id)
    chat_no = get_or_create_chat(tx, context.bot, Chat(STORE_CHANNEL, user_id))["chat_no"]
    tx.run("set_peer", chat_no=chat_no, account_no=person.account_no)
    scope = Scope(context.bot, user_id=person.user_id)
    found, begun = find_or_start_segment(
        tx, context, scope, chat_no=chat_no, thread_id="", founder_no=person.account_no
    )
    handle = _handle(tx, context, found.segment_no)
    if channel and channel_user_id:
        label(tx, person.account_no, channel, channel_user_id)
        tx.run("touch_activity", segment_no=found.segment_no, at=context.now)

    opened = session_with_messages(tx, found.session_no)
    assert opened is not None
    session, summary = opened
    session.session_id = handle

    return Result(Opened(session=session, summary=summary), seen + begun)


def _handle(tx: Tx, context: OperationContext, segment_no: int) -> str:
    row = tx.one("segment_by_no", segment_no=segment_no)
    if row["handle"] is not None:
        return str(row["handle"])

    handle = context.new_id()
    tx.run("set_handle", segment_no=segment_no, handle=handle)

    return handle


def label(tx: Tx, account_no: int, channel: str, channel_user_id: str) -> None:
    """Note what a user is called on another channel; it decides nothing."""
    row = tx.first("account_by_no", account_no=account_no)
    labels = {} if row is None else from_json(row["labels"])
    if labels.get(channel) != channel_user_id:
        labels[channel] = channel_user_id
        tx.run("set_labels", account_no=account_no, labels=to_json(labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """Where a message went, and how many of that session's are unconsolidated."""

    session_no: int
    live_count: int


def append(
    tx: Tx,
    context: OperationContext,
    handle: str,
    *,
    role: str,
    content: str,
    channel: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> Result[Appended]:
    """Append a message to a session; one that is over takes it too, and stays over.

    Nothing is kept of somebody who asked for that.

    Raises:
        UnknownSession: no session has this handle.
    """
    segment, ended = _by_handle(tx, context, handle)
    if tx.first("is_private_user", user_id=segment["user_id"]) is not None:
        return Result(Appended(session_no=segment["session_no"], live_count=0), ended)

    row = message_rows.to_row(
        chat_no=segment["chat_no"],
        segment_no=segment["segment_no"],
        received_at=max(context.known_now, segment["last_activity"]),
        message_id=None,
        role=role,
        content=content,
        sent_at=context.now,
        channel=channel,
        metadata=metadata,
    )
    _, live_count = store_row(tx, row, session_no=segment["session_no"])

    return Result(Appended(session_no=segment["session_no"], live_count=live_count), ended)


def _by_handle(
    tx: Tx, context: OperationContext, handle: str
) -> tuple[Row, tuple[Announcement, ...]]:
    """Find a segment by its handle; its session is aged out first, as on every path that writes."""
    segment = tx.first("segment_by_handle", handle=handle, bot=context.bot)
    if segment is None:
        raise UnknownSession(f"no session has the id {handle!r}; ask get_or_create for one")
    if segment["ended_at"] is not None:
        return segment, ()

    return segment, end_expired(tx, context, Scope(context.bot, user_id=segment["user_id"]))[1]


def session_no_of_handle(tx: Tx, bot: str, handle: str) -> int | None:
    """Return the number of the session that has a part with this handle (bot, handle), or None."""
    segment = tx.first("segment_by_handle", handle=handle, bot=bot)
    return None if segment is None else int(segment["session_no"])


def claim_account(tx: Tx, context: OperationContext, handle: str, account: Account) -> Result[None]:
    """Return an account that nobody owns to the user of a session; an unknown session has no
    effect.

    Raises:
        AccountTaken: the account belongs to another user.
    """
    segment = tx.first("segment_by_handle", handle=handle, bot=context.bot)
    if segment is None:
        return Result(None)

    row = find_account(tx, account)
    if row is not None:
        if row["user_id"] != segment["user_id"]:
            raise AccountTaken(
                f"the account {account.channel_user_id!r} on {account.channel!r} belongs to "
                "another user; "
                "only its owner can link it, with a code"
            )
        return Result(None)

    home = tx.one("account_by_no", account_no=segment["peer_no"])
    person, seen = get_or_create_account(tx, context, account, user_id=home["home_user_id"])
    audit.note(tx, context, "claimed", actor_no=person.account_no, user_id=person.user_id)

    return Result(None, seen)


def list_sessions(
    tx: Tx, context: OperationContext, *, max_age: float | None, limit: int
) -> list[Session]:
    """List the sessions that have a handle, the most recently active first, without messages."""
    rows = tx.all(
        "segments_with_handle",
        bot=context.bot,
        now=context.now,
        max_age=max_age,
        limit=limit,
    )
    found = []
    for row in rows:
        session = session_data(tx, row["session_no"])
        if session is not None:
            session.session_id = row["handle"]
            found.append(session)

    return found


def has_other_sessions(tx: Tx, context: OperationContext) -> bool:
    """Check whether the bot has sessions that have no handle, so are not SessionStore's."""
    return tx.first("sessions_without_handle", bot=context.bot) is not None


def remove_idle_segments(tx: Tx, context: OperationContext, *, max_age: float) -> Result[int]:
    """Remove some parts whose sessions have been idle for too long; 0 when none is left.

    What other accounts of the same person said in such a session is not SessionStore's, and stays.
    """
    rows = tx.all("idle_parts", bot=context.bot, now=context.now, max_age=max_age, limit=PARTS)
    for row in rows:
        segment_no = row["segment_no"]
        remove_messages(tx, segment_no, [ALL_OF_IT], reason="retention")
        tx.run("drop_parts_of_segment", segment_no=segment_no)
        tx.run("drop_segment", segment_no=segment_no)
        left = tx.first("references_to_session", session_no=row["session_no"])
        if left is not None and left["count"] == 0:
            drop_session(tx, row["session_no"])

    return Result(len(rows))

"""Two users become one, and two sessions: segments move, messages never leave their segment.
Parting is in unlinking.py.
"""

from __future__ import annotations

from session_plugin.database.engine import Row, Tx
from session_plugin.errors import LinkedRecently
from session_plugin.model import STORE_CHANNEL, Account, IdentityEvent
from session_plugin.records.conversation.sessions import end_expired_of_user
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import attempts
from session_plugin.records.people.accounts import find_account, to_account
from session_plugin.records.results import Announcement, IdentityChanged
from session_plugin.rules.linking import NEW_FOR, oldest


def join_users(
    tx: Tx, context: OperationContext, one: str, other: str
) -> tuple[str, tuple[Announcement, ...]]:
    """Make two users one, and give the id that goes on: the older."""
    rows = [tx.one("user_by_id", user_id=user_id) for user_id in sorted((one, other))]
    keep = oldest((row["created_at"], row["user_id"]) for row in rows)
    gone = other if keep == one else one
    ended: tuple[Announcement, ...] = ()
    for user_id in (keep, gone):
        ended += end_expired_of_user(tx, context, user_id)

    kept_live = {
        (row["bot"], row["name"]): row["session_no"]
        for row in tx.all("live_sessions_of_user", user_id=keep)
    }
    for row in tx.all("live_sessions_of_user", user_id=gone):
        if (row["bot"], row["name"]) in kept_live:
            join_session(tx, context, row["session_no"], kept_live[row["bot"], row["name"]])

    tx.run("drop_old_new_links", before=context.now - NEW_FOR)
    tx.run("add_new_links", one=keep, other=gone, at=context.now)
    tx.run("give_sessions", user_id=keep, previous=gone)
    moved = tx.all("accounts_of_user", user_id=gone)
    tx.run("give_accounts", user_id=keep, previous=gone)
    attempts.withdraw_questions(tx, tx.all("accounts_of_user", user_id=keep))
    tx.run("settle_accounts", user_id=keep)
    tx.run("merge_users", user_id=gone, merged_into=keep)
    events = [_linked(row, keep, gone) for row in moved if row["channel"] != STORE_CHANNEL]

    return keep, ended + tuple(map(IdentityChanged, events))


def refuse_newly_linked(tx: Tx, context: OperationContext, who: Account | str) -> None:
    """Check that an account speaks for all of its person: no link of the last day stands between
    it and another account.

    A user id is the operator's word for the whole person, and is never refused.

    Raises:
        LinkedRecently: a link put it together with accounts whose histories are not its to erase
            or hand over yet.
    """
    row = find_account(tx, who) if isinstance(who, Account) else None
    if row is None:
        return

    newly_linked = tx.first(
        "newly_linked",
        account_no=row["account_no"],
        user_id=row["user_id"],
        since=context.now - NEW_FOR,
    )
    if newly_linked is not None:
        raise LinkedRecently


def _linked(row: Row, keep: str, gone: str) -> IdentityEvent:
    return IdentityEvent(
        change="linked",
        account=to_account(row),
        user_id=keep,
        previous_user_id=gone,
        display_name=row["display_name"],
    )


def join_session(tx: Tx, context: OperationContext, session_no: int, into: int) -> None:
    """End a live session by moving all it has into another; joined is not ended, so nobody is
    told.
    """
    tx.run("move_segments", session_no=into, previous=session_no)
    tx.run("move_summaries", session_no=into, previous=session_no)
    tx.run("rejoin_sessions", joined_into=into, previous=session_no)
    tx.run("join_session", session_no=session_no, joined_into=into, ended_at=context.now)

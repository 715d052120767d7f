"""Forgetting a person: all that is theirs goes, over all linked accounts and all bots of the
database; others lose nothing.

In direct chats everything goes, the bot's words included; in groups their own messages and the
bot's answers to them. What remains of an account is a keyed hash, by which messages that a platform
delivers again are known and not taken in.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from session_plugin.checks import is_storable
from session_plugin.database.engine import Row, Tx
from session_plugin.model import STORE_CHANNEL, Account, IdentityEvent, Receipt
from session_plugin.records.conversation import quotes
from session_plugin.records.conversation.removing import ALL_OF_IT, remove_messages
from session_plugin.records.conversation.sessions import to_chat
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import attempts, audit, data_keys, forgotten
from session_plugin.records.people.accounts import current_user_id, find_account, to_account
from session_plugin.records.people.joining import refuse_newly_linked
from session_plugin.records.results import Announcement, IdentityChanged, MessagesDeleted, Result
from session_plugin.records.upkeep import encryption_state

KINDS = (
    "messages",
    "summaries",
    "sessions",
    "chats",
    "accounts",
    "link_requests",
    "notices",
    "attempts",
    "audit_details",
)
CONFIRM_SECONDS = 600.0
"""How long a person may take to say yes to being forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What went, and the bot's group sessions that lost something, whose summaries are to be made
    again.
    """

    receipt: Receipt
    session_nos: tuple[int, ...] = ()


def find_user(tx: Tx, who: Account | str) -> str | None:
    """Return the id that somebody goes by; None for nobody known."""
    if isinstance(who, Account):
        row = find_account(tx, who)
        return None if row is None else str(row["user_id"])

    if not is_storable(who) or tx.first("user_by_id", user_id=who) is None:
        return None

    return current_user_id(tx, who)


def count(tx: Tx, who: Account | str) -> Receipt:
    """Count what would go."""
    user_id = find_user(tx, who)
    if user_id is None:
        return Receipt(is_dry_run=True)

    row = tx.one("count_of_person", user_id=user_id)
    keys = data_keys.count_of_person(tx, user_id)

    return Receipt(**{kind: row[kind] for kind in KINDS}, is_dry_run=True, keys=keys)


def ask(tx: Tx, context: OperationContext, account: Account) -> None:
    """Note that a person is asked whether they want to be forgotten.

    Raises:
        ForgetRefused: the account was asked too often today.
        LinkedRecently: a link of the last day has brought what is not the account's to erase.
    """
    refuse_newly_linked(tx, context, account)
    attempts.request_forgetting(tx, context, account)


def confirm(tx: Tx, context: OperationContext, account: Account) -> Result[Forgotten | None]:
    """Forget a person who was asked and says yes; None if they were not asked lately enough."""
    if not attempts.was_asked_to_be_forgotten(tx, context, account, within=CONFIRM_SECONDS):
        return Result(None)

    done = forget(tx, context, account)
    return Result(done.value, done.announcements)


def forget(tx: Tx, context: OperationContext, who: Account | str) -> Result[Forgotten]:
    """Remove a person; nobody known is no error, and of who only ever tried codes, the id goes from
    these.

    Raises:
        LinkedRecently: `who` is an account, and a link of the last day has brought what is not its
            to erase.
    """
    refuse_newly_linked(tx, context, who)
    user_id = find_user(tx, who)
    if user_id is None:
        tried = attempts.hide(tx, context, who) if isinstance(who, Account) else 0
        if tried:
            _add_erasure(tx, context)
        return Result(Forgotten(receipt=Receipt(attempts=tried)))

    rows = tx.all("accounts_of_user", user_id=user_id)
    for row in rows:
        forgotten.leave(tx, context, row)
        quotes.follow_forgetting(tx, to_account(row))

    messages, deleted = 0, tuple[Announcement, ...]()
    for row in rows:
        number, announcements = _forget_in_groups(tx, context, row)
        messages, deleted = messages + number, deleted + announcements

    messages += _remove_direct_messages(tx, user_id)
    keys = data_keys.destroy_of_person(tx, user_id, now=context.now)
    summaries = _drop_summaries(tx, user_id)
    sessions = _drop_sessions(tx, user_id)
    receipt = Receipt(
        messages=messages,
        summaries=summaries,
        sessions=sessions,
        notices=tx.run("drop_notices_of_user", user_id=user_id),
        chats=_drop_chats(tx, user_id),
        link_requests=tx.run("drop_link_requests_of_user", user_id=user_id),
        attempts=sum(attempts.hide(tx, context, to_account(row)) for row in rows),
        audit_details=tx.run("blank_audit_of_user", user_id=user_id),
        accounts=_drop_accounts(tx, user_id),
        keys=keys,
    )
    audit.note(tx, context, "forgotten")
    _add_erasure(tx, context)
    session_nos = tuple(one.session_no for one in deleted if isinstance(one, MessagesDeleted))

    return Result(
        Forgotten(receipt=receipt, session_nos=session_nos), deleted + _notified(rows, user_id)
    )


def _notified(rows: list[Row], user_id: str) -> tuple[Announcement, ...]:
    accounts = [to_account(row) for row in rows if row["channel"] != STORE_CHANNEL]
    events = (
        IdentityEvent(change="forgotten", account=account, user_id=user_id) for account in accounts
    )
    return tuple(map(IdentityChanged, events))


def _add_erasure(tx: Tx, context: OperationContext) -> None:
    """Note that what was deleted is to leave the file; where all of it was sealed with keys that
    are destroyed, that may wait.
    """
    state = encryption_state.find(tx)
    if state is not None and state.state == "sealed":
        tx.run("add_late_erasure", at=context.now)
    else:
        tx.run("add_erasure", at=context.now)


def _forget_in_groups(
    tx: Tx, context: OperationContext, account: Row
) -> tuple[int, tuple[Announcement, ...]]:
    """Remove what an account said in groups and was answered there; the summaries made with it lose
    their text.

    A group may be a chat with this person, as a business account has with each customer, and be
    named after them. What one bot heard is nothing for the plugins and the summariser of another:
    its own hub makes its summaries again.
    """
    rows = tx.all("messages_in_groups", account_no=account["account_no"])
    by_segment: defaultdict[tuple[int, int], list[Row]] = defaultdict(list)
    for row in rows:
        by_segment[row["session_no"], row["segment_no"]].append(row)

    announcements: list[Announcement] = []
    for (session_no, segment_no), gone in by_segment.items():
        seqs = [(row["seq"], row["seq"]) for row in gone]
        remove_messages(tx, segment_no, seqs, reason="forgotten")
        if gone[0]["bot"] == context.bot:
            ids = tuple(row["message_id"] for row in gone if row["message_id"] is not None)
            chat = to_chat(gone[0], gone[0]["thread_id"])
            announcements.append(MessagesDeleted(chat, ids, session_no))

    named = {row["chat_no"] for row in rows if row["title"] == account["display_name"] != ""}
    for chat_no in named:
        tx.run("unname_chat", chat_no=chat_no)
        data_keys.destroy_of_title(tx, chat_no, now=context.now)

    return len(rows), tuple(announcements)


def _remove_direct_messages(tx: Tx, user_id: str) -> int:
    """Remove all messages in a person's direct chats, the bot's included."""
    return sum(
        remove_messages(tx, row["segment_no"], [ALL_OF_IT], reason="forgotten")
        for row in tx.all("segments_of_person", user_id=user_id)
    )


def _drop_summaries(tx: Tx, user_id: str) -> int:
    tx.run("forget_superseded_of_user", user_id=user_id)
    return tx.run("drop_summaries_of_user", user_id=user_id)


def _drop_sessions(tx: Tx, user_id: str) -> int:
    tx.run("rehome_segments_of_others", user_id=user_id)
    tx.run("unlink_joined_of_others", user_id=user_id)
    tx.run("drop_segments_of_user", user_id=user_id)
    return tx.run("drop_sessions_of_user", user_id=user_id)


def _drop_chats(tx: Tx, user_id: str) -> int:
    tx.run("drop_tombstones_of_user", user_id=user_id)
    tx.run("unname_tombstones_of_user", user_id=user_id)
    return tx.run("drop_chats_of_user", user_id=user_id)


def _drop_accounts(tx: Tx, user_id: str) -> int:
    tx.run("forget_who_was_left", user_id=user_id)
    number = tx.run("drop_accounts_of_user", user_id=user_id)
    tx.run("drop_user", user_id=user_id)
    return number

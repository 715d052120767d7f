"""Two accounts become one person: a code asked for, typed on the other account, confirmed; then their sessions join.

Segments move from session to session, messages never leave their segment. Parting again is in unlinking.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from session_plugin.database.engine import Row, Tx
from session_plugin.errors import LinkRefused
from session_plugin.model import STORE_CHANNEL, Account, Chat, IdentityEvent, LinkPreview, SessionIdentity
from session_plugin.records.outcomes import Announcement, Done, IdentityChanged, Moment
from session_plugin.records.people import Person, find_account, identity_of, see_account, to_account
from session_plugin.records.sessions import age_out, see_chat
from session_plugin.rules.linking import CODE_SECONDS, oldest
from session_plugin.rules.scopes import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRequest:
    """An account asks for a code; only its hash is kept."""

    moment: Moment
    account: Account
    code_hash: bytes
    chat: Chat | None = None
    """The direct chat in which it asks, so that it can be reached there."""
    display_name: str = ""
    user_id: str | None = None
    """Whose the account is if it is new and a plugin knows."""


def request(tx: Tx, asked: CodeRequest) -> Done[float]:
    """Keep a code's hash for the asking account, instead of any it had; give when it expires.

    Raises:
        LinkRefused: the account is SessionStore's own name for a user, where nobody can type or confirm anything.
    """
    _refuse_store_account(asked.account)
    person, announcements = see_account(
        tx, asked.moment, asked.account, display_name=asked.display_name, user_id=asked.user_id
    )
    _note_chat(tx, asked.moment, asked.chat, person)
    expires_at = asked.moment.now + CODE_SECONDS
    tx.run("drop_link_request", asker_no=person.account_no)
    tx.run("add_link_request", asker_no=person.account_no, code_hash=asked.code_hash, expires_at=expires_at)
    return Done(expires_at, announcements)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """An account types a code; None where what was typed cannot be one."""

    moment: Moment
    account: Account
    code_hash: bytes | None
    chat: Chat | None = None
    """The direct chat in which it types, so that it can be reached there."""
    display_name: str = ""
    user_id: str | None = None
    """Whose the account is if it is new and a plugin knows."""


def redeem(tx: Tx, typed: Redemption) -> Done[LinkPreview]:
    """Use up a code: the asker may confirm from now on, for as long as a code lives.

    Raises:
        LinkRefused: it never existed, is used, has expired, or is this very person's own; which one is not told. Or the
            account is SessionStore's own name for a user.
    """
    _refuse_store_account(typed.account)
    person, announcements = see_account(
        tx, typed.moment, typed.account, display_name=typed.display_name, user_id=typed.user_id
    )
    row = None if typed.code_hash is None else tx.first("link_request_by_code", code_hash=typed.code_hash)
    if row is None or row["expires_at"] < typed.moment.now or row["asker_user_id"] == person.user_id:
        raise LinkRefused
    expires_at = typed.moment.now + CODE_SECONDS
    tx.run("redeem_link_request", request_no=row["request_no"], redeemer_no=person.account_no, expires_at=expires_at)
    _note_chat(tx, typed.moment, typed.chat, person)
    preview = tx.one("link_request_of", asker_no=row["asker_no"])
    return Done(_preview(preview), announcements)


def _note_chat(tx: Tx, moment: Moment, chat: Chat | None, person: Person) -> None:
    """Remember whose direct chat this is: a command is no message, and may be the first thing somebody says."""
    if chat is not None and chat.kind == "direct":
        tx.run("set_peer", chat_no=see_chat(tx, moment.bot, chat)["chat_no"], account_no=person.account_no)


def _refuse_store_account(account: Account) -> None:
    if account.channel == STORE_CHANNEL:
        raise LinkRefused("This account cannot be linked by a code; SessionStore.link_channel claims accounts for it.")


def pending(tx: Tx, argument: tuple[Moment, Account]) -> LinkPreview | None:
    """Give the redeemed request that waits for this account's yes; None if there is none."""
    moment, account = argument
    row = _pending_row(tx, moment, account)
    return None if row is None else _preview(row)


def mark_shown(tx: Tx, argument: tuple[Moment, Account]) -> None:
    """Note that the asker has been shown who typed the code."""
    moment, account = argument
    row = _pending_row(tx, moment, account)
    if row is not None:
        tx.run("show_link_request", request_no=row["request_no"])


def _pending_row(tx: Tx, moment: Moment, account: Account) -> Row | None:
    asker = find_account(tx, account)
    row = None if asker is None else tx.first("link_request_of", asker_no=asker["account_no"])
    if row is None or row["redeemer_no"] is None or row["expires_at"] < moment.now:
        return None
    return row


def _preview(row: Row) -> LinkPreview:
    return LinkPreview(
        asker=Account(row["asker_channel"], row["asker_id"]),
        asker_name=row["asker_name"],
        redeemer=Account(row["redeemer_channel"], row["redeemer_id"]),
        redeemer_name=row["redeemer_name"],
        expires_at=row["expires_at"],
        is_shown=bool(row["shown"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """Who somebody is after linking or unlinking, the name of the account that did it, the other accounts concerned."""

    identity: SessionIdentity
    name: str
    others: tuple[Account, ...]


def confirm(tx: Tx, argument: tuple[Moment, Account]) -> Done[Linked]:
    """Link the asker and the account that typed the asker's code.

    Raises:
        LinkRefused: nobody typed a code of this account's, or too long ago.
    """
    moment, account = argument
    row = _pending_row(tx, moment, account)
    if row is None:
        raise LinkRefused("There is nothing to confirm. Ask for a code first, and type it on the other account.")
    tx.run("drop_link_request", asker_no=row["asker_no"])
    asker, redeemer = (
        Account(row["asker_channel"], row["asker_id"]),
        Account(row["redeemer_channel"], row["redeemer_id"]),
    )
    announcements = _join(tx, moment, asker, redeemer)
    found = tx.one("account_by_key", channel=asker.channel, channel_user_id=asker.channel_user_id)
    linked = Linked(identity=identity_of(tx, found["user_id"]), name=found["display_name"], others=(redeemer,))
    return Done(linked, announcements)


def _join(tx: Tx, moment: Moment, one: Account, other: Account) -> tuple[Announcement, ...]:
    """Make two accounts' users one: the older id goes on."""
    rows = [find_account(tx, one), find_account(tx, other)]
    users = {row["user_id"]: tx.first("user_by_id", user_id=row["user_id"]) for row in rows if row is not None}
    if len(users) < 2:  # they became one person in the meantime
        return ()
    keep = oldest((user["created_at"], user_id) for user_id, user in users.items() if user is not None)
    (gone,) = set(users) - {keep}
    ended: tuple[Announcement, ...] = ()
    for user_id in (keep, gone):
        ended += age_out(tx, moment, Scope(moment.bot, user_id=user_id))[1]
    kept_live = {row["bot"]: row["session_no"] for row in tx.all("live_sessions_of_user", user_id=keep)}
    for row in tx.all("live_sessions_of_user", user_id=gone):
        if row["bot"] in kept_live:
            join_session(tx, moment, row["session_no"], kept_live[row["bot"]])
    tx.run("give_sessions", user_id=keep, previous=gone)
    moved = tx.all("accounts_of_user", user_id=gone)
    tx.run("give_accounts", user_id=keep, previous=gone)
    tx.run("merge_users", user_id=gone, merged_into=keep)
    tx.run("add_audit", at=moment.now, action="linked", actor_no=None, user_id=keep, other_user_id=gone)
    return ended + tuple(
        IdentityChanged(
            IdentityEvent(
                change="linked",
                account=to_account(row),
                user_id=keep,
                previous_user_id=gone,
                display_name=row["display_name"],
            )
        )
        for row in moved
        if row["channel"] != STORE_CHANNEL
    )


def join_session(tx: Tx, moment: Moment, session_no: int, into: int) -> None:
    """End a live session by moving all it has into another; joined is not ended, so nobody is told."""
    tx.run("move_segments", session_no=into, previous=session_no)
    tx.run("move_summaries", session_no=into, previous=session_no)
    tx.run("rejoin_sessions", joined_into=into, previous=session_no)
    tx.run("join_session", session_no=session_no, joined_into=into, ended_at=moment.now)

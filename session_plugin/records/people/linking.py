"""Two accounts prove that they are one person: a code asked for, typed on the other account,
confirmed by who asked.

Who types codes is counted whatever comes of it, so a wrong one is a value here and no error: an
error would undo the count.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from session_plugin.database.engine import Row, Tx
from session_plugin.errors import LinkRefused
from session_plugin.model import STORE_CHANNEL, Account, Chat, LinkPreview, SessionIdentity
from session_plugin.records.conversation.sessions import get_or_create_chat
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import attempts, audit, notices, secret_use
from session_plugin.records.people.accounts import (
    Person,
    current_user_id,
    find_account,
    get_or_create_account,
    identity_of,
    person_of,
    platform_accounts,
)
from session_plugin.records.people.joining import join_users
from session_plugin.records.people.link_requests import is_same, pending_row, preview_of
from session_plugin.records.results import Result
from session_plugin.rules.codes import CODE_SECONDS, is_live
from session_plugin.rules.linking import NOTHING_TO_CONFIRM, must_rest


def request(
    tx: Tx,
    context: OperationContext,
    account: Account,
    *,
    code_hash: bytes,
    chat: Chat | None = None,
    display_name: str = "",
    user_id: str | None = None,
) -> Result[float]:
    """Keep a code's hash for the asking account, instead of any it had; give when it expires.

    Raises:
        LinkRefused: the account had three codes within the hour. Or it is SessionStore's own name
            for a user, where nobody can type or confirm anything.
    """
    _refuse_store_account(account)
    if attempts.has_asked_enough(tx, context, account):
        raise LinkRefused(
            "You have had three codes within an hour, which is all there are. Please try "
            "again later."
        )
    attempts.note(tx, context, account, attempts.ASKED)
    person, announcements = get_or_create_account(
        tx, context, account, display_name=display_name, user_id=user_id
    )
    _note_chat(tx, context, chat, person)
    expires_at = context.now + CODE_SECONDS
    tx.run("drop_link_request", asker_no=person.account_no)
    tx.run(
        "add_link_request",
        asker_no=person.account_no,
        code_hash=code_hash,
        expires_at=expires_at,
    )
    secret_use.note(tx, context)
    audit.note(tx, context, "code_requested", actor_no=person.account_no, user_id=person.user_id)
    return Result(expires_at, announcements)


def redeem(
    tx: Tx,
    context: OperationContext,
    account: Account,
    *,
    code_hash: bytes | None,
    chat: Chat | None = None,
    display_name: str = "",
    user_id: str | None = None,
) -> Result[LinkPreview | None]:
    """Use up a code: the asker, who is told, may confirm from now on, for as long as a code lives.

    None if it never existed, is used, has expired, or is this very person's own, or if too many
    wrong ones were typed; which of these, is not told.

    Raises:
        LinkRefused: one of the two has left another person too recently. Or the account is
            SessionStore's own name for a user.
    """
    _refuse_store_account(account)
    if attempts.is_locked(tx, context, account) or attempts.is_paused(tx, context, account.channel):
        return Result(None)
    row = _request_by_code(tx, context, account, code_hash)
    if row is None:
        _note_wrong(tx, context, account)
        return Result(None)
    person, announcements = get_or_create_account(
        tx, context, account, display_name=display_name, user_id=user_id
    )
    _refuse_restless(tx, context, row["asker_user_id"], person.user_id)
    expires_at = context.now + CODE_SECONDS
    tx.run(
        "redeem_link_request",
        request_no=row["request_no"],
        redeemer_no=person.account_no,
        expires_at=expires_at,
    )
    _note_chat(tx, context, chat, person)
    notices.post(
        tx,
        context,
        "link_redeemed",
        row["asker_no"],
        about_no=person.account_no,
        expires_at=expires_at,
    )
    audit.note(
        tx,
        context,
        "code_redeemed",
        actor_no=person.account_no,
        user_id=person.user_id,
        other_user_id=row["asker_user_id"],
    )
    return Result(
        preview_of(tx, tx.one("link_request_of", asker_no=row["asker_no"])), announcements
    )


def _request_by_code(
    tx: Tx, context: OperationContext, account: Account, code_hash: bytes | None
) -> Row | None:
    """Find the request that a typed code is good for.

    The index finds it by a keyed digest, of which whoever guesses knows nothing; what decides takes
    the same time for all.
    """
    row = None if code_hash is None else tx.first("link_request_by_code", code_hash=code_hash)
    is_right = hmac.compare_digest(
        b"" if row is None else bytes(row["code_hash"]), code_hash or b"none"
    )
    if row is None or not is_right or not is_live(row["expires_at"], now=context.now):
        return None
    own = find_account(tx, account)
    return None if own is not None and own["user_id"] == row["asker_user_id"] else row


def _note_wrong(tx: Tx, context: OperationContext, account: Account) -> None:
    """Count a wrong code, and write down where it closes a door."""
    attempts.note(tx, context, account, attempts.WRONG)
    row = find_account(tx, account)
    actor_no, user_id = (None, None) if row is None else (row["account_no"], row["user_id"])
    audit.note(tx, context, "code_refused", actor_no=actor_no, user_id=user_id)
    if attempts.is_locked(tx, context, account):
        audit.note(tx, context, "account_locked", actor_no=actor_no, user_id=user_id)
    if attempts.is_paused(tx, context, account.channel):
        audit.note(tx, context, "channel_paused", actor_no=actor_no, user_id=user_id)


def _note_chat(tx: Tx, context: OperationContext, chat: Chat | None, person: Person) -> None:
    """Remember whose direct chat this is: a command is no message, and may be the first thing
    somebody says.
    """
    if chat is not None and chat.kind == "direct":
        tx.run(
            "set_peer",
            chat_no=get_or_create_chat(tx, context.bot, chat)["chat_no"],
            account_no=person.account_no,
        )


def _refuse_store_account(account: Account) -> None:
    if account.channel == STORE_CHANNEL:
        raise LinkRefused(
            "This account cannot be linked by a code; SessionStore.link_channel claims "
            "accounts for it."
        )


def _refuse_restless(tx: Tx, context: OperationContext, one: str, other: str) -> None:
    """Refuse to join two users of whom one has an account that left somebody else within a day.

    An account knows whom it left last; of those it took out before, each knows that it left this
    one.
    """
    left = {user_id: _left_lately(tx, context, user_id) for user_id in (one, other)}
    for user_id, joined in ((one, other), (other, one)):
        if left[user_id] - {joined} and user_id not in left[joined]:
            raise LinkRefused(
                "One of these accounts was unlinked from others less than 24 hours ago. Until "
                "those are over it can "
                "only be linked with them again. This protects people whose account was stolen."
            )


def _left_lately(tx: Tx, context: OperationContext, user_id: str) -> set[str]:
    """Return whom a user's accounts have left within a day, by the ids that they go by now."""
    resting = [
        row
        for row in tx.all("accounts_of_user", user_id=user_id)
        if must_rest(row["left_at"], now=context.now)
    ]
    return {current_user_id(tx, row["left_user_id"]) for row in resting}


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """Who somebody is after linking or unlinking, and the accounts that were told."""

    identity: SessionIdentity
    others: tuple[Account, ...]


def confirm(
    tx: Tx, context: OperationContext, account: Account, shown: LinkPreview | None
) -> Result[Linked]:
    """Link the asker and the account that typed the asker's code, with all that are linked with
    either; all are told.

    The argument is when, the asker, and what the asker was shown; None takes the caller's word for
    that.

    Raises:
        LinkRefused: nobody typed a code of this account's, or too long ago. Or who did is not whom
            the asker was shown, or has other accounts by now. Or one of the two has left another
            person too recently.
    """
    row = pending_row(tx, context, account)
    if row is None or tx.run("drop_link_request", asker_no=row["asker_no"]) == 0:
        raise LinkRefused(NOTHING_TO_CONFIRM)
    tx.run("drop_notices_of_kind", account_no=row["asker_no"], kind="link_redeemed")
    asker, redeemer = person_of(tx, row["asker_no"]), person_of(tx, row["redeemer_no"])
    if asker.user_id == redeemer.user_id:  # they became one person in the meantime
        return Result(Linked(identity=identity_of(tx, asker.user_id), others=()))
    if shown is not None and not is_same(preview_of(tx, row), shown):
        raise LinkRefused(
            "You have not been shown yet who typed your code, as they are now. Ask once more, "
            "then confirm."
        )
    _refuse_restless(tx, context, asker.user_id, redeemer.user_id)
    notified = [
        (one, redeemer)
        for one in platform_accounts(tx, asker.user_id)
        if one["account_no"] != asker.account_no
    ]
    notified += [(one, asker) for one in platform_accounts(tx, redeemer.user_id)]
    keep, announcements = join_users(tx, context, asker.user_id, redeemer.user_id)
    for one, other in notified:
        notices.post(tx, context, "linked", one["account_no"], about_no=other.account_no)
    gone = redeemer.user_id if keep == asker.user_id else asker.user_id
    audit.note(tx, context, "linked", actor_no=asker.account_no, user_id=keep, other_user_id=gone)
    others = tuple(Account(one["channel"], one["channel_user_id"]) for one, _ in notified)
    return Result(Linked(identity=identity_of(tx, keep), others=others), announcements)

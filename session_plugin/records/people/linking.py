"""Two accounts prove that they are one person: a code asked for, typed on the other account, and
confirmed on both.

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
from session_plugin.records.people.link_requests import (
    is_same,
    note_step,
    pending_row,
    preview_of,
)
from session_plugin.records.results import Result
from session_plugin.rules.codes import CODE_SECONDS, GUESSES_OF_CODE, is_live
from session_plugin.rules.linking import CONFIRMED, NOTHING_TO_CONFIRM, must_rest


def request(
    tx: Tx,
    context: OperationContext,
    account: Account,
    *,
    code_hash: bytes,
    half_hash: bytes | None = None,
    chat: Chat | None = None,
    display_name: str = "",
    user_id: str | None = None,
) -> Result[float]:
    """Keep a code's hash for the asking account, instead of any link it had under way; give when it
    expires.

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
    _withdraw(tx, context, person.account_no)
    tx.run(
        "add_link_request",
        asker_no=person.account_no,
        code_hash=code_hash,
        half_hash=half_hash,
        expires_at=expires_at,
    )
    secret_use.note(tx, context)
    audit.note(tx, context, "code_requested", actor_no=person.account_no, user_id=person.user_id)

    return Result(expires_at, announcements)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """What became of a code that was typed.

    Attributes:
        preview: What the redeemer is shown; None for a code that is refused.
        is_alarm: Whether this wrong code makes them many on its channel.
    """

    preview: LinkPreview | None
    is_alarm: bool = False


def redeem(
    tx: Tx,
    context: OperationContext,
    account: Account,
    *,
    code_hash: bytes | None,
    half_hash: bytes | None = None,
    chat: Chat | None = None,
    display_name: str = "",
    user_id: str | None = None,
) -> Result[Redeemed]:
    """Use up a code: the asker is told, and both sides may confirm from now on, for as long as a
    code lives. It takes the place of any link that the account had under way.

    Refused if it never existed, is used, has expired, or is this very person's own, or if the
    account has typed too many wrong ones; which of these, is not told.

    Raises:
        LinkRefused: one of the two has left another person too recently. Or the account is
            SessionStore's own name for a user.
    """
    _refuse_store_account(account)
    if attempts.is_locked(tx, context, account):
        return Result(Redeemed(preview=None))

    row = _request_by_code(tx, context, account, code_hash)
    if row is None:
        is_alarm = _note_wrong(tx, context, account, half_hash)
        return Result(Redeemed(preview=None, is_alarm=is_alarm))

    person, announcements = get_or_create_account(
        tx, context, account, display_name=display_name, user_id=user_id
    )
    _refuse_restless(tx, context, row["asker_user_id"], person.user_id)
    _withdraw(tx, context, person.account_no)
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
    redeemed = tx.one("link_request_of", account_no=row["asker_no"])

    return Result(Redeemed(preview=preview_of(tx, redeemed, account)), announcements)


def cancel(tx: Tx, context: OperationContext, account: Account) -> Result[bool]:
    """Give up the link that an account has under way, whichever side it is; tell the other side.

    False if there is none.
    """
    row = find_account(tx, account)
    if row is None or not _withdraw(tx, context, row["account_no"]):
        return Result(False)

    audit.note(tx, context, "link_cancelled", actor_no=row["account_no"], user_id=row["user_id"])

    return Result(True)


def _withdraw(tx: Tx, context: OperationContext, account_no: int) -> bool:
    """Delete the link that an account has under way, on either side; tell the other side of it.

    Return whether it was still good.
    """
    row = tx.first("link_request_of", account_no=account_no)
    if row is None:
        return False

    tx.run("drop_link_request", asker_no=row["asker_no"])
    tx.run("drop_notices_of_kind", account_no=row["asker_no"], kind="link_redeemed")
    is_live = bool(row["expires_at"] >= context.now)
    if is_live and row["redeemer_no"] is not None:
        other_no = row["redeemer_no"] if account_no == row["asker_no"] else row["asker_no"]
        notices.post(tx, context, "link_cancelled", other_no, about_no=account_no)

    return is_live


def _request_by_code(
    tx: Tx, context: OperationContext, account: Account, code_hash: bytes | None
) -> Row | None:
    """Find the request that a typed code is good for.

    The index finds it by a keyed digest, of which a guesser knows nothing; what decides takes
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


def _note_wrong(
    tx: Tx, context: OperationContext, account: Account, half_hash: bytes | None
) -> bool:
    """Count a wrong code: for the account, for the codes that begin as it does, for the channel.

    What locks an account or makes a code worthless is audited. Return whether wrong codes are many
    on the channel from now on; that is for the operator to know, and stops nobody.
    """
    attempts.note(tx, context, account, attempts.WRONG)
    row = find_account(tx, account)
    actor_no, user_id = (None, None) if row is None else (row["account_no"], row["user_id"])
    audit.note(tx, context, "code_refused", actor_no=actor_no, user_id=user_id)
    if attempts.is_locked(tx, context, account):
        audit.note(tx, context, "account_locked", actor_no=actor_no, user_id=user_id)
    if half_hash is not None and tx.run("count_guess", half_hash=half_hash):
        _burn_guessed(tx, context, half_hash)

    is_alarm = attempts.raises_alarm(tx, context, account.channel)
    if is_alarm:
        audit.note(tx, context, "channel_alarm", actor_no=actor_no, user_id=user_id)

    return is_alarm


def _burn_guessed(tx: Tx, context: OperationContext, half_hash: bytes) -> None:
    """Make a code worthless whose second half was guessed too often: somebody knows the first."""
    for row in tx.all("guessed_requests", half_hash=half_hash, most=GUESSES_OF_CODE):
        tx.run("drop_link_request", asker_no=row["asker_no"])
        actor = {"actor_no": row["asker_no"], "user_id": row["asker_user_id"]}
        audit.note(tx, context, "code_burnt", **actor)


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
) -> Result[Linked | None]:
    """Say yes on one side of a link; once both sides have, link them with all that are linked with
    either, and tell all.

    The argument is who says yes, and what they were shown; None takes the caller's word for that.
    A yes counts for the accounts that would be linked when it is said, and for no others.

    Raises:
        LinkRefused: the account has no link under way, or it took too long. Or the other side is
            not whom the account was shown, or has other accounts by now. Or one of the two has left
            another person too recently.
    """
    row = pending_row(tx, context, account)
    if row is None:
        raise LinkRefused(NOTHING_TO_CONFIRM)

    asker, redeemer = person_of(tx, row["asker_no"]), person_of(tx, row["redeemer_no"])
    if asker.user_id == redeemer.user_id:  # they became one person in the meantime
        tx.run("drop_link_request", asker_no=row["asker_no"])
        return Result(Linked(identity=identity_of(tx, asker.user_id), others=()))

    waiting = preview_of(tx, row, account)
    if shown is not None and not is_same(waiting, shown):
        raise LinkRefused(
            "You have not been shown yet who is on the other side, as they are now. Ask once more, "
            "then confirm."
        )

    _refuse_restless(tx, context, asker.user_id, redeemer.user_id)
    note_step(tx, row, waiting, CONFIRMED)
    says_yes, other = (asker, redeemer) if waiting.side == "asker" else (redeemer, asker)
    if not waiting.is_other_confirmed:
        ids = {"user_id": says_yes.user_id, "other_user_id": other.user_id}
        audit.note(tx, context, "link_confirmed", actor_no=says_yes.account_no, **ids)
        return Result(None)

    tx.run("drop_link_request", asker_no=row["asker_no"])

    return _link(tx, context, says_yes, other)


def link_known(tx: Tx, context: OperationContext, one: Account, other: Account) -> Result[Linked]:
    """Link two accounts by the operator's word; tell all accounts of both.

    Raises:
        LinkRefused: an account is not known or is SessionStore's own name for a user; or one of
            the two has left another person too recently.
    """
    people = []
    for account in (one, other):
        _refuse_store_account(account)
        row = find_account(tx, account)
        if row is None:
            raise LinkRefused(
                f"The account {account.channel}:{account.channel_user_id} is not known: nobody has "
                "written from it yet."
            )
        people.append(Person(row["account_no"], row["user_id"], account))

    first, second = people
    if first.user_id == second.user_id:
        return Result(Linked(identity=identity_of(tx, first.user_id), others=()))

    _refuse_restless(tx, context, first.user_id, second.user_id)
    for person in people:
        _withdraw(tx, context, person.account_no)

    linked = _link(tx, context, first, second)
    assert linked.value is not None
    notices.post(tx, context, "linked", first.account_no, about_no=second.account_no)

    return Result(linked.value, linked.announcements)


def _link(
    tx: Tx, context: OperationContext, says_yes: Person, other: Person
) -> Result[Linked | None]:
    """Make one person of two; leave a notice for all accounts but the one that has just said
    yes.
    """
    notified = [
        (one, other)
        for one in platform_accounts(tx, says_yes.user_id)
        if one["account_no"] != says_yes.account_no
    ]
    notified += [(one, says_yes) for one in platform_accounts(tx, other.user_id)]
    keep, announcements = join_users(tx, context, says_yes.user_id, other.user_id)
    for one, about in notified:
        notices.post(tx, context, "linked", one["account_no"], about_no=about.account_no)

    gone = other.user_id if keep == says_yes.user_id else says_yes.user_id
    audit.note(
        tx, context, "linked", actor_no=says_yes.account_no, user_id=keep, other_user_id=gone
    )
    others = tuple(Account(one["channel"], one["channel_user_id"]) for one, _ in notified)

    return Result(Linked(identity=identity_of(tx, keep), others=others), announcements)

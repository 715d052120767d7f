"""Accounts and the users they belong to: who is first seen, who is renamed, who somebody is."""

from __future__ import annotations

from dataclasses import dataclass

from session_plugin.checks import is_storable
from session_plugin.database.engine import Row, Tx
from session_plugin.model import STORE_CHANNEL, Account, IdentityEvent, SessionIdentity
from session_plugin.records.cells import from_json, to_name
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import audit, forgotten
from session_plugin.records.results import Announcement, IdentityChanged, Result


@dataclass(frozen=True, slots=True)
class Person:
    """An account as the database knows it."""

    account_no: int
    user_id: str
    account: Account


def find_account(tx: Tx, account: Account) -> Row | None:
    """Look an account up by its key."""
    return tx.first(
        "account_by_key", channel=account.channel, channel_user_id=account.channel_user_id
    )


def current_user_id(tx: Tx, user_id: str) -> str:
    """Return the id that a user goes by now: its own, or that of the user it was linked into."""
    row = tx.first("user_by_id", user_id=user_id)
    return user_id if row is None or row["merged_into"] is None else str(row["merged_into"])


def get_or_create_account(
    tx: Tx,
    context: OperationContext,
    account: Account,
    *,
    display_name: str = "",
    user_id: str | None = None,
) -> tuple[Person, tuple[Announcement, ...]]:
    """Find an account, or make it on first sight; note a new name.

    Args:
        tx: The transaction.
        moment: When.
        account: Who.
        display_name: The name shown now; empty tells nothing.
        user_id: Whose the account is if it is new; None makes a new user. What SessionStore's
            callers name a user is that user's id.
    """
    name = to_name(display_name)
    row = find_account(tx, account)
    if row is None:
        return _make_account(tx, context, account, name=name, user_id=user_id)

    person = Person(row["account_no"], row["user_id"], account)
    if not name or name == row["display_name"]:
        return person, ()

    tx.run("rename_account", account_no=person.account_no, display_name=name)
    event = IdentityEvent(
        change="renamed", account=account, user_id=person.user_id, display_name=name
    )

    return person, (IdentityChanged(event),)


def _make_account(
    tx: Tx, context: OperationContext, account: Account, *, name: str, user_id: str | None
) -> tuple[Person, tuple[Announcement, ...]]:
    home = (
        account.channel_user_id if account.channel == STORE_CHANNEL else user_id or context.new_id()
    )
    tx.run("add_user", user_id=home, created_at=context.now)
    current = current_user_id(tx, home)
    known = forgotten.find(tx, context, account)
    row = tx.one(
        "add_account",
        channel=account.channel,
        channel_user_id=account.channel_user_id,
        user_id=current,
        home_user_id=home,
        display_name=name,
        forgotten_until=None if known is None else known["sent_until"],
        left_at=None if known is None else known["left_at"],
    )
    event = IdentityEvent(change="seen", account=account, user_id=current, display_name=name)

    return Person(row["account_no"], current, account), (IdentityChanged(event),)


def to_account(row: Row) -> Account:
    """Return the key of an account's row."""
    return Account(row["channel"], row["channel_user_id"])


def platform_accounts(tx: Tx, user_id: str) -> list[Row]:
    """Return a user's accounts on platforms, longest known first; SessionStore's own name for the
    user is none.
    """
    return [
        row
        for row in tx.all("accounts_of_user", user_id=user_id)
        if row["channel"] != STORE_CHANNEL
    ]


def person_of(tx: Tx, account_no: int) -> Person:
    """Return an account by its number."""
    row = tx.one("account_by_no", account_no=account_no)
    return Person(row["account_no"], row["user_id"], to_account(row))


def identity_of(tx: Tx, user_id: str) -> SessionIdentity:
    """Return a user with all accounts."""
    rows = tx.all("accounts_of_user", user_id=user_id)
    channel_ids: dict[str, str] = {}
    for row in rows:
        if row["channel"] != STORE_CHANNEL:
            channel_ids.setdefault(row["channel"], row["channel_user_id"])

    for row in rows:
        for channel, label in from_json(row["labels"]).items():
            channel_ids.setdefault(channel, str(label))

    return SessionIdentity(
        user_id=user_id,
        display_name=next((row["display_name"] for row in rows if row["display_name"]), ""),
        channel_ids=channel_ids,
        accounts=tuple(to_account(row) for row in rows if row["channel"] != STORE_CHANNEL),
        is_private=tx.first("is_private_user", user_id=user_id) is not None,
    )


def identity_of_account(tx: Tx, account: Account) -> SessionIdentity | None:
    """Return the user of an account, under the name it has there; None if it was never seen."""
    row = find_account(tx, account)
    if row is None:
        return None

    identity = identity_of(tx, row["user_id"])
    identity.display_name = row["display_name"] or identity.display_name

    return identity


def identity_of_user(tx: Tx, user_id: str) -> SessionIdentity | None:
    """Return a user by an id that is or was theirs; None if it never was anybody's."""
    if not is_storable(user_id) or tx.first("user_by_id", user_id=user_id) is None:
        return None
    return identity_of(tx, current_user_id(tx, user_id))


def is_known(tx: Tx, account: Account) -> bool:
    """Check whether an account was seen before."""
    return find_account(tx, account) is not None


def set_privacy(
    tx: Tx,
    context: OperationContext,
    account: Account,
    *,
    is_private: bool,
    user_id: str | None = None,
) -> Result[None]:
    """Do as a person wishes, for all of their accounts; what was kept before stays."""
    person, announcements = get_or_create_account(tx, context, account, user_id=user_id)
    if tx.run("set_private", user_id=person.user_id, private=int(is_private)):
        action = "private" if is_private else "not_private"
        audit.note(tx, context, action, actor_no=person.account_no, user_id=person.user_id)

    return Result(None, announcements)

"""Lists for operators: people, groups, sessions, links and the audit, newest first, by pages.

A page goes on before a number, so its cost does not grow with what lies before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from session_plugin.checks import is_storable
from session_plugin.database.engine import Row, Tx
from session_plugin.model import Account, Chat, Session, SessionIdentity
from session_plugin.records.conversation.histories import ALL
from session_plugin.records.conversation.sessions import session_data, to_chat
from session_plugin.records.people.accounts import identity_of, identity_of_user

T = TypeVar("T")

MOST_REQUESTS = 100


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items, newest first; and before which number the next page goes on, None at the end."""

    items: tuple[T, ...]
    following: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPerson:
    """A person in full: ids that links merged into theirs, and which account is of which home."""

    identity: SessionIdentity
    merged: tuple[str, ...]
    accounts: tuple[KnownAccount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAccount:
    """An account, whose it is, and whose it is again after it is unlinked."""

    account: Account
    name: str
    user_id: str
    home_user_id: str
    is_private: bool = False

    @property
    def is_linked(self) -> bool:
        """Whether a link gave it another user."""
        return self.user_id != self.home_user_id


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGroup:
    """A group, by its number, as one bot sees it."""

    chat_no: int
    bot: str
    chat: Chat


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLink:
    """A link that is not confirmed yet: 0 nothing, 1 shown, 2 confirmed, on each side."""

    asker: Account
    redeemer: Account | None
    asker_step: int
    redeemer_step: int
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What was done, when, by which account, about which users."""

    at: float
    action: str
    actor: Account | None
    user_id: str | None
    other_user_id: str | None


def people(tx: Tx, *, like: str = "", before: int = ALL, limit: int) -> Page[SessionIdentity]:
    """Return people, each once; `like` is an id or a piece of a name, and everybody if empty."""
    if not like:
        rows = tx.all("people_page", before=before, limit=limit + 1)
    elif is_storable(like):
        rows = tx.all(
            "people_like", text=like, pattern=_pattern(like), before=before, limit=limit + 1
        )
    else:
        rows = []

    numbers, following = _paged(rows, "account_no", limit)
    found = dict.fromkeys(str(row["user_id"]) for row in numbers)

    return Page(tuple(identity_of(tx, user_id) for user_id in found), following)


def _pattern(text: str) -> str:
    escaped = "".join(f"!{one}" if one in "!%_" else one for one in text.lower())
    return f"%{escaped}%"


def person(tx: Tx, user_id: str) -> KnownPerson | None:
    """Return a person by an id that is or was theirs; None for nobody known."""
    identity = identity_of_user(tx, user_id)
    if identity is None:
        return None

    current = identity.user_id
    return KnownPerson(
        identity=identity,
        merged=tuple(row["user_id"] for row in tx.all("merged_users", user_id=current)),
        accounts=tuple(
            _known(row, is_private=bool(row["private"]))
            for row in tx.all("accounts_of_user", user_id=current)
        ),
    )


def sessions_of_person(tx: Tx, user_id: str, *, before: int = ALL, limit: int) -> Page[Session]:
    """Return the sessions of a person's direct chats."""
    rows = tx.all("sessions_of_person", user_id=user_id, before=before, limit=limit + 1)
    return _sessions(tx, rows, limit)


def sessions_in_chat(tx: Tx, chat_no: int, *, before: int = ALL, limit: int) -> Page[Session]:
    """Return the sessions of a group."""
    rows = tx.all("sessions_in_chat", chat_no=chat_no, before=before, limit=limit + 1)
    return _sessions(tx, rows, limit)


def groups(tx: Tx, *, before: int = ALL, limit: int) -> Page[KnownGroup]:
    """Return groups."""
    rows, following = _paged(
        tx.all("groups_page", before=before, limit=limit + 1), "chat_no", limit
    )
    return Page(tuple(_group(row) for row in rows), following)


def group(tx: Tx, chat_no: int) -> KnownGroup | None:
    """Return a group by its number; None if there is none."""
    row = tx.first("chat_by_no", chat_no=chat_no)
    return None if row is None or row["kind"] != "group" else _group(row)


def linked_accounts(tx: Tx, *, before: int = ALL, limit: int) -> Page[KnownAccount]:
    """Return accounts that a link gave another user."""
    found = tx.all("linked_accounts_page", before=before, limit=limit + 1)
    rows, following = _paged(found, "account_no", limit)
    return Page(tuple(_known(row) for row in rows), following)


def open_links(tx: Tx, *, now: float) -> list[OpenLink]:
    """Return links that wait for somebody's word."""
    return [
        OpenLink(
            asker=Account(row["asker_channel"], row["asker_id"]),
            redeemer=_account(row["redeemer_channel"], row["redeemer_id"]),
            asker_step=row["asker_step"],
            redeemer_step=row["redeemer_step"],
            expires_at=row["expires_at"],
        )
        for row in tx.all("open_link_requests", now=now, limit=MOST_REQUESTS)
    ]


def audit_entries(tx: Tx, *, before: int = ALL, limit: int) -> Page[AuditEntry]:
    """Return entries of the audit."""
    found = tx.all("audit_page", before=before, limit=limit + 1)
    rows, following = _paged(found, "entry_no", limit)
    entries = [
        AuditEntry(
            at=row["at"],
            action=row["action"],
            actor=_account(row["channel"], row["channel_user_id"]),
            user_id=row["user_id"],
            other_user_id=row["other_user_id"],
        )
        for row in rows
    ]
    return Page(tuple(entries), following)


def _paged(rows: Sequence[Row], key: str, limit: int) -> tuple[Sequence[Row], int | None]:
    """Return a page of rows of which one more was read, and before which number to go on."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], int(rows[limit - 1][key])


def _sessions(tx: Tx, rows: Sequence[Row], limit: int) -> Page[Session]:
    shown, following = _paged(rows, "session_no", limit)
    found = [session_data(tx, row["session_no"]) for row in shown]
    return Page(tuple(one for one in found if one is not None), following)


def _known(row: Row, **details: Any) -> KnownAccount:
    return KnownAccount(
        account=Account(row["channel"], row["channel_user_id"]),
        name=row["display_name"],
        user_id=row["user_id"],
        home_user_id=row["home_user_id"],
        **details,
    )


def _group(row: Row) -> KnownGroup:
    return KnownGroup(chat_no=row["chat_no"], bot=row["bot"], chat=to_chat(row, ""))


def _account(channel: str | None, channel_user_id: str | None) -> Account | None:
    if channel is None or channel_user_id is None:
        return None
    return Account(channel, channel_user_id)

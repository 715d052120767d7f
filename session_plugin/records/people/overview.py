"""What an operator asks for: people, groups, their sessions, links and the audit. One session is
read in conversation/timeline.py; what people see is decided in conversation/histories.py.

A page of what only grows goes on before a number, so its cost does not grow with what lies before.
"""

from __future__ import annotations

from collections.abc import Sequence

from session_plugin.checks import is_storable
from session_plugin.database.engine import Row, Tx
from session_plugin.model import Account, Session, SessionIdentity
from session_plugin.records.conversation.histories import ALL
from session_plugin.records.conversation.sessions import session_data, to_chat
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import audit
from session_plugin.records.people.accounts import identity_of, platform_accounts, to_account
from session_plugin.records.people.forgetting import find_user
from session_plugin.rules.overview import (
    AuditEntry,
    KnownAccount,
    KnownGroup,
    KnownPerson,
    OpenLink,
    Page,
)

MOST_NAMESAKES = 20
MOST_REQUESTS = 100


def people(tx: Tx, bot: str, *, limit: int, skip: int) -> list[KnownPerson]:
    """Return a page of the people with most recent activity."""
    return [
        _person(tx, row) for row in tx.all("people_by_activity", bot=bot, limit=limit, skip=skip)
    ]


def people_like(tx: Tx, like: str = "", *, before: int = ALL, limit: int) -> Page[SessionIdentity]:
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


def find_people(tx: Tx, bot: str, text: str) -> list[KnownPerson]:
    """Return who an operator may mean: the user with this id; else the owners of the account that
    `channel:id` names; else all with this display name.
    """
    if not is_storable(text):
        return []

    found = {find_user(tx, text)} - {None}
    if not found:
        found = {find_user(tx, account) for account in _accounts_in(text)} - {None}
    if not found:
        rows = tx.all("users_by_name", name=text, limit=MOST_NAMESAKES)
        found = {row["user_id"] for row in rows}

    return [
        _person(tx, tx.one("person_with_totals", bot=bot, user_id=user_id))
        for user_id in sorted(filter(None, found))
    ]


def _accounts_in(text: str) -> list[Account]:
    """Return each account that `channel:id` can be: both may contain colons."""
    places = [place for place, character in enumerate(text) if character == ":"]
    return [Account(text[:place], text[place + 1 :]) for place in places if text[place + 1 :]]


def person(tx: Tx, user_id: str) -> KnownPerson | None:
    """Return a person with all bots, by an id that is or was theirs; None for nobody known."""
    current = find_user(tx, user_id)
    if current is None:
        return None

    return _person(tx, tx.one("person_with_totals", bot=None, user_id=current))


def _person(tx: Tx, row: Row) -> KnownPerson:
    user_id = row["user_id"]
    return KnownPerson(
        identity=identity_of(tx, user_id),
        accounts=tuple(map(_account, platform_accounts(tx, user_id))),
        merged=tuple(one["user_id"] for one in tx.all("merged_users", user_id=user_id)),
        created_at=row["created_at"],
        sessions=row["sessions"],
        messages=row["messages"],
        last_activity=row["last_activity"],
    )


def _account(row: Row) -> KnownAccount:
    return KnownAccount(
        account=to_account(row),
        name=row["display_name"],
        user_id=row["user_id"],
        home_user_id=row["home_user_id"],
    )


def sessions(tx: Tx, bot: str, *, limit: int, skip: int) -> list[Session]:
    """Return a page of all sessions with a bot, newest activity first."""
    return _sessions(tx, tx.all("sessions_by_activity", bot=bot, limit=limit, skip=skip))


def sessions_of(
    tx: Tx, who: Account | str, bot: str | None = None, *, limit: int, skip: int
) -> list[Session]:
    """Return a page of a person's sessions with a bot, newest activity first; None: all bots."""
    user_id = find_user(tx, who)
    return _sessions(
        tx, tx.all("sessions_of_user", user_id=user_id, bot=bot, limit=limit, skip=skip)
    )


def sessions_in_chat(tx: Tx, chat_no: int, *, before: int = ALL, limit: int) -> Page[Session]:
    """Return the sessions of a group."""
    rows = tx.all("sessions_in_chat", chat_no=chat_no, before=before, limit=limit + 1)
    shown, following = _paged(rows, "session_no", limit)
    return Page(tuple(_sessions(tx, shown)), following)


def _sessions(tx: Tx, rows: Sequence[Row]) -> list[Session]:
    found = (session_data(tx, row["session_no"]) for row in rows)
    return [session for session in found if session is not None]


def groups(tx: Tx, *, before: int = ALL, limit: int) -> Page[KnownGroup]:
    """Return groups of all bots."""
    found = tx.all("groups_page", before=before, limit=limit + 1)
    rows, following = _paged(found, "chat_no", limit)
    return Page(tuple(map(_group, rows)), following)


def group(tx: Tx, chat_no: int) -> KnownGroup | None:
    """Return a group by its number; None if there is none."""
    row = tx.first("chat_by_no", chat_no=chat_no)
    return None if row is None or row["kind"] != "group" else _group(row)


def _group(row: Row) -> KnownGroup:
    return KnownGroup(chat_no=row["chat_no"], bot=row["bot"], chat=to_chat(row, ""))


def linked_accounts(tx: Tx, *, before: int = ALL, limit: int) -> Page[KnownAccount]:
    """Return accounts that a link gave another user."""
    found = tx.all("linked_accounts_page", before=before, limit=limit + 1)
    rows, following = _paged(found, "account_no", limit)
    return Page(tuple(map(_account, rows)), following)


def open_links(tx: Tx, *, now: float) -> list[OpenLink]:
    """Return links that wait for somebody's word."""
    return [
        OpenLink(
            asker=Account(row["asker_channel"], row["asker_id"]),
            redeemer=_account_or_none(row["redeemer_channel"], row["redeemer_id"]),
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
            actor=_account_or_none(row["channel"], row["channel_user_id"]),
            user_id=row["user_id"],
            other_user_id=row["other_user_id"],
        )
        for row in rows
    ]
    return Page(tuple(entries), following)


def _account_or_none(channel: str | None, channel_user_id: str | None) -> Account | None:
    if channel is None or channel_user_id is None:
        return None
    return Account(channel, channel_user_id)


def _paged(rows: Sequence[Row], key: str, limit: int) -> tuple[Sequence[Row], int | None]:
    """Return a page of rows of which one more was read, and before which number to go on."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], int(rows[limit - 1][key])


def note_texts_shown(tx: Tx, context: OperationContext, user_id: str | None) -> None:
    """Write to the audit that an operator read what was said, by this person or in a group."""
    audit.note(tx, context, "texts_shown", user_id=user_id)

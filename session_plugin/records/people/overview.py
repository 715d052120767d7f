"""Who is known and which sessions there are, for an operator. What people see is decided in
conversation/histories.py; nothing here is for them.
"""

from __future__ import annotations

from session_plugin.checks import is_storable
from session_plugin.database.engine import Row, Tx
from session_plugin.model import Account, Session
from session_plugin.records.conversation.histories import newest
from session_plugin.records.conversation.sessions import session_data, session_no_of
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import audit
from session_plugin.records.people.accounts import identity_of
from session_plugin.records.people.forgetting import find_user
from session_plugin.records.upkeep.summaries import current_summary
from session_plugin.rules.overview import KnownPerson, Timeline

MOST_NAMESAKES = 20


def people(tx: Tx, bot: str, *, limit: int, skip: int) -> list[KnownPerson]:
    """Return a page of the people with most recent activity."""
    return [
        _person(tx, row) for row in tx.all("people_by_activity", bot=bot, limit=limit, skip=skip)
    ]


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

    return [_known(tx, bot, user_id) for user_id in sorted(filter(None, found))]


def _accounts_in(text: str) -> list[Account]:
    """Return each account that `channel:id` can be: both may contain colons."""
    places = [place for place, character in enumerate(text) if character == ":"]
    return [Account(text[:place], text[place + 1 :]) for place in places if text[place + 1 :]]


def _known(tx: Tx, bot: str, user_id: str) -> KnownPerson:
    return _person(tx, tx.one("person_with_totals", bot=bot, user_id=user_id))


def _person(tx: Tx, row: Row) -> KnownPerson:
    names = {
        (one["channel"], one["channel_user_id"]): one["display_name"]
        for one in tx.all("accounts_of_user", user_id=row["user_id"])
    }
    identity = identity_of(tx, row["user_id"])

    return KnownPerson(
        identity=identity,
        names=tuple(names.get((one.channel, one.channel_user_id), "") for one in identity.accounts),
        created_at=row["created_at"],
        sessions=row["sessions"],
        messages=row["messages"],
        last_activity=row["last_activity"],
    )


def sessions_of(
    tx: Tx, bot: str, who: Account | str | None, *, limit: int, skip: int
) -> list[Session]:
    """Return a page of a person's sessions, newest first; None: of all, newest activity first."""
    if who is None:
        rows = tx.all("sessions_by_activity", bot=bot, limit=limit, skip=skip)
    else:
        user_id = find_user(tx, who)
        rows = tx.all("sessions_with_bot", bot=bot, user_id=user_id, limit=limit, skip=skip)

    found = (session_data(tx, row["session_no"]) for row in rows)

    return [session for session in found if session is not None]


def timeline(tx: Tx, session_id: str, *, limit: int, before: int | None) -> Timeline | None:
    """Return the newest messages of a session over all its chats; None if there is no session."""
    session_no = session_no_of(tx, session_id)
    session = None if session_no is None else session_data(tx, session_no)
    if session_no is None or session is None:
        return None

    segments = tx.all("segments_of_session", session_no=session_no)
    messages = newest(tx, segments, limit=limit + 1, before=before)

    return Timeline(
        session=session,
        summary=current_summary(tx, session_no),
        messages=tuple(messages[-limit:]),
        has_older=len(messages) > limit,
    )


def note_texts_shown(tx: Tx, context: OperationContext, user_id: str | None) -> None:
    """Write to the audit that an operator read what was said, by this person or in a group."""
    audit.note(tx, context, "texts_shown", user_id=user_id)

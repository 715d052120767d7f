"""The two stores of the original SessionStore's program: sessions, and conversations of webhooks.

Sessions there belong to users whose ids their author chose; whose account a user is, the caller
says. Conversations of webhooks say it themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from session_plugin.database.opening import located_file
from session_plugin.errors import DatabaseRefused, FileRefused
from session_plugin.importing.authors import People, account_of, check_people
from session_plugin.importing.cells import check_ids
from session_plugin.importing.direct import chat_apart
from session_plugin.model import Account, MessageEvent, Role
from session_plugin.reports import Skipped
from session_plugin.rules.imported_ids import imported_id
from session_plugin.store.original_file import Original, OriginalMessage, OriginalSession, Piece

SOURCE = "original"

Item = MessageEvent | Skipped


def read_original(
    path: str | Path, *, accounts: People | None = None, bot_id: str = ""
) -> Iterator[Item]:
    """Yield the messages of all sessions, and what is left out.

    `SessionHub.import_original` reads the same file in another way: its users stay users under
    their ids, their newest sessions go on, and its summaries come along.

    Args:
        path: The original's `sessions.db`. A copy is read.
        accounts: Whose account each of its users is, by the user's id; a mapping or a function.
            Whom it does not name is left out, except for those of webhooks, whose accounts the file
            has. A user id can be a group's: leave these out, because the file does not say who
            spoke.
        bot_id: The bot's own account on those people's channel.

    Raises:
        FileRefused: it is no database of the original's, or damaged.
        TypeError: `accounts` is neither a mapping nor a function, or gave something else.
    """
    check_people(accounts, argument="accounts")
    check_ids(bot_id=bot_id)
    try:
        original = Original(path=located_file(path))
        original.open()
    except DatabaseRefused as error:
        raise FileRefused(str(error)) from error

    try:
        yield from _skipped(original)
        for piece in original.pieces():
            yield from _skipped(original)
            yield from _events(piece, accounts=accounts, bot_id=bot_id)

        yield from _skipped(original)
    finally:
        original.close()


def _skipped(original: Original) -> Iterator[Skipped]:
    """Yield what could not be read since the last time."""
    yield from original.skipped
    original.skipped.clear()


def _events(piece: Piece, *, accounts: People | None, bot_id: str) -> Iterator[Item]:
    session = piece.session
    account = account_of(session.user_id, accounts, argument="accounts") or session.account
    for message in piece.messages:
        reason = "accounts names nobody for its user"
        if account is not None:
            try:
                yield _to_event(message, session, account, bot_id=bot_id)
                continue
            except (TypeError, ValueError) as error:
                reason = f"it cannot be stored: {error}"

        where = f"{session.session_id} {message.key}"
        yield Skipped(what="message", where=where, reason=reason)

    if not piece.has_more:
        for _ in session.summaries:
            reason = "a summary of messages that were deleted there; import_original imports it"
            yield Skipped(what="summary", where=session.session_id, reason=reason)


def _to_event(
    message: OriginalMessage, session: OriginalSession, account: Account, *, bot_id: str
) -> MessageEvent:
    is_persons = message.role == "user"
    key = f"{session.session_id} {message.key}".encode("utf-8", "surrogatepass")

    return MessageEvent(
        chat=chat_apart(SOURCE, session.user_id, account, bot_id=bot_id),
        message_id=imported_id(SOURCE, hashlib.sha256(key).hexdigest()[:32]),
        role=cast(Role, message.role),
        text=message.content,
        sent_at=message.timestamp,
        author=account if is_persons else None,
        author_name=session.display_name if is_persons else "",
        answers=None if is_persons else account,
        metadata=message.metadata,
    )

"""The newest messages of a live session by one statement, for databases to which each statement is
a round trip.

What histories.py decides step by step is decided here from the row that has all of it. Anything
else than the plain reading of a session is left to histories.py.
"""

from __future__ import annotations

from session_plugin.database.engine import Tx
from session_plugin.model import Account, Chat, SessionMessage
from session_plugin.records.conversation.sessions import Where, chat_key, scope_in
from session_plugin.records.message_rows import from_columns

MOST = 200
"""Messages that are read so at most: each row brings its session with it."""

_READER = ("chat_no", "kind", "peer_no", "became", "peer_user_id", "reader_no", "reader_user_id")
_SESSION = ("started_at", "last_activity", "channel")
_PLACE = len(_READER) + len(_SESSION)
_COLUMNS = _PLACE + 5


def newest_at_once(
    tx: Tx, where: Where, *, limit: int | None, before: int | None
) -> list[SessionMessage] | None:
    """Return the newest messages of the reader's live session, oldest first; None if that cannot
    be read by one statement.
    """
    is_direct = where.chat.kind == "direct"
    if limit is None or not 0 < limit <= MOST or (is_direct and where.direct_sees_groups):
        return None

    account = where.account
    rows = tx.at_once(
        "tail_at_once",
        **chat_key(where.context.bot, where.chat),
        thread_id=where.chat.thread_id,
        reader_channel=None if account is None else account.channel,
        reader_id=None if account is None else account.channel_user_id,
        name=where.name,
        is_direct=is_direct,
        before=before,
        limit=limit,
    )
    if rows is None:
        return None

    first = rows[0]
    scope = scope_in(dict(zip(_READER, first, strict=False)), where)
    session = dict(zip(_SESSION, first[len(_READER) :], strict=False))
    is_empty = scope is None or session["started_at"] is None or first[_COLUMNS] is None
    if is_empty or where.context.end_of({**session, "kind": where.chat.kind}) is not None:
        return []

    chats: dict[tuple[str, ...], Chat] = {}
    people: dict[tuple[str, str], Account] = {}
    found: list[SessionMessage] = []
    for row in reversed(rows):
        place = row[_PLACE:_COLUMNS]
        chat = chats.get(place)
        if chat is None:
            channel, chat_id, bot_id, thread_id, title = place
            chat = chats[place] = Chat(
                channel, chat_id, where.chat.kind, bot_id=bot_id, thread_id=thread_id, title=title
            )
        found.append(from_columns(row[_COLUMNS:-1], chat, people))

    return found

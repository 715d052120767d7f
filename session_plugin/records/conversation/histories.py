"""Reading a conversation back: the newest messages of a session, or of all sessions of a scope,
oldest first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from operator import attrgetter

from session_plugin.checks import check_seq
from session_plugin.database.engine import Row, Tx
from session_plugin.model import Account, Chat, MessageEvent, SessionMessage
from session_plugin.records.conversation.at_once import newest_at_once
from session_plugin.records.conversation.sessions import (
    Where,
    find_chat,
    find_scope,
    fresh_session,
    to_chat,
)
from session_plugin.records.message_rows import Columns, from_columns
from session_plugin.records.operation_context import OperationContext
from session_plugin.rules.numbers import FIRST
from session_plugin.rules.scopes import Scope

ALL = 2**63 - 1
"""A limit for all rows: the largest number that a database takes."""
PIECE = 100
"""Words of an account that are gone through at once for those in groups."""


def read_history(
    tx: Tx,
    where: Where,
    *,
    limit: int | None,
    before: MessageEvent | SessionMessage | int | None = None,
    include_previous: bool = False,
) -> list[SessionMessage]:
    """Return the newest messages, oldest first, without summaries.

    Args:
        tx: The transaction.
        where: The reader.
        limit: How many at most; None for all.
        before: Only messages before this one, or before this sequence number.
        include_previous: Read earlier sessions of the scope too.
    """
    if not include_previous and not isinstance(before, MessageEvent):
        found = newest_at_once(tx, where, limit=limit, before=seq_of(tx, where, before))
        if found is not None:
            return found

    scope = find_scope(tx, where)
    if scope is None:
        return []

    before_seq = seq_of(tx, where, before)
    seen = visible(tx, where.context, scope, include_previous=include_previous)
    groups = partial(own_messages_in_groups, tx, scope, since=seen.since, before=before_seq)

    return newest(tx, seen.segments, limit=limit, before=before_seq, besides=groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """What a reader may see: all that is in some segments, and what they said in groups and were
    answered there, if their scope shows it, from a time on.
    """

    segments: list[Row]
    since: float


def visible(tx: Tx, context: OperationContext, scope: Scope, *, include_previous: bool) -> Visible:
    """Decide what the reader of a scope may see, of the live session or of all sessions; history
    and search both ask here.
    """
    if include_previous:
        return Visible(segments=all_segments(tx, scope), since=0.0)

    live, segments = fresh_session(tx, context, scope)
    if live is None:
        return Visible(segments=segments, since=context.now - context.policies.max_age)

    return Visible(segments=segments, since=live["started_at"])


def all_segments(tx: Tx, scope: Scope) -> list[Row]:
    """Return the segments of all sessions of a scope."""
    if scope.user_id is not None:
        return tx.all("segments_of_user", bot=scope.bot, user_id=scope.user_id, name=scope.name)
    return tx.all(
        "segments_of_group", chat_no=scope.chat_no, thread_id=scope.thread_id, name=scope.name
    )


def own_messages_in_groups(
    tx: Tx, scope: Scope, *, since: float, before: int | None = None, after: int, limit: int
) -> list[SessionMessage]:
    """Return the newest of what a person said in groups and was answered there, for a reader who
    sees it.
    """
    if not scope.sees_groups:
        return []

    rows: list[Columns] = []
    for account in tx.all("accounts_of_user", user_id=scope.user_id):
        rows += _own_messages(
            tx, scope, account["account_no"], since=since, before=before, after=after, limit=limit
        )

    people: dict[tuple[str, str], Account] = {}

    return [in_group(row, people) for row in rows]


def in_group(row: Columns, people: dict[tuple[str, str], Account]) -> SessionMessage:
    """Return a row of `own_messages_in_groups` as a message."""
    channel, chat_id, kind, bot_id, thread_id, title, *columns, _ = row
    chat = Chat(channel, chat_id, kind, bot_id=bot_id, thread_id=thread_id, title=title)

    return from_columns(columns, chat, people)


def _own_messages(
    tx: Tx,
    scope: Scope,
    account_no: int,
    *,
    since: float,
    before: int | None,
    after: int,
    limit: int,
) -> list[Columns]:
    """Return the same of one account: piece by piece from the newest on, until one in which all is
    older than `since`.

    So the cost does not grow with what lies behind. That all of a piece has to be, and not one
    word, is for a clock that was set back for a while.
    """
    rows: list[Columns] = []
    place: int | None = ALL if before is None else before
    while place is not None and len(rows) < limit:
        piece, place = piece_in_groups(
            tx,
            scope,
            account_no,
            since=since,
            before=place,
            after=after,
            limit=limit - len(rows),
        )
        rows += piece

    return rows


def piece_in_groups(
    tx: Tx, scope: Scope, account_no: int, *, since: float, before: int, after: int, limit: int
) -> tuple[list[Columns], int | None]:
    """Return what an account said in groups and was answered there, of the next older piece of all
    that it said; and before which number the piece after it begins, None where there is none.
    """
    piece = tx.one(
        "piece_of_own_messages", account_no=account_no, after=after, before=before, limit=PIECE
    )
    if piece["latest"] is None or piece["latest"] < since:
        return [], None

    rows: list[Columns] = []
    rows += tx.tuples(
        "own_messages_in_groups",
        account_no=account_no,
        bot=scope.bot,
        name=scope.name,
        since=since,
        from_seq=piece["from_seq"],
        before=before,
        limit=limit,
    )

    return rows, int(piece["from_seq"])


def seq_of(tx: Tx, where: Where, message: MessageEvent | SessionMessage | int | None) -> int | None:
    """Return the sequence number of a message; None if it is not stored."""
    if isinstance(message, int):
        check_seq("before", message)
        return message
    if isinstance(message, SessionMessage):
        return message.seq or None
    if message is None or message.message_id is None:
        return None

    chat = find_chat(tx, where.context.bot, message.chat)
    row = None
    if chat is not None:
        row = tx.first("message_by_key", chat_no=chat["chat_no"], message_id=message.message_id)

    return None if row is None else int(row["seq"])


def newest(
    tx: Tx,
    segments: list[Row],
    *,
    limit: int | None,
    before: int | None = None,
    live_from: Mapping[int, int] | None = None,
    besides: Callable[..., list[SessionMessage]] | None = None,
) -> list[SessionMessage]:
    """Merge the tails of segments: the newest `limit` messages over all of them, oldest first; None
    for all.

    `live_from` gives for each segment the sequence number from which on it is read.

    `besides` gives messages from elsewhere that stand among them: `limit` of those that came
    `after` one.
    """
    if limit == 0:
        return []

    limit = ALL if limit is None else limit
    rows = newest_rows(tx, segments, limit=limit, before=before, live_from=live_from)

    chats = chats_of(segment for _, segment in rows)
    people: dict[tuple[str, str], Account] = {}
    found = [from_columns(row, chats[segment["segment_no"]], people) for row, segment in rows]
    if besides is not None:
        found += besides(after=_seq(rows[-1]) if len(rows) == limit else FIRST, limit=limit)

    return sorted(found, key=attrgetter("seq"))[-limit:]


def newest_rows(
    tx: Tx,
    segments: list[Row],
    *,
    limit: int,
    before: int | None = None,
    live_from: Mapping[int, int] | None = None,
) -> list[tuple[Columns, Row]]:
    """Return the columns of the newest messages of segments, newest first, each beside its segment.

    Segments are visited from the most recent on, and only as long as one can still hold a message
    among the newest: so the cost does not grow with what lies behind.
    """
    rows: list[tuple[Columns, Row]] = []
    for segment in sorted(segments, key=_last_seq, reverse=True):
        if limit <= len(rows) and _seq(rows[limit - 1]) > segment["last_seq"]:
            break

        tail = tx.tuples(
            "segment_tail",
            chat_no=segment["chat_no"],
            segment_no=segment["segment_no"],
            before=before,
            from_seq=FIRST if live_from is None else live_from[segment["segment_no"]],
            limit=limit,
        )
        rows += zip(tail, repeat(segment))
        rows = sorted(rows, key=_seq, reverse=True)[:limit]

    return rows


def chats_of(segments: Iterable[Row]) -> dict[int, Chat]:
    """Return the chats of segments by the segments' numbers."""
    shown = {segment["segment_no"]: segment for segment in segments}
    return {number: to_chat(segment, segment["thread_id"]) for number, segment in shown.items()}


def _last_seq(segment: Row) -> int:
    return int(segment["last_seq"])


def _seq(entry: tuple[Columns, Row]) -> int:
    return int(entry[0][0])


def between(
    tx: Tx, segment: Row, from_seq: int, to_seq: int, *, limit: int = ALL
) -> list[tuple[int, SessionMessage]]:
    """Return the messages of a segment in a range, both ends included, each with its sequence
    number, the newest first.
    """
    rows = tx.tuples(
        "segment_tail",
        chat_no=segment["chat_no"],
        segment_no=segment["segment_no"],
        before=to_seq + 1,
        from_seq=from_seq,
        limit=limit,
    )
    chat = to_chat(segment, segment["thread_id"])
    people: dict[tuple[str, str], Account] = {}

    return [(row[0], from_columns(row, chat, people)) for row in rows]


def find_message(tx: Tx, bot: str, chat: Chat, message_id: str) -> SessionMessage | None:
    """Return a stored message by the bot's name, its chat and its id."""
    row = find_chat(tx, bot, chat)
    if row is None:
        return None

    stored = tx.first("message_by_key", chat_no=row["chat_no"], message_id=message_id)

    return None if stored is None else stored_message(tx, stored)


def stored_message(tx: Tx, row: Row) -> SessionMessage:
    """Return the message that a row of `message_by_key` names."""
    segments = tx.all("segments_of_session", session_no=row["session_no"])
    (segment,) = (one for one in segments if one["segment_no"] == row["segment_no"])
    ((_, message),) = between(tx, segment, row["seq"], row["seq"])
    return message

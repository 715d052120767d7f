"""What a model, or a caller of SessionStore, gets to see: instructions, the summary, and the
messages that it does not stand for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from session_plugin.context.marks import Background, mentions_in, replied_key
from session_plugin.context.turns import ModelContext
from session_plugin.database.engine import Row, Tx
from session_plugin.model import (
    INSTRUCTION_ROLES,
    Account,
    Chat,
    MessageEvent,
    Session,
    SessionMessage,
    Summary,
)
from session_plugin.records.conversation.histories import (
    ALL,
    newest,
    own_messages_in_groups,
    seq_of,
)
from session_plugin.records.conversation.sessions import (
    Where,
    find_chat,
    find_scope,
    fresh_session,
    session_data,
    to_chat,
)
from session_plugin.records.message_rows import from_columns
from session_plugin.records.people.accounts import find_account
from session_plugin.records.upkeep.summaries import current_summary, summary_of


def read_context(
    tx: Tx,
    where: Where,
    *,
    limit: int,
    before: MessageEvent | SessionMessage | int | None = None,
    upto: MessageEvent | SessionMessage | int | None = None,
) -> ModelContext:
    """Return what a model sees of a reader's live session, without a budget.

    Args:
        tx: The transaction.
        where: The reader.
        limit: How many messages at most, the newest; instructions are not counted.
        before: Only messages before this one, or before this sequence number.
        upto: Only messages up to this one, which is included.
    """
    scope = find_scope(tx, where)
    if scope is None:
        return ModelContext(summary=None, messages=())

    live, segments = fresh_session(tx, where.context, scope)
    if live is None:
        return ModelContext(summary=None, messages=())

    place = seq_of(tx, where, before if upto is None else upto)
    end = place if place is None or upto is None else place + 1
    summary, live_from = _summarised(tx, live["session_no"], segments, place)
    instructions = _instructions(tx, segments)

    most = min(limit + len(instructions), ALL) if limit else 0
    groups = partial(own_messages_in_groups, tx, scope, since=live["started_at"], before=end)
    found = newest(tx, segments, limit=most, before=end, live_from=live_from, besides=groups)
    messages = [one for one in found if one.role not in INSTRUCTION_ROLES][-limit:]

    return ModelContext(
        summary=summary,
        messages=(*_without_repeats(instructions), *messages),
        background=_background(tx, where, messages),
    )


def session_with_messages(tx: Tx, session_no: int) -> tuple[Session, Summary | None]:
    """Return a session with its unconsolidated messages, and the summary that stands in front of
    them. Instructions are never consolidated.
    """
    session = session_data(tx, session_no)
    if session is None:
        raise LookupError(f"there is no session number {session_no}")

    segments = tx.all("segments_of_session", session_no=session_no)
    messages = newest(tx, segments, limit=None, live_from=_live_from(segments))
    shown = {message.seq for message in messages}
    earlier = [one for one in _instructions(tx, segments) if one.seq not in shown]

    session.messages = earlier + messages

    return session, current_summary(tx, session_no)


def _instructions(tx: Tx, segments: Sequence[Row]) -> list[SessionMessage]:
    """Return what the author said as system or developer in these segments, oldest first."""
    people: dict[tuple[str, str], Account] = {}
    found = [
        from_columns(columns, to_chat(segment, segment["thread_id"]), people)
        for segment in segments
        for columns in tx.tuples("segment_instructions", segment_no=segment["segment_no"])
    ]
    return sorted(found, key=lambda message: message.seq)


def _without_repeats(instructions: Iterable[SessionMessage]) -> list[SessionMessage]:
    """Return instructions, each wording once: bots add theirs again in each chat or at a start."""
    first: dict[tuple[str, str], SessionMessage] = {}
    for message in instructions:
        first.setdefault((message.role, message.content), message)
    return list(first.values())


def _summarised(
    tx: Tx, session_no: int, segments: Sequence[Row], place: int | None
) -> tuple[Summary | None, dict[int, int]]:
    """Return the newest summary that covers nothing from a sequence number on, and where each
    segment goes on after it.

    While a message was being answered, a newer summary may have come to cover it.
    """
    live_from = _live_from(segments)
    if place is None or all(edge <= place for edge in live_from.values()):
        return current_summary(tx, session_no), live_from

    used: list[Row] = []
    live_from = dict.fromkeys(live_from, 0)
    candidates = tx.all("current_summaries", session_no=session_no)
    while candidates:
        older: list[Row] = []
        for row in candidates:
            parts = tx.all("parts_of_summary", summary_no=row["summary_no"])
            if row["content"] is None or any(part["to_seq"] >= place for part in parts):
                older += tx.all("summaries_superseded_by", superseded_by=row["summary_no"])
                continue
            used.append(row)
            for part in parts:
                number = part["segment_no"]
                live_from[number] = max(live_from.get(number, 0), part["to_seq"] + 1)

        candidates = older

    return summary_of(tx, used), live_from


def _live_from(segments: Iterable[Row]) -> dict[int, int]:
    return {segment["segment_no"]: segment["live_from"] for segment in segments}


def _background(tx: Tx, where: Where, messages: Sequence[SessionMessage]) -> Background:
    """Return what messages refer to and do not contain: what they reply to, whom they mention."""
    shown = {(message.chat, message.message_id) for message in messages}
    keys = {replied_key(message) for message in messages} - shown
    replied_to = [
        found
        for chat, message_id in sorted(filter(None, keys), key=lambda key: key[1])
        if (found := _replied_to(tx, where, chat, message_id)) is not None
    ]

    names: dict[Account, str] = {}
    for message in (*messages, *replied_to):
        for mention in mentions_in(message):
            account = mention.account
            if account is None or account in names:
                continue
            row = find_account(tx, account)
            if row is not None and row["display_name"]:
                names[account] = row["display_name"]

    return Background(replied_to=tuple(replied_to), names=names)


def _replied_to(tx: Tx, where: Where, chat: Chat, message_id: str) -> SessionMessage | None:
    """Return a message of the same thread and part of the scope, from whichever session it is.

    A reader of a direct chat who sees what they said in groups sees nothing of others there.
    """
    row = find_chat(tx, where.context.bot, chat) if chat.kind == where.chat.kind else None
    if row is None:
        return None

    rows = tx.tuples(
        "message_in_thread",
        chat_no=row["chat_no"],
        message_id=message_id,
        thread_id=chat.thread_id,
        name=where.name,
    )

    return from_columns(rows[0], chat, {}) if rows else None

"""What a model, or a caller of SessionStore, gets to see: instructions, the summary, and the
messages that it does not stand for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from session_plugin.context.fitting import Material
from session_plugin.context.marks import Background, mentions_in, replied_key
from session_plugin.context.turns import ModelContext
from session_plugin.database.engine import Row, Tx
from session_plugin.model import (
    Account,
    Chat,
    Session,
    SessionMessage,
    Summary,
)
from session_plugin.records.conversation.context_reading import (
    ContextRequest,
    Reading,
    live_from_of,
)
from session_plugin.records.conversation.histories import (
    newest,
    seq_of,
)
from session_plugin.records.conversation.namesakes import namesakes_in
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
from session_plugin.records.upkeep.summaries import current_summary
from session_plugin.rules.scopes import Scope


def read_context(tx: Tx, where: Where, request: ContextRequest) -> Material:
    """Return what a model can be given of a reader's live session."""
    scope = find_scope(tx, where)
    if scope is None:
        return Material(context=ModelContext(summary=None, messages=()))

    live, segments = fresh_session(tx, where.context, scope)
    if live is None and not request.include_previous:
        return Material(context=ModelContext(summary=None, messages=()))

    place = seq_of(tx, where, request.before if request.upto is None else request.upto)
    end = place if place is None or request.upto is None else place + 1
    reading = Reading(tx, scope, request, live=live, segments=segments, place=place, end=end)
    messages = reading.messages()
    instructions = _without_repeats(_instructions(tx, segments))
    background = _background(tx, where, scope, segments, messages)

    return Material(
        context=ModelContext(
            summary=None,
            messages=(*instructions, *messages),
            background=replace(background, setting=reading.setting()),
        ),
        summaries=reading.summaries(messages),
        whole_from=reading.whole_from,
        is_steady=reading.is_steady,
        session_no=None if live is None else live["session_no"],
    )


def session_with_messages(tx: Tx, session_no: int) -> tuple[Session, Summary | None]:
    """Return a session with its unconsolidated messages, and the summary that stands in front of
    them. Instructions are never consolidated.
    """
    session = session_data(tx, session_no)
    if session is None:
        raise LookupError(f"there is no session number {session_no}")

    segments = tx.all("segments_of_session", session_no=session_no)
    messages = newest(tx, segments, limit=None, live_from=live_from_of(segments))
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
        for columns in tx.tuples(
            "segment_instructions", chat_no=segment["chat_no"], segment_no=segment["segment_no"]
        )
    ]
    return sorted(found, key=lambda message: message.seq)


def _without_repeats(instructions: Iterable[SessionMessage]) -> list[SessionMessage]:
    """Return instructions, each wording once: bots add theirs again in each chat or at a start."""
    first: dict[tuple[str, str], SessionMessage] = {}
    for message in instructions:
        first.setdefault((message.role, message.content), message)
    return list(first.values())


def _background(
    tx: Tx,
    where: Where,
    scope: Scope,
    segments: Sequence[Row],
    messages: Sequence[SessionMessage],
) -> Background:
    """Return what messages refer to and do not contain: what they reply to, whom they mention, and
    who else of the session has the name of one who is shown.
    """
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

    is_group = scope.user_id is None
    namesakes = namesakes_in(tx, segments, (*replied_to, *messages)) if is_group else ()

    return Background(replied_to=tuple(replied_to), names=names, namesakes=namesakes)


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

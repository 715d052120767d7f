"""Sessions and their segments: the live one of a scope, how it begins and ends, how it reads as
data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from session_plugin.checks import is_storable
from session_plugin.database.engine import InBulk, Row, Tx
from session_plugin.model import Account, Chat, Session, SessionIdentity
from session_plugin.records.cells import from_json, to_name
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people.accounts import identity_of
from session_plugin.records.results import Announcement, Result, SessionEnded, SessionStarted
from session_plugin.rules.scopes import Scope, scope_of

StartOrEnd = SessionStarted | SessionEnded


def get_or_create_chat(tx: Tx, bot: str, chat: Chat) -> Row:
    """Find a chat, or make it on first sight; note a new title."""
    row = find_chat(tx, bot, chat)
    if row is None:
        title = to_name(chat.title)
        row = tx.one("add_chat", **chat_key(bot, chat), kind=chat.kind, title=title)
    elif row["kind"] != chat.kind:
        raise ValueError(
            f"chat {chat.chat_id!r} on {chat.channel!r} is a {row['kind']} chat, not a "
            f"{chat.kind} one"
        )
    elif chat.title and row["title"] != chat.title and row["title"] != to_name(chat.title):
        tx.run("retitle_chat", chat_no=row["chat_no"], title=to_name(chat.title))

    return row


def find_chat(tx: Tx, bot: str, chat: Chat) -> Row | None:
    """Look a chat up by its key."""
    return tx.first("chat_by_key", **chat_key(bot, chat))


def group_no(row: Row) -> int:
    """Return the number of the chat where a group's sessions are: its own, or that of the chat it
    became.
    """
    return int(row["chat_no"] if row["became"] is None else row["became"])


def chat_key(bot: str, chat: Chat) -> dict[str, str]:
    """Return what a chat is looked up by."""
    return {"bot": bot, "channel": chat.channel, "bot_id": chat.bot_id, "chat_id": chat.chat_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A reader or writer: in which chat, as which account, in which part of the scope, when."""

    context: OperationContext
    chat: Chat
    account: Account | None
    name: str = ""
    direct_sees_groups: bool = False


def find_scope(tx: Tx, where: Where) -> Scope | None:
    """Return the scope that a reader here has; None where nothing was ever said or nobody is known
    to own it.
    """
    return scope_in(_reader(tx, where), where)


def scope_in(row: Row, where: Where) -> Scope | None:
    """Return the same from the row of `reader_in_chat`."""
    if where.chat.kind == "direct":
        chat_no, kind, user_id = 0, "direct", _owner(row, where)[1]
    elif row["chat_no"] is None:
        return None
    else:
        chat_no, kind, user_id = group_no(row), row["kind"], None

    return scope_of(
        where.context.bot,
        kind=kind,
        chat_no=chat_no,
        thread_id=where.chat.thread_id,
        peer_user_id=user_id,
        name=where.name,
        direct_sees_groups=where.direct_sees_groups,
    )


def _reader(tx: Tx, where: Where) -> Row:
    account = where.account
    return tx.one(
        "reader_in_chat",
        **chat_key(where.context.bot, where.chat),
        reader_channel=None if account is None else account.channel,
        reader_id=None if account is None else account.channel_user_id,
    )


def _owner(row: Row, where: Where) -> tuple[int | None, str | None]:
    """Return the account and the user whose direct chat this is; to a reader who is somebody else
    it is nobody's.
    """
    if row["peer_no"] is None:
        return row["reader_no"], row["reader_user_id"]
    if where.account is None or row["reader_user_id"] == row["peer_user_id"]:
        return row["peer_no"], row["peer_user_id"]

    return None, None


def live_session(tx: Tx, scope: Scope) -> Row | None:
    """Return the live session of a scope, with its last activity over all segments; it may have
    been idle for too long.
    """
    return next(iter(_live(tx, scope)), None)


def _live(tx: Tx, scope: Scope) -> list[Row]:
    """Return the live session of a scope beside each of its segments, the most recently active
    first: that says how it is.
    """
    if scope.user_id is not None:
        return tx.all("live_direct_session", bot=scope.bot, user_id=scope.user_id, name=scope.name)

    return tx.all(
        "live_group_session", chat_no=scope.chat_no, thread_id=scope.thread_id, name=scope.name
    )


def fresh_session(tx: Tx, context: OperationContext, scope: Scope) -> tuple[Row | None, list[Row]]:
    """Return the live session of a scope unless it has been idle for too long, and its segments;
    changes nothing.
    """
    rows = _live(tx, scope)
    if not rows or context.end_of(rows[0]) is not None:
        return None, []

    return rows[0], [row for row in rows if row["segment_no"] is not None]


def end_expired(
    tx: Tx, context: OperationContext, scope: Scope
) -> tuple[Row | None, tuple[Announcement, ...]]:
    """End the live session of a scope if its time is over; give it if it goes on."""
    row = live_session(tx, scope)
    end = None if row is None else context.end_of(row)
    if row is None or end is None:
        return row, ()

    return None, end_session(tx, row["session_no"], ended_at=end.at, reason=end.reason)


def seemingly_live(tx: Tx, context: OperationContext, *, after: int, limit: int) -> list[int]:
    """Return live sessions, from a number on, that have been silent long enough to be over (moment,
    after, limit).
    """
    silence = context.policies.shortest_silence
    if silence is None:
        return []

    rows = tx.all(
        "silent_sessions", bot=context.bot, after=after, before=context.now - silence, limit=limit
    )

    return [row["session_no"] for row in rows]


def end_those_over(
    tx: Tx, context: OperationContext, session_nos: Sequence[int], *, is_heard: bool
) -> Result[int]:
    """End those of some live sessions whose time is over, though nobody writes to them; tell how
    many.

    The argument is when, which, and whether anybody wants to be told; else they count as told at
    once.
    """
    announcements: tuple[Announcement, ...] = ()
    for session_no in session_nos:
        row = tx.first("live_session_by_no", session_no=session_no)
        end = None if row is None else context.end_of(row)
        if end is not None:
            announcements += end_session(tx, session_no, ended_at=end.at, reason=end.reason)
            if not is_heard:
                claim_announcements(tx, [SessionEnded(session_no)])

    return Result(len(announcements), announcements if is_heard else ())


def end_expired_of_user(
    tx: Tx, context: OperationContext, user_id: str
) -> tuple[Announcement, ...]:
    """End all live sessions that a person has with this bot and that have been idle for too
    long.
    """
    names = [
        row["name"]
        for row in tx.all("live_sessions_of_user", user_id=user_id)
        if row["bot"] == context.bot
    ]
    ended: tuple[Announcement, ...] = ()
    for name in names:
        ended += end_expired(tx, context, Scope(context.bot, user_id=user_id, name=name))[1]

    return ended


def end_session(
    tx: Tx, session_no: int, *, ended_at: float, reason: str
) -> tuple[Announcement, ...]:
    """End a live session."""
    tx.run("end_session", session_no=session_no, ended_at=ended_at, end_reason=reason)
    return (SessionEnded(session_no),)


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """A chat's segment of the live session: where its next message goes."""

    session_no: int
    segment_no: int
    last_activity: float
    """Of the session. No message in it is received before that, even if the clock is set back."""


def find_or_start_segment(
    tx: Tx,
    context: OperationContext,
    scope: Scope,
    *,
    chat_no: int,
    thread_id: str,
    founder_no: int | None,
) -> tuple[OpenSegment, tuple[Announcement, ...]]:
    """Return the segment for a chat's next message; start a session or a segment if need be."""
    session, ended = end_expired(tx, context, scope)
    started: tuple[Announcement, ...] = ()
    if session is None:
        session, started = start_session(tx, context, scope, founder_no=founder_no)

    key = {"session_no": session["session_no"], "chat_no": chat_no, "thread_id": thread_id}
    segment = tx.first("segment_of", **key)
    if segment is None:
        segment = tx.one("add_segment", **key, last_activity=session["last_activity"])

    found = OpenSegment(session["session_no"], segment["segment_no"], session["last_activity"])

    return found, ended + started


def start_session(
    tx: Tx, context: OperationContext, scope: Scope, *, founder_no: int | None
) -> tuple[Row, tuple[Announcement, ...]]:
    """Start a session in a scope that has no live one; the reason is how the one before it
    ended.
    """
    before = _last_ended(tx, scope)
    reason = "first" if before is None else before["end_reason"]
    row = tx.one(
        "add_session",
        session_id=context.new_id(),
        bot=scope.bot,
        user_id=scope.user_id,
        chat_no=scope.chat_no,
        thread_id=scope.thread_id,
        name=scope.name,
        founder_no=founder_no if scope.user_id is not None else None,
        started_at=context.now,
        start_reason=reason,
        ended_at=None,
        end_reason=None,
    )

    return row, (SessionStarted(row["session_no"]),)


def _last_ended(tx: Tx, scope: Scope) -> Row | None:
    """Return the session of a scope that ended last; one that is joined into another does not
    count.
    """
    if scope.user_id is not None:
        return tx.first("last_ended_direct", bot=scope.bot, user_id=scope.user_id, name=scope.name)

    return tx.first(
        "last_ended_group", chat_no=scope.chat_no, thread_id=scope.thread_id, name=scope.name
    )


def earlier_sessions(tx: Tx, scope: Scope, *, limit: int) -> list[Row]:
    """Return the sessions of a scope, newest first, without those that are joined into another."""
    if scope.user_id is not None:
        return tx.all(
            "direct_sessions", bot=scope.bot, user_id=scope.user_id, name=scope.name, limit=limit
        )

    group = {"chat_no": scope.chat_no, "thread_id": scope.thread_id, "name": scope.name}
    return tx.all("group_sessions", **group, limit=limit)


def session_data(tx: Tx, session_no: int) -> Session | None:
    """Return a session as data, with its identity and without messages; None if it is gone."""
    row = tx.first("session_by_no", session_no=session_no)
    if row is None:
        return None

    chat: Chat | None = None
    identity: SessionIdentity | None = None
    if row["user_id"] is not None:
        identity = identity_of(tx, row["user_id"])
    else:
        home = tx.first("chat_by_no", chat_no=row["chat_no"])
        chat = to_chat(home, row["thread_id"]) if home is not None else None

    return Session(
        session_id=row["session_id"],
        identity=identity,
        created_at=row["started_at"],
        last_activity=max(row["last_activity"], row["started_at"]),
        metadata=from_json(row["metadata"]),
        bot=row["bot"],
        chat=chat,
        scope_name=row["name"],
        start_reason=row["start_reason"],
        ended_at=row["ended_at"],
        end_reason=row["end_reason"],
        message_count=row["message_count"],
        is_pinned=bool(row["pinned"]),
    )


def to_chat(row: Row, thread_id: str) -> Chat:
    """Return a chat's row as a chat."""
    return Chat(
        row["channel"],
        row["chat_id"],
        row["kind"],
        bot_id=row["bot_id"],
        thread_id=thread_id,
        title=row["title"],
    )


def live_session_no(tx: Tx, where: Where) -> int | None:
    """Return the number of the session that a reader here is in; None if none is live."""
    scope = find_scope(tx, where)
    live = None if scope is None else fresh_session(tx, where.context, scope)[0]
    return None if live is None else int(live["session_no"])


def read_live(tx: Tx, where: Where) -> Session | None:
    """Return the live session of a reader, or None."""
    session_no = live_session_no(tx, where)
    return None if session_no is None else session_data(tx, session_no)


def read_previous(tx: Tx, where: Where, *, limit: int) -> list[Session]:
    """Return the ended sessions of a reader's scope, newest first."""
    scope = find_scope(tx, where)
    if scope is None:
        return []

    live = live_session(tx, scope)
    end = None if live is None else where.context.end_of(live)
    skipped = None if live is None or end is not None else live["session_no"]
    numbers = [row["session_no"] for row in earlier_sessions(tx, scope, limit=limit + 1)]
    found = [session_data(tx, number) for number in numbers if number != skipped]
    for session in found:
        # as it will be recorded
        if session is not None and session.ended_at is None and end is not None:
            session.ended_at, session.end_reason = end.at, end.reason

    return [session for session in found if session is not None][:limit]


def session_no_of(tx: Tx, session_id: str) -> int | None:
    """Return the number of the session with this id; None if there is none."""
    row = tx.first("session_by_id", session_id=session_id) if is_storable(session_id) else None
    return None if row is None else int(row["session_no"])


def unannounced(tx: Tx, bot: str, *, limit: int) -> tuple[Announcement, ...]:
    """Return starts and ends of one bot's sessions that no hook was told of."""
    found: list[Announcement] = []
    for row in tx.all("unannounced_sessions", bot=bot, limit=limit):
        if not row["start_announced"]:
            found.append(SessionStarted(row["session_no"]))
        if row["ended_at"] is not None and not row["end_announced"]:
            found.append(SessionEnded(row["session_no"]))

    return tuple(found)


def claim_announcements(tx: Tx, announcements: Sequence[StartOrEnd]) -> list[bool]:
    """Take it upon oneself to tell the hooks of starts and ends; False for each that somebody took
    before.
    """
    taken: set[StartOrEnd] = set()
    for kind, statement in ((SessionStarted, "claim_starts"), (SessionEnded, "claim_ends")):
        asked = [{"session_no": one.session_no} for one in announcements if isinstance(one, kind)]
        taken.update(kind(row["session_no"]) for row in tx.all_many(statement, asked))

    claimed = []
    for one in announcements:
        claimed.append(one in taken)
        taken.discard(one)  # another that asks for it here comes second

    return claimed


def _claim_for_many(tx: Tx, asked: Sequence[Sequence[StartOrEnd]]) -> list[list[bool]]:
    claimed = iter(claim_announcements(tx, [one for each in asked for one in each]))
    return [list(islice(claimed, len(each))) for each in asked]


CLAIM_ANNOUNCEMENTS = InBulk(claim_announcements, _claim_for_many)
"""Claim, for as many as there are: after an hour's pause all who write begin a session."""


def start_new(tx: Tx, where: Where) -> Result[Session | None]:
    """End the live session of a scope, if any, and start the next; None where nobody is known to
    own one.
    """
    context = where.context
    scope = find_scope(tx, where)
    if scope is None:
        return Result(None)

    founder_no = _owner(_reader(tx, where), where)[0] if scope.user_id is not None else None
    session, announcements = end_expired(tx, context, scope)
    if session is not None:
        announcements += end_session(tx, session["session_no"], ended_at=context.now, reason="new")

    begun, started = start_session(tx, context, scope, founder_no=founder_no)

    return Result(session_data(tx, begun["session_no"]), announcements + started)

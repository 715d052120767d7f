"""Taking in what the original SessionStore kept: a piece at a time, each one atomic, and none of it
twice.

A message is known by its session, its row and what it says, so an import can be run again, also
after the original went on.
"""

from __future__ import annotations

from dataclasses import dataclass

from session_plugin.database.engine import Row, Tx
from session_plugin.model import STORE_CHANNEL, Account, Chat
from session_plugin.records import message_rows
from session_plugin.records.cells import to_bytes, to_json
from session_plugin.records.conversation.recording import store_row
from session_plugin.records.conversation.sessions import (
    claim_announcements,
    get_or_create_chat,
    live_session,
)
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import audit, forgotten
from session_plugin.records.people.accounts import (
    Person,
    find_account,
    get_or_create_account,
)
from session_plugin.records.results import SessionEnded, SessionStarted
from session_plugin.rules.scopes import Scope
from session_plugin.store.operations import label
from session_plugin.store.original_file import OriginalMessage, OriginalSession, Piece

MADE_BY = "original"
"""Who made the summaries that come along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What of a piece was new. `refusal` says why nothing of its session is taken in, `unclaimed`
    why its user did not get the account that is theirs.
    """

    is_new_session: bool = False
    messages: int = 0
    summaries: int = 0
    refusal: str = ""
    unclaimed: str = ""


def import_piece(
    tx: Tx, context: OperationContext, piece: Piece, account: Account | None = None
) -> Imported:
    """Take in a piece, and let its user have `account`. Hooks are told of none of it: it is long
    past.
    """
    original = piece.session
    own = Account(STORE_CHANNEL, original.user_id)
    for one in (own, account):
        gone = None if one is None else forgotten.find(tx, context, one)
        if gone is not None and original.created_at < gone["at"]:
            return Imported(refusal="it began before its user was forgotten")

    known = find_account(tx, own)
    name = original.display_name if known is None or not known["display_name"] else ""
    person, _ = get_or_create_account(tx, context, own, display_name=name, user_id=original.user_id)
    unclaimed = "" if account is None else _claim(tx, context, account, person)
    for channel, channel_user_id in original.channel_ids.items():
        label(tx, person.account_no, channel, channel_user_id)

    segment = tx.first("segment_by_handle", handle=original.session_id, bot=context.bot)
    if segment is not None and segment["peer_no"] != person.account_no:
        return Imported(refusal="another user has a session of this id")

    is_new = segment is None
    if segment is None:
        segment = _begin(
            tx, context, original, user_id=person.user_id, account_no=person.account_no
        )

    messages = sum(_add(tx, original, message, segment) for message in piece.messages)
    summaries = 0 if piece.has_more else _sum_up(tx, original, segment)

    return Imported(
        is_new_session=is_new, messages=messages, summaries=summaries, unclaimed=unclaimed
    )


def _claim(tx: Tx, context: OperationContext, account: Account, person: Person) -> str:
    """Let an imported user have an account that nobody owns; return why not. It is the operator's
    word, and audited.
    """
    row = find_account(tx, account)
    if row is not None and row["user_id"] != person.user_id:
        return (
            f"the account {account.channel_user_id!r} on {account.channel!r} belongs to another "
            "user; its owner can link it with a code"
        )

    if row is None:
        claimed, _ = get_or_create_account(tx, context, account, user_id=person.user_id)
        audit.note(tx, context, "claimed", actor_no=claimed.account_no, user_id=claimed.user_id)

    return ""


def _begin(
    tx: Tx, context: OperationContext, original: OriginalSession, *, user_id: str, account_no: int
) -> Row:
    """Make the session, over as it was; the user's newest one goes on, if its time is not over and
    none is live.
    """
    chat_no = get_or_create_chat(tx, context.bot, Chat(STORE_CHANNEL, original.user_id))["chat_no"]
    tx.run("set_peer", chat_no=chat_no, account_no=account_no)
    facts = {"channel": STORE_CHANNEL, "kind": "direct"}
    end = context.end_of(
        facts | {"started_at": original.created_at, "last_activity": original.last_activity}
    )
    is_free = original.is_newest and live_session(tx, Scope(context.bot, user_id=user_id)) is None
    is_live = is_free and end is None
    ended_at = original.last_activity if end is None else end.at
    session_id = original.session_id
    session = tx.one(
        "add_session",
        session_id=session_id
        if tx.first("session_by_id", session_id=session_id) is None
        else context.new_id(),
        bot=context.bot,
        user_id=user_id,
        chat_no=None,
        thread_id="",
        name="",
        founder_no=account_no,
        started_at=original.created_at,
        start_reason="imported",
        ended_at=None if is_live else ended_at,
        end_reason=None if is_live else "imported" if end is None else end.reason,
    )
    session_no = session["session_no"]
    claim_announcements(tx, [SessionStarted(session_no)])
    if not is_live:
        claim_announcements(tx, [SessionEnded(session_no)])

    tx.run("set_metadata", session_no=session_no, metadata=to_json(original.metadata))
    last_activity = original.last_activity
    added = tx.one(
        "add_segment",
        session_no=session_no,
        chat_no=chat_no,
        thread_id="",
        last_activity=last_activity,
    )
    tx.run("set_handle", segment_no=added["segment_no"], handle=original.session_id)

    return tx.one("segment_by_handle", handle=original.session_id, bot=context.bot)


def _add(tx: Tx, original: OriginalSession, message: OriginalMessage, segment: Row) -> bool:
    message_id = f"{original.session_id} {message.key}"
    if tx.first("message_by_key", chat_no=segment["chat_no"], message_id=message_id) is not None:
        return False
    if tx.first("tombstone", chat_no=segment["chat_no"], message_id=message_id) is not None:
        return False

    row = message_rows.to_row(
        chat_no=segment["chat_no"],
        segment_no=segment["segment_no"],
        received_at=message.timestamp,
        message_id=message_id,
        role=message.role,
        content=message.content,
        sent_at=message.timestamp,
        channel=message.channel,
        metadata=message.metadata,
    )
    store_row(tx, row, session_no=segment["session_no"])

    return True


def _sum_up(tx: Tx, original: OriginalSession, segment: Row) -> int:
    """Put in front what the original had summed up, if no import did before. What it stood for was
    deleted there.
    """
    session_no, segment_no = segment["session_no"], segment["segment_no"]
    if (
        not original.summaries
        or tx.first("summary_by_maker", session_no=session_no, made_by=MADE_BY) is not None
    ):
        return 0

    made_at = original.summaries[-1][0]
    text = "\n".join(text for _, text in original.summaries)
    row = tx.one(
        "add_summary",
        session_no=session_no,
        content=to_bytes(text),
        made_by=MADE_BY,
        made_at=made_at,
    )
    begin = tx.one("first_seq", segment_no=segment_no)["seq"] or 0
    tx.run(
        "add_summary_part",
        summary_no=row["summary_no"],
        segment_no=segment_no,
        from_seq=begin,
        to_seq=begin - 1,
    )

    return len(original.summaries)

"""Messages: recorded once, edited, deleted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from session_plugin.database.engine import Row, Tx, Value
from session_plugin.model import Account, Chat, MessageEvent, SessionMessage
from session_plugin.records.cells import attachments_to_json, from_json, to_bytes, to_json, to_name
from session_plugin.records.conversation.histories import between
from session_plugin.records.conversation.sessions import (
    find_chat,
    get_or_create_chat,
    group_no,
    place,
)
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import forgotten
from session_plugin.records.people.accounts import (
    Person,
    current_user_id,
    get_or_create_account,
    person_of,
)
from session_plugin.records.results import (
    Announcement,
    MessageEdited,
    MessagesDeleted,
    MessageStored,
    Result,
)
from session_plugin.records.upkeep.summaries import withdraw_over
from session_plugin.rules.scopes import scope_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One message to record.

    Args:
        moment: When.
        event: The message, as the filters left it.
        user_id: Whose its author's account is if it is new and a plugin knows.
        answered_user_id: The same of the account that it answers.
        is_withheld: A filter failed: `event` has no content.
        scope_name: The part of its scope that it belongs to.
    """

    context: OperationContext
    event: MessageEvent
    user_id: str | None = None
    answered_user_id: str | None = None
    is_withheld: bool = False
    scope_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordResult:
    """What became of a message.

    `unowned`: a direct message of which nobody knows whose chat it is; it is not kept, rather than
    given to somebody. `private`: a person asked that nothing of theirs be kept, and it is theirs or
    an answer to them. `forgotten`: it was sent before its person was forgotten, or while nothing of
    theirs was kept, and comes again.
    """

    fate: Literal["stored", "duplicate", "deleted", "unowned", "private", "forgotten"]
    session_no: int | None = None
    seq: int = 0
    live_count: int = 0
    """Unconsolidated messages of the session, this one among them."""
    person: Account | None = None
    """Who said it; for the bot's words, whom they answer, where that is known."""
    known: SessionMessage | None = None
    """A duplicate as it was stored, and perhaps edited since."""


def record(tx: Tx, recording: Recording) -> Result[RecordResult]:
    """Store a message in the live session of its scope, once; a duplicate or a deleted one changes
    nothing at all.
    """
    context, event = recording.context, recording.event
    chat = find_chat(tx, context.bot, event.chat)
    if chat is not None and event.message_id is not None:
        known = tx.first("message_by_key", chat_no=chat["chat_no"], message_id=event.message_id)
        if known is not None:
            return Result(_duplicate(tx, known))
        if tx.first("tombstone", chat_no=chat["chat_no"], message_id=event.message_id) is not None:
            return Result(RecordResult(fate="deleted"))
    reason = "unowned" if _is_unowned(chat, event) else unwanted(tx, recording, chat)
    if reason is not None:
        return Result(RecordResult(fate=reason))
    author, seen = _see(tx, context, event.author, event.author_name, recording.user_id)
    answered, seen_too = _see(tx, context, event.answers, "", recording.answered_user_id)
    chat = get_or_create_chat(tx, context.bot, event.chat)
    owner = _owner(tx, chat, author or answered)
    scope = scope_of(
        context.bot,
        kind=chat["kind"],
        chat_no=group_no(chat),
        thread_id=event.chat.thread_id,
        peer_user_id=None if owner is None else owner.user_id,
        name=recording.scope_name,
    )
    assert scope is not None, "a direct chat that nobody owns was refused"
    place_, begun = place(
        tx,
        context,
        scope,
        chat_no=chat["chat_no"],
        thread_id=event.chat.thread_id,
        founder_no=None if owner is None else owner.account_no,
    )
    person = author or answered
    if person is None and event.role != "user":
        person = owner or _person_replied_to(tx, chat["chat_no"], event)
    received_at = max(context.now, place_.last_activity)
    values = message_values(
        recording,
        chat_no=chat["chat_no"],
        segment_no=place_.segment_no,
        account_no=None if person is None else person.account_no,
        received_at=received_at,
    )
    row = tx.one("add_message", **values)
    tx.run("count_message", segment_no=place_.segment_no, seq=row["seq"], at=received_at)
    live_count = _live_count(tx, place_.session_no)
    announcements = seen + seen_too + begun + (MessageStored(event, place_.session_no),)
    stored = RecordResult(
        fate="stored",
        session_no=place_.session_no,
        seq=row["seq"],
        live_count=live_count,
        person=None if person is None else person.account,
    )
    return Result(stored, announcements)


def _is_unowned(chat: Row | None, event: MessageEvent) -> bool:
    """Tell whether nobody knows whose direct chat this is; it may be named after somebody, so
    nothing is noted of it.
    """
    is_direct = (event.chat.kind if chat is None else chat["kind"]) == "direct"
    is_known = (
        event.author is not None
        or event.answers is not None
        or (chat is not None and chat["peer_no"] is not None)
    )
    return is_direct and not is_known


def unwanted(
    tx: Tx, recording: Recording, chat: Row | None, known: Row | None = None
) -> Literal["private", "forgotten"] | None:
    """Tell why a message is not to be kept, if it is not, also where it is `known` and has other
    words now.

    Its author, or whom it answers, asked that nothing of theirs be kept: then it stays out from now
    on, whatever they ask later. Or they were forgotten, and it is as old as that, or one of those
    that are to stay out; or an answer, to somebody who has said nothing since.
    """
    context, event = recording.context, recording.event
    for account, user_id in _concerned(tx, recording, chat, known).items():
        standing = tx.first(
            "standing_of_account", channel=account.channel, channel_user_id=account.channel_user_id
        )
        if standing["private"] if standing is not None else _is_private(tx, user_id):
            forgotten.keep_out(tx, context, event, account)
            return "private"
        gone = forgotten.find(tx, context, account)
        if gone is not None and standing is not None and standing["forgotten_until"] is None:
            forgotten.raise_to(
                tx, account, gone["sent_until"]
            )  # whoever made it had another secret, and knew of nothing
        is_late_answer = standing is None and account != event.author
        if gone is not None and (
            is_late_answer or context.now < gone["at"] or event.sent_at < gone["sent_until"]
        ):
            return "forgotten"
    return "forgotten" if forgotten.is_known_again(tx, context, event) else None


def _concerned(
    tx: Tx, recording: Recording, chat: Row | None, known: Row | None
) -> dict[Account, str | None]:
    """Give all whose message it is, or may be, each with whose the account is if it is new and a
    plugin knows.
    """
    event = recording.event
    concerned = {event.author: recording.user_id, event.answers: recording.answered_user_id}
    if chat is not None and chat["peer_no"] is not None:
        concerned.setdefault(person_of(tx, chat["peer_no"]).account)
    if known is not None and known["account_no"] is not None:
        concerned.setdefault(person_of(tx, known["account_no"]).account)
    replied_to = None if chat is None else _person_replied_to(tx, chat["chat_no"], event)
    if replied_to is not None:
        concerned.setdefault(replied_to.account)
    return {account: user_id for account, user_id in concerned.items() if account is not None}


def _is_private(tx: Tx, user_id: str | None) -> bool:
    """Tell whether a user, whose new account this is, asked that nothing be kept."""
    return (
        user_id is not None
        and tx.first("is_private_user", user_id=current_user_id(tx, user_id)) is not None
    )


def message_values(
    recording: Recording,
    *,
    chat_no: int,
    segment_no: int,
    account_no: int | None,
    received_at: float,
) -> dict[str, Value]:
    """Give a message's columns, but for its sequence number."""
    event = recording.event
    return {
        "chat_no": chat_no,
        "segment_no": segment_no,
        "message_id": event.message_id,
        "role": event.role,
        "account_no": account_no,
        "author_name": to_name(event.author_name) or None,
        "channel": None,
        "sent_at": event.sent_at,
        "received_at": received_at,
        "content": to_bytes(event.text),
        "metadata": to_json(event.metadata),
        "attachments": attachments_to_json(event.attachments),
        "reply_to": event.reply_to,
        "edited_at": event.edited_at,
        "withheld": int(recording.is_withheld),
    }


def as_stored(event: MessageEvent, recorded: RecordResult, *, is_withheld: bool) -> SessionMessage:
    """Give a message that was just stored as reading it would."""
    return SessionMessage(
        role=event.role,
        content=event.text,
        channel=event.chat.channel,
        timestamp=event.sent_at,
        metadata=from_json(to_json(event.metadata)),
        message_id=event.message_id,
        chat=event.chat,
        author_name=to_name(event.author_name),
        person=recorded.person,
        reply_to=event.reply_to,
        attachments=event.attachments,
        edited_at=event.edited_at,
        is_withheld=is_withheld,
        seq=recorded.seq,
    )


def find(tx: Tx, wanted: tuple[str, Chat, str]) -> SessionMessage | None:
    """Give a message by the bot's name, its chat and its id; None where it was never stored, or is
    gone.
    """
    bot, chat, message_id = wanted
    row = find_chat(tx, bot, chat)
    known = (
        None
        if row is None
        else tx.first("message_by_key", chat_no=row["chat_no"], message_id=message_id)
    )
    return None if known is None else _as_known(tx, known)


def _duplicate(tx: Tx, known: Row) -> RecordResult:
    message = _as_known(tx, known)
    return RecordResult(
        fate="duplicate", session_no=known["session_no"], seq=message.seq, known=message
    )


def _as_known(tx: Tx, known: Row) -> SessionMessage:
    segments = tx.all("segments_of_session", session_no=known["session_no"])
    (segment,) = (row for row in segments if row["segment_no"] == known["segment_no"])
    ((_, message),) = between(tx, segment, known["seq"], known["seq"])
    return message


def _see(
    tx: Tx, context: OperationContext, account: Account | None, name: str, user_id: str | None
) -> tuple[Person | None, tuple[Announcement, ...]]:
    if account is None:
        return None, ()
    return get_or_create_account(tx, context, account, display_name=name, user_id=user_id)


def _owner(tx: Tx, chat: Row, person: Person | None) -> Person | None:
    """Give whose a direct chat is; the first person in it owns it for ever."""
    if chat["kind"] != "direct":
        return None
    if chat["peer_no"] is None:
        if person is not None:
            tx.run("set_peer", chat_no=chat["chat_no"], account_no=person.account_no)
        return person
    if person is not None and person.account_no != chat["peer_no"]:
        raise ValueError(
            f"the direct chat {chat['chat_id']!r} on {chat['channel']!r} belongs to another account"
        )
    return person_of(tx, chat["peer_no"])


def _person_replied_to(tx: Tx, chat_no: int, event: MessageEvent) -> Person | None:
    """Find whom the bot's own words answer, where they do not say so, by the message that they
    reply to; never a guess.
    """
    row = None
    if (
        event.reply_to is not None
        and event.role != "user"
        and event.author is None
        and event.answers is None
    ):
        row = tx.first("message_by_key", chat_no=chat_no, message_id=event.reply_to)
    return None if row is None or row["account_no"] is None else person_of(tx, row["account_no"])


def _live_count(tx: Tx, session_no: int) -> int:
    row = tx.first("live_count", session_no=session_no)
    return 0 if row is None else int(row["live_count"])


def edit(tx: Tx, recording: Recording) -> Result[RecordResult | None]:
    """Change a stored message; one that was never seen is stored as it is now.

    The value is None where nothing changed: the words are the same, or a later edit is known
    already.
    """
    context, event = recording.context, recording.event
    chat = find_chat(tx, context.bot, event.chat)
    row = None
    if chat is not None and event.message_id is not None:
        row = tx.first("message_by_key", chat_no=chat["chat_no"], message_id=event.message_id)
    if row is not None and unwanted(tx, recording, chat, row) == "private":
        remove(tx, row["segment_no"], (row["seq"],))
        return Result(
            None, (MessagesDeleted(event.chat, (str(event.message_id),), row["session_no"]),)
        )
    if row is None:
        stored = record(tx, recording)
        return Result(stored.value if stored.value.fate == "stored" else None, stored.announcements)
    edited_at = context.now if event.edited_at is None else event.edited_at
    content = to_bytes(event.text)
    attachments = attachments_to_json(event.attachments)
    is_same = (row["content"], row["attachments"], row["withheld"]) == (
        content,
        attachments,
        int(recording.is_withheld),
    )
    if is_same or (row["edited_at"] is not None and row["edited_at"] > edited_at):
        return Result(None)
    tx.run(
        "edit_message",
        segment_no=row["segment_no"],
        seq=row["seq"],
        content=content,
        attachments=attachments,
        metadata=to_json(event.metadata),
        edited_at=edited_at,
        withheld=int(recording.is_withheld),
    )
    tx.run("touch_segment", segment_no=row["segment_no"])
    withdraw_over(tx, row["segment_no"], (row["seq"],))
    session_no = row["session_no"]
    return Result(
        RecordResult(fate="stored", session_no=session_no, seq=row["seq"]),
        (MessageEdited(event, session_no),),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """Messages of one chat to delete, seen or not."""

    context: OperationContext
    chat: Chat
    message_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """How many messages there were, and in which sessions."""

    count: int
    session_nos: tuple[int, ...]


def delete(tx: Tx, deletion: Deletion) -> Result[Deleted]:
    """Remove messages everywhere and remember that they are deleted."""
    context = deletion.context
    chat_no = get_or_create_chat(tx, context.bot, deletion.chat)["chat_no"]
    gone: dict[int, list[str]] = {}
    for message_id in dict.fromkeys(deletion.message_ids):
        tx.run("add_tombstone", chat_no=chat_no, message_id=message_id, at=context.now)
        row = tx.first("message_by_key", chat_no=chat_no, message_id=message_id)
        if row is not None:
            remove(tx, row["segment_no"], (row["seq"],))
            gone.setdefault(row["session_no"], []).append(message_id)
    announcements = tuple(
        MessagesDeleted(deletion.chat, tuple(message_ids), session_no)
        for session_no, message_ids in gone.items()
    )
    return Result(
        Deleted(count=sum(map(len, gone.values())), session_nos=tuple(gone)), announcements
    )


AT_ONCE = 200
"""Messages of a chat removed in one transaction: a few milliseconds."""


def delete_some(tx: Tx, deletion: tuple[OperationContext, Chat]) -> Result[Deleted]:
    """Remove some of a chat's messages, or of one thread if the chat names one; a count of zero
    means that none is left.
    """
    context, place_ = deletion
    chat = find_chat(tx, context.bot, place_)
    if chat is None:
        return Result(Deleted(count=0, session_nos=()))
    rows = tx.all(
        "messages_of_chat", chat_no=chat["chat_no"], thread_id=place_.thread_id, limit=AT_ONCE
    )
    gone: dict[int, list[str]] = {}
    for row in rows:
        remove(tx, row["segment_no"], (row["seq"],))
        gone.setdefault(row["session_no"], []).extend(
            [] if row["message_id"] is None else [row["message_id"]]
        )
    announcements = tuple(
        MessagesDeleted(place_, tuple(ids), session_no) for session_no, ids in gone.items()
    )
    return Result(Deleted(count=len(rows), session_nos=tuple(gone)), announcements)


def remove(tx: Tx, segment_no: int, seqs: Iterable[int]) -> None:
    """Take messages of one segment out of history, archive, summaries and counters."""
    for seq in seqs:
        tx.run("uncount_message", segment_no=segment_no, seq=seq)
        tx.run("remove_message", segment_no=segment_no, seq=seq)
        withdraw_over(tx, segment_no, (seq,))

"""Storing one message, once, in the live session of its scope.

Whether it is stored is decided in rules/admission.py; the facts for that are looked up here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from session_plugin.database.engine import Row, Tx, Value
from session_plugin.model import Account, MessageEvent, SessionMessage
from session_plugin.records import message_rows
from session_plugin.records.conversation import quotes
from session_plugin.records.conversation.histories import stored_message
from session_plugin.records.conversation.imported_ids import take_platform_id
from session_plugin.records.conversation.sessions import (
    find_chat,
    find_or_start_segment,
    get_or_create_chat,
    group_no,
)
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import forgotten
from session_plugin.records.people.accounts import (
    Person,
    current_user_id,
    get_or_create_account,
    person_of,
)
from session_plugin.records.results import Announcement, MessageStored, Result, Returned
from session_plugin.rules import clocks
from session_plugin.rules.admission import Fate, fate_of
from session_plugin.rules.scopes import scope_of


@dataclass(kw_only=True, eq=False)
class Recording:
    """A message to be stored. It does not change, but is not frozen either: that would cost more
    than all else about making one.

    Args:
        context: When it was handed in.
        event: The message, as the filters left it.
        user_id: Whose its author's account is, if it is new and a plugin knows.
        answered_user_id: The same of the account that it answers.
        is_withheld: A filter failed, so `event` has no content.
        scope_name: The part of its scope that it belongs to.
        original: The message itself where a filter was not asked about it yet; never stored.
        seq: For an edit, the number of the stored message, where that is known; else it is found
            by its id.
    """

    context: OperationContext
    event: MessageEvent
    user_id: str | None = None
    answered_user_id: str | None = None
    is_withheld: bool = False
    scope_name: str = ""
    original: MessageEvent | None = None
    seq: int | None = None


@dataclass(slots=True, kw_only=True)
class RecordResult:
    """What became of a message. It does not change; see `Recording`.

    Of an ordinary message it is also the result of the operation: nothing but the message itself is
    announced.
    """

    fate: Fate
    session_no: int | None = None
    seq: int = 0
    live_count: int = 0
    """Unconsolidated messages of the session, this one included."""
    person: Account | None = None
    """Who said it; for the bot's messages, whom they answer, where that is known."""
    known: SessionMessage | None = None
    """A duplicate as it is stored."""
    event: MessageEvent | None = None
    """The message as it was stored."""
    row: Mapping[str, Value] | None = field(default=None, compare=False, repr=False)
    """Its columns, of an ordinary message: nothing else is new, nor was changed."""

    @property
    def value(self) -> RecordResult:
        """This, for an ordinary message."""
        return self

    @property
    def announcements(self) -> tuple[Announcement, ...]:
        """That an ordinary message was stored."""
        if self.event is None or self.session_no is None:
            return ()
        return (MessageStored(self.event, self.session_no),)


def record(tx: Tx, recording: Recording) -> Returned[RecordResult]:
    """Store a message; a duplicate or a deleted one changes nothing at all."""
    context, event = recording.context, recording.event
    facts = MessageFacts(tx, recording)
    fate = fate_of(event, facts)

    if fate == "duplicate" and facts.stored is not None:
        return Result(_duplicate(tx, facts.stored))
    if fate == "private" and facts.private_account is not None:
        forgotten.keep_out(tx, context, event, facts.private_account)
    if fate != "stored":
        return Result(RecordResult(fate=fate))

    event = quotes.admitted(tx, context, event)
    author, seen = _seen(tx, context, event.author, event.author_name, recording.user_id)
    answered, also_seen = _seen(tx, context, event.answers, "", recording.answered_user_id)
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

    segment, begun = find_or_start_segment(
        tx,
        context,
        scope,
        chat_no=chat["chat_no"],
        thread_id=event.chat.thread_id,
        founder_no=None if owner is None else owner.account_no,
    )
    person = author or answered
    if person is None and event.role != "user":
        person = owner or facts.replied_to

    known_now = clocks.not_behind(context.known_now, clocks.platform_time(event))
    received_at = max(known_now, segment.last_activity)
    row = message_rows.event_to_row(
        event,
        chat_no=chat["chat_no"],
        segment_no=segment.segment_no,
        account_no=None if person is None else person.account_no,
        received_at=received_at,
        is_withheld=recording.is_withheld,
    )
    seq, live_count = store_row(tx, row, session_no=segment.session_no)
    quotes.note(tx, event, chat_no=chat["chat_no"], segment_no=segment.segment_no, seq=seq)

    stored = RecordResult(
        fate="stored",
        session_no=segment.session_no,
        seq=seq,
        live_count=live_count,
        person=None if person is None else person.account,
        event=event,
    )
    announcements = seen + also_seen + begun + (MessageStored(event, segment.session_no),)

    return Result(stored, announcements)


def store_row(tx: Tx, row: Mapping[str, Value], *, session_no: int) -> tuple[int, int]:
    """Insert a message and count it.

    Return its sequence number, and how many messages of its session are unconsolidated.
    """
    seq = int(tx.one("add_message", **row)["seq"])
    tx.run("count_message", segment_no=row["segment_no"], seq=seq, at=row["received_at"])
    counted = tx.first("live_count", session_no=session_no)

    return seq, 0 if counted is None else int(counted["live_count"])


def as_stored(recording: Recording, result: RecordResult) -> SessionMessage:
    """Return a message that was just stored as reading it would."""
    return message_rows.from_event(
        result.event or recording.event,
        person=result.person,
        seq=result.seq,
        is_withheld=recording.is_withheld,
    )


class MessageFacts:
    """What the database knows about a message: the facts of rules/admission.py."""

    def __init__(self, tx: Tx, recording: Recording) -> None:
        """Look nothing up yet."""
        self._tx = tx
        self._recording = recording

    @cached_property
    def chat(self) -> Row | None:
        """The message's chat, if it is known."""
        return find_chat(self._tx, self._recording.context.bot, self._recording.event.chat)

    @cached_property
    def stored(self) -> Row | None:
        """The stored message with the same id, or that an edit names by its number."""
        message_id, seq = self._recording.event.message_id, self._recording.seq
        if self.chat is None:
            return None
        if seq is not None:
            return self._tx.first("message_by_seq", chat_no=self.chat["chat_no"], seq=seq)
        if message_id is None:
            return None

        key = {"chat_no": self.chat["chat_no"], "message_id": message_id}
        stored = self._tx.first("message_by_key", **key)
        if stored is None and take_platform_id(self._tx, self.chat, self._recording.event):
            stored = self._tx.first("message_by_key", **key)

        return stored

    @property
    def is_stored(self) -> bool:
        """Whether there is a stored message with the same id."""
        return self.stored is not None

    @property
    def is_deleted(self) -> bool:
        """Whether a message with this id was deleted."""
        message_id = self._recording.event.message_id
        if self.chat is None or message_id is None:
            return False

        key = {"chat_no": self.chat["chat_no"], "message_id": message_id}

        return self._tx.first("tombstone", **key) is not None

    @property
    def has_owner(self) -> bool:
        """Whether it is known whose direct chat this is; true in groups."""
        event, chat = self._recording.event, self.chat
        kind = event.chat.kind if chat is None else chat["kind"]
        if kind != "direct" or event.author is not None or event.answers is not None:
            return True

        return chat is not None and chat["peer_no"] is not None

    @cached_property
    def replied_to(self) -> Person | None:
        """Whom the bot's message answers by the message it replies to, where it does not say so."""
        if self._only_reply_to is None or self.chat is None:
            return None

        key = {"chat_no": self.chat["chat_no"], "message_id": self._only_reply_to}
        row = self._tx.first("message_by_key", **key) or self._tx.first("tombstone", **key)
        if row is None or row["account_no"] is None:
            return None

        return person_of(self._tx, row["account_no"])

    @property
    def _only_reply_to(self) -> str | None:
        """The message that the bot's message replies to, if nothing else says whom it answers."""
        event = self._recording.event
        is_said = event.role == "user" or event.author is not None or event.answers is not None
        return None if is_said else event.reply_to

    @property
    def is_private(self) -> bool:
        """Whether one of the people concerned asked that nothing be stored."""
        return self.private_account is not None

    @cached_property
    def private_account(self) -> Account | None:
        """The first account concerned whose person asked that nothing be stored."""
        for account, user_id in self._concerned.items():
            standing = self._standing(account)
            if standing is not None and standing["private"]:
                return account
            if standing is None and user_id is not None and self._is_private_user(user_id):
                return account

        return None

    @property
    def is_forgotten(self) -> bool:
        """Whether the message is older than the forgetting of one of the people concerned, or
        answers one that was forgotten or not stored.
        """
        context, event = self._recording.context, self._recording.event
        for account in self._concerned:
            gone = forgotten.find(self._tx, context, account)
            if gone is None:
                continue

            standing = self._standing(account)
            if standing is not None and standing["forgotten_until"] is None:
                # The account was made by a process that had another secret, and knew of nothing.
                forgotten.raise_to(self._tx, account, gone["sent_until"])

            is_late_answer = standing is None and account != event.author
            # later by more than a day, it was forgotten before a clock was set back
            is_before = 0 < gone["at"] - context.now <= clocks.LEAP
            is_old = is_before or event.sent_at < gone["sent_until"]
            if is_late_answer or is_old:
                return True

        return any(
            forgotten.is_known_again(self._tx, context, event.chat, message_id)
            for message_id in (event.message_id, self._only_reply_to)
        )

    @cached_property
    def _concerned(self) -> dict[Account, str | None]:
        """Everybody whose message it may be, with the user id that a plugin knows for a new one."""
        recording, chat = self._recording, self.chat
        concerned = {
            recording.event.author: recording.user_id,
            recording.event.answers: recording.answered_user_id,
        }
        if chat is not None and chat["peer_no"] is not None:
            concerned.setdefault(person_of(self._tx, chat["peer_no"]).account)
        if self.stored is not None and self.stored["account_no"] is not None:
            concerned.setdefault(person_of(self._tx, self.stored["account_no"]).account)
        if self.replied_to is not None:
            concerned.setdefault(self.replied_to.account)

        return {one: user_id for one, user_id in concerned.items() if one is not None}

    def _standing(self, account: Account) -> Row | None:
        return self._tx.first(
            "standing_of_account",
            channel=account.channel,
            channel_user_id=account.channel_user_id,
        )

    def _is_private_user(self, user_id: str) -> bool:
        current = current_user_id(self._tx, user_id)
        return self._tx.first("is_private_user", user_id=current) is not None


def _duplicate(tx: Tx, stored: Row) -> RecordResult:
    message = stored_message(tx, stored)
    return RecordResult(
        fate="duplicate", session_no=stored["session_no"], seq=message.seq, known=message
    )


def _seen(
    tx: Tx, context: OperationContext, account: Account | None, name: str, user_id: str | None
) -> tuple[Person | None, tuple[Announcement, ...]]:
    if account is None:
        return None, ()
    return get_or_create_account(tx, context, account, display_name=name, user_id=user_id)


def _owner(tx: Tx, chat: Row, person: Person | None) -> Person | None:
    """Return whose direct chat this is; the first person in it owns it from then on."""
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

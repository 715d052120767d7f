"""Storing what was said before the bot was there to hear it, many messages at a time.

Each is stored once, in a session of its time that is over, before everything that the bot recorded
itself. Plugins are notified of none of it, and no summary is made. Knows no files and no formats.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, Literal

from session_plugin.database.engine import Row, Tx, Value
from session_plugin.model import Account, Chat, MessageEvent
from session_plugin.records.cells import to_json, to_name
from session_plugin.records.conversation import quotes
from session_plugin.records.conversation.imported_ids import SaidMeanwhile
from session_plugin.records.conversation.imported_people import ImportedPeople
from session_plugin.records.conversation.imported_sessions import (
    ImportedSession,
    ImportedSessions,
    Place,
    last_taken,
    taken_in_slots,
)
from session_plugin.records.conversation.recording import Recording
from session_plugin.records.conversation.sessions import find_chat, get_or_create_chat, group_no
from session_plugin.records.message_rows import event_to_row
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people.accounts import Person, person_of
from session_plugin.rules.admission import Fate
from session_plugin.rules.imported_ids import is_imported_id
from session_plugin.rules.numbers import draw
from session_plugin.rules.quotes import quote_of
from session_plugin.rules.scopes import scope_of

ImportFate = Fate | Literal["of_another", "other_kind", "no_json"]
"""What becomes of a message: also `of_another`, if it is somebody else's direct chat; `other_kind`,
if its chat is known as one of the other kind; `no_json`, if its metadata cannot be stored.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What became of some messages, in their order, and how many sessions were made for them."""

    fates: tuple[ImportFate, ...]
    sessions: int


class DryRun(Exception):
    """Undoes what was stored, and says what it would have been."""

    def __init__(self, result: ImportResult) -> None:
        """Carry the result out of the transaction."""
        super().__init__()
        self.result = result


def import_messages(
    tx: Tx,
    context: OperationContext,
    recordings: Sequence[Recording],
    *,
    is_dry_run: bool = False,
    lets_forgotten_return: bool = False,
) -> ImportResult:
    """Store those of some messages that are not stored already and may be.

    Args:
        tx: The transaction.
        context: When, and under which policies.
        recordings: The messages; those of one time stay in this order.
        is_dry_run: Store nothing.
        lets_forgotten_return: Also store what was said before its person was forgotten.

    Raises:
        DryRun: instead of returning, if `is_dry_run`.
    """
    batch = _Batch(tx, context, recordings, lets_forgotten_return=lets_forgotten_return)
    result = batch.run()
    if is_dry_run:
        raise DryRun(result)

    return result


@dataclass(slots=True)
class _Chat:
    """A chat of the messages, and its row once there is one."""

    row: Row | None


@dataclass(slots=True)
class _Accepted:
    """A message that is stored, and where."""

    recording: Recording
    chat: Row
    session: ImportedSession
    account_no: int | None


class _Batch:
    """Messages that are imported in one transaction."""

    def __init__(
        self,
        tx: Tx,
        context: OperationContext,
        recordings: Sequence[Recording],
        *,
        lets_forgotten_return: bool,
    ) -> None:
        self._tx = tx
        self._context = context
        self._recordings = recordings
        self._people = ImportedPeople(tx, context, lets_forgotten_return=lets_forgotten_return)
        self._sessions = ImportedSessions(tx, context)
        self._chats: dict[Chat, _Chat] = {}
        self._places: dict[tuple[int, str, str], Place] = {}
        self._accounts: dict[int, Account] = {}
        self._said: set[tuple[int, str | None]] = set()
        self._said_by: dict[tuple[int, str], int | None] = {}
        self._accepted: list[_Accepted] = []

    def run(self) -> ImportResult:
        chats = [self._chat(recording.event.chat) for recording in self._recordings]
        known = self._known(chats)
        fates: list[ImportFate] = ["stored"] * len(self._recordings)
        order = sorted(
            range(len(self._recordings)), key=lambda one: self._recordings[one].event.sent_at
        )
        for position in order:
            fates[position] = known.get(position) or self._admit(
                self._recordings[position], chats[position]
            )

        self._store()
        self._sessions.finish()
        self._note_imported_until()

        return ImportResult(fates=tuple(fates), sessions=self._sessions.begun)

    def _chat(self, chat: Chat) -> _Chat:
        found = self._chats.get(chat)
        if found is None:
            row = find_chat(self._tx, self._context.bot, chat)
            found = self._chats[chat] = _Chat(row)
        return found

    def _known(self, chats: Sequence[_Chat]) -> dict[int, ImportFate]:
        """Return what becomes of the messages that are stored, or were deleted."""
        asked: list[dict[str, Value]] = []
        by_words: defaultdict[int, list[int]] = defaultdict(list)
        for position, recording in enumerate(self._recordings):
            chat, message_id = chats[position].row, recording.event.message_id
            if chat is None or message_id is None:
                continue

            asked.append(
                {"position": position, "chat_no": chat["chat_no"], "message_id": message_id}
            )
            if is_imported_id(message_id):
                by_words[chat["chat_no"]].append(position)

        known: dict[int, ImportFate] = {}
        for row in self._tx.all_many("known_messages", asked) if asked else ():
            if row["is_stored"] or row["is_deleted"]:
                known[row["position"]] = "duplicate" if row["is_stored"] else "deleted"

        for chat_no, positions in by_words.items():
            unknown = [position for position in positions if position not in known]
            if not unknown:
                continue

            events = [self._recordings[position].event for position in unknown]
            said = SaidMeanwhile(self._tx, chat_no, events)
            for position, event in zip(unknown, events, strict=True):
                if said.has(event):
                    known[position] = "duplicate"

        return known

    def _admit(self, recording: Recording, chat_of: _Chat) -> ImportFate:
        """Decide what becomes of a message that is not known, and take it if it is to be stored."""
        event, chat = recording.event, chat_of.row
        if event.metadata and not _is_json(event.metadata):
            return "no_json"

        owner = self._owner(event, chat)
        misplaced = self._misplaced(event, chat, owner)
        if misplaced is not None:
            return misplaced

        person = event.author or event.answers
        if person is None and event.role != "user":
            person = owner or self._replied_to(recording, chat)

        concerned = _concerned(recording, owner, person)
        for one, user_id in concerned.items():
            kept_out = self._people.kept_out(one, user_id, event.sent_at)
            if kept_out:
                return kept_out
        if self._people.is_known_again(event, replied_to=person):
            return "forgotten"

        self._accept(recording, chat_of, owner=owner, person=person, concerned=concerned)

        return "stored"

    def _misplaced(
        self, event: MessageEvent, chat: Row | None, owner: Account | None
    ) -> ImportFate | None:
        """Return why a message cannot be in its chat; None if it can."""
        if chat is not None:
            if chat["kind"] != event.chat.kind:
                return "other_kind"
            if (chat["chat_no"], event.message_id) in self._said:
                return "duplicate"

        if event.chat.kind == "direct":
            if owner is None:
                return "unowned"
            for one in (event.author, event.answers):
                if one is not None and one != owner:
                    return "of_another"

        return None

    def _owner(self, event: MessageEvent, chat: Row | None) -> Account | None:
        """Return whose direct chat a message is in; None in a group, and where nobody knows."""
        if event.chat.kind != "direct":
            return None

        peer_no = None if chat is None else chat["peer_no"]
        if peer_no is None:
            return event.author or event.answers
        if peer_no not in self._accounts:
            self._accounts[peer_no] = person_of(self._tx, peer_no).account

        return self._accounts[peer_no]

    def _replied_to(self, recording: Recording, chat: Row | None) -> Account | None:
        """Return whom the bot's message answers by the message that it replies to."""
        reply_to = recording.event.reply_to
        if chat is None or reply_to is None:
            return None

        key = (chat["chat_no"], reply_to)
        if key not in self._said_by:
            row = self._tx.first("message_by_key", chat_no=key[0], message_id=key[1])
            self._said_by[key] = None if row is None else row["account_no"]

        account_no = self._said_by[key]
        return None if account_no is None else person_of(self._tx, account_no).account

    def _accept(
        self,
        recording: Recording,
        chat_of: _Chat,
        *,
        owner: Account | None,
        person: Account | None,
        concerned: Mapping[Account, str | None],
    ) -> None:
        event = recording.event
        if quote_of(event) is not None:
            event = quotes.admitted(self._tx, self._context, event)
            recording = replace(recording, event=event)

        chat = chat_of.row
        if chat is None:
            chat = chat_of.row = get_or_create_chat(self._tx, self._context.bot, event.chat)

        stored = {}
        for one, user_id in concerned.items():
            name = to_name(event.author_name) if one is event.author else ""
            stored[one] = self._people.get_or_create(one, name, user_id)

        peer = None if owner is None else stored[owner]
        if peer is not None and chat["peer_no"] is None:
            self._tx.run("set_peer", chat_no=chat["chat_no"], account_no=peer.account_no)
            chat = chat_of.row = find_chat(self._tx, self._context.bot, event.chat)
            assert chat is not None, "the chat was just found or made"

        account_no = None if person is None else stored[person].account_no
        if event.message_id is not None:
            key = (chat["chat_no"], event.message_id)
            self._said.add(key)
            self._said_by[key] = account_no

        place = self._place(recording, chat, peer)
        session = self._sessions.at(place, event.sent_at)
        self._sessions.add(session, event.sent_at)
        self._accepted.append(_Accepted(recording, chat, session, account_no))

    def _place(self, recording: Recording, chat: Row, owner: Person | None) -> Place:
        thread_id, name = recording.event.chat.thread_id, recording.scope_name
        key = (chat["chat_no"], thread_id, name)
        place = self._places.get(key)
        if place is None:
            scope = scope_of(
                self._context.bot,
                kind=chat["kind"],
                chat_no=group_no(chat),
                thread_id=thread_id,
                peer_user_id=None if owner is None else owner.user_id,
                name=name,
            )
            assert scope is not None, "a direct chat that nobody owns was refused"
            place = self._places[key] = Place(
                chat_no=chat["chat_no"],
                thread_id=thread_id,
                scope=scope,
                founder_no=None if owner is None else owner.account_no,
                expiry=self._context.policies.expiry_of(chat["channel"], chat["kind"]),
            )

        return place

    def _store(self) -> None:
        if not self._accepted:
            return

        numbers = draw(
            [one.recording.event.sent_at for one in self._accepted],
            taken=lambda slots: taken_in_slots(self._tx, "taken_messages", slots),
            last_taken=lambda begin, end: last_taken(self._tx, "taken_messages", begin, end),
        )
        rows: list[dict[str, Value]] = []
        known_now = self._context.known_now
        for seq, one in zip(numbers, self._accepted, strict=True):
            event, chat_no = one.recording.event, one.chat["chat_no"]
            one.session.last_seq = seq
            row = event_to_row(
                event,
                chat_no=chat_no,
                segment_no=one.session.segment_no,
                account_no=one.account_no,
                received_at=min(event.sent_at, known_now),
                is_withheld=False,
            )
            rows.append(row | {"seq": seq})

        self._tx.run_many("add_messages", rows)
        for seq, one in zip(numbers, self._accepted, strict=True):
            segment_no = one.session.segment_no
            quotes.note(
                self._tx,
                one.recording.event,
                chat_no=one.chat["chat_no"],
                segment_no=segment_no,
                seq=seq,
            )

    def _note_imported_until(self) -> None:
        """Note up to when a platform may deliver under its own ids what was just imported."""
        times = [
            (one.chat["chat_no"], one.recording.event.sent_at)
            for one in self._accepted
            if is_imported_id(one.recording.event.message_id)
        ]
        for chat_no, at in dict(sorted(times, key=itemgetter(1))).items():
            self._tx.run("raise_imported_until", chat_no=chat_no, at=min(at, self._context.now))


def _concerned(
    recording: Recording, owner: Account | None, person: Account | None
) -> dict[Account, str | None]:
    """Return who is concerned by a message, and whose account each is, if it is new and a plugin
    knows.
    """
    event = recording.event
    found: dict[Account, str | None] = {}
    if event.author is not None:
        found[event.author] = recording.user_id
    if event.answers is not None:
        found[event.answers] = recording.answered_user_id
    for one in (owner, person):
        if one is not None and one is not event.author and one is not event.answers:
            found.setdefault(one, None)

    return found


def _is_json(metadata: Mapping[str, Any]) -> bool:
    try:
        to_json(metadata)
    except (TypeError, ValueError, RecursionError):
        return False

    return True

"""Where ordinary messages go: chat, person, live session and segment, remembered or looked up.

A place is remembered by what a message says of itself, names and titles included, so one that says
anything new is looked up. The memory is the writer's; `database/memory.py` says what empties it.
Where nothing may be stored no place is remembered.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from session_plugin.database.engine import Row, Tx, Value
from session_plugin.database.memory import Memory
from session_plugin.model import Account, MessageEvent
from session_plugin.records.cells import to_name
from session_plugin.records.conversation.beginnings import LiveSession, NewPlace
from session_plugin.records.conversation.recording import Recording


@dataclass(frozen=True, slots=True)
class Place:
    """Where messages of one person in one chat go, in the transaction at hand."""

    chat_no: int
    account_no: int
    segment_no: int
    session: LiveSession
    imported_until: float | None
    """When the newest message was sent that was imported into the chat under an id of ours."""

    def is_known(self, event: MessageEvent) -> bool:
        """Check whether it is as it was, and a message is none that may have been imported."""
        return self.session.is_current and (
            self.imported_until is None or self.imported_until < event.sent_at
        )


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """What is known of a message with its place: the facts of rules/admission.py."""

    is_stored: bool = False
    is_deleted: bool = False
    is_private: bool = False
    has_owner: bool = True
    """Its account is known and owns the chat, or the chat is a group."""
    is_forgotten: bool = False
    """Accounts of which something was forgotten have no ordinary place."""


@dataclass(frozen=True, slots=True)
class Found:
    """A message's place, and what decides whether it is stored.

    `seq` is the number that was drawn for it where the look-up draws one, else None.
    """

    place: Place | NewPlace
    facts: PlaceFacts
    seq: int | None = None


NEW = PlaceFacts()
"""A message in a remembered place, whose people are not private. Whether it is stored already is
seen when it is stored.
"""
DELETED = PlaceFacts(is_deleted=True)


def find_places(tx: Tx, recordings: Sequence[Recording]) -> list[Found | None]:
    """Return where each message goes, and what decides whether it is stored; None for one that has
    no ordinary place.
    """
    memory = Memory() if tx.memory is None else tx.memory
    memory.make_room()
    found: list[Found | None] = []
    unknown: dict[int, Hashable] = {}
    for position, recording in enumerate(recordings):
        event, key = recording.event, _key(recording)
        known: Found | None = memory.places.get(key)
        if known is None or not known.place.is_known(event):
            known = None
            if key is not None:
                unknown[position] = key
        elif _is_deleted(tx, memory, known.place.chat_no, event.message_id):
            known = Found(known.place, DELETED)

        found.append(known)

    if unknown:
        asked = [_asked(position, recordings[position]) for position in unknown]
        for row in tx.all_many("ordinary_places", asked):
            position = row["position"]
            if _is_unchanged(row, recordings[position].event):
                found[position] = _looked_up(row, memory, unknown[position])

    return found


def person_of(event: MessageEvent) -> Account | None:
    """Return whose place a message has: its author's, or that of the one it answers."""
    return event.author or event.answers


def _key(recording: Recording) -> Hashable:
    """Return by what a place is known; None for a message that is nobody's."""
    event = recording.event
    chat, author = event.chat, event.author
    person = author or event.answers
    if person is None:
        return None

    return (
        chat.chat_id,
        person.channel_user_id,
        "" if author is None else event.author_name,
        chat.title,
        chat.channel,
        person.channel,
        chat.kind,
        chat.bot_id,
        chat.thread_id,
        recording.scope_name,
        recording.context.bot,
    )


def asked_where(position: int, recording: Recording) -> dict[str, Value]:
    """Return what the database is asked of where a message goes."""
    chat, person = recording.event.chat, person_of(recording.event)

    return {
        "position": position,
        "bot": recording.context.bot,
        "channel": chat.channel,
        "bot_id": chat.bot_id,
        "chat_id": chat.chat_id,
        "kind": chat.kind,
        "thread_id": chat.thread_id,
        "scope_name": recording.scope_name,
        "person_channel": None if person is None else person.channel,
        "person_id": None if person is None else person.channel_user_id,
    }


def _asked(position: int, recording: Recording) -> dict[str, Value]:
    """Return the same with what decides whether a place is ordinary."""
    event = recording.event
    return asked_where(position, recording) | {
        "message_id": event.message_id,
        "sent_at": event.sent_at,
    }


def name_in(event: MessageEvent) -> str:
    """Return the name that a message gives its author, as it is stored; empty for none."""
    return "" if event.author is None else to_name(event.author_name)


def _is_unchanged(row: Row, event: MessageEvent) -> bool:
    """Check whether a message gives its author and its chat the name and title that are stored,
    or none.

    They are compared here, since a statement cannot be relied on to read what it returns.
    """
    is_same_title = to_name(event.chat.title) in ("", row["title"])
    return is_same_title and name_in(event) in ("", row["display_name"])


def _is_deleted(tx: Tx, memory: Memory, chat_no: int, message_id: str | None) -> bool:
    """Check whether a message of a known chat was deleted. Of most chats none was."""
    if message_id is None or chat_no not in memory.chats_with_deletions:
        return False
    return tx.first("tombstone", chat_no=chat_no, message_id=message_id) is not None


def _looked_up(row: Row, memory: Memory, key: Hashable) -> Found:
    """Return the place in a row of `ordinary_places`, and remember it."""
    session = memory.sessions.get(row["session_no"])
    if session is None or not session.is_current:
        session = LiveSession(row["session_no"], row["last_activity"], row["live_count"])
        memory.sessions[row["session_no"]] = session

    assert isinstance(session, LiveSession)
    place = Place(
        row["chat_no"], row["account_no"], row["segment_no"], session, row["imported_until"]
    )
    facts = PlaceFacts(bool(row["is_stored"]), bool(row["is_deleted"]), bool(row["is_private"]))
    if row["has_deletions"]:
        memory.chats_with_deletions.add(place.chat_no)
    if not facts.is_private:
        memory.places[key] = Found(place, NEW)

    return Found(place, facts, row["seq"])

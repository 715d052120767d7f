"""Places of first messages: of accounts, chats and sessions that the database does not know yet.

What is known is looked up in one statement for all messages of a group that have no ordinary place.
A place is found for those with which something new simply begins: an account, a chat, a session or
a segment is missing, or the session is over. Whatever else a message needs, such as a new name of
somebody known, is left to the way of a single message.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from session_plugin.database.engine import Row, Tx, Value
from session_plugin.model import STORE_CHANNEL, Account
from session_plugin.records.cells import to_name
from session_plugin.records.conversation.beginnings import (
    AccountRef,
    Beginnings,
    ChatRef,
    LiveSession,
    NewPlace,
    SegmentRef,
    SessionRef,
)
from session_plugin.records.conversation.places import (
    Found,
    PlaceFacts,
    asked_where,
    name_in,
    person_of,
)
from session_plugin.records.conversation.recording import Recording
from session_plugin.records.people import forgotten
from session_plugin.records.results import Announcement


class Newcomers:
    """The messages of a group that have no ordinary place."""

    def __init__(
        self, tx: Tx, recordings: Sequence[Recording], ordinary: Sequence[Found | None]
    ) -> None:
        """Look up what is known of those that have no ordinary place, or whose session there may be
        over.
        """
        self._tx = tx
        self.known: dict[int, Row] = {}
        """What is known of each message that has no ordinary place, by its position."""
        self.begun: dict[int, tuple[Announcement, ...]] = {}
        """What to announce before each message with which something began."""
        self._messages: dict[int, Row] = {}
        self._traced: set[int] = set()
        self._busy: dict[int, LiveSession] = {}
        self._found: dict[int, NewPlace] = {}
        self._stale: set[Hashable] = set()
        self._beginnings = Beginnings(tx)
        self.ended: set[int] = set()
        """Sessions that may have ended since their places were looked up."""

        asked = {
            position: recording
            for position, (recording, found) in enumerate(zip(recordings, ordinary, strict=True))
            if found is None or recording.context.may_be_over(found.place.session.last_activity)
        }
        if asked:
            tx.alone()
            self._look_up(asked)
            self._busy = {
                found.place.session.session_no: found.place.session
                for position, found in enumerate(ordinary)
                if found is not None and position not in asked
            }

    def _look_up(self, asked: Mapping[int, Recording]) -> None:
        rows = [asked_where(position, recording) for position, recording in asked.items()]
        found = self._tx.all_many("known_of_newcomers", rows)
        self.known = {row["position"]: row for row in found}
        ids: list[dict[str, Value]] = [
            {"position": row["position"], "chat_no": row["chat_no"], "message_id": message_id}
            for row in found
            if row["chat_no"] is not None
            and (message_id := asked[row["position"]].event.message_id) is not None
        ]
        self._messages = {row["position"]: row for row in self._tx.all_many("known_messages", ids)}
        self._traced = forgotten.traced(
            self._tx,
            {
                position: (recording.context, recording.event, account)
                for position, recording in asked.items()
                if (account := person_of(recording.event)) is not None
            },
        )

    def find(self, position: int, recording: Recording) -> Found | None:
        """Return where a message goes; None if that is not simple, or may have changed since it was
        looked up. Nothing begins before `add`.
        """
        known, account = self.known.get(position), person_of(recording.event)
        if known is None or account is None or position in self._traced:
            return None
        if recording.user_id is not None or recording.answered_user_id is not None:
            return None

        person = self._account(recording, known, account)
        chat = None if person is None else self._chat(recording, known, person)
        session = None if chat is None else self._session(recording, known, chat)
        if person is None or chat is None or session is None:
            return None

        segment = SegmentRef(session, chat, recording.event.chat.thread_id)
        if not session.is_new and session.live.session_no == known["session_no"]:
            segment.segment_no = known["segment_no"]

        segment = self._beginnings.segments.get(segment.key, segment)
        message = self._messages.get(position)
        facts = PlaceFacts(
            is_stored=message is not None and bool(message["is_stored"]),
            is_deleted=message is not None and bool(message["is_deleted"]),
            is_private=bool(known["is_private"]),
        )

        return Found(NewPlace(person, chat, session, segment), facts)

    def _account(self, recording: Recording, known: Row, account: Account) -> AccountRef | None:
        name = name_in(recording.event)
        found = self._beginnings.accounts.get(account)
        if found is None and known["account_no"] is None:
            return None if account.channel == STORE_CHANNEL else AccountRef(account, name)

        if found is None:
            found = AccountRef(
                account, known["display_name"], known["account_no"], known["user_id"]
            )

        return found if name in ("", found.name) else None

    def _chat(self, recording: Recording, known: Row, account: AccountRef) -> ChatRef | None:
        chat, key = recording.event.chat, _chat_key(recording)
        title, owner = to_name(chat.title), account if chat.kind == "direct" else None
        found = self._beginnings.chats.get(key)
        if found is None and known["chat_no"] is None:
            return ChatRef(key, chat, title, owner)

        if found is None:
            owner_no = None if owner is None else owner.account_no or 0
            if known["kind"] != chat.kind or known["peer_no"] != owner_no:
                return None
            if known["became"] is not None or known["imported_until"] is not None:
                return None
            found = ChatRef(key, chat, known["title"], owner, known["chat_no"])

        is_same = found.chat.kind == chat.kind and found.owner is owner
        return found if is_same and title in ("", found.title) else None

    def _session(self, recording: Recording, known: Row, chat: ChatRef) -> SessionRef | None:
        context, scope = recording.context, _scope(recording, known)
        if scope in self._stale:
            return None

        session = self._beginnings.sessions.get(scope)
        if session is not None:
            return session

        thread_id = "" if chat.owner is not None else recording.event.chat.thread_id
        session = SessionRef(
            scope,
            recording.scope_name,
            chat,
            thread_id,
            LiveSession(0, context.now, 0),
            started_at=context.now,
            is_new=True,
        )
        if known["session_no"] is None:
            return session

        is_over = context.may_be_over(known["last_activity"])
        if is_over and known["session_no"] in self._busy:  # its last activity is in this group
            return None

        end = context.end_of(known) if is_over else None
        if end is not None:
            session.ends = known["session_no"], end
            return session

        session.is_new = False
        session.live = self._busy.get(known["session_no"]) or LiveSession(
            known["session_no"], known["last_activity"], known["live_count"] or 0
        )

        return session

    def add(self, position: int, recording: Recording, found: Found) -> None:
        """Let begin what has to begin for a place that was found."""
        place = found.place
        assert isinstance(place, NewPlace), "it has no ordinary place"
        self._found[position] = place
        self._beginnings.note(place, recording.context)
        if place.ref.ends is not None:
            self.ended.add(place.ref.ends[0])

    def pass_over(self, position: int, recording: Recording) -> None:
        """Note that a message takes the way of a single one, which may change its scope."""
        known = self.known.get(position)
        if known is None:  # it goes where its session was looked up, which is not over
            return

        self._stale.add(_scope(recording, known))
        user_id = recording.user_id or recording.answered_user_id
        if user_id is not None:
            self._stale.add((recording.context.bot, user_id, recording.scope_name))

        if known["session_no"] is not None and recording.context.may_be_over(
            known["last_activity"]
        ):
            self.ended.add(known["session_no"])

    def create(self) -> bool:
        """Add to the database what has begun; False if nothing has."""
        if not self._found:
            return False

        self._beginnings.add()
        self.begun.update(
            (position, place.announcements()) for position, place in self._found.items()
        )
        self._found.clear()

        return True


def _chat_key(recording: Recording) -> tuple[str, ...]:
    chat = recording.event.chat
    return (recording.context.bot, chat.channel, chat.bot_id, chat.chat_id)


def _scope(recording: Recording, known: Row) -> Hashable:
    """Return what the messages of one scope have in common; a new account stands for its user."""
    chat, name = recording.event.chat, recording.scope_name
    if chat.kind == "direct":
        return (recording.context.bot, known["scope_user_id"] or person_of(recording.event), name)

    chat_no = known["became"] or known["chat_no"]
    return (_chat_key(recording) if chat_no is None else chat_no, chat.thread_id, name)

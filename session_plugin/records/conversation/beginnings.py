"""What begins with messages: accounts, chats, sessions and segments, added in bulk.

What a group of messages refers to has an object each, known or new, so that a later message finds
what an earlier one begins. What is new gets its number when all of it is added, in one statement
for each table, in the order of the messages.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from session_plugin.database.engine import Tx, Value
from session_plugin.model import Account, Chat, IdentityEvent, MessageEvent
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.results import (
    Announcement,
    IdentityChanged,
    SessionEnded,
    SessionStarted,
)
from session_plugin.rules.policies import End


@dataclass(slots=True)
class LiveSession:
    """A live session with the sums over its segments, kept up to date as messages are added."""

    session_no: int
    """0 until a new one is added."""
    last_activity: float
    live_count: int
    is_current: bool = True


@dataclass(slots=True, eq=False)
class AccountRef:
    """An account and its user."""

    account: Account
    name: str
    account_no: int | None = None
    user_id: str | None = None


@dataclass(slots=True, eq=False)
class ChatRef:
    """A chat of a bot, and the account that owns it if it is direct."""

    key: tuple[str, ...]
    """Bot, channel, account of the bot, and the platform's id."""
    chat: Chat
    title: str
    owner: AccountRef | None
    chat_no: int | None = None


@dataclass(slots=True, eq=False)
class SessionRef:
    """A live session and its scope. A new one has its id from when it begins."""

    scope: Hashable
    name: str
    chat: ChatRef
    thread_id: str
    live: LiveSession
    started_at: float
    is_new: bool
    session_id: str = ""
    ends: tuple[int, End] | None = None
    """The number of the session that is over when this one begins, and how it ended."""

    def announcements(self) -> tuple[Announcement, ...]:
        """Return what to announce when it has begun."""
        ended = () if self.ends is None else (SessionEnded(self.ends[0]),)

        return (*ended, SessionStarted(self.live.session_no))

    def columns(self) -> dict[str, Value]:
        """Return the columns that say whose it is: its scope."""
        owner = self.chat.owner
        return {
            "bot": self.chat.key[0],
            "user_id": None if owner is None else owner.user_id,
            "chat_no": self.chat.chat_no if owner is None else None,
            "thread_id": self.thread_id,
            "name": self.name,
        }


@dataclass(slots=True, eq=False)
class SegmentRef:
    """A chat's part of a session."""

    session: SessionRef
    chat: ChatRef
    thread_id: str
    segment_no: int | None = None

    @property
    def key(self) -> Hashable:
        """What no other segment has."""
        return (self.session, self.chat, self.thread_id)


@dataclass(slots=True, eq=False)
class NewPlace:
    """Where a message goes with which something begins.

    The numbers of what begins are there once it was added; before, the chat itself stands for the
    number of a new one.
    """

    account: AccountRef
    chat: ChatRef
    ref: SessionRef
    segment: SegmentRef
    begun: list[IdentityChanged | SessionRef] = field(default_factory=list)
    """What begins with this message and is announced, in its order."""

    @property
    def session(self) -> LiveSession:
        """The session."""
        return self.ref.live

    @property
    def chat_no(self) -> Any:
        """The number of its chat."""
        return self.chat if self.chat.chat_no is None else self.chat.chat_no

    @property
    def account_no(self) -> int | None:
        """The number of its account."""
        return self.account.account_no

    @property
    def segment_no(self) -> Any:
        """The number of its segment."""
        return self.segment.segment_no

    def is_known(self, _: MessageEvent) -> bool:
        """Return False: it is not remembered."""
        return False

    def announcements(self) -> tuple[Announcement, ...]:
        """Return what to announce before the message itself, once all of it was added."""
        announced: tuple[Announcement, ...] = ()
        for one in self.begun:
            announced += one.announcements() if isinstance(one, SessionRef) else (one,)

        return announced


class Beginnings:
    """What a group of messages refers to, and what of it is new."""

    def __init__(self, tx: Tx) -> None:
        """Know nothing yet."""
        self._tx = tx
        self.accounts: dict[Account, AccountRef] = {}
        self.chats: dict[tuple[str, ...], ChatRef] = {}
        self.sessions: dict[Hashable, SessionRef] = {}
        self.segments: dict[Hashable, SegmentRef] = {}
        self._new_accounts: list[tuple[AccountRef, float]] = []
        self._new_chats: list[ChatRef] = []
        self._new_sessions: list[SessionRef] = []
        self._new_segments: list[SegmentRef] = []

    def note(self, place: NewPlace, context: OperationContext) -> None:
        """Note what begins at a place, and all that it consists of for the messages that follow."""
        account, chat, session, segment = place.account, place.chat, place.ref, place.segment
        if account.user_id is None:
            account.user_id = context.new_id()
            self._new_accounts.append((account, context.now))
            event = IdentityEvent(
                change="seen",
                account=account.account,
                user_id=account.user_id,
                display_name=account.name,
            )
            place.begun.append(IdentityChanged(event))

        if chat.chat_no is None and chat.key not in self.chats:
            self._new_chats.append(chat)

        if session.is_new and not session.session_id:
            session.session_id = context.new_id()
            self._new_sessions.append(session)
            place.begun.append(session)

        if segment.segment_no is None and segment.key not in self.segments:
            self._new_segments.append(segment)

        self.accounts[account.account] = account
        self.chats[chat.key] = chat
        self.sessions[session.scope] = session
        self.segments[segment.key] = segment

    def add(self) -> None:
        """Add what is new."""
        self._add_accounts()
        self._add_chats()
        self._add_sessions()
        self._add_segments()

    def _add_accounts(self) -> None:
        added, self._new_accounts = self._new_accounts, []
        self._tx.run_many(
            "add_users", [{"user_id": one.user_id, "created_at": at} for one, at in added]
        )
        rows = self._tx.all_many(
            "add_accounts",
            [
                {
                    "channel": one.account.channel,
                    "channel_user_id": one.account.channel_user_id,
                    "user_id": one.user_id,
                    "display_name": one.name,
                }
                for one, _ in added
            ],
        )
        numbers = {row["user_id"]: row["account_no"] for row in rows}
        for one, _ in added:
            one.account_no = numbers[one.user_id]

    def _add_chats(self) -> None:
        added, self._new_chats = self._new_chats, []
        rows = self._tx.all_many(
            "add_chats",
            [
                {
                    "bot": one.key[0],
                    "channel": one.chat.channel,
                    "bot_id": one.chat.bot_id,
                    "chat_id": one.chat.chat_id,
                    "kind": one.chat.kind,
                    "peer_no": None if one.owner is None else one.owner.account_no,
                    "title": one.title,
                }
                for one in added
            ],
        )
        for row in rows:
            key = (row["bot"], row["channel"], row["bot_id"], row["chat_id"])
            self.chats[key].chat_no = row["chat_no"]

    def _add_sessions(self) -> None:
        added, self._new_sessions = self._new_sessions, []
        self._tx.run_many(
            "end_sessions",
            [
                {"session_no": session_no, "ended_at": end.at, "end_reason": end.reason}
                for session_no, end in (one.ends for one in added if one.ends is not None)
            ],
        )
        scopes = [one.columns() for one in added]
        asked = [{"position": position, **scope} for position, scope in enumerate(scopes)]
        before = {
            row["position"]: row["end_reason"]
            for row in self._tx.all_many("last_ended_of_scopes", asked)
        }
        rows = self._tx.all_many(
            "add_sessions",
            [
                {
                    **scope,
                    "session_id": one.session_id,
                    "founder_no": None if one.chat.owner is None else one.chat.owner.account_no,
                    "started_at": one.started_at,
                    "start_reason": before[position] or "first",
                }
                for position, (one, scope) in enumerate(zip(added, scopes, strict=True))
            ],
        )
        numbers = {row["session_id"]: row["session_no"] for row in rows}
        for one in added:
            one.live.session_no = numbers[one.session_id]

    def _add_segments(self) -> None:
        added, self._new_segments = self._new_segments, []
        rows = self._tx.all_many(
            "add_segments",
            [
                {
                    "chat_no": one.chat.chat_no,
                    "thread_id": one.thread_id,
                    "session_no": one.session.live.session_no,
                    "last_activity": one.session.live.last_activity,
                }
                for one in added
            ],
        )
        numbers = {
            (row["session_no"], row["chat_no"], row["thread_id"]): row["segment_no"] for row in rows
        }
        for one in added:
            key = (one.session.live.session_no, one.chat.chat_no, one.thread_id)
            one.segment_no = numbers[key]

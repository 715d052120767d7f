"""What an operation returns: its value, and what to announce after the COMMIT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from session_plugin.model import Chat, IdentityEvent, MessageEvent

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class MessageStored:
    """A new message was stored."""

    event: MessageEvent
    session_no: int


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A stored message was changed."""

    event: MessageEvent
    session_no: int


@dataclass(frozen=True, slots=True)
class MessagesDeleted:
    """Messages of one session were removed."""

    chat: Chat
    message_ids: tuple[str, ...]
    session_no: int


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """A session began."""

    session_no: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """A session ended. A session that was joined into another is not announced."""

    session_no: int


@dataclass(frozen=True, slots=True)
class IdentityChanged:
    """An account was seen, renamed, linked, unlinked, moved or forgotten."""

    event: IdentityEvent


@dataclass(frozen=True, slots=True)
class Consolidated:
    """A session has a new summary."""

    session_no: int


Announcement = (
    MessageStored
    | MessageEdited
    | MessagesDeleted
    | SessionStarted
    | SessionEnded
    | IdentityChanged
    | Consolidated
)


class Returned(Protocol[T_co]):
    """What an operation returns: a `Result`, or what is its own result."""

    @property
    def value(self) -> T_co:
        """The operation's value."""

    @property
    def announcements(self) -> tuple[Announcement, ...]:
        """What to announce after the COMMIT."""


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """An operation's value, and what to announce after the COMMIT."""

    value: T
    announcements: tuple[Announcement, ...] = ()

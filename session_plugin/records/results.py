"""What an operation hands back besides its value: what there is to announce once it is
committed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from session_plugin.model import Chat, IdentityEvent, MessageEvent

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MessageStored:
    """A message that was not known before is in its session."""

    event: MessageEvent
    session_no: int


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A stored message has other words now."""

    event: MessageEvent
    session_no: int


@dataclass(frozen=True, slots=True)
class MessagesDeleted:
    """Messages of one session are gone."""

    chat: Chat
    message_ids: tuple[str, ...]
    session_no: int


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """A session began."""

    session_no: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """A session is over; one that was joined into another is not announced."""

    session_no: int


@dataclass(frozen=True, slots=True)
class IdentityChanged:
    """Something became known about who somebody is."""

    event: IdentityEvent


@dataclass(frozen=True, slots=True)
class Consolidated:
    """A summary stands in front of a session's recent messages."""

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


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """An operation's value, and what to announce after the COMMIT."""

    value: T
    announcements: tuple[Announcement, ...] = ()

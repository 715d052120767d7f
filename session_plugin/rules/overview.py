"""What an operator is shown of people, groups, sessions, links and health. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from session_plugin.model import (
    Account,
    Chat,
    Session,
    SessionIdentity,
    SessionMessage,
    Summary,
    SummaryPart,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items, newest first; and before which number the next page goes on, None at the end."""

    items: tuple[T, ...]
    following: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAccount:
    """An account, whose it is, and whose it is again after it is unlinked.

    Example:
        await hub.record(event)
        (person,) = await hub.people()
        print([(one.account, one.name) for one in person.accounts if one.is_linked])
    """

    account: Account
    name: str
    user_id: str
    home_user_id: str

    @property
    def is_linked(self) -> bool:
        """Whether a link gave it another user."""
        return self.user_id != self.home_user_id


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPerson:
    """A person, and how much is stored in their direct chats with one bot or with all.

    `accounts` are those of `identity.accounts`, in their order; `merged` are ids that links
    replaced. `last_activity` is None for people without a session of their own, for example who
    wrote in groups only.

    Example:
        await hub.record(event)
        for person in await hub.people():
            print(person.identity.display_name, person.sessions, person.messages)
    """

    identity: SessionIdentity
    accounts: tuple[KnownAccount, ...]
    merged: tuple[str, ...]
    created_at: float
    sessions: int
    messages: int
    last_activity: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGroup:
    """A group, by its number, as one bot sees it."""

    chat_no: int
    bot: str
    chat: Chat


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLink:
    """A link that is not confirmed yet: 0 nothing, 1 shown, 2 confirmed, on each side."""

    asker: Account
    redeemer: Account | None
    asker_step: int
    redeemer_step: int
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What was done, when, by which account, about which users."""

    at: float
    action: str
    actor: Account | None
    user_id: str | None
    other_user_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSummary:
    """A summary, also one that stands for nothing any more.

    `text` is None for one that was withdrawn, because of what `withdrawn_because` says.

    Example:
        await hub.record(event)
        (session,) = await hub.sessions(ann)
        for summary in (await hub.timeline(session.session_id)).summaries:
            print(summary.number, summary.made_by, summary.superseded_by)
    """

    number: int
    text: str | None
    made_by: str
    made_at: float
    superseded_by: int | None
    withdrawn_because: str | None
    parts: tuple[SummaryPart, ...]

    def covers(self, message: SessionMessage) -> bool:
        """Check whether it stands for a message."""
        return any(
            part.chat == message.chat and part.from_seq <= message.seq <= part.to_seq
            for part in self.parts
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Messages of a session over all channels, oldest first, and its summaries, newest first.

    `summary` stands for older messages now; `summaries` has superseded and withdrawn ones, too.
    The ranges in their `parts` are by `SessionMessage.seq`. Older messages stand before the number
    `older`; None where there are none.

    Example:
        await hub.record(event)
        (session,) = await hub.sessions(ann)
        timeline = await hub.timeline(session.session_id)
        print([f"{one.channel} {one.role}" for one in timeline.messages])
    """

    session: Session
    chats: tuple[Chat, ...]
    joined_into: str | None
    summary: Summary | None
    summaries: tuple[KnownSummary, ...]
    messages: tuple[SessionMessage, ...]
    older: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is wrong in a database, as far as the database itself shows.

    Args:
        damage: What the backend's own check of the file finds; PostgreSQL has none.
        orphans: Rows that refer to a row that is missing, as `table: number`.
        pending_erasures: Deletions whose bytes may still be in the file.
        oldest_erasure_at: When the oldest of them was made.
        withheld: Messages of the last 24 hours without content, because a filter plugin failed.
        group_messages: Messages of people in groups on Discord within the last 24 hours.
        without_text: Those of `group_messages` with neither text nor attachments.
        server_time: The database server's clock; None for a file.

    Example:
        health = await hub.health()
        print(health.damage, health.pending_erasures)
    """

    damage: tuple[str, ...]
    orphans: tuple[str, ...]
    pending_erasures: int
    oldest_erasure_at: float | None
    withheld: int
    group_messages: int
    without_text: int
    server_time: float | None

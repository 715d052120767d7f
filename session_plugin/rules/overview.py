"""What an operator is shown of people, sessions and the database's health. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from session_plugin.model import Session, SessionIdentity, SessionMessage, Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPerson:
    """A person, and how much is stored in their direct chats with one bot.

    `names` are the display names of `identity.accounts`, in their order. `last_activity` is None
    for people without a session of their own, for example who wrote in groups only.

    Example:
        await hub.record(event)
        for person in await hub.people():
            print(person.identity.display_name, person.sessions, person.messages)
    """

    identity: SessionIdentity
    names: tuple[str, ...]
    created_at: float
    sessions: int
    messages: int
    last_activity: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Messages of a session over all channels, oldest first, and its current summary.

    `summary.parts` are the ranges that it stands for, by `SessionMessage.seq`.

    Example:
        await hub.record(event)
        (session,) = await hub.sessions(ann)
        timeline = await hub.timeline(session.session_id)
        print([f"{one.channel} {one.role}" for one in timeline.messages])
    """

    session: Session
    summary: Summary | None
    messages: tuple[SessionMessage, ...]
    has_older: bool


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

"""What long work and looking around hand back: counts with their reasons. Imports the standard
library only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far long work is: so many `what` of `total`; None where nobody can tell how many there
    are.

    Example:
        progress = Progress(what="messages", done=1_200, total=10_000)
        print(f"{progress.done} of {progress.total} {progress.what}")
    """

    what: str
    done: int
    total: int | None = None


OnProgress = Callable[[Progress], None]
"""Shows progress: a function that a command line can draw with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecayPart:
    """What was removed, or would be, on one channel in one kind of chat, and why: it was received
    too long ago.

    Example:
        report = await hub.decay(dry_run=True)
        for part in report.parts:
            print(f"{part.channel}, {part.kind}: {part.messages} messages")
    """

    channel: str
    kind: str
    retention_days: float
    received_before: float
    messages: int = 0
    tombstones: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DecayReport:
    """What was removed, or would be: counts in all, and by channel and kind of chat.

    A session goes when it is over and nothing of it is left; tombstones are remembered deletions.

    Example:
        report = await hub.decay(dry_run=True)
        print(f"{report.messages} messages are past their time")
    """

    messages: int = 0
    sessions: int = 0
    tombstones: int = 0
    is_dry_run: bool = False
    parts: tuple[DecayPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStatus:
    """How a plugin did since its hub was made: calls, failures, and seconds in all, waiting
    included.

    Example:
        status = await hub.status()
        for plugin in status.plugins:
            print(f"{plugin.name}: {plugin.failures} of {plugin.calls} calls failed")
    """

    name: str
    calls: int
    failures: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedConsolidation:
    """A session whose summariser has failed so many times in a row, and why it did last.

    `waits_until` is when it is tried again by itself; None: with the next message.

    Example:
        status = await hub.status()
        for failed in status.failed_consolidations:
            print(f"{failed.session_id}: {failed.failures} times, {failed.reason}")
    """

    session_id: str
    failures: int
    reason: str
    waits_until: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HubStatus:
    """How a hub is. People are counted over the whole database, all else of this hub's bot only.

    Args:
        database: Where it is, without a password.
        size_bytes: What the database takes on disk, its log not counted.
        users: People, those who go by another's id since a link not counted.
        archived_messages: Those of `messages` for which a summary stands.
        oldest_message_at: When the oldest message was received; None without any.
        waiting: Messages, edits and deletions handed in and not on disk yet; they are not
            acknowledged.
        dropped: Those that were given up because too many waited.
        pending_consolidations: Sessions with more messages than the threshold, or with a summary to
            be made again.
        failed_consolidations: Those whose summariser fails, the worst first, a hundred at most.

    Example:
        status = await hub.status()
        print(f"{status.messages} messages, {status.waiting} waiting, {status.dropped} dropped")
    """

    database: str
    size_bytes: int
    users: int
    accounts: int
    chats: int
    sessions: int
    live_sessions: int
    messages: int
    archived_messages: int
    summaries: int
    tombstones: int
    oldest_message_at: float | None
    waiting: int
    dropped: int
    pending_consolidations: int
    failed_consolidations: tuple[FailedConsolidation, ...]
    plugins: tuple[PluginStatus, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """What an import left out, and why: a `session`, a `message`, or a `cell` of one that is taken
    in without it.

    Example:
        async def take_in(path: str) -> None:
            report = await hub.import_original(path)
            for left_out in report.skipped:
                print(f"{left_out.what} {left_out.where}: {left_out.reason}")
    """

    what: str
    where: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import took in, and what it left out.

    Args:
        known_messages: Those that an earlier import had taken in, and those deleted since.
        past_retention: New messages so old that the next decay removes them; raise `retention_days`
            to keep them.

    Example:
        async def take_in(path: str) -> None:
            report = await hub.import_original(path)
            print(f"{report.messages} messages, {len(report.skipped)} skipped")
    """

    users: int = 0
    sessions: int = 0
    messages: int = 0
    summaries: int = 0
    known_messages: int = 0
    past_retention: int = 0
    skipped: tuple[Skipped, ...] = ()

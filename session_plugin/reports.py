"""The reports that decay, import, copies and `status` return: counts, each with its reason.

Imports the standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

LONGEST_SHOWN = 200
"""Characters of what others wrote that a report shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a long operation is: `done` of `total` items; `what` names the items.

    `total` is None if it is not known.

    Example:
        progress = Progress(what="messages", done=1_200, total=10_000)
        print(f"{progress.done} of {progress.total} {progress.what}")
    """

    what: str
    done: int
    total: int | None = None


OnProgress = Callable[[Progress], None]
"""Called now and then during a long operation, for example to draw a progress bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """What a copy of a database holds: the rows of each table, counted in the copy.

    Example:
        report = await hub.backup("bot-of-today.db")
        print(f"{report.messages} messages of {report.users} users")
    """

    rows: Mapping[str, int]

    @property
    def users(self) -> int:
        """How many people, ids that others replaced among them."""
        return self.rows["users"]

    @property
    def sessions(self) -> int:
        """How many sessions, live and ended."""
        return self.rows["sessions"]

    @property
    def messages(self) -> int:
        """How many messages."""
        return self.rows["messages"]

    @property
    def summaries(self) -> int:
        """How many summaries."""
        return self.rows["summaries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecayPart:
    """What decay removed, or would remove, on one channel in one kind of chat.

    The messages were received before `received_before`, which is `retention_days` ago.

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
    """What decay removed, or would remove (`is_dry_run`): totals, and by channel and kind.

    A session is removed when it has ended and has no messages left. A tombstone records a
    deletion, so that a message which is delivered after its deletion is not stored. `is_held` means
    that nothing was removed because the clock may be wrong; see `SessionHub.decay`.

    Example:
        report = await hub.decay(dry_run=True)
        print(f"{report.messages} messages are past their retention")
    """

    messages: int = 0
    sessions: int = 0
    tombstones: int = 0
    is_dry_run: bool = False
    is_held: bool = False
    parts: tuple[DecayPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStatus:
    """The calls and failures of a plugin since its hub was created.

    `seconds` is the total time of its calls, including the time it spent awaiting.

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
    """A session whose summariser failed `failures` times in a row; `reason` is the latest.

    `waits_until` is when the hub tries again. None: with the next message of the session.

    Example:
        status = await hub.status()
        for failed in status.failed_consolidations:
            print(f"{failed.session_id}: {failed.failures} times, {failed.reason}")
    """

    session_id: str
    failures: int
    reason: str
    waits_until: float | None


@dataclass(frozen=True, slots=True)
class CodeAlarm:
    """A channel on which 20 or more wrong link codes were typed within the last ten minutes.

    Somebody may be guessing. Nobody is kept from linking by it.

    Example:
        for alarm in (await hub.status()).code_alarms:
            print(f"{alarm.wrong_codes} wrong codes on {alarm.channel}")
    """

    channel: str
    wrong_codes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionStatus:
    """How far the encryption of a database is, of all its bots.

    Args:
        state: `"sealing"` or `"opening"` while what was stored before encryption was turned on, or
            off, is gone through; `"sealed"` when all is sealed.
        sealed_messages: How many messages are sealed. While they are gone through, those that were
            stored meanwhile are not told apart, so it is less than there are when sealing, and more
            when opening.
        messages: How many messages there are.
        keys: Keys of people, groups and sessions.
        keys_to_destroy: Keys of what was forgotten that the key store may still have, because it
            could not be reached; the hub tries again.
        destroying_since: Since when the oldest of them waits; None if none does.

    Example:
        found = (await hub.status()).encryption
        if found is not None:
            print(f"{found.state}: {found.sealed_messages} of {found.messages} messages")
    """

    state: str
    sealed_messages: int
    messages: int
    keys: int
    keys_to_destroy: int
    destroying_since: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HubStatus:
    """The state of a hub. Users and wrong codes are counted over the whole database, all else for
    this bot only.

    Args:
        database: Its path; or the scheme, host, port and name in its URL.
        size_bytes: The size of the database on disk, without its write-ahead log.
        users: People; ids that a link merged into another are not counted.
        archived_messages: Those of `messages` that a summary replaces, or that were imported.
        oldest_message_at: When the oldest message was received; None if there is none.
        waiting: Messages, edits and deletions that are queued and not yet committed.
        dropped: Those that were discarded because the queue was full.
        postponed: Messages that are withheld because a filter rests, and are filtered later.
        clock_doubted_since: The first round of upkeep that did not believe the clock, by that
            clock; nothing is deleted until it is believed again. None while it is.
        pending_consolidations: Sessions with more messages than the threshold, or with a summary
            that has to be rebuilt.
        failed_consolidations: Sessions whose summariser fails; most failures first, at most 100.
        code_alarms: Channels on which so many wrong link codes are typed that somebody may be
            guessing.
        encryption: How much is sealed; None if nothing is.

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
    postponed: int
    clock_doubted_since: float | None
    pending_consolidations: int
    failed_consolidations: tuple[FailedConsolidation, ...]
    code_alarms: tuple[CodeAlarm, ...]
    plugins: tuple[PluginStatus, ...]
    encryption: EncryptionStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """An item that an import left out, and why: a `table`, `session`, `summary`, `message`, `cell`,
    `account`, `chat`, `line`, `file`.

    If it is a cell or an account, the session, message or user was imported without it. What others
    wrote can be in `where` and `reason`, so both are made one short line that can be printed.

    Example:
        async def import_old(path: str) -> None:
            report = await hub.import_original(path)
            for left_out in report.skipped:
                print(f"{left_out.what} {left_out.where}: {left_out.reason}")
    """

    what: str
    where: str
    reason: str

    def __post_init__(self) -> None:
        """Shorten what is long, and escape what cannot be printed."""
        for name in ("where", "reason"):
            value = getattr(self, name)
            if len(value) > LONGEST_SHOWN or not value.isprintable():
                object.__setattr__(self, name, _printable(value))


def _printable(value: str) -> str:
    shown = value[:LONGEST_SHOWN]
    escaped = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in shown)
    return escaped if len(shown) == len(value) else f"{escaped}..."


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import stored, and what it left out.

    Args:
        known_messages: Messages of an earlier import, also those that were deleted since.
        past_retention: Imported messages that the next decay removes because of their age;
            increase `retention_days` to keep them.
        skipped: What was left out, and why; of messages and lines at most the first 100.
        left_out: How many messages and lines were left out for each reason, up to 100 reasons;
            what was left out for others is under `"something else"`.
        by_author: How many messages of each account were stored, by its channel and id; `""` are
            those of nobody known.
        by_chat: How many messages were stored in each chat, by its channel and id.
        is_dry_run: Nothing was stored; the numbers say what would be, `sessions` roughly.

    `left_out` and what follows it are for `import_history`.

    Example:
        async def import_old(path: str) -> None:
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
    left_out: Mapping[str, int] = field(default_factory=dict)
    by_author: Mapping[str, int] = field(default_factory=dict)
    by_chat: Mapping[str, int] = field(default_factory=dict)
    is_dry_run: bool = False

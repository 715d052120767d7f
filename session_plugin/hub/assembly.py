"""The one place where a hub is put together: what it consists of, and who knows whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from session_plugin.announcing.announcer import Announcer
from session_plugin.announcing.background import BackgroundTasks
from session_plugin.announcing.leases import Lease, Leases
from session_plugin.announcing.notices import Notices
from session_plugin.counters import HubCounters
from session_plugin.database import opening
from session_plugin.database.database import Database
from session_plugin.database.existing import open_existing
from session_plugin.encryption.keys import Keys
from session_plugin.encryption.unlocking import Encryption
from session_plugin.hub.looking import LastSearches
from session_plugin.hub.media import MediaFetcher
from session_plugin.hub.secret_check import secret_check
from session_plugin.hub.settings import Settings
from session_plugin.incoming.final_words import FinalWords
from session_plugin.incoming.intake import Intake
from session_plugin.incoming.postponed import Postponed
from session_plugin.incoming.screening import Screening
from session_plugin.incoming.transcribing import Transcribing
from session_plugin.model import MessageEvent
from session_plugin.plugins.counting import TokenCounter
from session_plugin.plugins.manager import Plugins
from session_plugin.records.conversation import editing, sessions, transcripts
from session_plugin.records.conversation.recording import Recording, RecordResult
from session_plugin.records.conversation.tails import Tails
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.upkeep import clocks
from session_plugin.rules.clocks import NEVER, ClockState, PlatformTimes
from session_plugin.secret import Secret
from session_plugin.tracing import Tracing
from session_plugin.upkeep.consolidator import Consolidator
from session_plugin.upkeep.embedder import Embedder
from session_plugin.upkeep.eraser import Eraser
from session_plugin.upkeep.key_destroyer import KeyDestroyer
from session_plugin.upkeep.making import Limits
from session_plugin.upkeep.resealer import Resealer
from session_plugin.upkeep.rounds import Rounds
from session_plugin.upkeep.work import UpkeepWork

UNANNOUNCED_AT_OPENING = 1000
"""Starts and ends announced at opening that an earlier process did not come to announce."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubParts:
    """Everything a hub consists of. Its verbs, its views and its stores share this and no more."""

    settings: Settings
    counters: HubCounters
    tracing: Tracing
    database: Database
    secret: Secret
    encryption: Encryption
    plugins: Plugins
    background: BackgroundTasks
    announcer: Announcer
    tokens: TokenCounter
    screening: Screening
    postponed: Postponed
    transcribing: Transcribing
    intake: Intake
    final_words: FinalWords
    consolidator: Consolidator
    embedder: Embedder
    leases: Leases
    notices: Notices
    media: MediaFetcher
    eraser: Eraser
    resealer: Resealer
    upkeep: UpkeepWork
    rounds: Rounds
    searches: LastSearches
    tails: Tails
    context: Callable[[], OperationContext]
    """Returns what operations need to know of now and of this hub."""
    own_leases: list[Lease] = field(default_factory=list)
    """Leases of `async with hub` blocks."""


@dataclass(slots=True)
class KnownClock:
    """The last time at which a round of upkeep believed the clock, as this process knows it."""

    trusted_at: float = NEVER

    def note(self, found: ClockState) -> None:
        """Note what a round found."""
        self.trusted_at = NEVER if found.trusted_at is None else found.trusted_at


def assemble(
    database: str | Path,
    settings: Settings,
    *,
    secret: str | bytes | None,
    encryption: Keys | None,
) -> HubParts:
    """Put a hub together; the database is not touched yet."""
    counters, tracing, plugins, background = HubCounters(), Tracing(), Plugins(), BackgroundTasks()
    tails = Tails(
        most_bytes=settings.cache_bytes,
        shortest_silence=settings.policies.shortest_silence,
        counted=counters.caches,
    )
    opens = partial(opening.open_engine, remembering=tails if settings.cache_bytes else None)
    handle = Database(
        database,
        open_engine=partial(
            open_existing if settings.is_operator else opens, counters=counters.database
        ),
    )
    hub_secret = Secret(secret, database=handle.path)
    times, clock, leases = PlatformTimes(), KnownClock(), Leases()
    encrypted = Encryption(encryption, database=handle.path, may_begin=not settings.is_operator)
    handle.check_by(encrypted.unlock, secret_check(hub_secret, clock=settings.clock))

    def context_at(now: float) -> OperationContext:
        return OperationContext(
            bot=settings.bot,
            now=now,
            policies=settings.policies,
            new_id=settings.new_id,
            keyed_hash=hub_secret.keyed_hash,
            floor=max(times.floor(now), clock.trusted_at),
            secret_fingerprint=hub_secret.fingerprint_if_readable,
        )

    def context() -> OperationContext:
        return context_at(settings.clock())

    announcer = Announcer(
        plugins, database=handle, background=background, is_silent=settings.is_operator
    )
    notices = Notices(leases, database=handle, context=context, background=background)

    tokens = TokenCounter(plugins)

    def is_changing(session_no: int) -> bool:
        return intake.changes(session_no)

    consolidator = Consolidator(
        plugins,
        database=handle,
        announcer=announcer,
        count=tokens.count,
        clock=settings.clock,
        start=background.start,
        is_idle=lambda: not intake.waiting,
        is_changing=is_changing,
        limits=Limits(
            messages=settings.consolidation_threshold,
            tokens=settings.consolidation_tokens,
            patience=settings.summary_patience,
            renews=not settings.is_operator,
        ),
        counters=counters,
        tracing=tracing,
    )

    embedder = Embedder(plugins, database=handle, start=background.start)

    def grew(result: RecordResult, text: str) -> None:
        consolidator.note_growth(result, text)
        embedder.note_stored(result)

    screening = Screening(
        plugins,
        database=handle,
        secret=hub_secret,
        context=context,
        record_when=settings.record_when,
    )

    async def restore(recording: Recording, event: MessageEvent | None, seq: int) -> int | None:
        chat = recording.event.chat
        session_no = await announcer.write_in(chat, editing.restore, recording, event, seq=seq)
        if session_no is not None:
            embedder.note(session_no, seq)
        return session_no

    postponed = Postponed(plugins, restore=restore, on_change=consolidator.renew)

    async def keep(recording: Recording, words: Mapping[str, str], seq: int) -> int | None:
        chat = recording.event.chat
        return await announcer.write_in(chat, transcripts.keep, recording, words, seq=seq)

    transcribing = Transcribing(
        plugins,
        keep=keep,
        burn_codes=screening.burn_codes,
        start=background.start,
        on_change=consolidator.renew,
    )
    intake = Intake(
        screening,
        database=handle,
        postponed=postponed,
        transcribing=transcribing,
        times=times,
        clock=settings.clock,
        context_at=context_at,
        announce=announcer.announce,
        hears_messages=announcer.hears_messages,
        patience=settings.store_patience,
        counted=counters.messages,
        on_growth=grew,
        on_change=consolidator.renew,
    )

    eraser = Eraser(
        handle,
        keys=KeyDestroyer(handle, sealing=lambda: encrypted.sealing, clock=settings.clock),
        clock=settings.clock,
        minutes=settings.erasure_minutes,
    )
    resealer = Resealer(
        handle, sealing=lambda: encrypted.sealing, eraser=eraser, clock=settings.clock
    )
    upkeep = UpkeepWork(
        database=handle,
        plugins=plugins,
        announcer=announcer,
        consolidator=consolidator,
        eraser=eraser,
        context=context,
        retentions=settings.retentions,
        times=times,
        on_clock=clock.note,
    )
    minutes = settings.upkeep_minutes

    rounds = Rounds(
        partial(_go_round, tails, resealer, upkeep, minutes=minutes or 0.0), minutes=minutes
    )

    handle.on_use(rounds.start)
    handle.on_open(
        partial(
            _go_on,
            settings,
            database=handle,
            announcer=announcer,
            clock=clock,
            erase=lambda: background.start(eraser.go_on()),
            check_keys=lambda: background.start(eraser.keys.check()),
            reseal=resealer.begin,
        )
    )

    return HubParts(
        settings=settings,
        counters=counters,
        tracing=tracing,
        database=handle,
        secret=hub_secret,
        encryption=encrypted,
        plugins=plugins,
        background=background,
        announcer=announcer,
        tokens=tokens,
        screening=screening,
        postponed=postponed,
        transcribing=transcribing,
        intake=intake,
        final_words=FinalWords(settings.clock),
        consolidator=consolidator,
        embedder=embedder,
        leases=leases,
        notices=notices,
        media=MediaFetcher(plugins, leases),
        eraser=eraser,
        resealer=resealer,
        upkeep=upkeep,
        rounds=rounds,
        searches=LastSearches(),
        tails=tails,
        context=context,
    )


async def _go_round(
    tails: Tails, resealer: Resealer, upkeep: UpkeepWork, *, minutes: float
) -> None:
    """Do what every process does from time to time, and what one of them does for all."""
    tails.drop_outdated()
    resealer.start()
    await upkeep.run_unless_done(minutes=minutes)


async def _go_on(
    settings: Settings,
    *,
    database: Database,
    announcer: Announcer,
    clock: KnownClock,
    erase: Callable[[], object],
    check_keys: Callable[[], object],
    reseal: Callable[[], object],
) -> None:
    """Take up what an earlier process left, once the database is open; an operator's hub leaves it
    to the bot's.
    """
    clock.note(await database.read(clocks.find))
    if settings.is_operator:
        return

    unannounced = await database.read(
        sessions.unannounced, settings.bot, limit=UNANNOUNCED_AT_OPENING
    )
    announcer.announce(None, unannounced)
    erase()
    check_keys()
    if settings.upkeep_minutes is not None:
        reseal()

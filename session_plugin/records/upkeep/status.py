"""How much there is in the database, and what does not go well."""

from __future__ import annotations

from dataclasses import dataclass

from session_plugin.database.engine import Tx
from session_plugin.records.people.attempts import WRONG
from session_plugin.records.upkeep import clocks, encryption_state
from session_plugin.reports import CodeAlarm, EncryptionStatus, FailedConsolidation
from session_plugin.rules.codes import ALARM_ON_CHANNEL

MOST_FAILED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleCounts:
    """What the database says of one bot's people, chats and sessions; see HubStatus."""

    size_bytes: int
    users: int
    accounts: int
    chats: int
    sessions: int
    live_sessions: int
    tombstones: int
    clock_doubted_since: float | None
    code_alarms: tuple[CodeAlarm, ...]
    encryption: EncryptionStatus | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCounts:
    """What the database says of one bot's messages and summaries; see HubStatus."""

    messages: int
    archived_messages: int
    summaries: int
    oldest_message_at: float | None
    pending_consolidations: int
    failed_consolidations: tuple[FailedConsolidation, ...]


def count_people(tx: Tx, bot: str, *, now: float) -> PeopleCounts:
    """Count people, chats and sessions. It looks at each of them, so ask now and then."""
    people, of_bot = tx.one("count_people"), tx.one("count_sessions", bot=bot)
    return PeopleCounts(
        size_bytes=tx.one("database_size")["size"],
        users=people["users"],
        accounts=people["accounts"],
        chats=of_bot["chats"],
        sessions=of_bot["sessions"],
        live_sessions=of_bot["live_sessions"],
        tombstones=tx.one("count_tombstones", bot=bot)["count"],
        clock_doubted_since=clocks.find(tx).doubted_since,
        code_alarms=_code_alarms(tx, now),
        encryption=encryption_status(tx),
    )


def count_messages(tx: Tx, bot: str, *, threshold: int) -> MessageCounts:
    """Count messages and sessions to be summarised (bot, threshold of consolidation). It looks at
    every segment, but at no message.
    """
    of_bot = tx.one("count_messages_of_bot", bot=bot, threshold=threshold)
    pending = tx.one(
        "count_pending_consolidations",
        bot=bot,
        threshold=threshold,
        long_segments=of_bot["long_segments"],
    )

    return MessageCounts(
        messages=of_bot["messages"],
        archived_messages=of_bot["messages"] - of_bot["live_messages"],
        summaries=of_bot["summaries"],
        oldest_message_at=tx.one("oldest_message", bot=bot)["received_at"],
        pending_consolidations=pending["count"],
        failed_consolidations=tuple(
            FailedConsolidation(
                session_id=row["session_id"],
                failures=row["failures"],
                reason=row["reason"],
                waits_until=row["waits_until"],
            )
            for row in tx.all("failed_consolidations", bot=bot, limit=MOST_FAILED)
        ),
    )


def encryption_status(tx: Tx) -> EncryptionStatus | None:
    """Count what is sealed, and keys; None where nothing is. It looks at no message but those of
    one segment.
    """
    known = encryption_state.find(tx)
    if known is None:
        return None

    row = tx.one("count_passed_messages", segment_no=known.done_segment)
    within = tx.one("count_passed_in_segment", segment_no=known.done_segment, seq=known.done_seq)
    passed = row["passed"] + within["passed"]
    keys = tx.one("count_data_keys")

    return EncryptionStatus(
        state=known.state,
        sealed_messages={
            "sealed": row["messages"],
            "sealing": passed,
            "opening": row["messages"] - passed,
        }[known.state],
        messages=row["messages"],
        keys=keys["keys"],
        keys_to_destroy=keys["waiting"],
        destroying_since=keys["waiting_since"],
    )


def _code_alarms(tx: Tx, now: float) -> tuple[CodeAlarm, ...]:
    rows = tx.all(
        "code_alarms",
        kind=WRONG,
        since=now - ALARM_ON_CHANNEL.within,
        most=ALARM_ON_CHANNEL.most,
    )
    return tuple(CodeAlarm(row["channel"], row["wrong_codes"]) for row in rows)

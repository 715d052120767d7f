"""How much there is in the database, and what does not go well."""

from __future__ import annotations

from dataclasses import dataclass

from session_plugin.database.engine import Tx
from session_plugin.records.people.attempts import WRONG
from session_plugin.records.upkeep import clocks
from session_plugin.reports import CodeAlarm, FailedConsolidation
from session_plugin.rules.codes import ALARM_ON_CHANNEL

MOST_FAILED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What the database says of one bot; see HubStatus."""

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
    clock_doubted_since: float | None
    pending_consolidations: int
    failed_consolidations: tuple[FailedConsolidation, ...]
    code_alarms: tuple[CodeAlarm, ...]


def count(tx: Tx, bot: str, *, threshold: int, now: float) -> Counts:
    """Count (bot, threshold of consolidation). It looks at every session and segment, but at no
    message, so it is nothing to do with each message.
    """
    people, of_bot = tx.one("count_people"), tx.one("count_of_bot", bot=bot)
    return Counts(
        size_bytes=tx.one("database_size")["size"],
        users=people["users"],
        accounts=people["accounts"],
        chats=of_bot["chats"],
        sessions=of_bot["sessions"],
        live_sessions=of_bot["live_sessions"],
        messages=of_bot["messages"],
        archived_messages=of_bot["messages"] - of_bot["live_messages"],
        summaries=of_bot["summaries"],
        tombstones=tx.one("count_tombstones", bot=bot)["count"],
        oldest_message_at=tx.one("oldest_message", bot=bot)["received_at"],
        clock_doubted_since=clocks.find(tx).doubted_since,
        pending_consolidations=tx.one("count_pending_consolidations", bot=bot, threshold=threshold)[
            "count"
        ],
        failed_consolidations=tuple(
            FailedConsolidation(
                session_id=row["session_id"],
                failures=row["failures"],
                reason=row["reason"],
                waits_until=row["waits_until"],
            )
            for row in tx.all("failed_consolidations", bot=bot, limit=MOST_FAILED)
        ),
        code_alarms=_code_alarms(tx, now),
    )


def _code_alarms(tx: Tx, now: float) -> tuple[CodeAlarm, ...]:
    rows = tx.all(
        "code_alarms",
        kind=WRONG,
        since=now - ALARM_ON_CHANNEL.within,
        most=ALARM_ON_CHANNEL.most,
    )
    return tuple(CodeAlarm(row["channel"], row["wrong_codes"]) for row in rows)

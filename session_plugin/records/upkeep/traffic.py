"""What comes in and what waits, for operators: counted on demand, never while a bot records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from session_plugin.checks import DAY
from session_plugin.database.engine import Tx

MOST_COUNTED = 100_000
"""Numbers of messages that are looked at for the messages of each day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What is still to be done.

    Args:
        erasures: Forgettings whose last bytes may still be in the file.
        summaries: Summaries that were withdrawn and have to be made again.
        failing_summaries: Sessions whose summariser fails.
        notices: Notices to people about their links.
        link_requests: Links that are not confirmed yet.
        announcements: Starts and ends of sessions that no hook was called for yet.
    """

    erasures: int
    summaries: int
    failing_summaries: int
    notices: int
    link_requests: int
    announcements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """How many messages were received each day, by the day's number since 1970.

    `is_whole` is False if only the newest `MOST_COUNTED` were looked at.
    """

    by_day: Mapping[int, int]
    is_whole: bool


def count_waiting(tx: Tx, *, now: float) -> Waiting:
    """Count what is still to be done."""
    row = tx.one("count_waiting", now=now)
    return Waiting(**{name: row[name] for name in Waiting.__slots__})


def messages_by_day(tx: Tx, *, now: float, days: int) -> Traffic:
    """Count the messages of the last `days` days, today included. A day begins at 00:00 UTC.

    What was imported does not count: it came in at once.
    """
    last = int(tx.one("last_message_number")["seq"])
    from_seq = max(1, last - MOST_COUNTED + 1)
    first_day = int(now // DAY) - days + 1
    rows = tx.all("messages_by_day", from_seq=from_seq, since=first_day * DAY)

    return Traffic(
        by_day={int(row["day"]): int(row["messages"]) for row in rows}, is_whole=from_seq == 1
    )


def bots(tx: Tx) -> list[str]:
    """Return the names of the bots that share the database."""
    return [str(row["bot"]) for row in tx.all("bots_known")]

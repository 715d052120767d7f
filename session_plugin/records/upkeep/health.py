"""What may be wrong in the database, as far as it shows in the database itself."""

from __future__ import annotations

from session_plugin.checks import DAY
from session_plugin.database.engine import Tx
from session_plugin.rules.overview import Health

NEWEST = 10_000
"""Messages that are looked at, so that the cost does not grow with history."""


def examine(tx: Tx, bot: str, *, now: float) -> Health:
    """Check the database; the check of the file reads all of it."""
    erasures = tx.one("waiting_erasures")
    withheld = tx.one("lately_withheld", bot=bot, since=now - DAY, newest=NEWEST)
    in_guilds = tx.all("lately_in_guilds", bot=bot, since=now - DAY, newest=NEWEST)

    return Health(
        damage=tuple(row["finding"] for row in tx.all("damage")),
        orphans=tuple(f"{row['name']}: {row['number']}" for row in tx.all("orphans")),
        pending_erasures=erasures["number"],
        oldest_erasure_at=erasures["oldest_at"],
        withheld=withheld["number"],
        group_messages=len(in_guilds),
        without_text=sum(
            not (row["content"] or row["attachments"] or row["withheld"]) for row in in_guilds
        ),
        server_time=tx.one("server_time")["now"],
    )

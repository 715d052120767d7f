"""OperatorHub: a hub for tools that look into a bot's database from outside."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path

from session_plugin.encryption.keys import Keys
from session_plugin.hub.assembly import assemble
from session_plugin.hub.hub import SessionHub
from session_plugin.hub.settings import Settings

NO_AGE_HOURS = 10_000_000.0
"""Over a thousand years: when sessions end is the bot's to decide, by its own settings."""


class OperatorHub(SessionHub):
    """A hub for an operator's tool, next to the running bot or without it.

    It opens only a database that exists and needs no migration. It ends no sessions, does no
    upkeep by itself, makes no withdrawn summary again, and announces nothing: the bot's plugins
    and settings are in the bot's process. So what is done here reaches no plugin of the bot, but
    for sessions that start or end, which the bot announces when it opens next.

    Args:
        database: The path of a file that exists, or a `postgresql://` URL.
        bot: The name that the bot's own hub has.
        retention_days: For `decay`: the bot's own setting.
        consolidation_threshold: For `consolidate`: the bot's own setting.
        max_age_hours: For imports, which silence cuts into sessions: the bot's own setting.
        secret: The same as the bot's hub has.
        encryption: The keys that the bot's hub has, if its database is encrypted.
        clock: Returns seconds since 1970.

    Example:
        await hub.record(event)
        async with OperatorHub("example.db") as operator:
            print((await operator.status()).messages)
    """

    def __init__(
        self,
        database: str | Path,
        *,
        bot: str = "",
        retention_days: float | None = None,
        consolidation_threshold: int = 100,
        max_age_hours: float = NO_AGE_HOURS,
        secret: str | bytes | None = None,
        encryption: Keys | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Check the settings; the database is not touched yet."""
        settings = Settings(
            bot=bot,
            max_age_hours=max_age_hours,
            expiry=(),
            retention_days=retention_days,
            retention=(),
            upkeep_minutes=None,
            erasure_minutes=60.0,
            consolidation_threshold=consolidation_threshold,
            consolidation_tokens=None,
            summary_patience=60.0,
            store_patience=2.0,
            cache_bytes=0,
            record_when=None,
            direct_sees_groups=False,
            privacy_text=None,
            clock=clock,
            new_id=lambda: uuid.uuid4().hex,
            is_operator=True,
        )
        self._parts = assemble(database, settings, secret=secret, encryption=encryption)

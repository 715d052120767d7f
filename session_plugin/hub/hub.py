"""SessionHub: what adapters, bots and plugins talk to.

A hub belongs to no event loop: it opens when it is first needed, and closes when the last lease on
it ends. Knows settings and parts; knows no SQL and no platform.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from session_plugin.checks import check_list
from session_plugin.database.server_url import Pooler, with_settings
from session_plugin.encryption.keys import Keys
from session_plugin.hub.assembly import assemble
from session_plugin.hub.finding import Finding
from session_plugin.hub.importing import Importing
from session_plugin.hub.lifecycle import Lifecycle
from session_plugin.hub.linking import Linking
from session_plugin.hub.memory import Memory
from session_plugin.hub.operating import Operating
from session_plugin.hub.people import People
from session_plugin.hub.recording import Recording
from session_plugin.hub.settings import Settings
from session_plugin.logs import FieldLogger
from session_plugin.model import Chat
from session_plugin.plugins.summarizer import Summarize, Summarizer
from session_plugin.rules.policies import Expiry, Retention

logger = FieldLogger("session_plugin.hub")


class SessionHub(Recording, Finding, People, Linking, Memory, Importing, Operating, Lifecycle):
    """One conversation per person across channels, kept in one database.

    Bots use `record` and `session_of`, and what people may ask for: `identity_of`, `request_link`,
    `redeem_link`, `confirm_link`, `unlink`, `set_private`, `export`, `forget`. Operators use
    `search`, `embed_stored`, `status`, `consolidate`, `undo_consolidation`, `pin`, `decay`,
    `upkeep`, `backup`, `import_history` and the imports of files (see docs/importing.md),
    `import_original` and `store`; tools also use `people`, `find_people`, `sessions`, `timeline`,
    `note_texts_shown`, `count_to_forget`, `link_known`, `renew_keys`, `erase` and `health`.

    For authors of adapters: `attach` gives a lease; `edit`, `delete`, `delete_chat`, `move_chat`
    and `move_account` follow what happens on the platform; `find_message` and `burn_codes` look
    things up for them.
    The in-chat commands use `search_for`, `pending_link`, `show_pending_link`, `unread_notices`,
    `privacy_text`, `ask_to_forget` and `confirm_forget`.

    Args:
        database: A path, `":memory:"`, or a `postgresql://` URL.
        pooler: What a pooler before a PostgreSQL server gives a connection of the server for: a
            `"transaction"` or a whole `"session"`. None: as the URL shows, by `?pooler=` or by the
            host and port of a well-known service.
        schema: The PostgreSQL schema of the tables; None: the first one of the search path.
        direct_url: The URL of the same PostgreSQL database without its pooler, by which tables are
            made and migrated.
        bot: Your name for the assistant, if several share a database; their sessions are apart.
        max_age_hours: Hours of silence after which the next message starts a new session; exactly
            as many do not.
        expiry: When else a session is over: daily at an hour, or otherwise on some channel or in
            some kind of chat; the most particular one counts. One for all of them replaces
            `max_age_hours`.
        retention_days: Days after which messages are removed; None keeps them.
        retention: The same for some channel or kind of chat; the most particular one counts.
        upkeep_minutes: How often the open hub ends sessions that nobody writes to any more, removes
            what is past its retention and makes withdrawn summaries again; None: only when `upkeep`
            and `decay` are called.
        erasure_minutes: On SQLite, the file is rewritten at most once in so many minutes to erase
            the last bytes of people who were forgotten; nobody can write meanwhile.
        consolidation_threshold: Unconsolidated messages of a session beyond which the oldest half
            gets a summary in front.
        consolidation_tokens: The same by tokens: beyond so many, the older half of them; None
            counts messages only.
        summarize: What sums messages up: an `async (messages, previous) -> str`, as the hook
            `session_summarize` does; where neither says anything, a digest without a model.
        summary_patience: Seconds that a summariser has for each piece that it is given.
        plugins: Objects with hook implementations; see `session_plugin.hooks`.
        load_entry_points: Also register the plugins that installed packages offer in the
            entry-point group `session_plugin`. Off by default: any dependency could read every
            message.
        plugin_settings: For these plugins, by the name of the entry point: what its class is called
            with, as `{"redact": {"mark": "[card]"}}`.
        store_patience: Seconds without any COMMIT after which the bot goes on although the database
            has not taken a message.
        cache_bytes: On SQLite, about how many bytes of memory the newest messages of the sessions
            that are read most may take, so that reading them again asks no database; 0 keeps none.
        secret: 16 bytes or more under which link codes are hashed, the same in all processes.
            Without it the environment's SESSION_SECRET; without that, on SQLite, a file beside the
            database, made when it is needed. On other databases linking is off until there is one.
            Another one than the one that hashes rest on is refused; see `accept_lost_secret`.
        encryption: Keys with which what is private is sealed in the database, and forgotten by
            destroying one; None: nothing is sealed, and a database that is encrypted is refused.
        record_when: Tells of a chat whether what is said in it is kept; None keeps everything.
        direct_sees_groups: In their direct chats, people are also shown what they themselves said
            in groups and were answered there. Otherwise what is said in a group is seen there only.
        privacy_text: What /privacy answers; None says what is kept, for how long, who sees it and
            how to leave.
        clock: Returns seconds since 1970.
        new_id: Returns an id that was never used before, for users and sessions.

    Raises:
        TypeError: a setting is of another kind than it has to be.
        ValueError: a setting makes no sense, or the secret is too short.
        PluginError: a plugin does not fit the hook specifications.

    Example:
        async with SessionHub("bot.db", max_age_hours=24) as hub:
            recorded = await hub.record(event)
            print([message.content for message in await recorded.session.history()])
    """

    def __init__(
        self,
        database: str | Path,
        *,
        pooler: Pooler | None = None,
        schema: str | None = None,
        direct_url: str | None = None,
        bot: str = "",
        max_age_hours: float = 24.0,
        expiry: Iterable[Expiry] = (),
        retention_days: float | None = 365,
        retention: Iterable[Retention] = (),
        upkeep_minutes: float | None = 5.0,
        erasure_minutes: float = 60.0,
        consolidation_threshold: int = 100,
        consolidation_tokens: int | None = None,
        summarize: Summarize | None = None,
        summary_patience: float = 60.0,
        plugins: Iterable[object] = (),
        load_entry_points: bool = False,
        plugin_settings: Mapping[str, Mapping[str, Any]] | None = None,
        store_patience: float = 2.0,
        cache_bytes: int = 16 * 2**20,
        secret: str | bytes | None = None,
        encryption: Keys | None = None,
        record_when: Callable[[Chat], bool] | None = None,
        direct_sees_groups: bool = False,
        privacy_text: str | None = None,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        """Check the settings and register the plugins; the database is not touched yet."""
        settings = Settings(
            bot=bot,
            max_age_hours=max_age_hours,
            expiry=expiry,
            retention_days=retention_days,
            retention=retention,
            upkeep_minutes=upkeep_minutes,
            erasure_minutes=erasure_minutes,
            consolidation_threshold=consolidation_threshold,
            consolidation_tokens=consolidation_tokens,
            summary_patience=summary_patience,
            store_patience=store_patience,
            cache_bytes=cache_bytes,
            record_when=record_when,
            direct_sees_groups=direct_sees_groups,
            privacy_text=privacy_text,
            clock=clock,
            new_id=new_id,
        )
        check_list("plugins", plugins, of="plugins")
        where = with_settings(database, pooler=pooler, schema=schema, direct_url=direct_url)
        self._parts = assemble(where, settings, secret=secret, encryption=encryption)
        self._parts.plugins.introduce(self)

        for plugin in plugins:
            self.register(plugin)

        if summarize is not None:
            self.register(Summarizer(summarize), "summarize")

        if plugin_settings and not load_entry_points:
            raise ValueError(
                "plugin_settings are for plugins of installed packages: set load_entry_points=True"
            )

        if load_entry_points:
            for loaded in self._parts.plugins.load_entry_points(plugin_settings or {}):
                logger.info("plugin %(plugin)s", plugin=loaded)

    @property
    def bot(self) -> str:
        """The author's name for the assistant."""
        return self._parts.settings.bot

"""One conversation per person, on every chat platform from which they write.

A bot's author creates a hub and adds a line for each platform:

    hub = SessionHub("bot.db")
    session_plugin_discord.install(bot, hub)
    session_plugin_telegram.install(application, hub)

From then on every message to the bot and from it is stored, in one session for each person. The
author's own handlers read it with `await ctx.session.history()` on Discord, and with `await
context.session.history()` on Telegram.

Where to look:
    SessionHub      what adapters and bots call: record, link, forget, export, consolidate, decay
    SessionView     what a handler has: history, search, for_model, add, start_new
    SessionStore    the same database with a blocking API: get_or_create, save_message, decay
    run_together    bots on several platforms in one process, ended cleanly
    hooks           the events and questions of plugins; implement them with `hookimpl`
    agents          the same session for the Agents SDK, pydantic-ai and LangChain
    commands        /link, /whoami, /forget, /export and the other commands that adapters offer
    errors          the exceptions, all derived from SessionError
    testing         offline tests of bots and plugins, and the contract of adapters; needs pytest
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from session_plugin.announcing.leases import Lease
    from session_plugin.context.marks import quoted
    from session_plugin.context.media import FetchedMedia
    from session_plugin.context.turns import ModelContext
    from session_plugin.database.copying import copy_database
    from session_plugin.database.restoring import restore_database
    from session_plugin.encryption.keys import Keys
    from session_plugin.encryption.stores import KeyStore
    from session_plugin.errors import (
        AccountTaken,
        DatabaseLocked,
        DatabaseRefused,
        DatabaseUnavailable,
        ExportRefused,
        FileRefused,
        ForgetRefused,
        LinkedRecently,
        LinkingOff,
        LinkRefused,
        PluginError,
        SessionError,
        UnknownSession,
    )
    from session_plugin.hooks import hookimpl
    from session_plugin.hub import Held, Recorded, SessionHub
    from session_plugin.hub.operator import OperatorHub
    from session_plugin.hub.secret_check import accept_lost_secret
    from session_plugin.hub.view.view import SessionView
    from session_plugin.model import (
        Account,
        Chat,
        IdentityEvent,
        LinkCode,
        LinkPreview,
        MessageEvent,
        Notice,
        Receipt,
        Session,
        SessionIdentity,
        SessionMessage,
        Summary,
        SummaryPart,
    )
    from session_plugin.parts import (
        Attachment,
        MediaPart,
        Part,
        RawPart,
        ReasoningPart,
        TextPart,
        ToolCallPart,
        ToolResultPart,
    )
    from session_plugin.parts.texts import map_texts
    from session_plugin.reports import (
        CodeAlarm,
        CopyReport,
        DecayPart,
        DecayReport,
        EncryptionStatus,
        FailedConsolidation,
        HubStatus,
        ImportReport,
        PluginStatus,
        Progress,
        Skipped,
    )
    from session_plugin.rules.found import Found, Hit
    from session_plugin.rules.overview import (
        Health,
        KnownAccount,
        KnownPerson,
        KnownSummary,
        Timeline,
    )
    from session_plugin.rules.policies import Expiry, Retention
    from session_plugin.running import run_together
    from session_plugin.store.store import SessionStore

__version__ = "0.1.0"

__all__ = [
    "Account",
    "AccountTaken",
    "Attachment",
    "Chat",
    "CodeAlarm",
    "CopyReport",
    "DatabaseLocked",
    "DatabaseRefused",
    "DatabaseUnavailable",
    "DecayPart",
    "DecayReport",
    "EncryptionStatus",
    "Expiry",
    "ExportRefused",
    "FailedConsolidation",
    "FetchedMedia",
    "FileRefused",
    "ForgetRefused",
    "Found",
    "Health",
    "Held",
    "Hit",
    "HubStatus",
    "IdentityEvent",
    "ImportReport",
    "KeyStore",
    "Keys",
    "KnownAccount",
    "KnownPerson",
    "KnownSummary",
    "Lease",
    "LinkCode",
    "LinkPreview",
    "LinkRefused",
    "LinkedRecently",
    "LinkingOff",
    "MediaPart",
    "MessageEvent",
    "ModelContext",
    "Notice",
    "OperatorHub",
    "Part",
    "PluginError",
    "PluginStatus",
    "Progress",
    "RawPart",
    "ReasoningPart",
    "Receipt",
    "Recorded",
    "Retention",
    "Session",
    "SessionError",
    "SessionHub",
    "SessionIdentity",
    "SessionMessage",
    "SessionStore",
    "SessionView",
    "Skipped",
    "Summary",
    "SummaryPart",
    "TextPart",
    "Timeline",
    "ToolCallPart",
    "ToolResultPart",
    "UnknownSession",
    "accept_lost_secret",
    "copy_database",
    "hookimpl",
    "map_texts",
    "quoted",
    "restore_database",
    "run_together",
]

_MODULES = (
    "errors",
    "parts",
    "parts.texts",
    "model",
    "reports",
    "hooks",
    "context.marks",
    "context.media",
    "context.turns",
    "rules.found",
    "rules.overview",
    "rules.policies",
    "running",
    "announcing.leases",
    "database.copying",
    "store.store",
    "hub.view.view",
    "hub",
    "hub.operator",
    "hub.secret_check",
    "database.restoring",
    "encryption.stores",
    "encryption.keys",
)
"""Where the public names are. What takes long to import comes last."""

if not TYPE_CHECKING:  # a checker knows the names from above, and none besides

    def __getattr__(name: str) -> Any:
        """Import a public name, or a module of them, when it is first used.

        A plugin that needs `hookimpl` and `MessageEvent` only does not load the hub, and the hub
        does not load the store.
        """
        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

        modules = (import_module(f"{__name__}.{module}") for module in _MODULES)
        found = next(vars(module)[name] for module in modules if name in vars(module))
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return [*globals(), *__all__]

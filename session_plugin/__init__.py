"""One conversation per person, whichever chat platform they write from.

A bot's author makes a hub and adds a line for each platform:

    hub = SessionHub("bot.db")
    session_plugin_discord.install(bot, hub)
    session_plugin_telegram.install(application, hub)

From then on every message to the bot and from it is kept, in one session for each canonical user,
and the author's own handlers read it: `await ctx.session.history()` on Discord, `await
context.session.history()` on Telegram.

Where to look:
    SessionHub      what adapters and bots talk to: record, link, unlink, forget, export,
    consolidate, decay SessionView     what a handler holds: history, for_model, add, start_new
    SessionStore    the same database by a blocking API: get_or_create, save_message, decay
    hooks           what a plugin can be told and asked; implement with `hookimpl`
    commands        /link, /whoami, /forget, /export and their kin for adapters to offer
    errors          all that is raised here, below SessionError
    testing         a whole bot tested offline, and the contract of adapters
    (`session_plugin.testing` needs pytest)
"""

from session_plugin.announcing.leases import Lease
from session_plugin.context.quoting import quoted
from session_plugin.context.turns import ModelContext
from session_plugin.database.copying import copy_database
from session_plugin.errors import (
    AccountTaken,
    DatabaseLocked,
    DatabaseRefused,
    DatabaseUnavailable,
    ForgetRefused,
    LinkingOff,
    LinkRefused,
    PluginError,
    SessionError,
    UnknownSession,
)
from session_plugin.hooks import hookimpl
from session_plugin.hub import Recorded, SessionHub
from session_plugin.hub.view import SessionView
from session_plugin.model import (
    Account,
    Attachment,
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
from session_plugin.reports import (
    DecayPart,
    DecayReport,
    FailedConsolidation,
    HubStatus,
    ImportReport,
    PluginStatus,
    Progress,
    Skipped,
)
from session_plugin.rules.policies import Expiry, Retention
from session_plugin.store.store import SessionStore

__version__ = "0.1.0"

__all__ = [
    "Account",
    "AccountTaken",
    "Attachment",
    "Chat",
    "DatabaseLocked",
    "DatabaseRefused",
    "DatabaseUnavailable",
    "DecayPart",
    "DecayReport",
    "Expiry",
    "FailedConsolidation",
    "ForgetRefused",
    "HubStatus",
    "IdentityEvent",
    "ImportReport",
    "Lease",
    "LinkCode",
    "LinkPreview",
    "LinkRefused",
    "LinkingOff",
    "MessageEvent",
    "ModelContext",
    "Notice",
    "PluginError",
    "PluginStatus",
    "Progress",
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
    "UnknownSession",
    "copy_database",
    "hookimpl",
    "quoted",
]

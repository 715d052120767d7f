"""session_plugin for python-telegram-bot: one line attaches a hub to an Application.

    application = ApplicationBuilder().token(TOKEN).build()
    session_plugin_telegram.install(application, hub)

    async def recap(update: Update, context: SessionContext) -> None:
        for message in await context.session.history(limit=5):  # from all linked accounts
            ...

Public names:
    install         attach a hub: record messages of people and of the bot, offer session commands
    run             run an application in your own event loop, next to bots on other platforms
    add_to_menu     add the session commands to the bot's menu
    SessionContext  the type of `context` in handlers, with `.session`
    to_event        translate a Telegram message to a MessageEvent
    CHANNEL         the channel of Telegram's accounts and chats

Modules:
    install         how a hub gets into an Application, and how long it stays open
    running         an application in an event loop of the author's
    incoming        updates before their handlers: messages, edits, deletions, migrations
    outgoing        requests of the bot: intercepted, and their results recorded
    own_messages    what each request did, and whom it answers
    answering       what a handler answers, and how long that is certain
    commands        /link and the other session commands, the menu, notices
    files           what people sent, downloaded for a model
    context         where context.session comes from
    translate       Telegram objects to events, chats and accounts: pure
    topics          private chats' topics as conversations of their own
    content         what a message says besides its text, as metadata: pure
    markup          formatted captions as plain text: pure
    testing         bots on a simulated Telegram, for tests
"""

try:
    import telegram as _telegram
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "session_plugin_telegram needs python-telegram-bot: pip install 'session-plugin[telegram]'"
        ". Bots of other libraries, such as aiogram, need an adapter of their own: see "
        "adapters/README.md",
        name="telegram",
    ) from error

if getattr(_telegram, "__version_info__", (0, 0))[:2] < (21, 4):
    raise ImportError(
        "session_plugin_telegram needs python-telegram-bot 21.4 or newer, and the installed "
        f"package telegram is {getattr(_telegram, '__version__', 'another one')}: "
        "pip install --upgrade 'session-plugin[telegram]'",
        name="telegram",
    )

from session_plugin_telegram.commands import add_to_menu
from session_plugin_telegram.context import SessionContext
from session_plugin_telegram.install import install
from session_plugin_telegram.running import run
from session_plugin_telegram.translate import CHANNEL, to_event

__all__ = ["CHANNEL", "SessionContext", "add_to_menu", "install", "run", "to_event"]

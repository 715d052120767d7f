"""session_plugin for python-telegram-bot: one line, and your bot remembers, together with your
other platforms.

    application = ApplicationBuilder().token(TOKEN).build()
    session_plugin_telegram.install(application, hub)

    async def recap(update: Update, context: SessionContext) -> None:
        for message in await context.session.history(limit=5):  # also what was said elsewhere
            ...

Where to look:
    install          attach a hub to an Application: messages in, the bot's own messages out, the
    in-chat commands add_to_menu      show the in-chat commands in the bot's menu, if you want them
    there SessionContext   the type of `context` in your handlers, with `.session`
    to_event         a Telegram message as a MessageEvent
    CHANNEL          the name of this platform in accounts and chats
"""

try:
    import telegram as _telegram  # noqa: F401 - only to say what is missing
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "session_plugin_telegram needs python-telegram-bot: pip install 'session-plugin[telegram]'",
        name="telegram",
    ) from error

from session_plugin_telegram.adapter import add_to_menu, install
from session_plugin_telegram.context import SessionContext
from session_plugin_telegram.translate import CHANNEL, to_event

__all__ = ["CHANNEL", "SessionContext", "add_to_menu", "install", "to_event"]

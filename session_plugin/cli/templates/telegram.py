"""A Telegram bot that remembers what people say.

TELEGRAM_TOKEN=... python bot.py
"""

import os
from typing import Any

from telegram import Update
from telegram.ext import Application, ApplicationBuilder, ContextTypes, MessageHandler, filters

import session_plugin_telegram
from session_plugin import SessionHub, SessionView
from session_plugin_telegram import SessionContext

AnyApplication = Application[Any, SessionContext, Any, Any, Any, Any]


async def respond(session: SessionView) -> str:
    """Return an answer. Give `await session.for_model()` to your model here."""
    earlier = await session.history(limit=1, before=session.event)
    return f"Noted. Before that: {earlier[-1].content}" if earlier else "Hello! I remember that."


def build(hub: SessionHub, builder: Any) -> AnyApplication:
    """Return the application."""
    application: AnyApplication = builder.context_types(
        ContextTypes(context=SessionContext)
    ).build()
    session_plugin_telegram.install(application, hub)

    async def answer(update: Update, context: SessionContext) -> None:
        if update.message is not None:
            await update.message.reply_text(await respond(context.session))

    private_text = filters.ChatType.PRIVATE & filters.TEXT & ~filters.COMMAND
    application.add_handler(MessageHandler(private_text, answer))

    return application


def main() -> None:
    """Run until Ctrl-C."""
    token = os.environ.get("TELEGRAM_TOKEN")
    if not token:
        raise SystemExit("Set TELEGRAM_TOKEN to the token that @BotFather gave you.")

    hub = SessionHub(os.environ.get("SESSION_DATABASE") or "bot.db")
    application = build(hub, ApplicationBuilder().token(token))
    application.run_polling(allowed_updates=Update.ALL_TYPES)


if __name__ == "__main__":
    main()

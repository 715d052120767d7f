"""Answer a message once, however often the platform delivers it.

A duplicate is never stored twice. Its handler runs all the same, because only you know whether the
answer was sent before the connection broke.
"""

from __future__ import annotations

from typing import Any

from telegram import Update
from telegram.ext import Application, ContextTypes, MessageHandler, filters

import session_plugin_telegram
from session_plugin import SessionHub, SessionView
from session_plugin_telegram import SessionContext


async def is_answered(session: SessionView) -> bool:
    """Check whether this message was delivered before, and the bot has said something since."""
    if not session.is_duplicate or session.event is None:
        return False

    messages = await session.history(limit=20)
    said = [message.message_id == session.event.message_id for message in messages]
    later = messages[said.index(True) + 1 :] if True in said else messages
    return any(message.role == "assistant" for message in later)


def build(builder: Any, hub: SessionHub) -> Application[Any, SessionContext, Any, Any, Any, Any]:
    """Return a bot that answers each message once."""
    application: Application[Any, SessionContext, Any, Any, Any, Any] = builder.context_types(
        ContextTypes(context=SessionContext)
    ).build()
    session_plugin_telegram.install(application, hub)

    async def answer(update: Update, context: SessionContext) -> None:
        if update.message is not None and not await is_answered(context.session):
            await update.message.reply_text("Noted.")

    application.add_handler(MessageHandler(filters.TEXT & ~filters.COMMAND, answer))
    return application

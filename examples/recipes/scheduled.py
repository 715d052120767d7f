"""A message that a job sends later, and that knows what was said until then.

Where a job runs, nobody has written: `context.session` is None. `hub.session_of` returns the
session of a chat. What the bot sends in a direct chat is that person's conversation by itself.
"""

from __future__ import annotations

from typing import Any

from telegram import Update
from telegram.ext import Application, CallbackContext, CommandHandler

import session_plugin_telegram
from session_plugin import Account, Chat, SessionHub, SessionView


def session_of(hub: SessionHub, bot_id: int, user_id: int) -> SessionView:
    """Return the session of a person's direct chat on Telegram, whose id is the person's."""
    chat = Chat("telegram", str(user_id), "direct", bot_id=str(bot_id))
    return hub.session_of(chat, Account("telegram", str(user_id)))


def install(application: Application[Any, Any, Any, Any, Any, Any], hub: SessionHub) -> None:
    """Add `/remind SECONDS` to an application that has a job queue."""
    session_plugin_telegram.install(application, hub)

    async def remind(context: CallbackContext[Any, Any, Any, Any]) -> None:
        assert context.job is not None
        user_id = context.job.user_id
        assert user_id is not None

        session = session_of(hub, context.bot.id, user_id)
        said = [one.content for one in await session.history() if one.role == "user"]
        await context.bot.send_message(user_id, f"You wanted to hear from me. You said: {said[-1]}")

    async def ask(update: Update, context: CallbackContext[Any, Any, Any, Any]) -> None:
        if update.effective_user is None or update.message is None or context.job_queue is None:
            return

        seconds = float((context.args or ["60"])[0])
        context.job_queue.run_once(remind, seconds, user_id=update.effective_user.id)
        await update.message.reply_text("I will.")

    application.add_handler(CommandHandler("remind", ask))

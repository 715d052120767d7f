"""Two bots in one process and one database: each has conversations of its own.

People are shared: an account that is linked with one bot is linked with the other, and /forget
erases what was said to both. Give them a database each if they should know nothing of each other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from telegram import Update
from telegram.ext import ApplicationBuilder, ContextTypes, MessageHandler, filters

import session_plugin_telegram
from session_plugin import SessionHub, run_together
from session_plugin_telegram import SessionContext


def build(builder: Any, hub: SessionHub) -> Any:
    """Return a bot that says how many messages its own conversation has."""
    application = builder.context_types(ContextTypes(context=SessionContext)).build()
    session_plugin_telegram.install(application, hub)

    async def answer(update: Update, context: SessionContext) -> None:
        if update.message is not None:
            count = len(await context.session.history(limit=None))
            await update.message.reply_text(f"{hub.bot}: message {count}.")

    application.add_handler(MessageHandler(filters.TEXT & ~filters.COMMAND, answer))
    return application


def build_both(database: str | Path, shop: Any, support: Any) -> list[Any]:
    """Return both bots, each with a hub of its own name on the same database."""
    return [
        build(shop, SessionHub(database, bot="shop")),
        build(support, SessionHub(database, bot="support")),
    ]


async def run(database: str, tokens: tuple[str, str]) -> None:
    """Run both until Ctrl-C or SIGTERM."""
    shop, support = (ApplicationBuilder().token(token) for token in tokens)
    bots = build_both(database, shop, support)
    await run_together(*(session_plugin_telegram.run(bot) for bot in bots))

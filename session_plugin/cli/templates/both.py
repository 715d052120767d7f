"""A bot on Discord and Telegram with one memory. People link their accounts with /link.

Enable the message content intent for it at https://discord.com/developers/applications, then run:

    DISCORD_TOKEN=... TELEGRAM_TOKEN=... python bot.py
"""

import asyncio
import os
from contextlib import suppress
from typing import Any

import discord
from discord.ext import commands
from telegram import Update
from telegram.ext import Application, ApplicationBuilder, ContextTypes, MessageHandler, filters

import session_plugin_discord
import session_plugin_telegram
from session_plugin import SessionHub, SessionView, run_together
from session_plugin_telegram import SessionContext

AnyApplication = Application[Any, SessionContext, Any, Any, Any, Any]


async def respond(session: SessionView) -> str:
    """Return an answer. Give `await session.for_model()` to your model here."""
    earlier = await session.history(limit=1, before=session.event)
    return f"Noted. Before that: {earlier[-1].content}" if earlier else "Hello! I remember that."


def build_discord(hub: SessionHub) -> commands.Bot:
    """Return the bot on Discord."""
    intents = discord.Intents.default()
    intents.message_content = True
    bot = commands.Bot(command_prefix="!", intents=intents)
    session_plugin_discord.install(bot, hub)

    @bot.event
    async def on_message(message: discord.Message) -> None:
        session = await session_plugin_discord.session(message)
        if session.event is None or message.author.bot:
            return  # a session command such as !forget, or a bot

        is_asked = message.guild is None or (bot.user is not None and bot.user in message.mentions)
        if is_asked:
            await message.channel.send(await respond(session))

    return bot


def build_telegram(hub: SessionHub, builder: Any) -> AnyApplication:
    """Return the bot on Telegram."""
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
    """Run until Ctrl-C, or until one of the bots fails."""
    tokens = [os.environ.get(name) for name in ("DISCORD_TOKEN", "TELEGRAM_TOKEN")]
    if not tokens[0] or not tokens[1]:
        raise SystemExit("Set DISCORD_TOKEN and TELEGRAM_TOKEN.")

    hub = SessionHub(os.environ.get("SESSION_DATABASE") or "bot.db")
    on_discord = session_plugin_discord.run(build_discord(hub), tokens[0])
    on_telegram = session_plugin_telegram.run(
        build_telegram(hub, ApplicationBuilder().token(tokens[1]))
    )
    with suppress(KeyboardInterrupt):
        asyncio.run(run_together(on_discord, on_telegram))


if __name__ == "__main__":
    main()

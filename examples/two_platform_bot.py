"""A bot on Discord and Telegram with one memory. Copy it and write your own `respond`;
agent_bot.py has one that asks an agent.

    DISCORD_TOKEN=... TELEGRAM_TOKEN=... SESSION_DATABASE=bot.db python two_platform_bot.py

One token is enough. The bot answers direct messages, mentions, and !recap or /recap. Discord offers
/recap and the session commands once its owner has typed !sync. For a proxy or your own Bot API
server, set DISCORD_API_BASE, DISCORD_GATEWAY_URL, TELEGRAM_BASE_URL or
TELEGRAM_BASE_FILE_URL.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from typing import Any

import discord
import discord.gateway
import discord.http
import yarl
from discord.ext import commands
from telegram import Update
from telegram.constants import ChatType
from telegram.ext import (
    Application,
    ApplicationBuilder,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    filters,
)

import session_plugin_discord
import session_plugin_telegram
from session_plugin import (
    SessionError,
    SessionHub,
    SessionMessage,
    SessionView,
    run_together,
)
from session_plugin_telegram import SessionContext

TelegramApplication = Application[Any, SessionContext, Any, Any, Any, Any]
Respond = Callable[[SessionView], Awaitable[str]]


async def respond(session: SessionView) -> str:
    """Return an answer. Use `await session.for_model()` with a model; this bot only counts."""
    info = await session.info()
    count = 0 if info is None else info.message_count
    return f"Noted. That is message {count} of our conversation."


async def recap(session: SessionView) -> str:
    """Return the last messages before the present one, with platform and author."""
    messages = await session.history(limit=10, before=session.event)
    return "\n".join(map(_shown, messages)) or "Nothing was said in this conversation yet."


async def is_answered(session: SessionView) -> bool:
    """Check whether the message came before, and was answered; a crash may have come between."""
    if not session.is_duplicate or session.event is None:
        return False

    messages = await session.history(limit=50)
    ids = [message.message_id for message in messages]
    since = ids.index(session.event.message_id) if session.event.message_id in ids else 0
    return any(message.role == "assistant" for message in messages[since:])


def _shown(message: SessionMessage) -> str:
    who = "me" if message.role == "assistant" else message.author_name
    text = " ".join(message.content.split())
    return f"[{message.channel}] {who}: {text if len(text) <= 100 else text[:99] + '…'}"


def pieces(text: str, longest: int) -> Iterator[str]:
    """Yield a text in pieces that a platform takes, divided between lines or words if possible."""
    while len(text) > longest:
        cut = max(text.rfind("\n", 0, longest), text.rfind(" ", 0, longest)) + 1 or longest
        yield text[:cut]
        text = text[cut:]
    yield text


def build_discord(
    hub: SessionHub, environ: Mapping[str, str], respond: Respond = respond
) -> commands.Bot:
    """Return the Discord bot. Enable its message content intent in the developer portal."""
    if "DISCORD_API_BASE" in environ:
        discord.http.Route.BASE = environ["DISCORD_API_BASE"]
    if "DISCORD_GATEWAY_URL" in environ:
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(environ["DISCORD_GATEWAY_URL"])

    intents = discord.Intents.default()
    intents.message_content = True
    bot = commands.Bot(command_prefix="!", intents=intents)
    session_plugin_discord.install(bot, hub)  # the only line you need

    add_discord_commands(bot)

    @bot.event
    async def on_message(message: discord.Message) -> None:
        if message.author.bot:
            return

        if message.content.startswith("!"):
            await bot.process_commands(message)
        elif message.guild is None or (bot.user is not None and bot.user in message.mentions):
            session = await session_plugin_discord.session(message)
            if await is_answered(session):
                return

            for piece in pieces(await respond(session), 2000):
                await message.channel.send(piece)

    return bot


def add_discord_commands(bot: commands.Bot) -> None:
    """Add !recap, also as a slash command, and !sync for the bot's owner."""

    @bot.hybrid_command(name="recap", description="Show what was said last, on all platforms")
    async def show_recap(ctx: session_plugin_discord.SessionContext) -> None:
        await ctx.reply(await recap(ctx.session))

    @bot.command(name="sync")
    async def synchronize(ctx: session_plugin_discord.SessionContext) -> None:
        if await bot.is_owner(ctx.author):
            offered = await bot.tree.sync()
            await ctx.reply(f"Discord offers {len(offered)} slash commands now.")


def build_telegram(
    hub: SessionHub, environ: Mapping[str, str], respond: Respond = respond
) -> TelegramApplication:
    """Return the Telegram bot."""
    builder = (
        ApplicationBuilder()
        .token(environ["TELEGRAM_TOKEN"])
        .context_types(ContextTypes(context=SessionContext))
    )

    if "TELEGRAM_BASE_URL" in environ:
        builder = builder.base_url(environ["TELEGRAM_BASE_URL"])
    if "TELEGRAM_BASE_FILE_URL" in environ:
        builder = builder.base_file_url(environ["TELEGRAM_BASE_FILE_URL"])

    application = builder.build()
    session_plugin_telegram.install(application, hub)  # the only line you need

    async def show_recap(update: Update, context: SessionContext) -> None:
        if update.message is not None:
            await update.message.reply_text(await recap(context.session))

    async def on_message(update: Update, context: SessionContext) -> None:
        message = update.message
        if message is None or await is_answered(context.session):
            return

        if message.chat.type == ChatType.PRIVATE or _mentions(message.text, context):
            for piece in pieces(await respond(context.session), 4096):
                await message.reply_text(piece)

    application.add_handler(CommandHandler("recap", show_recap))
    application.add_handler(MessageHandler(filters.TEXT & ~filters.COMMAND, on_message))
    return application


def _mentions(text: str | None, context: SessionContext) -> bool:
    return f"@{context.bot.username}" in (text or "")


def build(
    environ: Mapping[str, str], respond: Respond
) -> tuple[SessionHub, commands.Bot | None, TelegramApplication | None]:
    """Return the hub, and a bot for each token."""
    hub = SessionHub(environ.get("SESSION_DATABASE") or "two_platform_bot.db")
    return (
        hub,
        build_discord(hub, environ, respond) if environ.get("DISCORD_TOKEN") else None,
        build_telegram(hub, environ, respond) if environ.get("TELEGRAM_TOKEN") else None,
    )


async def run(environ: Mapping[str, str], respond: Respond = respond) -> None:
    """Run until Ctrl-C or SIGTERM, or until one of the bots fails."""
    hub, bot, application = build(environ, respond)
    if bot is None and application is None:
        raise SystemExit("Set DISCORD_TOKEN, TELEGRAM_TOKEN or both.")

    async with hub:  # fails before a bot logs in, if the database cannot be used
        bots: list[Coroutine[Any, Any, None]] = []
        if bot is not None:
            bots.append(session_plugin_discord.run(bot, environ["DISCORD_TOKEN"]))
        if application is not None:
            bots.append(session_plugin_telegram.run(application))

        await run_together(*bots)


def main(respond: Respond = respond) -> None:
    """Run with the tokens in the environment."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # Hide the warning about missing voice libraries.
    logging.getLogger("discord.client").setLevel(logging.ERROR)

    try:
        with suppress(KeyboardInterrupt):  # Ctrl-C on Windows, or twice
            asyncio.run(run(os.environ, respond))
    except SessionError as error:
        sys.exit(f"session_plugin: {error}")


if __name__ == "__main__":
    main()

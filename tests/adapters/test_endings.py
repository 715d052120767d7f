"""Bots that their libraries run from beginning to end, as most do, end without losing a word."""

import sys
import textwrap

import pytest

from session_plugin.testing import Driver
from session_plugin.testing.contract import EndingContract

BOT_RUN = """
    import os, signal, discord, yarl
    from discord.ext import commands
    import session_plugin_discord
    from session_plugin import SessionHub

    discord.http.Route.BASE = os.environ["DISCORD_API_BASE"]
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_GATEWAY_URL"])
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # as the README says
    bot = commands.Bot("!", intents=discord.Intents.default())
    session_plugin_discord.install(bot, SessionHub(os.environ["SESSION_DATABASE"]))

    @bot.event
    async def on_message(message):
        if not message.author.bot:
            await message.channel.send(f"you said {message.content}")

    bot.run(os.environ["DISCORD_TOKEN"], log_handler=None)
"""

RUN_POLLING = """
    import os
    from telegram.ext import ApplicationBuilder, MessageHandler, filters
    import session_plugin_telegram
    from session_plugin import SessionHub

    async def on_message(update, context):
        await update.message.reply_text(f"you said {update.message.text}")

    builder = ApplicationBuilder().token(os.environ["TELEGRAM_TOKEN"])
    builder.base_url(os.environ["TELEGRAM_BASE_URL"]).base_file_url(os.environ["TELEGRAM_BASE_FILE_URL"])
    application = builder.build()
    session_plugin_telegram.install(application, SessionHub(os.environ["SESSION_DATABASE"]))
    application.add_handler(MessageHandler(filters.TEXT, on_message))
    application.run_polling()
"""


RUN_WEBHOOK = RUN_POLLING.replace(
    "application.run_polling()",
    """
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    application.run_webhook("127.0.0.1", port, url_path="hook", webhook_url=f"http://127.0.0.1:{port}/hook")
    """,
)


class TestBotRun(EndingContract):
    @pytest.fixture
    def driver(self, on_discord: Driver) -> Driver:
        on_discord.program = (sys.executable, "-W", "ignore", "-c", textwrap.dedent(BOT_RUN))
        return on_discord


class TestRunPolling(EndingContract):
    @pytest.fixture
    def driver(self, on_telegram: Driver) -> Driver:
        on_telegram.program = (sys.executable, "-c", textwrap.dedent(RUN_POLLING))
        return on_telegram


class TestRunWebhook(EndingContract):
    @pytest.fixture
    def driver(self, on_telegram: Driver) -> Driver:
        pytest.importorskip("tornado", reason="the extra webhooks of python-telegram-bot")
        on_telegram.program = (sys.executable, "-c", textwrap.dedent(RUN_WEBHOOK))
        return on_telegram

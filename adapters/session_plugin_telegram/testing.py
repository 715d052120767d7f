"""Test a bot offline: applications of python-telegram-bot on a simulated Telegram.

    pytest_plugins = ["session_plugin_telegram.testing"]            # in conftest.py

    async def test_my_bot_greets(on_telegram):
        ann = on_telegram.user("Ann")
        dm = on_telegram.direct_chat(ann)
        async with on_telegram.started(my_application(on_telegram.builder())):
            assert await on_telegram.ask(ann, dm, "hello") == "Hello, Ann!"

The contract of adapters runs on the same driver. Requires pytest, pytest-asyncio and aiohttp, which
the extra `testing` installs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest_asyncio
from telegram import Update
from telegram.ext import ApplicationBuilder, MessageHandler, filters

import session_plugin_telegram
from session_plugin.testing import Driver, Handle, Turn
from session_plugin_telegram.context import AnyApplication
from telegram_simulator import TelegramSimulator

__all__ = ["TelegramDriver", "on_telegram"]


class TelegramDriver(Driver):
    """Runs applications of python-telegram-bot on a TelegramSimulator.

    An application reaches the simulator if it is built from `builder`.

    Example:
        async def test_a_bot_of_my_own(on_telegram):
            application = on_telegram.builder().concurrent_updates(True).build()
            async with on_telegram.started(application):
                ...
    """

    channel = "telegram"
    prefix = "/"
    package = session_plugin_telegram
    reports = ("telegram.ext.Application", "No error handlers are registered")

    def builder(self) -> Any:
        """Return an ApplicationBuilder with the simulator's token and addresses set."""
        addresses = self.environment()
        builder = (
            ApplicationBuilder()
            .token(addresses["TELEGRAM_TOKEN"])
            .base_url(addresses["TELEGRAM_BASE_URL"])
        )

        return builder.base_file_url(addresses["TELEGRAM_BASE_FILE_URL"])

    def make(
        self, handle: Handle | None = None, *, builder: Any = None, **options: Any
    ) -> AnyApplication:
        """Build an application without a hub, with `handle` as its handler in group 0."""
        app: AnyApplication = (builder or self.builder()).build()

        async def answer(update: Update, context: Any) -> None:
            message = update.effective_message
            if message is None:
                return

            thread_id = message.message_thread_id if message.is_topic_message else None

            async def say(text: str) -> Any:
                return await context.bot.send_message(
                    message.chat_id, text, message_thread_id=thread_id
                )

            async def reply(text: str) -> Any:
                return await message.reply_text(text, do_quote=True)

            text = message.text or message.caption or ""
            await self.handled(handle, Turn(text, context.session, message, say, reply))

        if handle is not None:
            kinds = filters.UpdateType.MESSAGE | filters.UpdateType.CHANNEL_POST
            app.add_handler(MessageHandler(kinds & ~filters.StatusUpdate.ALL, answer))

        return app

    @asynccontextmanager
    async def connected(self, bot: AnyApplication) -> AsyncIterator[None]:
        """Run an application, which polls the simulator, while the block runs."""
        async with bot:
            await bot.start()
            if bot.updater is None:
                raise ValueError("the application has no updater: build it without .updater(None)")

            await bot.updater.start_polling(allowed_updates=Update.ALL_TYPES)
            await self.simulator.connected()

            try:
                yield
            finally:
                await bot.updater.stop()
                await bot.stop()

    async def strangers(self, group: Any) -> list[tuple[Any, str]]:
        """Send messages as an anonymous administrator, as a channel in a group, and in a channel.

        Returns:
            For each message its chat and the name of its author.
        """
        channel = self.simulator.channel("News")

        await self.simulator.say_as_channel(group, "from an anonymous administrator")
        await self.simulator.say_as_channel(group, "from a channel", channel=channel)
        await self.simulator.post(channel, "a post in a channel")

        return [(group, group.name), (group, "News"), (channel, "News")]

    async def stranger(self, group: Any, name: str, text: str) -> None:
        """Send a message in a group as a channel."""
        await self.simulator.say_as_channel(group, text, channel=self.simulator.channel(name))

    async def send(self, bot: AnyApplication, chat: Any, text: str) -> None:
        """Send a message of the bot to a chat."""
        await bot.bot.send_message(chat.id, text)


@pytest_asyncio.fixture
async def on_telegram() -> AsyncIterator[TelegramDriver]:
    """Yield a driver on a simulated Telegram that belongs to this test.

    Example:
        async def test_my_bot_greets(on_telegram):
            ann = on_telegram.user("Ann")
            async with on_telegram.started(application):
                dm = on_telegram.direct_chat(ann)
                assert await on_telegram.ask(ann, dm, "hello") == "Hello, Ann!"
    """
    async with TelegramSimulator(bot_name="Marvin") as simulator:
        yield TelegramDriver(simulator)

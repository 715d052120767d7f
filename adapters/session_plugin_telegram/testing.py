"""Real python-telegram-bot applications on the simulator: for a bot's author, whose tests need no
network, and for the contract of adapters.

    pytest_plugins = ["session_plugin_telegram.testing"]            # in conftest.py

    async def test_my_bot_greets(on_telegram):
        ann = on_telegram.user("Ann")
        async with on_telegram.started(my_application(on_telegram.builder())):
            assert await on_telegram.ask(ann, on_telegram.direct_chat(ann), "hello") == "Hello,
            Ann!"

It needs pytest, pytest-asyncio and aiohttp, which the extra `test` brings.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest_asyncio
from telegram import Update
from telegram.ext import Application, ApplicationBuilder, MessageHandler, filters

import session_plugin_telegram
from session_plugin.testing import Driver, Handle, Turn
from telegram_simulator import TelegramSimulator

__all__ = ["TelegramDriver", "on_telegram"]

AnyApplication = Application[Any, Any, Any, Any, Any, Any]


class TelegramDriver(Driver):
    """Applications of python-telegram-bot on a TelegramSimulator, to which `builder` leads them.

    Example:
        async def test_a_bot_of_my_own(on_telegram):
            application = on_telegram.builder().concurrent_updates(True).build()
            async with on_telegram.started(application):
                ...
    """

    channel = "telegram"
    prefix = "/"
    package = session_plugin_telegram

    def builder(self) -> Any:
        """Give an ApplicationBuilder with the simulator's token and addresses; add to it what your
        bot needs.
        """
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
        """Make an application with the author's handler in group 0; nothing is installed yet."""
        app: AnyApplication = (builder or self.builder()).build()

        async def answer(update: Update, context: Any) -> None:
            message = update.effective_message
            if message is None:
                return
            thread = message.message_thread_id if message.is_topic_message else None

            async def say(text: str) -> Any:
                return await context.bot.send_message(
                    message.chat_id, text, message_thread_id=thread
                )

            async def reply(text: str) -> Any:
                return await message.reply_text(text, do_quote=True)

            turn = Turn(message.text or message.caption or "", context.session, message, say, reply)
            await self.handled(handle, turn)

        if handle is not None:
            kinds = filters.UpdateType.MESSAGE | filters.UpdateType.CHANNEL_POST
            app.add_handler(MessageHandler(kinds & ~filters.StatusUpdate.ALL, answer))
        return app

    @asynccontextmanager
    async def connected(self, bot: AnyApplication) -> AsyncIterator[None]:
        """Poll the simulator while the block runs."""
        async with bot:
            await bot.start()
            if bot.updater is None:
                raise ValueError("the application has no updater: build it with one")
            await bot.updater.start_polling(allowed_updates=Update.ALL_TYPES)
            await self.simulator.connected()
            try:
                yield
            finally:
                await bot.updater.stop()
                await bot.stop()

    async def strangers(self, group: Any) -> list[tuple[Any, str]]:
        """Let an anonymous administrator, a channel in a group, and a channel speak."""
        channel = self.simulator.channel("News")
        await self.simulator.say_as_channel(group, "from an anonymous administrator")
        await self.simulator.say_as_channel(group, "from a channel", channel=channel)
        await self.simulator.post(channel, "a post in a channel")
        return [(group, group.name), (group, "News"), (channel, "News")]

    async def stranger(self, group: Any, name: str, text: str) -> None:
        """Let a channel speak in a group."""
        await self.simulator.say_as_channel(group, text, channel=self.simulator.channel(name))

    async def send(self, bot: AnyApplication, chat: Any, text: str) -> None:
        """Send to a chat by its id."""
        await bot.bot.send_message(chat.id, text)


@pytest_asyncio.fixture
async def on_telegram() -> AsyncIterator[TelegramDriver]:
    """Give a Telegram of this test's own.

    Example:
        async def test_my_bot_greets(on_telegram):
            ann = on_telegram.user("Ann")
            async with on_telegram.started(application):
                dm = on_telegram.direct_chat(ann)
                assert await on_telegram.ask(ann, dm, "hello") == "Hello, Ann!"
    """
    async with TelegramSimulator(bot_name="Marvin") as simulator:
        yield TelegramDriver(simulator)

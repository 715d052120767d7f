"""Real bots on both platforms' simulators, under the same verbs, so that one contract can be tried on either."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import discord
import pytest
import yarl
from discord.ext import commands
from telegram import Update
from telegram.ext import Application, ApplicationBuilder, MessageHandler, filters

import session_plugin_discord
import session_plugin_telegram
from session_plugin import Account, Chat, SessionHub, SessionMessage, SessionView
from session_plugin_discord.simulator import DiscordSimulator
from session_plugin_telegram.simulator import TelegramSimulator


@dataclass
class Turn:
    """What an author's handler has at hand, whatever the platform."""

    text: str
    session: SessionView
    message: Any
    say: Callable[[str], Awaitable[Any]]
    reply: Callable[[str], Awaitable[Any]]


ALL: Any = MappingProxyType({})
"""Our commands, each under its own name."""
Handle = Callable[[Turn], Awaitable[object]]


class Driver:
    """One platform: its simulator, and bots that run on it."""

    channel: str
    prefix: str

    def __init__(self, simulator: Any) -> None:
        self.simulator = simulator
        self.failures: list[BaseException] = []

    @property
    def bot_id(self) -> str:
        return str(self.simulator.bot.id)

    def account(self, user: Any) -> Account:
        return Account(self.channel, str(user.id))

    def chat(self, chat: Any) -> Chat:
        kind = "direct" if chat.kind == "direct" else "group"
        thread = str(getattr(chat, "thread_id", None) or "")
        return Chat(self.channel, str(chat.id), kind, bot_id=self.bot_id, thread_id=thread)

    def view(self, hub: SessionHub, chat: Any, user: Any = None) -> SessionView:
        """Read what this person sees in this chat; without a person, what nobody's user sees."""
        if user is None and chat.kind == "direct":
            user = getattr(chat, "user", None) or chat.members[0]
        return hub.session_of(self.chat(chat), None if user is None else self.account(user))

    async def history(self, hub: SessionHub, chat: Any, *, count: int) -> list[SessionMessage]:
        """Wait until so many messages are stored, and give all that is."""
        found: list[SessionMessage] = []
        try:
            async with asyncio.timeout(5):
                while len(found) < count:
                    found = await self.view(hub, chat).history(limit=None)
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"{count} messages were expected: {[one.content for one in found]}") from None
        return found

    def command(self, name: str, argument: str = "") -> str:
        return f"{self.prefix}{name} {argument}".strip()

    async def ask(self, user: Any, chat: Any, text: str) -> str:
        """Say something and give the bot's answer to it."""
        said = await self.simulator.say(user, chat, text)
        return (await self.simulator.answer(chat, after=said)).text

    async def told(self, chat: Any, words: str) -> str:
        """Wait until the bot has said something with these words in a chat."""
        async with asyncio.timeout(5):
            while True:
                for one in self.simulator.messages(chat):
                    if one.is_from_bot and words in one.text:
                        return one.text
                await asyncio.sleep(0.01)

    async def handled(self, handle: Handle, turn: Turn) -> None:
        try:
            await handle(turn)
        except BaseException as failure:
            self.failures.append(failure)
            raise


class DiscordDriver(Driver):
    channel = "discord"
    prefix = "!"

    def make(self, handle: Handle | None = None, *, prefix: Any = "!", content: bool = True, **options: Any) -> commands.Bot:
        """Make a bot whose on_message is the author's handler; nothing is installed yet."""
        intents = discord.Intents.default()
        intents.message_content = content
        bot = commands.Bot(prefix, intents=intents, guild_ready_timeout=0.05, help_command=None, **options)

        @bot.event
        async def on_message(message: discord.Message) -> None:
            if message.author == bot.user:
                return
            if handle is not None:
                session = await session_plugin_discord.session(message)
                turn = Turn(message.content, session, message, message.channel.send, message.reply)
                await self.handled(handle, turn)
            await bot.process_commands(message)

        return bot

    @asynccontextmanager
    async def started(self, bot: commands.Bot) -> AsyncIterator[commands.Bot]:
        task = asyncio.create_task(bot.start(self.simulator.token))
        waiting = asyncio.create_task(self.simulator.connected())
        try:
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task
            await bot.wait_until_ready()
            yield bot
        finally:
            waiting.cancel()
            await bot.close()
            await asyncio.gather(task, waiting, return_exceptions=True)
        if self.failures:
            raise self.failures[0]

    @asynccontextmanager
    async def running(
        self, hub: SessionHub, handle: Handle | None = None, *, commands: Any = ALL, **options: Any
    ) -> AsyncIterator[Any]:
        bot = self.make(handle, **options)
        session_plugin_discord.install(bot, hub, commands=commands)
        async with self.started(bot):
            yield bot

    def install(self, hub: SessionHub, *, commands: Any = ALL, into: Any = None) -> Any:
        bot = into or self.make()
        session_plugin_discord.install(bot, hub, commands=commands)
        return bot

    async def strangers(self, group: Any) -> list[tuple[Any, str]]:
        """Let everybody speak who is nobody's user; give where and under which name."""
        await self.simulator.say_as_webhook("News", group, "from a webhook")
        await self.simulator.say_as_bot("Robot", group, "from another bot")
        return [(group, "News"), (group, "Robot")]


class TelegramDriver(Driver):
    channel = "telegram"
    prefix = "/"

    def builder(self) -> Any:
        addresses = self.simulator.environment()
        builder = ApplicationBuilder().token(self.simulator.token).base_url(addresses["TELEGRAM_BASE_URL"])
        return builder.base_file_url(addresses["TELEGRAM_BASE_FILE_URL"])

    def make(self, handle: Handle | None = None, *, builder: Any = None, **options: Any) -> Application:
        """Make an application with the author's handler in group 0; nothing is installed yet."""
        app = (builder or self.builder()).build()

        async def answer(update: Update, context: Any) -> None:
            message = update.effective_message
            thread = message.message_thread_id if message.is_topic_message else None

            async def say(text: str) -> Any:
                return await context.bot.send_message(message.chat_id, text, message_thread_id=thread)

            async def reply(text: str) -> Any:
                return await message.reply_text(text, do_quote=True)

            turn = Turn(message.text or message.caption or "", context.session, message, say, reply)
            await self.handled(handle, turn)

        if handle is not None:
            kinds = filters.UpdateType.MESSAGE | filters.UpdateType.CHANNEL_POST
            app.add_handler(MessageHandler(kinds & ~filters.StatusUpdate.ALL, answer))
        return app

    @asynccontextmanager
    async def started(self, app: Application) -> AsyncIterator[Application]:
        async with app:
            await app.start()
            await app.updater.start_polling(allowed_updates=Update.ALL_TYPES)
            await self.simulator.connected()
            try:
                yield app
            finally:
                await app.updater.stop()
                await app.stop()
        if self.failures:
            raise self.failures[0]

    @asynccontextmanager
    async def running(
        self, hub: SessionHub, handle: Handle | None = None, *, commands: Any = ALL, **options: Any
    ) -> AsyncIterator[Any]:
        app = self.make(handle, **options)
        session_plugin_telegram.install(app, hub, commands=commands)
        async with self.started(app):
            yield app

    def install(self, hub: SessionHub, *, commands: Any = ALL, into: Any = None) -> Any:
        app = into or self.make()
        session_plugin_telegram.install(app, hub, commands=commands)
        return app

    async def strangers(self, group: Any) -> list[tuple[Any, str]]:
        """Let everybody speak who is nobody's user; give where and under which name."""
        channel = self.simulator.channel("News")
        await self.simulator.say_as_channel(group, "from an anonymous administrator")
        await self.simulator.say_as_channel(group, "from a channel", channel=channel)
        await self.simulator.post(channel, "a post in a channel")
        return [(group, group.name), (group, "News"), (channel, "News")]


@pytest.fixture
def point_discord() -> Iterator[Callable[[DiscordSimulator], None]]:
    """Lead discord.py's process-wide addresses to a simulator, and back again after the test."""
    base, gateway = discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY

    def point(simulator: DiscordSimulator) -> None:
        environment = simulator.environment()
        discord.http.Route.BASE = environment["DISCORD_API_BASE"]
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(environment["DISCORD_GATEWAY_URL"])

    yield point
    discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


@pytest.fixture
async def on_discord(point_discord: Callable[[DiscordSimulator], None]) -> AsyncIterator[DiscordDriver]:
    async with DiscordSimulator(bot_name="Marvin") as simulator:
        point_discord(simulator)
        yield DiscordDriver(simulator)


@pytest.fixture
async def on_telegram() -> AsyncIterator[TelegramDriver]:
    async with TelegramSimulator(bot_name="Marvin") as simulator:
        yield TelegramDriver(simulator)


@pytest.fixture(params=["discord", "telegram"])
def driver(request: pytest.FixtureRequest) -> Driver:
    """Every test that takes this runs on each platform."""
    return request.getfixturevalue(f"on_{request.param}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the hub's database is."""
    return tmp_path / "bot.db"


@pytest.fixture
def hub(path: Path) -> SessionHub:
    return SessionHub(path, load_entry_points=False)


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait until a condition holds, looking again and again."""

    async def wait(is_true: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not is_true():
                await asyncio.sleep(0.01)

    return wait


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Give what our loggers said at ERROR or above."""

    def said() -> list[str]:
        ours = (one for one in caplog.records if one.name.startswith("session_plugin") and one.levelno >= logging.ERROR)
        return [one.getMessage() for one in ours]

    return said

"""Real discord.py bots on the simulator, for tests without a network.

    pytest_plugins = ["session_plugin_discord.testing"]             # in conftest.py

    async def test_my_bot_greets(on_discord):
        ann = on_discord.user("Ann")
        async with on_discord.started(my_bot):
            dm = on_discord.direct_chat(ann)
            assert await on_discord.ask(ann, dm, "hello") == "Hello, Ann!"

For the tests of a bot, and for the contract of adapters. Needs pytest, pytest-asyncio and aiohttp,
which the extra `testing` installs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import discord
import pytest
import pytest_asyncio
import yarl
from discord import app_commands
from discord.ext import commands

import session_plugin_discord
from discord_simulator import DiscordSimulator
from session_plugin.testing import Driver, Handle, Turn

__all__ = ["DiscordDriver", "on_discord", "point_discord"]


class DiscordDriver(Driver):
    """Runs bots of discord.py on a DiscordSimulator; `point_discord` connects them to it.

    Example:
        async def test_a_bot_of_my_own(on_discord):
            ann = on_discord.user("Ann")
            async with on_discord.started(bot):
                assert await on_discord.ask(ann, on_discord.direct_chat(ann), "!ping") == "pong"
    """

    channel = "discord"
    prefix = "!"
    package = session_plugin_discord
    reports = ("discord", "Ignoring exception in")

    def make(
        self,
        handle: Handle | None = None,
        *,
        prefix: Any = "!",
        content: bool = True,
        **options: Any,
    ) -> commands.Bot:
        """Return a bot whose on_message calls `handle`; no hub is installed yet.

        Args:
            handle: The author's handler of messages.
            prefix: The bot's command prefix.
            content: Whether the bot has the message_content intent.
            options: Further arguments of commands.Bot.
        """
        intents = discord.Intents.default()
        intents.message_content = content
        bot = commands.Bot(
            prefix, intents=intents, guild_ready_timeout=0.05, help_command=None, **options
        )

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
    async def connected(self, bot: discord.Client) -> AsyncIterator[None]:
        """Run a bot during the block; raise the error if it does not start."""
        task = asyncio.create_task(bot.start(self.simulator.token))
        waiting = asyncio.create_task(self.simulator.connected())

        try:
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task

            await bot.wait_until_ready()
            yield
        finally:
            waiting.cancel()
            await bot.close()
            await asyncio.gather(task, waiting, return_exceptions=True)

    async def slash(self, user: Any, chat: Any, name: str, /, **options: Any) -> str:
        """Let a person use a slash command of the bot; return the text of the first answer."""
        used = await self.simulator.slash(user, chat, name, **options)
        answers = await self.unless_failed(self.simulator.answered(used))
        return str(answers[0].text)

    def raised_by_handler(self, error: BaseException) -> BaseException | None:
        """Return the original of a wrapped error; None for a command that is unknown or refused."""
        while (original := getattr(error, "original", None)) is not None:
            error = original

        is_refusal = isinstance(error, commands.CommandError | app_commands.AppCommandError)
        return None if is_refusal else error

    async def strangers(self, group: Any) -> list[tuple[Any, str]]:
        """Let a webhook and another bot speak; return the group and the name of each."""
        await self.stranger(group, "News", "from a webhook")
        await self.simulator.say_as_bot("Robot", group, "from another bot")

        return [(group, "News"), (group, "Robot")]

    async def stranger(self, group: Any, name: str, text: str) -> None:
        """Let a webhook speak in a group under a name."""
        await self.simulator.say_as_webhook(name, group, text)

    async def send(self, bot: discord.Client, chat: Any, text: str) -> None:
        """Let the bot send a message that answers nobody, to a chat by its id."""
        await bot.get_partial_messageable(chat.id).send(text)


@pytest.fixture
def point_discord() -> Iterator[Callable[[DiscordSimulator], None]]:
    """Return a function that points discord.py at a simulator.

    discord.py's addresses are set for the whole process, and are restored after the test.

    Example:
        async def test_two_worlds(point_discord):
            async with DiscordSimulator() as first, DiscordSimulator() as second:
                point_discord(first)
                ...
                point_discord(second)
    """
    base, gateway = discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY

    def point(simulator: DiscordSimulator) -> None:
        environment = simulator.environment()
        discord.http.Route.BASE = environment["DISCORD_API_BASE"]
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(
            environment["DISCORD_GATEWAY_URL"]
        )

    yield point
    discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


@pytest_asyncio.fixture
async def on_discord(
    point_discord: Callable[[DiscordSimulator], None],
) -> AsyncIterator[DiscordDriver]:
    """Yield a driver with a simulator of this test's own.

    Every bot of discord.py that is started during the test connects to it.

    Example:
        async def test_my_bot_greets(on_discord):
            ann = on_discord.user("Ann")
            async with on_discord.started(bot):
                dm = on_discord.direct_chat(ann)
                assert await on_discord.ask(ann, dm, "hello") == "Hello, Ann!"
    """
    async with DiscordSimulator(bot_name="Marvin") as simulator:
        point_discord(simulator)
        yield DiscordDriver(simulator)

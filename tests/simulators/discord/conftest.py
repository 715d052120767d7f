"""A simulated Discord, and discord.py bots that know no adapter and no session."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import discord
import pytest
import yarl
from discord.ext import commands

from discord_simulator import DiscordSimulator

Pointer = Callable[[DiscordSimulator], None]
Run = Callable[[discord.Client], AbstractAsyncContextManager[Any]]


@pytest.fixture
def point_client() -> Iterator[Pointer]:
    """Set discord.py's process-wide addresses to a simulator, and reset them after the test."""
    base, gateway = discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY

    def point(simulator: DiscordSimulator) -> None:
        environment = simulator.environment()
        discord.http.Route.BASE = environment["DISCORD_API_BASE"]
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(
            environment["DISCORD_GATEWAY_URL"]
        )

    yield point
    discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


@pytest.fixture
async def simulator(point_client: Pointer) -> AsyncIterator[DiscordSimulator]:
    async with DiscordSimulator(bot_name="Marvin") as started:
        point_client(started)
        yield started


@pytest.fixture
def bot() -> commands.Bot:
    """Return a bot that synchronises its commands; tests add commands before it runs."""
    intents = discord.Intents.default()
    intents.message_content = True

    made = commands.Bot("!", intents=intents, guild_ready_timeout=0.05, help_command=None)

    @made.event
    async def setup_hook() -> None:
        await made.tree.sync()

    return made


@pytest.fixture
def run(simulator: DiscordSimulator) -> Run:
    """Return a context manager that runs a client."""

    @asynccontextmanager
    async def running(client: discord.Client) -> AsyncIterator[discord.Client]:
        task = asyncio.create_task(client.start(simulator.token))
        waiting = asyncio.create_task(simulator.connected())
        try:
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task
            await client.wait_until_ready()
            yield client
        finally:
            waiting.cancel()
            await client.close()
            await asyncio.gather(task, waiting, return_exceptions=True)

    return running


@pytest.fixture
def seen(bot: commands.Bot) -> Callable[[str], Callable[[], Awaitable[Any]]]:
    """Listen to an event of the bot, and return a function that waits for the next one."""

    def listen(event: str) -> Callable[[], Awaitable[Any]]:
        queue: asyncio.Queue[Any] = asyncio.Queue()

        async def heard(subject: Any = None) -> None:
            # A copy: discord.py changes a message in place when it is edited.
            queue.put_nowait(copy.copy(subject))

        bot.add_listener(heard, f"on_{event}")

        async def following() -> Any:
            return await asyncio.wait_for(queue.get(), 10)

        return following

    return listen

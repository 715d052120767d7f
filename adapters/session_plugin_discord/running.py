"""A bot that runs in an event loop of the author's, until it is cancelled. Knows no hub."""

from __future__ import annotations

import asyncio

import discord


async def run(bot: discord.Client, token: str) -> None:
    """Run a bot until it is closed or cancelled, and close it: `bot.run` for your own event loop.

    Unlike `bot.run` it sets up no logging: call `discord.utils.setup_logging()` for discord.py's.

    Args:
        bot: A bot or a client, with a hub or without.
        token: Its token.

    Raises:
        discord.LoginFailure: Discord does not accept the token.
        discord.PrivilegedIntentsRequired: the bot asks for an intent that is not turned on.
        SessionError: the hub's database cannot be used.

    Example:
        async def main() -> None:
            await run_together(
                session_plugin_discord.run(bot, token), session_plugin_telegram.run(application)
            )
    """
    async with bot:
        running = asyncio.create_task(bot.start(token))
        try:
            await asyncio.wait({running})
        finally:
            await _cancel(running)

        running.result()


async def _cancel(running: asyncio.Task[None]) -> None:
    # Once is not always enough while it connects: before Python 3.12, asyncio.wait_for loses a
    # cancellation if what it waits for is done at the same time.
    while not running.done():
        running.cancel()
        await asyncio.wait({running}, timeout=1)

"""An application that runs in an event loop of the author's until it is cancelled. Knows no hub."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from telegram import Update

from session_plugin_telegram.context import AnyApplication


async def run(
    application: AnyApplication, *, allowed_updates: Sequence[str] = Update.ALL_TYPES
) -> None:
    """Poll until it is cancelled, and shut down: `application.run_polling` for your own event loop.

    Calls `post_init`, `post_stop` and `post_shutdown` where run_polling does. Without an updater it
    does not poll: updates come from your own webhook. To end it from a handler, call
    `signal.raise_signal(signal.SIGTERM)`; `stop_running` is for run_polling only.

    Args:
        application: An application, with a hub or without.
        allowed_updates: The kinds of updates that Telegram sends. By default all of them: without
            some, edits and messages of business accounts would not be stored.

    Raises:
        telegram.error.InvalidToken: Telegram does not accept the token.
        telegram.error.NetworkError: Telegram cannot be reached at the start.
        SessionError: the hub's database cannot be used, or a handler hides a session command.

    Example:
        async def main() -> None:
            await run_together(
                session_plugin_discord.run(bot, token), session_plugin_telegram.run(application)
            )
    """
    try:
        await _initialize(application)
        try:
            if application.post_init is not None:
                await application.post_init(application)
            await _poll(application, allowed_updates)
        finally:
            await application.shutdown()
    finally:
        if application.post_shutdown is not None:
            await application.post_shutdown(application)


async def _initialize(application: AnyApplication) -> None:
    try:
        await application.initialize()
    except BaseException:
        # The application shuts down only what was initialized to the end. Connections and the hub
        # are the bot's.
        await application.bot.shutdown()
        raise


async def _poll(application: AnyApplication, allowed_updates: Sequence[str]) -> None:
    updater = application.updater
    try:
        if updater is not None:
            await updater.start_polling(allowed_updates=allowed_updates)
        await application.start()
        await asyncio.Event().wait()
    finally:
        if updater is not None and updater.running:
            await updater.stop()
        if application.running:
            await application.stop()
            if application.post_stop is not None:
                await application.post_stop(application)

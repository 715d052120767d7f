"""The type of `ctx` in a command, with the session that it answers in."""

from __future__ import annotations

from typing import Any

from discord.ext import commands

from session_plugin import SessionView


class SessionContext(commands.Context[Any]):
    """A commands.Context with `.session`, for annotations; the adapter sets it on whatever context
    class you use.

    It is set before a command's checks; earlier, `await session_plugin_discord.session(ctx)` gives
    it. A context of your own derives from this one. One that has a `session` already, a connection
    for HTTP say, keeps that.

    Example:
        @bot.command()
        async def recap(ctx: SessionContext) -> None:
            messages = await ctx.session.history(limit=5, before=ctx.session.event)
            await ctx.reply("; ".join(message.content for message in messages))
    """

    session: SessionView
    """The session of the chat that is being answered."""

"""The type of `ctx` in a command, with the session that the command answers in."""

from __future__ import annotations

from typing import Any

from discord.ext import commands

from session_plugin import SessionView


class SessionContext(commands.Context[Any]):
    """A commands.Context with `.session`, for annotations.

    The adapter sets `session` on any context class, before the command's checks run. Before that,
    use `await session_plugin_discord.session(ctx)`. Derive your own context class from this one. If
    your class already has an attribute `session`, a connection for HTTP for example, the adapter
    leaves it alone.

    Example:
        @bot.command()
        async def recap(ctx: SessionContext) -> None:
            messages = await ctx.session.history(limit=5, before=ctx.session.event)
            await ctx.reply("; ".join(message.content for message in messages))
    """

    session: SessionView
    """The session of the chat in which the command was used."""

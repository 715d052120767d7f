"""What a commands.Bot is given beside: `ctx.session` in every command, and an end when the bot
closes or unloads it.
"""

from __future__ import annotations

import inspect
import logging
from typing import Any

from discord.ext import commands

from session_plugin import SessionView
from session_plugin_discord.adapter import Adapter

logger = logging.getLogger("session_plugin.discord")

AnyBot = commands.Bot | commands.AutoShardedBot


class SessionCog(commands.Cog, name="session_plugin"):
    """One bot's attachment to a hub, as discord.py loads and unloads it.

    Example:
        bot.session_hub = hub
        await bot.load_extension("session_plugin_discord")
        assert isinstance(bot.get_cog("session_plugin"), SessionCog)
    """

    def __init__(self, bot: AnyBot, adapter: Adapter) -> None:
        """Attach nothing yet: discord.py calls `cog_load`."""
        self.bot = bot
        self.adapter = adapter
        self._has_warned = False

    async def cog_load(self) -> None:
        """Open the hub, then attach.

        Raises:
            SessionError: the hub cannot be opened, or the bot has a command of one of our names.
        """
        await self.adapter.open()
        self.adapter.listen()

    async def cog_unload(self) -> None:
        """Detach, store what is on its way, release the hub."""
        await self.adapter.close()

    @commands.Cog.listener()
    async def on_connect(self) -> None:
        """Attach what a bot that had not logged in could not have yet."""
        self.adapter.listen()

    async def bot_check_once(self, ctx: commands.Context[Any]) -> bool:
        """Set `ctx.session` before a command runs; discord.py asks each cog here, and ours never
        refuses.

        A context class of the author's that has something else by that name keeps it.
        """
        own = inspect.getattr_static(ctx, "session", None)  # a property is not asked
        if own is None or isinstance(own, SessionView):
            ctx.session = await self.adapter.session(ctx)  # type: ignore[attr-defined]  # SessionContext declares it
        elif not self._has_warned:
            self._has_warned = True
            logger.warning(
                "%s has a session of its own, so ctx.session is left as it is: await "
                "session_plugin_discord.session(ctx)",
                type(ctx).__name__,
            )
        return True

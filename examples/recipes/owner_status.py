"""`!status` on Discord: what is stored and what fails, for the bot's owner only."""

from __future__ import annotations

from discord.ext import commands

import session_plugin_discord
from session_plugin import HubStatus, SessionHub


def install(bot: commands.Bot, hub: SessionHub) -> None:
    """Add the command. Its answer is an aside: no model is shown it."""
    session_plugin_discord.install(bot, hub)

    @bot.command(name="status")
    @commands.is_owner()
    async def show_status(ctx: commands.Context[commands.Bot]) -> None:
        await ctx.reply("\n".join(lines_of(await hub.status())))


def lines_of(status: HubStatus) -> list[str]:
    """Return what an owner wants to know. It reads every session: call it now and then."""
    return [
        f"{status.database}: {status.size_bytes / 1e6:.1f} MB",
        f"{status.users} users, {status.messages} messages, {status.live_sessions} live sessions",
        f"{status.waiting} waiting, {status.dropped} dropped, {status.postponed} postponed",
        *(
            f"plugin {plugin.name}: {plugin.failures} of {plugin.calls} calls failed"
            for plugin in status.plugins
            if plugin.failures
        ),
        *(
            f"session {failed.session_id} has no summary: {failed.reason}"
            for failed in status.failed_consolidations
        ),
    ]

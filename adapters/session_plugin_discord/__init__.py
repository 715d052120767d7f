"""session_plugin for discord.py: one line, and your bot remembers, together with your other
platforms.

    class MyBot(commands.Bot):
        async def setup_hook(self):
            await self.load_extension("session_plugin_discord")   # or, anywhere:
            session_plugin_discord.install(bot, hub)

    @bot.command()
    async def recap(ctx: SessionContext):
        for message in await ctx.session.history(limit=5):        # also what was said elsewhere
            ...

    @bot.event
    async def on_message(message):
        session = await session_plugin_discord.session(message)   # the message itself is already in
        it

Where to look:
    install          attach a hub to a bot or a plain client: messages in, the bot's own messages
    out, the in-chat commands setup, teardown  the same as an extension; the hub is
    `bot.session_hub`, or made from SESSION_DATABASE session          the session of a message, an
    interaction or a command's context SessionContext   the type of `ctx` in your commands, with
    `.session` to_event         a Discord message as a MessageEvent
    to_chat          a Discord channel or thread as a Chat
    CHANNEL          the name of this platform in accounts and chats (what Discord calls a channel
    is a chat here)
"""

try:
    import discord as _discord  # noqa: F401 - only to say what is missing
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "session_plugin_discord needs discord.py: pip install 'session-plugin[discord]'",
        name="discord",
    ) from error

from session_plugin_discord.attaching import install, session, setup, teardown
from session_plugin_discord.cog import SessionCog
from session_plugin_discord.context import SessionContext
from session_plugin_discord.translate import CHANNEL, to_chat, to_event

__all__ = [
    "CHANNEL",
    "SessionCog",
    "SessionContext",
    "install",
    "session",
    "setup",
    "teardown",
    "to_chat",
    "to_event",
]

"""session_plugin for discord.py: one conversation per person, shared with your other platforms.

Add one line to your bot:

    class MyBot(commands.Bot):
        async def setup_hook(self):
            await self.load_extension("session_plugin_discord")   # or, before bot.run():
            session_plugin_discord.install(bot, hub)

Then read the session in your handlers:

    @bot.command()
    async def recap(ctx: SessionContext):
        for message in await ctx.session.history(limit=5):        # from every linked platform
            ...

    @bot.event
    async def on_message(message):
        session = await session_plugin_discord.session(message)   # includes this message

Public names:
    install          attach a hub to a bot or a plain client
    setup, teardown  the same as an extension; the hub is `bot.session_hub`, or is made from the
                     environment variable SESSION_DATABASE
    run              run a bot in your own event loop, next to bots on other platforms
    session          the session of a message, an interaction or a command's context
    SessionContext   the type of `ctx` in your commands, with `.session`
    to_event         a Discord message as a MessageEvent
    to_chat          a Discord channel or thread as a Chat
    CHANNEL          the name of this platform in accounts and chats (a Discord channel is a chat)

Modules, in the order in which a message meets them:
    install.py         how a hub gets into a bot, and how a handler finds its session
    running.py         a bot in an event loop of the author's
    adapter.py         one client's attachment to a hub: opened, listening, closed
    incoming.py        messages, interactions, edits and deletions, before their handlers
    translate.py       a Discord message as a MessageEvent; pure
    seen_text.py       what a group sees of a message besides its text; pure
    interactions.py    a slash command, button, menu or form in the core's terms; pure
    pending_events.py  what handlers and answers wait for
    known_interactions.py   interactions as they are remembered, and a slash command's input
    context.py         the type of `ctx`
    answering.py       which event a handler answers, and whether the handler still runs
    outgoing.py        what the bot sends: after the question is stored, recorded from the response
    own_messages.py    what the bot said, recorded once, and whom it answers
    files.py           what people sent, downloaded for a model
    author_commands.py your own commands, which are no conversation
    commands.py        /link and the other session commands: recognised and answered
    registration.py    the same commands, added to the bot and to its command tree
    testing.py         bots on the simulator, as pytest fixtures
"""

try:
    import discord as _discord
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "session_plugin_discord needs discord.py: pip install 'session-plugin[discord]'. Bots of "
        "other libraries, such as nextcord and disnake, need an adapter of their own: see "
        "adapters/README.md",
        name="discord",
    ) from error

if getattr(_discord, "__title__", "") != "discord" or _discord.version_info < (2, 5):
    raise ImportError(
        "session_plugin_discord needs discord.py 2.5 or newer, and the installed package discord "
        f"is {getattr(_discord, '__title__', 'unknown')} "
        f"{getattr(_discord, '__version__', '')}: uninstall it, then "
        "pip install --force-reinstall 'session-plugin[discord]'. Bots of forks that install a "
        "package of this name (py-cord, nextcord) need an adapter of their own: see "
        "adapters/README.md",
        name="discord",
    )

from session_plugin_discord.context import SessionContext
from session_plugin_discord.install import SessionCog, install, session, setup, teardown
from session_plugin_discord.running import run
from session_plugin_discord.translate import CHANNEL, to_chat, to_event

__all__ = [
    "CHANNEL",
    "SessionCog",
    "SessionContext",
    "install",
    "run",
    "session",
    "setup",
    "teardown",
    "to_chat",
    "to_event",
]

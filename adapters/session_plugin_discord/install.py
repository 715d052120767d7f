"""How a hub gets into a bot, by `install` or as an extension, and how a handler finds its session.

Knows discord.py's life cycle: login, connect, close, cogs. Knows nothing of messages.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

import discord
from discord.ext import commands

from session_plugin import SessionError, SessionHub, SessionView
from session_plugin.logs import FieldLogger
from session_plugin_discord.adapter import Adapter, Source

logger = FieldLogger("session_plugin.discord")

AnyBot = commands.Bot | commands.AutoShardedBot


def install(
    bot: discord.Client,
    hub: SessionHub,
    *,
    commands: Mapping[str, str] | None = {},
    group: str = "",
    slash_input: bool = True,
    ephemeral: bool = False,
    conversation_commands: Collection[str] = (),
) -> None:
    """Attach a hub to a bot, before the bot runs and before or after you set its events.

    From then on, `ctx.session` is set in every command, and `session(message)` returns it
    elsewhere. The hub opens before the bot logs in, and is released when the bot closes.

    Args:
        bot: A commands.Bot or AutoShardedBot; or a plain Client, which gets the session commands if
            it has a CommandTree.
        hub: The hub. Use the same one for all platforms.
        commands: Names for the session commands: `{"link": "connect"}` renames one, `{"new": ""}`
            turns one off, None turns all off.
        group: The name of a group for all session commands: `"session"` makes `/session link`.
            Without it, each is a command of its own.
        slash_input: Whether slash command input is stored as a message from the user.
        ephemeral: Whether ephemeral answers are stored. Everybody in the chat's session can then
            read them.
        conversation_commands: Names of commands that are conversation in any case: `{"ask"}`. Other
            commands, and the answers to them, are asides: a model is not given them. A command
            whose code calls `for_model` needs no entry.

    Raises:
        TypeError: `bot` is not a client of discord.py, `hub` is not a SessionHub, or
            `conversation_commands` is a text.
        ValueError: `commands` is not valid, or the bot has a hub already, or is running.

    Example:
        session_plugin_discord.install(bot, hub, commands={"new": "reset"}, group="session")
    """
    if not isinstance(bot, discord.Client):
        kind = type(bot)
        raise TypeError(
            "bot must be a commands.Bot or another discord.Client of discord.py, not "
            f"{kind.__module__}.{kind.__qualname__}: bots of other libraries, forks included, "
            "need an adapter of their own"
        )

    if getattr(bot, "session_hub", hub) is not hub or _adapter_of(bot) is not None:
        raise ValueError("this bot has a hub already: install one hub, once")
    if bot.is_ready():
        raise ValueError(
            "this bot is running: call install before bot.run(), or "
            'await bot.load_extension("session_plugin_discord")'
        )

    adapter = Adapter(
        bot,
        hub,
        commands=commands,
        group=group,
        slash_input=slash_input,
        ephemeral=ephemeral,
        conversation_commands=conversation_commands,
    )
    client: Any = bot
    client.session_hub = hub  # `setup` looks for it here
    client.session_adapter = adapter

    _open_on_login(bot, adapter)
    if not hasattr(bot, "add_cog"):
        _close_with_client(bot, adapter)


def _open_on_login(client: Any, adapter: Adapter) -> None:
    """Open the adapter before the author's setup_hook runs, whenever that is set.

    So a command tree that setup_hook synchronises includes the session commands.
    """
    original_login: Callable[[str], Awaitable[None]] = client.login
    original_connect: Callable[..., Awaitable[None]] = client.connect

    async def login(token: str) -> None:
        await _open(client, adapter)
        try:
            await original_login(token)
        except Exception as error:
            clash = adapter.commands.registration.explain_clash(error)
            if clash is None:
                raise
            raise clash from error

    async def connect(*, reconnect: bool = True) -> None:
        await _open(client, adapter)  # install may have been called in setup_hook
        adapter.listen()
        await original_connect(reconnect=reconnect)

    client.login, client.connect = login, connect


async def _open(client: Any, adapter: Adapter) -> None:
    if adapter.is_open:
        return

    if isinstance(client, commands.Bot | commands.AutoShardedBot):
        await client.add_cog(SessionCog(client, adapter))
    else:
        await adapter.open()


def _close_with_client(client: discord.Client, adapter: Adapter) -> None:
    """Close the adapter when a plain client closes; a bot unloads its cogs instead."""
    original_close: Callable[[], Awaitable[None]] = client.close

    async def close() -> None:
        await adapter.close()
        await original_close()

    client.close = close  # type: ignore[method-assign]


async def setup(bot: AnyBot) -> None:
    """Attach a hub as an extension: `bot.session_hub`, or one made from SESSION_DATABASE.

    SESSION_DATABASE is an environment variable with the path of a database. `bot.session_options`
    may hold a dictionary with further arguments of `install`.

    Raises:
        SessionError: there is no hub, or one is attached already.

    Example:
        bot.session_hub = hub
        await bot.load_extension("session_plugin_discord")
    """
    if _adapter_of(bot) is not None:
        raise SessionError(
            "this bot has a hub already: call install or load the extension, not both"
        )

    hub = getattr(bot, "session_hub", None)
    if hub is None:
        database = os.environ.get("SESSION_DATABASE")
        if not database:
            raise SessionError(
                "session_plugin_discord has no hub: set bot.session_hub = SessionHub(...) before "
                "load_extension, or set the environment variable SESSION_DATABASE to the path of "
                "a database"
            )
        hub = SessionHub(database)

    adapter = Adapter(bot, hub, **getattr(bot, "session_options", {}))
    await bot.add_cog(SessionCog(bot, adapter))
    bot.session_adapter = adapter  # type: ignore[union-attr]  # `session` looks for it here


async def teardown(bot: AnyBot) -> None:
    """Detach the hub; discord.py has already unloaded the cog, which closes the adapter.

    Example:
        bot.session_hub = hub
        await bot.load_extension("session_plugin_discord")
        await bot.unload_extension("session_plugin_discord")
    """
    with suppress(AttributeError):  # not set if `setup` failed
        del bot.session_adapter  # type: ignore[union-attr]  # set by `setup`


async def session(source: Source) -> SessionView:
    """Return the session of the author of a message, or of the user of an interaction or command.

    The message is already in it.

    Raises:
        SessionError: no hub is attached to this bot.

    Example:
        async def on_message(message: discord.Message) -> None:
            conversation = await session_plugin_discord.session(message)
            await message.channel.send(f"{len(await conversation.history())} messages so far")
    """
    if isinstance(source, commands.Context):
        client: Any = source.bot
    elif isinstance(source, discord.Interaction):
        client = source.client
    else:
        client = source._state._get_client()  # a message has no public name for its client

    adapter = _adapter_of(client)
    if adapter is None:
        raise SessionError(
            "no hub is attached to this bot: call session_plugin_discord.install(bot, hub) before "
            "bot.run()"
        )

    return await adapter.session(source)


def _adapter_of(client: Any) -> Adapter | None:
    adapter: Adapter | None = getattr(client, "session_adapter", None)
    return adapter


class SessionCog(commands.Cog, name="session_plugin"):
    """The cog that a commands.Bot loads and unloads with the adapter.

    It sets `ctx.session` in every command, and closes the adapter when the bot closes.

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
        """Open the adapter, and listen if the bot has logged in.

        Raises:
            SessionError: the hub cannot be opened, or the author has a command of the same name.
        """
        await self.adapter.open()
        self.adapter.listen()

    async def cog_unload(self) -> None:
        """Close the adapter."""
        await self.adapter.close()

    @commands.Cog.listener()
    async def on_connect(self) -> None:
        """Listen, if the bot had not logged in when the cog was loaded."""
        self.adapter.listen()

    async def bot_check_once(self, ctx: commands.Context[Any]) -> bool:
        """Set `ctx.session` before a command runs; never refuse the command.

        An author's context class may have an attribute of that name, which is left as it is.
        """
        existing = inspect.getattr_static(ctx, "session", None)  # does not evaluate a property

        if existing is None or isinstance(existing, SessionView):
            ctx.session = await self.adapter.session(ctx)  # type: ignore[attr-defined]  # see SessionContext
        elif not self._has_warned:
            self._has_warned = True
            logger.warning(
                "%(context)s has a session of its own, so ctx.session is left as it is: use "
                "await session_plugin_discord.session(ctx)",
                context=type(ctx).__name__,
            )

        return True

"""How a hub gets into a bot: by one line, or as an extension; and how a handler finds its
session.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import discord
from discord.ext import commands

from session_plugin import SessionError, SessionHub, SessionView
from session_plugin_discord.adapter import Adapter, Source
from session_plugin_discord.cog import AnyBot, SessionCog


def install(
    bot: discord.Client,
    hub: SessionHub,
    *,
    commands: Mapping[str, str] | None = {},
    group: str = "",
    slash_input: bool = True,
    ephemeral: bool = False,
) -> None:
    """Attach a hub to a bot, before it is run; before or after you set its events, as you like.

    From then on `ctx.session` is set in every command, and `session(message)` gives it elsewhere.
    The hub opens before the bot logs in and is released when the bot closes.

    Args:
        bot: A commands.Bot or AutoShardedBot; or a plain Client, which has our commands if it has a
            CommandTree.
        hub: The same for all platforms.
        commands: Our commands by the names you want: `{"link": "connect"}` renames, `{"new": ""}`
            turns one off, None all.
        group: A name under which they all go, `"session"` for `/session link`; without one they
            stand by themselves.
        slash_input: Whether what people give slash commands is kept as what they said.
        ephemeral: Whether answers are kept that only the person asking can see: everybody in that
            chat's session then can.

    Raises:
        TypeError: it is no client of discord.py's, or `hub` is no SessionHub.
        ValueError: a command is unknown, or this bot has a hub already, or is running.

    Example:
        session_plugin_discord.install(bot, hub, commands={"new": "reset"}, group="session")
    """
    if not isinstance(bot, discord.Client):
        raise TypeError(
            f"install needs a commands.Bot or another discord.Client, not {type(bot).__name__}"
        )
    if getattr(bot, "session_hub", hub) is not hub or _adapter_of(bot) is not None:
        raise ValueError("this bot has a hub already")
    if bot.is_ready():
        raise ValueError(
            "this bot is running: install before it is run, or await "
            "bot.load_extension('session_plugin_discord')"
        )
    adapter = Adapter(
        bot, hub, commands=commands, group=group, slash_input=slash_input, ephemeral=ephemeral
    )
    client: Any = bot
    client.session_hub = hub  # the name under which the extension looks for it
    client.session_adapter = adapter
    _open_with(bot, adapter)
    if not hasattr(bot, "add_cog"):
        _close_with(bot, adapter)


def _open_with(client: Any, adapter: Adapter) -> None:
    """Attach before the author's setup_hook, whenever it was set, so that a tree that it syncs has
    our commands.
    """
    authors_login: Callable[[str], Awaitable[None]] = client.login
    authors_connect: Callable[..., Awaitable[None]] = client.connect

    async def login(token: str) -> None:
        await _open(client, adapter)
        try:
            await authors_login(token)
        except Exception as error:
            explained = adapter.commands.explained(error)
            if explained is None:
                raise
            raise explained from error

    async def connect(*, reconnect: bool = True) -> None:
        await _open(client, adapter)  # an author may install in setup_hook
        adapter.listen()
        await authors_connect(reconnect=reconnect)

    client.login, client.connect = login, connect


async def _open(client: Any, adapter: Adapter) -> None:
    if adapter.is_open:
        return
    if isinstance(client, commands.Bot | commands.AutoShardedBot):
        await client.add_cog(SessionCog(client, adapter))
    else:
        await adapter.open()


def _close_with(client: discord.Client, adapter: Adapter) -> None:
    """Detach when a plain client closes, which tells nobody; a bot unloads its cogs."""
    authors_close: Callable[[], Awaitable[None]] = client.close

    async def close() -> None:
        await adapter.close()
        await authors_close()

    client.close = close  # type: ignore[method-assign]


async def setup(bot: AnyBot) -> None:
    """Attach a hub as an extension: `bot.session_hub`, or one made from the environment variable
    SESSION_DATABASE.

    What `install` takes beside the hub may stand in a dictionary `bot.session_options`.

    Raises:
        SessionError: there is no hub, or one is attached already.

    Example:
        bot.session_hub = hub
        await bot.load_extension("session_plugin_discord")
    """
    if _adapter_of(bot) is not None:
        raise SessionError(
            "this bot has a hub already: install one, or load the extension, not both"
        )
    hub = getattr(bot, "session_hub", None)
    if hub is None:
        database = os.environ.get("SESSION_DATABASE")
        if not database:
            raise SessionError(
                "session_plugin_discord has no hub: set bot.session_hub = SessionHub(...) "
                "before load_extension, or the "
                "environment variable SESSION_DATABASE to the path of a database"
            )
        hub = SessionHub(database)
    adapter = Adapter(bot, hub, **getattr(bot, "session_options", {}))
    await bot.add_cog(SessionCog(bot, adapter))
    bot.session_adapter = adapter  # type: ignore[union-attr]  # where `session` looks


async def teardown(bot: AnyBot) -> None:
    """Detach; discord.py has removed the cog by then, and with it all that it attached.

    Example:
        bot.session_hub = hub
        await bot.load_extension("session_plugin_discord")
        await bot.unload_extension("session_plugin_discord")
    """
    with suppress(AttributeError):  # setup may have failed before it was set
        del bot.session_adapter  # type: ignore[union-attr]  # set by setup


async def session(source: Source) -> SessionView:
    """Give the session of whoever sent a message, used an interaction or gave a command; the
    message is in it already.

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
        client = (
            source._state._get_client()
        )  # a message knows its client, but has no public name for it
    adapter = _adapter_of(client)
    if adapter is None:
        raise SessionError(
            "no hub is attached to this bot: session_plugin_discord.install(bot, hub)"
        )
    return await adapter.session(source)


def _adapter_of(client: Any) -> Adapter | None:
    adapter: Adapter | None = getattr(client, "session_adapter", None)
    return adapter

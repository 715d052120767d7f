"""Every kind of client that discord.py has, installed before or after its author's events, as an
extension or not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import discord
import pytest
from discord import app_commands
from discord.ext import commands

import session_plugin_discord
from session_plugin import SessionError, SessionHub

FLAVOURS = [
    "Bot",
    "AutoShardedBot",
    "Client with a tree",
    "Client without a tree",
    "AutoShardedClient",
]


def made(flavour: str) -> discord.Client:
    """Make a client without any events."""
    intents = discord.Intents.default()
    intents.message_content = True
    options: dict[str, Any] = {"intents": intents, "guild_ready_timeout": 0.05}
    match flavour:
        case "Bot":
            return commands.Bot("!", **options)
        case "AutoShardedBot":
            return commands.AutoShardedBot("!", shard_count=1, **options)
        case "AutoShardedClient":
            return discord.AutoShardedClient(shard_count=1, **options)
        case "Client with a tree":
            client = discord.Client(**options)
            app_commands.CommandTree(client)
            return client
        case _:
            return discord.Client(**options)


def with_events(client: discord.Client) -> None:
    """Let a client answer with what its history holds, by events as an author sets them."""

    @client.event
    async def setup_hook() -> None:
        client.was_set_up = True

    @client.event
    async def on_message(message: discord.Message) -> None:
        if message.author != client.user:
            session = await session_plugin_discord.session(message)
            await message.channel.send("; ".join(one.content for one in await session.history()))


@pytest.fixture
def modules() -> Iterator[None]:
    """Put the adapter's modules back that discord.py throws out when it unloads an extension."""
    kept = {
        name: module
        for name, module in sys.modules.items()
        if name.startswith("session_plugin_discord")
    }
    yield
    for name in [name for name in sys.modules if name.startswith("session_plugin_discord")]:
        del sys.modules[name]
    sys.modules.update(kept)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_every_client_records_whether_installed_before_or_after_the_authors_events(
    on_discord: Any, hub: SessionHub, flavour: str, when: str
) -> None:
    client = made(flavour)
    if when == "after":
        with_events(client)
    session_plugin_discord.install(client, hub)
    if when == "before":
        with_events(client)
    ann = on_discord.user("Ann")
    room, dm = on_discord.group("Friends", ann), on_discord.direct_chat(ann)
    async with on_discord.connected(client):
        assert client.was_set_up
        for place in (room, dm):
            assert await on_discord.ask(ann, place, "hello") == "hello"
            history = await on_discord.history(hub, place, count=2)
            assert [(one.role, one.person) for one in history] == [
                ("user", on_discord.account(ann)),
                ("assistant", on_discord.account(ann)),
            ]


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_every_client_follows_edits_and_deletions(
    on_discord: Any, hub: SessionHub, flavour: str, says: Any
) -> None:
    client = made(flavour)
    session_plugin_discord.install(client, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(client):
        said = [await on_discord.say(ann, room, text) for text in ("one", "two", "three", "four")]
        await on_discord.history(hub, room, count=4)
        await on_discord.edit(said[0], "ONE")
        await on_discord.simulator.delete(said[1])
        await on_discord.simulator.delete_bulk(*said[2:])
        await says(on_discord, room, ["ONE"])


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_every_client_leaves_nothing_behind_when_it_closes(
    on_discord: Any, hub: SessionHub, flavour: str, path: Any
) -> None:
    client = made(flavour)
    with_events(client)
    session_plugin_discord.install(client, hub)
    ann = on_discord.user("Ann")
    async with on_discord.connected(client):
        await on_discord.ask(ann, on_discord.direct_chat(ann), "hello")
        await on_discord.history(hub, on_discord.direct_chat(ann), count=2)
    assert not client._listeners
    assert "send_message" not in client.http.__dict__
    assert not hub._parts.leases._held
    assert [one.name for one in path.parent.iterdir()] == [path.name]


async def test_a_setup_hook_that_is_set_last_finds_our_commands_to_sync(
    on_discord: Any, hub: SessionHub
) -> None:
    found: list[str] = []
    bot = made("Bot")
    session_plugin_discord.install(bot, hub)

    @bot.event
    async def setup_hook() -> None:
        found.extend(command.name for command in bot.tree.get_commands())

    async with on_discord.connected(bot):
        pass
    assert {"link", "unlink", "whoami", "new"} <= set(found)


async def test_the_authors_login_and_close_still_run(on_discord: Any, hub: SessionHub) -> None:
    ran: list[str] = []

    class Own(discord.Client):
        async def login(self, token: str) -> None:
            ran.append("login")
            await super().login(token)

        async def close(self) -> None:
            ran.append("close")
            await super().close()

    client = Own(intents=discord.Intents.default(), guild_ready_timeout=0.05)
    session_plugin_discord.install(client, hub)
    async with on_discord.connected(client):
        pass
    assert (ran[0], ran[-1]) == ("login", "close")


async def test_an_extension_that_is_loaded_before_login_attaches_when_the_bot_connects(
    on_discord: Any, hub: SessionHub, modules: None
) -> None:
    bot = made("Bot")
    bot.session_hub = hub
    with_events(bot)
    await bot.load_extension("session_plugin_discord")
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        assert await on_discord.ask(ann, dm, "hello") == "hello"
        assert len(await on_discord.history(hub, dm, count=2)) == 2


async def test_an_extension_that_is_loaded_into_a_running_bot_records_from_then_on(
    on_discord: Any, hub: SessionHub, modules: None
) -> None:
    bot = made("Bot")
    bot.session_hub = hub

    @bot.event
    async def on_message(message: discord.Message) -> None:
        if message.author != bot.user:
            await message.channel.send("yes")

    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        await on_discord.ask(ann, dm, "before")
        listeners = (
            dict(bot._listeners),
            {name: those for name, those in bot.extra_events.items() if those},
        )
        checks = len(bot._checks) + len(bot._check_once)
        names = (
            {command.name for command in bot.commands},
            {command.name for command in bot.tree.get_commands()},
        )
        for text in ("first", "second"):
            await bot.load_extension("session_plugin_discord")
            await on_discord.ask(ann, dm, text)
            await on_discord.history(hub, dm, count=2)
            await bot.reload_extension("session_plugin_discord")
            await on_discord.ask(ann, dm, f"{text} again")
            await bot.unload_extension("session_plugin_discord")
            await on_discord.ask(ann, dm, "unheard")
        assert (
            dict(bot._listeners),
            {name: those for name, those in bot.extra_events.items() if those},
        ) == listeners
        assert len(bot._checks) + len(bot._check_once) == checks
        assert (
            {command.name for command in bot.commands},
            {command.name for command in bot.tree.get_commands()},
        ) == names
        assert not hasattr(bot, "session_adapter")
    async with hub:
        kept = [one.content for one in await on_discord.history(hub, dm, count=8)]
    assert [text for text in kept if text != "yes"] == [
        "first",
        "first again",
        "second",
        "second again",
    ]
    assert kept.count("yes") == 4


async def test_an_extension_takes_its_options_from_the_bot(
    on_discord: Any, hub: SessionHub, modules: None
) -> None:
    bot = made("Bot")
    bot.session_hub = hub
    bot.session_options = {"commands": {"link": "connect", "new": ""}, "group": "memory"}
    await bot.load_extension("session_plugin_discord")
    group = bot.get_command("memory")
    assert isinstance(group, commands.Group)
    assert "connect" in group.all_commands
    assert not {"link", "new"} & set(group.all_commands)
    await bot.close()


async def test_a_database_that_is_refused_stops_a_plain_client_too(
    on_discord: Any, path: Any
) -> None:
    path.write_bytes(b"this is no database" * 100)
    client = made("Client without a tree")
    session_plugin_discord.install(client, SessionHub(path, load_entry_points=False))
    with pytest.raises(SessionError, match=path.name):
        async with on_discord.connected(client):
            pass


@pytest.mark.parametrize("flavour", ["Bot", "Client with a tree"])
async def test_a_hub_may_be_installed_in_setup_hook(
    on_discord: Any, hub: SessionHub, flavour: str
) -> None:
    client = made(flavour)
    with_events(client)

    async def setup_hook() -> None:
        session_plugin_discord.install(client, hub)

    client.setup_hook = setup_hook
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(client):
        assert await on_discord.ask(ann, dm, "hello") == "hello"
        assert len(await on_discord.history(hub, dm, count=2)) == 2


async def test_installing_into_a_running_client_says_what_to_do_instead(
    on_discord: Any, hub: SessionHub
) -> None:
    bot = made("Bot")
    async with on_discord.connected(bot):
        with pytest.raises(ValueError, match="load_extension"):
            session_plugin_discord.install(bot, hub)


async def test_what_is_sent_after_the_end_opens_nothing_again(
    on_discord: Any, hub: SessionHub, modules: None
) -> None:
    bot = made("Bot")
    bot.session_hub = hub
    sends: list[Any] = []

    @bot.event
    async def on_message(message: discord.Message) -> None:
        if message.author != bot.user:
            sends.append(bot.http.send_message)  # as somebody who stands before it keeps it

    await bot.load_extension("session_plugin_discord")
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        await on_discord.say(ann, dm, "hello")
        await on_discord.until(lambda: sends)
        await bot.unload_extension("session_plugin_discord")
        with discord.http.handle_message_parameters("late") as params:
            await sends[0](dm.id, params=params)
        await on_discord.told(dm, "late")
        assert not hub._parts.database.is_open

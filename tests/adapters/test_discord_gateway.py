"""The gateway's ways of telling things twice, late or not at all: resumed, reconnected,
invalidated, in several shards.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import discord
import pytest
from discord.ext import commands

import session_plugin_discord
from discord_simulator import DiscordSimulator
from session_plugin import SessionHub
from session_plugin_discord.testing import DiscordDriver


async def echo(turn: Any) -> None:
    await turn.say(f"you said {turn.text}")


def stored(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [
            bytes(row[0]).decode()
            for row in database.execute("SELECT content FROM messages ORDER BY seq")
        ]


async def test_a_resumed_session_that_replays_what_was_heard_stores_it_once(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    heard: list[tuple[str, bool]] = []

    async def listen(turn: Any) -> None:
        heard.append((turn.text, turn.session.is_duplicate))

    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.running(hub, listen) as bot:
        for text in ("one", "two", "three"):
            await on_discord.say(ann, dm, text)
        await on_discord.until(lambda: len(heard) == 3)
        resumed = asyncio.create_task(bot.wait_for("resumed", timeout=30))
        await asyncio.sleep(0)
        on_discord.simulator.cut(replays=2)
        await on_discord.say(ann, dm, "four")
        await resumed
        await says(on_discord, dm, ["one", "two", "three", "four"])
        await on_discord.until(lambda: len(heard) == 6)
    assert sorted(heard) == sorted(
        [
            ("one", False),
            ("two", False),
            ("three", False),
            ("two", True),
            ("three", True),
            ("four", False),
        ]
    )


async def test_replayed_edits_and_deletions_change_nothing(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub) as bot:
        said = [await on_discord.say(ann, room, text) for text in ("one", "two", "three")]
        await says(on_discord, room, ["one", "two", "three"])
        await on_discord.edit(said[0], "ONE")
        await on_discord.simulator.delete(said[1])
        await says(on_discord, room, ["ONE", "three"])
        resumed = asyncio.create_task(bot.wait_for("resumed", timeout=30))
        await asyncio.sleep(0)
        on_discord.simulator.cut(replays=5)
        await resumed
        await on_discord.say(ann, room, "four")
        await says(on_discord, room, ["ONE", "three", "four"])


@pytest.mark.parametrize("trouble", ["asked to reconnect", "cut", "invalid but resumable"])
async def test_what_is_said_while_a_bot_is_away_is_stored_when_it_resumes(
    on_discord: Any, hub: SessionHub, says: Any, trouble: str
) -> None:
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.running(hub, echo):
        await on_discord.ask(ann, dm, "before")
        if trouble == "asked to reconnect":
            await on_discord.simulator.reconnect()
        elif trouble == "cut":
            on_discord.simulator.cut()
        else:
            await on_discord.simulator.invalidate_session(resumable=True)
        said = await on_discord.say(ann, dm, "meanwhile")
        await on_discord.simulator.connected(30)
        await on_discord.answer(dm, after=said)
        await says(on_discord, dm, ["before", "you said before", "meanwhile", "you said meanwhile"])


async def test_after_an_invalid_session_the_bot_records_on_without_recording_twice(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    """What is said while the session is invalid is lost: Discord tells nobody of it afterwards."""
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub, echo) as bot:
        await on_discord.ask(ann, room, "before")
        ready = asyncio.create_task(bot.wait_for("ready", timeout=30))
        await asyncio.sleep(0)
        await on_discord.simulator.invalidate_session(resumable=False)
        await on_discord.simulator.connected(30)
        await ready
        await on_discord.ask(ann, room, "after")
        await says(on_discord, room, ["before", "you said before", "after", "you said after"])


async def test_a_bot_of_two_shards_hears_guilds_and_direct_chats_on_either(
    point_discord: Any, path: Path
) -> None:
    async with DiscordSimulator(shards=2) as simulator:
        point_discord(simulator)
        driver, hub = DiscordDriver(simulator), SessionHub(path, load_entry_points=False)
        ann = driver.user("Ann")
        rooms = {}
        while len(rooms) < 2:
            room = driver.group("Friends", ann)
            rooms.setdefault((room.guild.id >> 22) % 2, room)
            await asyncio.sleep(0.001)
        intents = discord.Intents.default()
        intents.message_content = True
        bot = commands.AutoShardedBot("!", intents=intents, guild_ready_timeout=0.05)

        @bot.event
        async def on_message(message: discord.Message) -> None:
            if message.author != bot.user:
                await message.channel.send(f"heard {message.content}")

        session_plugin_discord.install(bot, hub)
        async with driver.connected(bot):
            assert bot.shard_count == 2
            for place in (rooms[0], rooms[1], driver.direct_chat(ann)):
                await driver.ask(ann, place, "hello")
                history = await driver.history(hub, place, count=2)
                assert [(one.content, one.person) for one in history] == [
                    ("hello", driver.account(ann)),
                    ("heard hello", driver.account(ann)),
                ]


SHARD = """
import os, sys
import discord, yarl
from discord.ext import commands
import session_plugin_discord
from session_plugin import SessionHub

discord.http.Route.BASE = os.environ["DISCORD_API_BASE"]
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_GATEWAY_URL"])
intents = discord.Intents.default()
intents.message_content = True
shard = int(sys.argv[2])
bot = commands.AutoShardedBot("!", intents=intents, shard_count=2, shard_ids=[shard], guild_ready_timeout=0.05)

@bot.event
async def on_message(message):
    if message.author == bot.user:
        return
    if message.content == "tell me":
        await message.author.send(f"told by shard {shard}")
    elif not message.content.startswith("!"):
        found = await (await session_plugin_discord.session(message)).history(limit=None)
        await message.channel.send(f"shard {shard}, {len(found)}")
    await bot.process_commands(message)

session_plugin_discord.install(bot, SessionHub(sys.argv[1], load_entry_points=False))
bot.run(os.environ["DISCORD_TOKEN"], log_handler=None)
"""


@asynccontextmanager
async def shard(simulator: DiscordSimulator, path: Path, number: int) -> AsyncIterator[None]:
    environment = {**os.environ, **simulator.environment()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-c", SHARD, str(path), str(number), env=environment
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def test_two_processes_with_a_shard_each_share_one_database(
    point_discord: Any, path: Path
) -> None:
    async with DiscordSimulator(shards=2) as simulator:
        driver = DiscordDriver(simulator)
        ann = driver.user("Ann")
        rooms: dict[int, Any] = {}
        while len(rooms) < 2:
            room = driver.group("Friends", ann)
            rooms.setdefault((room.guild.id >> 22) % 2, room)
            await asyncio.sleep(0.001)
        dm = driver.direct_chat(ann)
        async with shard(simulator, path, 0), shard(simulator, path, 1):
            await simulator.connected(60)
            assert await driver.ask(ann, rooms[0], "hello") == "shard 0, 1"
            assert await driver.ask(ann, rooms[1], "hello") == "shard 1, 1"
            assert await driver.ask(ann, dm, "hello") == "shard 0, 1"
            # A direct message of the other process comes back to this one, which must store it once
            # and as hers.
            await driver.say(ann, rooms[1], "tell me")
            await driver.told(dm, "told by shard 1")
            await driver.say(ann, rooms[1], "!whoami")
            await driver.told(rooms[1], "direct message")
            assert await driver.ask(ann, dm, "and now?") == "shard 0, 4"
            hub = SessionHub(path, load_entry_points=False)
            async with hub:
                history = await driver.history(hub, dm, count=5)
                group = await driver.history(hub, rooms[1], count=3)
    assert [one.content for one in history] == [
        "hello",
        "shard 0, 1",
        "told by shard 1",
        "and now?",
        "shard 0, 4",
    ]
    assert {one.person for one in history} == {driver.account(ann)}
    assert [one.content for one in group] == ["hello", "shard 1, 1", "tell me"]


NOTICE = "an answer that is not to be kept"


async def test_what_one_process_sends_unrecorded_another_does_not_record(
    point_discord: Any, path: Path
) -> None:
    """A notice goes out from the process that linked, and comes back to the one with the direct
    chats.
    """
    async with DiscordSimulator(shards=2) as simulator:
        point_discord(simulator)
        driver = DiscordDriver(simulator)
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)
        intents = discord.Intents.default()
        bots = [
            commands.AutoShardedBot(
                "!", intents=intents, shard_count=2, shard_ids=[number], guild_ready_timeout=0.05
            )
            for number in range(2)
        ]
        hubs = [SessionHub(path, load_entry_points=False) for _ in bots]
        for bot, hub in zip(bots, hubs, strict=True):
            session_plugin_discord.install(bot, hub)
        tasks = [asyncio.create_task(bot.start(simulator.token)) for bot in bots]
        await simulator.connected(30)
        await bots[1].wait_until_ready()
        nonce = bots[1].session_adapter._own_messages.unrecorded_nonce()
        await (await bots[1].fetch_user(ann.id)).send(NOTICE, nonce=nonce)
        await driver.say(ann, dm, "hello")
        history = await driver.history(hubs[0], dm, count=1)
        for bot in bots:
            await bot.close()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert [one.content for one in history] == ["hello"]
    assert stored(path) == ["hello"]

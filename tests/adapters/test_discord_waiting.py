"""A handler that goes on after its own event reads a session that holds what it has seen since."""

from __future__ import annotations

import asyncio
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import discord
import pytest
from discord.ext import commands

import session_plugin_discord
from session_plugin import DatabaseUnavailable, SessionHub, hookimpl


class Slow:
    """A filter that takes its time."""

    @hookimpl
    async def session_filter_message(self, event: Any) -> Any:
        await asyncio.sleep(0.1)
        return event


def says(text: str, message: discord.Message) -> bool:
    return message.content == text


def has(found: list[Any], count: int) -> bool:
    return len(found) == count


@pytest.mark.parametrize("is_slow", [False, True], ids=["", "with a slow filter"])
@pytest.mark.parametrize("where", ["direct", "group"])
async def test_a_handler_finds_the_message_it_waited_for(
    on_discord: Any, hub: SessionHub, where: str, is_slow: bool
) -> None:
    if is_slow:
        hub.register(Slow())
    bot = on_discord.make()
    found: list[list[str]] = []

    @bot.command()
    async def quiz(ctx: Any) -> None:
        for number in range(10):
            await bot.wait_for("message", check=partial(says, f"guess {number}"))
            found.append([one.content for one in await ctx.session.history(limit=1)])

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    place = on_discord.direct_chat(ann) if where == "direct" else on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        await on_discord.say(ann, place, "!quiz")
        await on_discord.history(hub, place, count=1)
        await asyncio.sleep(0.1)
        for number in range(10):
            await on_discord.say(ann, place, f"guess {number}")
            await on_discord.until(partial(has, found, number + 1))
    assert found == [[f"guess {number}"] for number in range(10)]


async def test_a_handler_finds_what_another_person_said_although_a_prefix_takes_its_time(
    on_discord: Any, hub: SessionHub
) -> None:
    async def prefix(_: Any, message: discord.Message) -> str:
        if message.content == "link it":
            await asyncio.sleep(0.3)
        return "!"

    bot = on_discord.make(prefix=prefix)
    found: list[list[str]] = []

    @bot.command()
    async def vote(ctx: Any) -> None:
        await bot.wait_for("message", check=lambda said: said.content == "link it")
        found.append([one.content for one in await ctx.session.history()])

    session_plugin_discord.install(bot, hub)
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room = on_discord.group("Friends", ann, bob)
    async with on_discord.connected(bot):
        await on_discord.say(ann, room, "!vote")
        await on_discord.history(hub, room, count=1)
        await asyncio.sleep(0.1)
        await on_discord.say(bob, room, "link it")
        await on_discord.until(lambda: found)
    assert found == [["!vote", "link it"]]


async def test_a_handler_finds_the_edit_and_the_deletion_it_waited_for(
    on_discord: Any, hub: SessionHub
) -> None:
    hub.register(Slow())
    bot = on_discord.make()
    found: list[list[str]] = []

    @bot.command()
    async def watch(ctx: Any) -> None:
        for event in ("raw_message_edit", "raw_message_delete"):
            await bot.wait_for(event)
            found.append([one.content for one in await ctx.session.history()])

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        said = await on_discord.say(ann, room, "tea")
        await on_discord.say(ann, room, "!watch")
        await on_discord.history(hub, room, count=2)
        await asyncio.sleep(0.3)
        await on_discord.edit(said, "coffee")
        await on_discord.until(lambda: found)
        await on_discord.simulator.delete(said)
        await on_discord.until(lambda: len(found) == 2)
    assert found == [["coffee", "!watch"], ["!watch"]]


async def test_what_is_added_after_a_message_was_waited_for_stands_after_it(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    hub.register(Slow())
    bot = on_discord.make()

    @bot.command()
    async def roll(ctx: Any) -> None:
        await bot.wait_for("message")
        await ctx.session.add("tool", "a six")

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        await on_discord.say(ann, dm, "!roll")
        await on_discord.history(hub, dm, count=1)
        await asyncio.sleep(0.2)
        await on_discord.say(ann, dm, "go")
        await says(on_discord, dm, ["!roll", "go", "a six"])


async def test_a_handler_is_told_if_what_it_waited_for_cannot_be_stored(
    on_discord: Any, path: Path
) -> None:
    hub = SessionHub(path, load_entry_points=False, store_patience=0.2)
    bot = on_discord.make()
    found: list[str] = []

    @bot.command()
    async def quiz(ctx: Any) -> None:
        await bot.wait_for("message")
        with pytest.raises(DatabaseUnavailable):
            await ctx.session.history()
        found.append("told")

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        await on_discord.say(ann, dm, "!quiz")
        await on_discord.history(hub, dm, count=1)
        holder = sqlite3.connect(path, isolation_level=None)
        try:
            holder.execute("BEGIN IMMEDIATE")
            await on_discord.say(ann, dm, "mine")
            await on_discord.until(lambda: found)
        finally:
            holder.close()


async def test_a_slow_filter_of_others_messages_fails_no_reading(
    on_discord: Any, path: Path
) -> None:
    class Stuck:
        @hookimpl
        async def session_filter_message(self, event: Any) -> Any:
            if event.text == "stuck":
                await asyncio.sleep(1)
            return event

    hub = SessionHub(path, load_entry_points=False, store_patience=0.2, plugins=[Stuck()])
    bot = on_discord.make()
    go_on, found = asyncio.Event(), list[list[str]]()

    @bot.command()
    async def recap(ctx: commands.Context[Any]) -> None:
        await go_on.wait()
        session = await session_plugin_discord.session(ctx)
        found.append([one.content for one in await session.history()])

    session_plugin_discord.install(bot, hub)
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room = on_discord.group("Friends", ann, bob)
    async with on_discord.connected(bot):
        await on_discord.say(ann, room, "!recap")
        await on_discord.history(hub, room, count=1)
        await on_discord.say(bob, room, "stuck")
        go_on.set()
        await on_discord.until(lambda: found)
    assert found == [["!recap"]]

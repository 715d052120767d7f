"""An offline test shows at once what a handler raised, instead of waiting for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import discord
import pytest
from discord.ext import commands
from telegram.ext import CallbackContext, CommandHandler, MessageHandler, filters

from session_plugin import SessionHub

AT_ONCE = 5.0
"""Seconds; without the failure, waiting takes 20."""


class Broken(Exception):
    pass


async def fail(*_: Any, **__: Any) -> None:
    raise Broken("the model's server is away")


async def at_once(waiting: Awaitable[Any]) -> None:
    async with asyncio.timeout(AT_ONCE):
        await waiting


def people(driver: Any) -> tuple[Any, Any]:
    ann = driver.user("Ann")
    return ann, driver.direct_chat(ann)


@pytest.fixture(params=["on_discord", "on_telegram"])
def driver(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


async def test_a_wait_for_an_answer_shows_what_the_handler_raised(
    driver: Any, hub: SessionHub
) -> None:
    ann, dm = people(driver)
    with pytest.raises(Broken):
        async with driver.running(hub, fail):
            await at_once(driver.ask(ann, dm, "hello"))


async def test_so_do_all_other_waits(driver: Any, hub: SessionHub) -> None:
    ann, dm = people(driver)
    with pytest.raises(Broken):
        async with driver.running(hub, fail):
            await driver.say(ann, dm, "hello")
            for waiting in (
                driver.told(dm, "hello"),
                driver.until(lambda: False),
                driver.history(hub, dm, count=2),
            ):
                with pytest.raises(Broken):
                    await at_once(waiting)


async def test_an_answer_that_is_there_is_returned_before_a_failure_is_raised(
    driver: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        await turn.say("wait")
        raise Broken

    ann, dm = people(driver)
    with pytest.raises(Broken):
        async with driver.running(hub, answer):
            assert await driver.ask(ann, dm, "hello") == "wait"


async def test_a_handler_of_an_application_of_ones_own_is_watched(on_telegram: Any) -> None:
    application = on_telegram.builder().build()
    application.add_handler(MessageHandler(filters.TEXT, fail))
    ann, dm = people(on_telegram)
    with pytest.raises(Broken):
        async with on_telegram.started(application):
            await at_once(on_telegram.ask(ann, dm, "hello"))


async def test_an_error_that_the_authors_error_handler_gets_is_no_failure(on_telegram: Any) -> None:
    async def sorry(update: Any, context: CallbackContext[Any, Any, Any, Any]) -> None:
        await update.message.reply_text("Sorry!")

    application = on_telegram.builder().build()
    application.add_handler(CommandHandler("fail", fail))
    application.add_error_handler(sorry)
    ann, dm = people(on_telegram)
    async with on_telegram.started(application):
        assert await on_telegram.ask(ann, dm, "/fail") == "Sorry!"


@pytest.mark.parametrize("kind", ["event", "command", "slash command"])
async def test_every_kind_of_handler_of_a_bot_of_ones_own_is_watched(
    on_discord: Any, kind: str
) -> None:
    bot = commands.Bot("!", intents=discord.Intents.all(), guild_ready_timeout=0.05)
    if kind == "event":
        bot.add_listener(fail, "on_message")
    elif kind == "command":
        bot.command("fail")(fail_command)
    else:
        bot.tree.command(name="fail", description="Fail")(fail_slash)
        bot.setup_hook = bot.tree.sync  # type: ignore[method-assign]

    ann, dm = people(on_discord)
    with pytest.raises(Broken):
        async with on_discord.started(bot):
            if kind == "slash command":
                await at_once(on_discord.slash(ann, dm, "fail"))
            await at_once(on_discord.ask(ann, dm, "!fail"))


async def test_a_command_that_is_refused_is_no_failure(on_discord: Any) -> None:
    bot = commands.Bot("!", intents=discord.Intents.all(), guild_ready_timeout=0.05)

    @bot.command()
    @commands.check(lambda _: False)
    async def shut(ctx: commands.Context[Any]) -> None:
        await ctx.send("shut")

    @bot.command()
    async def ping(ctx: commands.Context[Any]) -> None:
        await ctx.send("pong")

    ann, dm = people(on_discord)
    async with on_discord.started(bot):
        await on_discord.say(ann, dm, "!unknown")
        await on_discord.say(ann, dm, "!shut")
        assert await on_discord.ask(ann, dm, "!ping") == "pong"


async def fail_command(ctx: commands.Context[Any]) -> None:
    raise Broken


async def fail_slash(interaction: discord.Interaction) -> None:
    raise Broken

"""Webhooks and failing connections of the simulated Telegram."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from telegram import Bot
from telegram.error import Conflict, NetworkError, TimedOut

from telegram_simulator import TelegramSimulator


@asynccontextmanager
async def webhook(
    handle: Callable[[web.Request], Awaitable[web.Response]], *, port: int = 0
) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/hook", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()

    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


async def until(is_true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not is_true():
            await asyncio.sleep(0.01)


async def test_a_webhook_gets_updates_in_their_order_with_the_secret(
    simulator: TelegramSimulator, bot: Bot
) -> None:
    seen: list[Any] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(
            (
                request.headers["X-Telegram-Bot-Api-Secret-Token"],
                (await request.json())["message"]["text"],
            )
        )
        return web.Response()

    ann = simulator.user("Ann")
    dm = simulator.direct_chat(ann)
    await simulator.say(ann, dm, "before")

    async with webhook(handle) as url:
        await bot.set_webhook(url, secret_token="secret")
        await simulator.connected()
        await simulator.say(ann, dm, "after")
        await until(lambda: len(seen) == 2)
        await bot.delete_webhook()

    assert seen == [("secret", "before"), ("secret", "after")]


async def test_an_update_is_posted_again_until_it_is_answered(
    simulator: TelegramSimulator, bot: Bot
) -> None:
    seen: list[int] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((await request.json())["update_id"])
        return web.Response(status=200 if len(seen) == 3 else 503)

    ann = simulator.user("Ann")
    async with webhook(handle) as url:
        await bot.set_webhook(url)
        await simulator.say(ann, simulator.direct_chat(ann), "hello")
        await until(lambda: len(seen) == 3)
        info = await bot.get_webhook_info()
        await until(lambda: not len(simulator._updates))
        await bot.delete_webhook()

    assert len(set(seen)) == 1
    assert "503" in info.last_error_message


async def test_updates_wait_for_a_webhook_that_nobody_serves_yet(
    simulator: TelegramSimulator, bot: Bot
) -> None:
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((await request.json())["message"]["text"])
        return web.Response()

    ann = simulator.user("Ann")
    async with webhook(handle) as url:
        pass

    await bot.set_webhook(url)
    await simulator.say(ann, simulator.direct_chat(ann), "hello")

    async with webhook(handle, port=int(url.split(":")[2].split("/")[0])):
        await until(lambda: seen)
        await bot.delete_webhook()

    assert seen == ["hello"]


async def test_nobody_polls_while_a_webhook_is_set(simulator: TelegramSimulator, bot: Bot) -> None:
    waiting = asyncio.create_task(bot.get_updates(timeout=5))
    await simulator.connected()
    await bot.set_webhook("http://127.0.0.1:1/hook")

    with pytest.raises(Conflict, match="terminated"):
        await waiting

    with pytest.raises(Conflict, match="webhook is active"):
        await bot.get_updates()

    assert (await bot.get_webhook_info()).url == "http://127.0.0.1:1/hook"
    await bot.delete_webhook()
    assert await bot.get_updates(timeout=0) == ()


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_connection_is_cut_before_or_after_the_effect(
    simulator: TelegramSimulator, bot: Bot, after_effect: bool
) -> None:
    dm = simulator.direct_chat(simulator.user("Ann"))
    simulator.cut_next("sendMessage", after_effect=after_effect)

    with pytest.raises(NetworkError):
        await bot.send_message(dm.id, "hello")

    assert len(simulator.messages(dm)) == after_effect
    await bot.send_message(dm.id, "again")


async def test_an_answer_is_held_until_it_is_released(
    simulator: TelegramSimulator, bot: Bot
) -> None:
    dm = simulator.direct_chat(simulator.user("Ann"))
    release = simulator.hold_next("sendMessage")

    with pytest.raises(TimedOut):
        await bot.send_message(dm.id, "hello", read_timeout=0.2)

    assert [one.text for one in simulator.messages(dm)] == ["hello"]
    release.set()
    await bot.send_message(dm.id, "again")

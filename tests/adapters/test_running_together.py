"""Bots on both platforms in one process: started together, ended together."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import discord
import pytest
import telegram

import session_plugin_discord
import session_plugin_telegram
from session_plugin import DatabaseRefused, SessionHub, run_together

BOTH_ORDERS = pytest.mark.parametrize("is_reversed", [False, True], ids=["in order", "reversed"])


class Bots:
    """A bot on each platform on one hub."""

    def __init__(self, on_discord: Any, on_telegram: Any, hub: SessionHub) -> None:
        self.drivers, self.hub = (on_discord, on_telegram), hub
        self.bot = on_discord.make()
        self.calls: list[str] = []
        self.builder = on_telegram.builder()
        for name in ("post_init", "post_stop", "post_shutdown"):
            getattr(self.builder, name)(self._note(name))
        self.application = self.builder.build()
        session_plugin_discord.install(self.bot, hub)
        session_plugin_telegram.install(self.application, hub)

    def runs(self, *, is_reversed: bool = False, token: str = "") -> list[Coroutine[Any, Any, Any]]:
        on_discord = session_plugin_discord.run(self.bot, token or self.drivers[0].simulator.token)
        both = [on_discord, session_plugin_telegram.run(self.application)]
        return both[::-1] if is_reversed else both

    async def connected(self) -> None:
        async with asyncio.timeout(20):
            for driver in self.drivers:
                await driver.simulator.connected()
            await self.bot.wait_until_ready()
            while not self.application.running:
                await asyncio.sleep(0.01)

    def assert_ended(self) -> None:
        assert self.bot.is_closed()
        assert not self.application.running
        assert not self.application._initialized
        assert not self.hub._parts.database.is_open

    def _note(self, name: str) -> Any:
        async def call(application: Any) -> None:
            self.calls.append(name)

        return call


@pytest.fixture
def bots(on_discord: Any, on_telegram: Any, hub: SessionHub) -> Bots:
    return Bots(on_discord, on_telegram, hub)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@BOTH_ORDERS
async def test_a_signal_ends_both_and_the_hub(
    bots: Bots, number: signal.Signals, is_reversed: bool
) -> None:
    before = signal.getsignal(number)
    running = asyncio.create_task(run_together(*bots.runs(is_reversed=is_reversed)))
    await bots.connected()

    os.kill(os.getpid(), number)
    await asyncio.wait_for(running, 20)
    bots.assert_ended()
    assert bots.calls == ["post_init", "post_stop", "post_shutdown"]
    assert signal.getsignal(number) == before


@BOTH_ORDERS
async def test_one_that_fails_ends_the_other_and_its_error_is_raised(
    bots: Bots, is_reversed: bool
) -> None:
    with pytest.raises(discord.LoginFailure):
        await asyncio.wait_for(run_together(*bots.runs(is_reversed=is_reversed, token="wrong")), 20)
    bots.assert_ended()


@BOTH_ORDERS
async def test_a_telegram_token_that_is_refused_ends_discord(
    on_discord: Any, on_telegram: Any, hub: SessionHub, is_reversed: bool
) -> None:
    bots = Bots(on_discord, on_telegram, hub)
    bots.application = on_telegram.builder().token("1:wrong").build()
    session_plugin_telegram.install(bots.application, hub)
    with pytest.raises(telegram.error.InvalidToken):
        await asyncio.wait_for(run_together(*bots.runs(is_reversed=is_reversed)), 20)
    bots.assert_ended()


async def test_a_bot_that_is_closed_by_its_owner_ends_the_other(bots: Bots) -> None:
    running = asyncio.create_task(run_together(*bots.runs()))
    await bots.connected()
    await bots.bot.close()
    await asyncio.wait_for(running, 20)
    bots.assert_ended()


async def test_cancelling_ends_both(bots: Bots) -> None:
    running = asyncio.create_task(run_together(*bots.runs()))
    await bots.connected()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert running.cancelled()
    bots.assert_ended()


async def test_a_database_that_is_refused_is_the_error_and_both_end(bots: Bots, path: Path) -> None:
    path.write_bytes(b"no database" * 100)
    with pytest.raises(DatabaseRefused):
        await asyncio.wait_for(run_together(*bots.runs()), 20)
    bots.assert_ended()


async def test_what_fails_while_it_ends_is_logged_and_hides_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fails() -> None:
        raise OSError("first")

    async def fails_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise KeyError("a secret")

    with caplog.at_level(logging.ERROR), pytest.raises(OSError, match="first"):
        await run_together(fails_at_the_end(), fails())
    assert [one.getMessage() for one in caplog.records] == ["a bot failed while it ended: KeyError"]


async def test_bots_themselves_are_refused_with_what_to_give() -> None:
    async def runs() -> None:
        """Never started, and closed: else it would warn."""

    with pytest.raises(TypeError, match=r"not discord\.client\.Client: session_plugin_discord"):
        await run_together(runs(), discord.Client(intents=discord.Intents.none()))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no bot"):
        await run_together()


def test_it_runs_in_another_thread_where_signals_cannot_be_handled() -> None:
    async def ends() -> None:
        await asyncio.sleep(0)

    async def in_thread() -> None:
        await asyncio.to_thread(asyncio.run, run_together(ends()))

    asyncio.run(asyncio.wait_for(in_thread(), 20))

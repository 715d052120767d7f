"""The first bot that `init` writes runs on both real clients, and remembers."""

from __future__ import annotations

import asyncio
import runpy
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import session_plugin_discord
import session_plugin_telegram
from session_plugin import SessionHub, run_together


@pytest.fixture
def written(run: Any, tmp_path: Path) -> Any:
    """Let `init` write a bot, and return what its file defines."""

    def write(platform: str) -> dict[str, Any]:
        path = tmp_path / "bot.py"
        ran = run(None, "init", platform, "--path", str(path))
        assert ran.status == 0, ran.err
        assert "pip install" in ran.out
        return runpy.run_path(str(path))

    return write


async def talk(driver: Any, *, first: str = "Hello! I remember that.") -> None:
    ann = driver.user("Ann")
    chat = driver.direct_chat(ann)
    assert await driver.ask(ann, chat, "I like tea") == first
    assert await driver.ask(ann, chat, "And cake") == f"Noted. Before that: {first}"


async def test_the_first_bot_on_discord_remembers(
    written: Any, on_discord: Any, tmp_path: Path
) -> None:
    bot = written("discord")["build"](SessionHub(tmp_path / "bot.db"))
    async with on_discord.started(bot):
        await talk(on_discord)


async def test_the_first_bot_on_telegram_remembers(
    written: Any, on_telegram: Any, tmp_path: Path
) -> None:
    build = written("telegram")["build"]
    application = build(SessionHub(tmp_path / "bot.db"), on_telegram.builder())
    async with on_telegram.started(application):
        await talk(on_telegram)


async def test_the_first_bot_on_both_remembers_on_both(
    written: Any, on_discord: Any, on_telegram: Any, tmp_path: Path
) -> None:
    names, hub = written("both"), SessionHub(tmp_path / "bot.db")
    bot = names["build_discord"](hub)
    application = names["build_telegram"](hub, on_telegram.builder())
    running = asyncio.create_task(
        run_together(
            session_plugin_discord.run(bot, on_discord.simulator.token),
            session_plugin_telegram.run(application),
        )
    )
    await asyncio.wait_for(on_discord.simulator.connected(), 20)
    await bot.wait_until_ready()
    await on_telegram.simulator.connected()

    await talk(on_discord)
    await talk(on_telegram)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("platform", ["discord", "telegram", "both"])
def test_without_a_token_the_first_bot_says_which_to_set(
    written: Any, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)
    monkeypatch.setenv("TELEGRAM_TOKEN", "")
    with pytest.raises(SystemExit, match="Set "):
        written(platform)["main"]()


def test_init_leaves_what_is_there(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "bot.py"
    path.write_text("mine")
    ran = run(None, "init", "both", "--path", str(path))
    assert (ran.status, path.read_text()) == (1, "mine")
    assert "exists already" in ran.err

"""A hub for bots on the simulators, and what tests of adapters wait for and look at."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from session_plugin import SessionHub, SessionMessage
from session_plugin.testing import Driver


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the hub's database is."""
    return tmp_path / "bot.db"


@pytest.fixture
def hub(path: Path) -> SessionHub:
    return SessionHub(path, load_entry_points=False)


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait until a condition holds, looking again and again."""

    async def wait(is_true: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not is_true():
                await asyncio.sleep(0.01)

    return wait


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Give what our loggers said at ERROR or above."""

    def said() -> list[str]:
        ours = (
            one
            for one in caplog.records
            if one.name.startswith("session_plugin") and one.levelno >= logging.ERROR
        )
        return [one.getMessage() for one in ours]

    return said


@pytest.fixture
def says(hub: SessionHub) -> Callable[[Driver, Any, list[str]], Awaitable[list[SessionMessage]]]:
    """Wait until a chat's history says exactly this, and give it."""

    async def wait(driver: Driver, chat: Any, expected: list[str]) -> list[SessionMessage]:
        found: list[SessionMessage] = []
        for _ in range(2000):
            found = await driver.view(hub, chat).history(limit=None)
            if [one.content for one in found] == expected:
                return found
            await asyncio.sleep(0.01)
        assert [one.content for one in found] == expected
        return found

    return wait

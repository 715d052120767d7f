"""Fixtures for key stores: where one is to be on each backend, master keys, and ids; and for hubs
whose database is sealed.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from session_plugin import Keys, SessionHub
from session_plugin.encryption.keys import OpenKeys
from session_plugin.testing import Talk

SECRET = "what only the tests' hubs know"


@pytest.fixture(autouse=True)
def _no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SESSION_KEY", raising=False)
    monkeypatch.delenv("SESSION_KEY_FILE", raising=False)


@pytest.fixture
def place(backend: Any) -> Iterator[str]:
    """Where a key store is to be, on each backend in turn; nothing is there yet."""
    with backend.new() as place:
        yield place


@pytest.fixture
def bot_file(tmp_path: Path) -> str:
    """Where the database is whose keys they are; it is not needed."""
    folder = tmp_path / "bot"
    folder.mkdir()
    return str(folder / "bot.db")


@pytest.fixture
def master() -> str:
    return secrets.token_hex(32)


@pytest.fixture
def open_keys(bot_file: str) -> Iterator[Callable[..., OpenKeys]]:
    """Open keys; they are closed when the test is over."""
    opened: list[OpenKeys] = []

    def open_(master: Any, *, may_create: bool = True, **settings: Any) -> OpenKeys:
        opened.append(Keys(master, **settings).open(bot_file, may_create=may_create))
        return opened[-1]

    yield open_
    for keys in opened:
        keys.close()


@pytest.fixture
def new_ids() -> Callable[[int], list[bytes]]:
    return lambda count: [os.urandom(8) for _ in range(count)]


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    """The key store's file."""
    folder = tmp_path / "store"
    folder.mkdir()
    return folder / "bot.keys"


@pytest.fixture
def keys(master: str, store_file: Path) -> Callable[[], Keys]:
    return lambda: Keys(master, store=store_file)


@pytest.fixture
async def new_hub(
    database: str, clock: Any, keys: Callable[[], Keys]
) -> AsyncIterator[Callable[..., SessionHub]]:
    made: list[SessionHub] = []

    def make(*plugins: object, path: str | Path = database, **settings: Any) -> SessionHub:
        hub = SessionHub(
            path,
            **{
                "plugins": plugins,
                "load_entry_points": False,
                "clock": clock,
                "secret": SECRET,
                "encryption": keys(),
                "upkeep_minutes": None,
                **settings,
            },
        )
        made.append(hub)
        return hub

    yield make
    for hub in made:
        await hub.close()


@pytest.fixture
def held(keys: Callable[[], Keys], database: str) -> Callable[[list[bytes]], int]:
    """Count how many of some keys the key store has."""

    def count(key_ids: list[bytes]) -> int:
        opened = keys().open(database, may_create=False)
        try:
            return len(opened.store.unwrap(key_ids))
        finally:
            opened.close()

    return count

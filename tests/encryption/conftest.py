"""Fixtures for key stores: where one is to be on each backend, master keys, and ids."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from session_plugin import Keys
from session_plugin.encryption.keys import OpenKeys


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

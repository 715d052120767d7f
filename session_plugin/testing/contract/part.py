"""The fixtures of every part of the contract: a driver, a hub, and the path of its database."""

from __future__ import annotations

from pathlib import Path

import pytest

from session_plugin import SessionHub
from session_plugin.testing.driver import Driver


@pytest.mark.asyncio
class ContractPart:
    """A part of the contract. A class that derives from it provides the fixture `driver`."""

    @pytest.fixture
    def driver(self) -> Driver:
        """Return the driver of the adapter under test, on a simulator that has started."""
        raise NotImplementedError("define a fixture `driver` that returns your adapter's driver")

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Return the path of the hub's database."""
        return tmp_path / "bot.db"

    @pytest.fixture
    def hub(self, path: Path) -> SessionHub:
        """Return a hub without any bot."""
        return SessionHub(path, load_entry_points=False)

"""What every part of the contract has at hand: a driver, a hub, and where its database is."""

from __future__ import annotations

from pathlib import Path

import pytest

from session_plugin import SessionHub
from session_plugin.testing.driver import Driver


@pytest.mark.asyncio
class ContractPart:
    """Some promises that an adapter keeps. Whoever derives from it gives the fixture `driver`."""

    @pytest.fixture
    def driver(self) -> Driver:
        """Give the driver of the adapter that is tested, on a simulator that has started."""
        raise NotImplementedError("give your adapter's driver by a fixture `driver` of your class")

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Where the hub's database is."""
        return tmp_path / "bot.db"

    @pytest.fixture
    def hub(self, path: Path) -> SessionHub:
        """Give a hub that nothing is attached to."""
        return SessionHub(path, load_entry_points=False)

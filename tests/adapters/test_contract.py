"""Both adapters keep the contract of adapters, on real clients."""

import pytest

from session_plugin.testing import Contract, Driver


class TestDiscord(Contract):
    @pytest.fixture
    def driver(self, on_discord: Driver) -> Driver:
        return on_discord


class TestTelegram(Contract):
    @pytest.fixture
    def driver(self, on_telegram: Driver) -> Driver:
        return on_telegram

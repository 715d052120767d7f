"""Both adapters keep the contract of adapters, on real clients."""

import sys
from pathlib import Path

import pytest

from session_plugin.testing import Contract, Driver

WHOLE_BOT = (sys.executable, str(Path(__file__).parents[2] / "examples" / "two_platform_bot.py"))


class TestDiscord(Contract):
    @pytest.fixture
    def driver(self, on_discord: Driver) -> Driver:
        on_discord.program = WHOLE_BOT
        return on_discord


class TestTelegram(Contract):
    @pytest.fixture
    def driver(self, on_telegram: Driver) -> Driver:
        on_telegram.program = WHOLE_BOT
        return on_telegram

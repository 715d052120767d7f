"""A simulated Telegram, and a bot of python-telegram-bot."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import telegram

from telegram_simulator import TelegramSimulator


@pytest.fixture
async def simulator() -> AsyncIterator[TelegramSimulator]:
    async with TelegramSimulator() as running:
        yield running


@pytest.fixture
async def bot(simulator: TelegramSimulator) -> AsyncIterator[telegram.Bot]:
    addresses = simulator.environment()
    bot = telegram.Bot(
        simulator.token,
        base_url=addresses["TELEGRAM_BASE_URL"],
        base_file_url=addresses["TELEGRAM_BASE_FILE_URL"],
    )
    async with bot:
        yield bot

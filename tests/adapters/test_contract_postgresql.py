"""What both adapters promise of conversations holds on PostgreSQL, too."""

from collections.abc import Iterator
from typing import Any

import pytest

from session_plugin import SessionHub
from session_plugin.testing import Driver
from session_plugin.testing.contract import ConversationContract, PrivacyContract


class OnPostgresql(ConversationContract, PrivacyContract):
    @pytest.fixture
    def hub(self, postgresql: Any) -> Iterator[SessionHub]:
        with postgresql.empty() as database:
            yield SessionHub(database, load_entry_points=False)


class TestDiscord(OnPostgresql):
    @pytest.fixture
    def driver(self, on_discord: Driver) -> Driver:
        return on_discord


class TestTelegram(OnPostgresql):
    @pytest.fixture
    def driver(self, on_telegram: Driver) -> Driver:
        return on_telegram

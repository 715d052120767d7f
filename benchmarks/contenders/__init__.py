"""What is measured: one small class for each contender, with the same methods.

A contender is imported only by the process that measures it, so that its library does not add to
the memory or start time of others. `make` creates a contender by name; `LIBRARIES` are the
alternatives to this package.
"""

import importlib
from collections.abc import Sequence
from typing import Protocol, cast

USERS = 100
"""People in every measurement, with one direct chat each."""

TEXT = "It was a bright cold day, and all the clocks in the house were still at noon. ".ljust(
    192, "~"
)
"""The text of every message, 192 characters; `text_of` appends a number of 8 digits."""

_PLACES = {
    "session_plugin": "contenders.ours:SessionPlugin",
    "session_plugin, encrypted": "contenders.ours:Encrypted",
    "sqlite3": "contenders.raw:RawSqlite",
    "aiosqlite": "contenders.aiosqlite_table:AiosqliteTable",
    "aiosqlite, unlocked": "contenders.aiosqlite_table:UnlockedAiosqliteTable",
    "openai-agents": "contenders.openai_agents:OpenaiAgents",
    "google-adk": "contenders.google_adk:GoogleAdk",
    "langchain": "contenders.langchain:Langchain",
    "langgraph": "contenders.langgraph_saver:LanggraphSaver",
    "asyncpg": "contenders.asyncpg_pool:AsyncpgPool",
}

OURS = "session_plugin"
ENCRYPTED = "session_plugin, encrypted"
LIMIT = "sqlite3"
LIBRARIES = ("aiosqlite", "openai-agents", "google-adk", "langchain", "langgraph")
SLOW = ("google-adk", "langchain")
"""Much slower than the others: skipped by a quick run, limited to two rounds in a full run."""

UNLOCKED = "aiosqlite, unlocked"
POSTGRES = "asyncpg"


class Contender(Protocol):
    """Stores messages and returns the newest.

    Attributes:
        settings: Its setup, for the legend of the table.
    """

    settings: str

    async def open(self, where: str, users: int) -> None:
        """Prepare to store messages of that many people, in a file or at a URL."""

    async def record(self, user: int, text: str, role: str = "user") -> None:
        """Store a message; return when it is on disk, raise if it is not."""

    async def last(self, user: int, n: int) -> Sequence[str]:
        """Return the newest `n` messages of a person, oldest first."""

    async def close(self) -> None:
        """Close the file or the connection."""


def make(name: str) -> Contender:
    """Return a new contender by its name in the table.

    Raises:
        ImportError: Its library is not installed.
    """
    module, _, class_name = _PLACES[name].partition(":")
    return cast(Contender, getattr(importlib.import_module(module), class_name)())


def text_of(number: int) -> str:
    """Return a message of 200 characters; the last eight are its number."""
    return f"{TEXT}{number % 100_000_000:08d}"

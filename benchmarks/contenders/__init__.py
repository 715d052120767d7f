"""Who is measured: one small class each, with the same few methods.

A contender is imported only in the process that measures it, so that nobody's memory or start holds
another's library. `make` gives one by name; `LIBRARIES` are those that people could pick instead of
this package.
"""

import importlib
from collections.abc import Sequence
from typing import Protocol, cast

USERS = 100
"""People in every measurement, one direct chat each."""

TEXT = "It was a bright cold day, and all the clocks in the house were still at noon. ".ljust(
    192, "~"
)
"""The words of every message, 192 characters; `text_of` adds 8 that differ."""

_PLACES = {
    "session_plugin": "contenders.ours:SessionPlugin",
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
LIMIT = "sqlite3"
LIBRARIES = ("aiosqlite", "openai-agents", "google-adk", "langchain", "langgraph")
SLOW = ("google-adk", "langchain")
"""Far behind the others, and long in opening: a quick run leaves them out, a full one has them in
two rounds only.
"""

UNLOCKED = "aiosqlite, unlocked"
POSTGRES = "asyncpg"


class Contender(Protocol):
    """Something that keeps messages, and gives the newest back.

    Attributes:
        settings: How it is set up, for the legend of the table.
    """

    settings: str

    async def open(self, where: str, users: int) -> None:
        """Get ready to keep the messages of that many people, in a file or at a URL."""

    async def record(self, user: int, text: str, role: str = "user") -> None:
        """Keep one message; return when it is on disk, raise if it is not."""

    async def last(self, user: int, n: int) -> Sequence[str]:
        """Give the newest `n` messages of one person, oldest first."""

    async def close(self) -> None:
        """Let go of the file or the server."""


def make(name: str) -> Contender:
    """Give a contender by its name in the table.

    Raises:
        ImportError: its library is not installed.
    """
    module, _, class_name = _PLACES[name].partition(":")
    return cast(Contender, getattr(importlib.import_module(module), class_name)())


def text_of(number: int) -> str:
    """Give a message's words: 200 characters, the last eight its number."""
    return f"{TEXT}{number % 100_000_000:08d}"

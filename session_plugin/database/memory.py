"""What the writer remembers of rows that it has looked up, until somebody changes them.

Belongs to one connection that writes, and to its thread. On SQLite, triggers on that connection
(sql/queries/memory.sql) say what its own statements change, whichever operation runs them; a commit
of any other connection, and each rollback, empties it. Must not know what an operation keeps here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable
from typing import Any, Protocol

MOST_PLACES = 5_000
"""Places that are remembered, at less than 1 kB each, and sessions, and chats. Beyond that the
memory begins anew.
"""


class Session(Protocol):
    """What is remembered of a live session, with the sums over its segments."""

    is_current: bool
    """Whether it is as it was found, and as its finder has changed it since."""


class Memory:
    """Places of messages and their live sessions, as they are within the transaction."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.places: dict[Hashable, Any] = {}
        self.sessions: dict[int, Session] = {}
        self.chats_with_deletions: set[int] = set()
        """Chats of these places of which a message was deleted, and may be delivered again."""

    def forget(self) -> None:
        """Forget everything."""
        for session in self.sessions.values():
            session.is_current = False

        self.places.clear()
        self.sessions.clear()
        self.chats_with_deletions.clear()

    def forget_session(self, session_no: int) -> None:
        """Forget a session, and so every place in it."""
        session = self.sessions.pop(session_no, None)
        if session is not None:
            session.is_current = False

    def make_room(self) -> None:
        """Forget everything if that is too much. Do so before anything is looked up."""
        sizes = (len(self.places), len(self.sessions), len(self.chats_with_deletions))
        if max(sizes) > MOST_PLACES:
            self.forget()


WATCHES = (
    "watch_accounts",
    "watch_names",
    "watch_new_accounts",
    "watch_gone_accounts",
    "watch_chats",
    "watch_titles",
    "watch_peers",
    "watch_gone_chats",
    "watch_sessions",
    "watch_gone_sessions",
    "watch_segments",
    "watch_new_segments",
    "watch_gone_segments",
    "watch_tombstones",
)
"""The triggers on a connection that writes."""


def watch(connection: sqlite3.Connection, run: Callable[[str], object], memory: Memory) -> None:
    """Forget what a connection changes, from now on until it is closed.

    `run` runs a statement on it by name.
    """
    connection.create_function("forget_places", 0, memory.forget)
    connection.create_function("forget_session", 1, memory.forget_session)
    connection.create_function("note_deletion", 1, memory.chats_with_deletions.add)
    for name in WATCHES:
        run(name)

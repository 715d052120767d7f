"""The limit of disk and SQLite: the sqlite3 module and one table, without people or sessions."""

import sqlite3
import time

from contenders.names import chat_id, message_ids

SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY, chat TEXT, message_id TEXT, role TEXT, content BLOB, sent_at REAL
);
CREATE INDEX IF NOT EXISTS messages_of_chat ON messages (chat);
CREATE UNIQUE INDEX IF NOT EXISTS messages_once ON messages (chat, message_id);
"""
INSERT = "INSERT INTO messages (chat, message_id, role, content, sent_at) VALUES (?, ?, ?, ?, ?)"
LAST = "SELECT content FROM messages WHERE chat = ? ORDER BY id DESC LIMIT ?"


class RawSqlite:
    """The raw limit: sqlite3 in WAL mode with synchronous=FULL, in the only thread.

    The table is (id integer primary key, chat text, message_id text, role text, content blob,
    sent_at real) with an index on chat and a unique index on (chat, message_id). `record_batch` is
    the actual limit: BEGIN, `executemany` with 100 rows, COMMIT. No library can reach it: no caller
    waits for a single message, nothing is looked up, and the event loop is blocked. `record`
    commits each message; the comparison of memory uses it.
    """

    settings = (
        "sqlite3, WAL, synchronous=FULL, executemany in transactions of 100 on the calling thread"
    )

    async def open(self, where: str, users: int) -> None:
        """Create the table."""
        self._db = sqlite3.connect(where, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(SCHEMA)
        self._ids = message_ids()

    async def record(self, user: int, text: str, role: str = "user") -> None:
        """Insert and commit one message."""
        self._db.execute(INSERT, self._row(user, text, role))

    def record_batch(self, messages: list[tuple[int, str]]) -> None:
        """Insert many messages in one transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(INSERT, [self._row(user, text, "user") for user, text in messages])
        self._db.execute("COMMIT")

    async def last(self, user: int, n: int) -> list[str]:
        """Select by the chat's index."""
        return [
            bytes(content).decode()
            for (content,) in reversed(self._db.execute(LAST, (chat_id(user), n)).fetchall())
        ]

    async def close(self) -> None:
        """Close the connection, which checkpoints."""
        self._db.close()

    def _row(self, user: int, text: str, role: str) -> tuple[str, str, str, bytes, float]:
        return chat_id(user), str(next(self._ids)), role, text.encode(), time.time()

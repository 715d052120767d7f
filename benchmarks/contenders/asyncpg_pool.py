"""asyncpg with the table of the raw limit on PostgreSQL: a pool, and a commit per message."""

import time

import asyncpg

from contenders.names import chat_id, message_ids

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id BIGSERIAL PRIMARY KEY, chat TEXT, message_id TEXT, role TEXT,
    content BYTEA, sent_at DOUBLE PRECISION
);
CREATE INDEX IF NOT EXISTS messages_of_chat ON messages (chat);
CREATE UNIQUE INDEX IF NOT EXISTS messages_once ON messages (chat, message_id);
"""
_INSERT = (
    "INSERT INTO messages (chat, message_id, role, content, sent_at) VALUES ($1, $2, $3, $4, $5)"
)
_LAST = "SELECT content FROM messages WHERE chat = $1 ORDER BY id DESC LIMIT $2"


class AsyncpgPool:
    """A pool with default settings: ten connections."""

    settings = (
        "create_pool(url), ten connections; one INSERT, committed by itself, for each message"
    )

    async def open(self, where: str, users: int) -> None:
        """Connect and create the table."""
        self._pool = await asyncpg.create_pool(where)
        await self._pool.execute(_SCHEMA)
        self._ids = message_ids()

    async def record(self, user: int, text: str, role: str = "user") -> None:
        """Insert one message, which commits by itself."""
        await self._pool.execute(
            _INSERT, chat_id(user), str(next(self._ids)), role, text.encode(), time.time()
        )

    async def last(self, user: int, n: int) -> list[str]:
        """Select by the chat's index."""
        rows = await self._pool.fetch(_LAST, chat_id(user), n)
        return [bytes(row["content"]).decode() for row in reversed(rows)]

    async def close(self) -> None:
        """Close the pool."""
        await self._pool.close()

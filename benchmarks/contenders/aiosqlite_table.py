"""aiosqlite with the table of the raw limit: a driver without a library."""

import asyncio
import contextlib
import time

import aiosqlite

from contenders.names import chat_id, message_ids
from contenders.raw import INSERT, LAST, SCHEMA


class AiosqliteTable:
    """One connection, with a lock that makes each message a transaction."""

    settings = (
        "one connection, WAL, synchronous=FULL; execute and commit for each message, under an "
        "asyncio.Lock"
    )

    def __init__(self) -> None:
        """Create the lock."""
        self._guard: contextlib.AbstractAsyncContextManager[None] = asyncio.Lock()

    async def open(self, where: str, users: int) -> None:
        """Create the table."""
        self._db = await aiosqlite.connect(where)
        await self._db.execute("PRAGMA journal_mode=WAL")
        await self._db.execute("PRAGMA synchronous=FULL")
        await self._db.executescript(SCHEMA)
        self._ids = message_ids()

    async def record(self, user: int, text: str, role: str = "user") -> None:
        """Insert and commit one message."""
        row = (chat_id(user), str(next(self._ids)), role, text.encode(), time.time())
        async with self._guard:
            await self._db.execute(INSERT, row)
            await self._db.commit()

    async def last(self, user: int, n: int) -> list[str]:
        """Select by the chat's index."""
        rows = await self._db.execute_fetchall(LAST, (chat_id(user), n))
        return [bytes(content).decode() for (content,) in reversed(list(rows))]

    async def close(self) -> None:
        """Close the connection and its thread."""
        await self._db.close()


class UnlockedAiosqliteTable(AiosqliteTable):
    """The same without the lock: any task's commit includes the inserts of all tasks.

    It is fast, and acknowledged messages are on disk. But one task's rollback also undoes the
    inserts of others. It is shown for comparison and is not one of the libraries.
    """

    settings = (
        "the same without the lock: tasks share whatever transaction is open, and each other's "
        "rollbacks"
    )

    def __init__(self) -> None:
        """Use no lock."""
        self._guard = contextlib.nullcontext()

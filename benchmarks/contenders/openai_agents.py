"""openai-agents: an `SQLiteSession` for each conversation, all in one file."""

from agents import SQLiteSession


class OpenaiAgents:
    """Sessions as in its documentation: an id and a path."""

    settings = (
        "SQLiteSession(id, path) for each person; its defaults: WAL, synchronous=FULL, a commit "
        "per add_items"
    )

    async def open(self, where: str, users: int) -> None:
        """Create everybody's session."""
        self._sessions = [SQLiteSession(f"person-{user}", where) for user in range(users)]

    async def record(self, user: int, text: str, role: str = "user") -> None:
        """Add one item."""
        await self._sessions[user].add_items(
            [{"role": "assistant" if role == "assistant" else "user", "content": text}]
        )

    async def last(self, user: int, n: int) -> list[str]:
        """Return the newest items."""
        return [str(item.get("content")) for item in await self._sessions[user].get_items(limit=n)]

    async def close(self) -> None:
        """Close all sessions."""
        for session in self._sessions:
            session.close()

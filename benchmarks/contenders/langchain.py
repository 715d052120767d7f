"""LangChain's SQL history: `SQLChatMessageHistory` on an engine shared by all conversations."""

import warnings

from langchain_core.messages import AIMessage, HumanMessage
from sqlalchemy.ext.asyncio import create_async_engine

with warnings.catch_warnings():
    # At import it warns that langchain-community is no longer developed.
    warnings.simplefilter("ignore", DeprecationWarning)
    from langchain_community.chat_message_histories import SQLChatMessageHistory


class Langchain:
    """A history for each person, created once."""

    settings = (
        "SQLChatMessageHistory on one async engine, SQLite's defaults, lock timeout raised from 5 "
        "to 60 s"
    )

    async def open(self, where: str, users: int) -> None:
        """Create everybody's history; the first read creates the table."""
        self._engine = create_async_engine(
            f"sqlite+aiosqlite:///{where}", connect_args={"timeout": 60}
        )
        self._histories = [
            SQLChatMessageHistory(f"person-{user}", connection=self._engine)
            for user in range(users)
        ]

        for history in self._histories:
            await history.aget_messages()

    async def record(self, user: int, text: str, role: str = "user") -> None:
        """Add one message."""
        message = AIMessage(text) if role == "assistant" else HumanMessage(text)
        await self._histories[user].aadd_messages([message])

    async def last(self, user: int, n: int) -> list[str]:
        """Read all messages, because the API has no limit, and return the newest."""
        return [
            str(message.content) for message in (await self._histories[user].aget_messages())[-n:]
        ]

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()

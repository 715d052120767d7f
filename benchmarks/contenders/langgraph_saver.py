"""LangGraph's SQLite saver: a thread per conversation, with all messages in its checkpoint."""

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointMetadata, CheckpointTuple, empty_checkpoint
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


class LanggraphSaver:
    """The saver without a graph, which would write two or three checkpoints per message."""

    settings = (
        "AsyncSqliteSaver without a graph, its defaults (WAL, FULL); every checkpoint holds all "
        "messages of its thread"
    )

    async def open(self, where: str, users: int) -> None:
        """Create the tables."""
        self._manager = AsyncSqliteSaver.from_conn_string(where)
        self._saver = await self._manager.__aenter__()
        await self._saver.setup()

    async def record(self, user: int, text: str, role: str = "user") -> None:
        """Read the thread's newest checkpoint and write the next, with one more message."""
        found = await self._saver.aget_tuple(self._config(user))
        messages = self._messages(found)
        checkpoint = empty_checkpoint()
        added = AIMessage(text) if role == "assistant" else HumanMessage(text)
        checkpoint["channel_values"] = {"messages": [*messages, added]}
        metadata: CheckpointMetadata = {"source": "update", "step": len(messages)}
        await self._saver.aput(
            found.config if found else self._config(user), checkpoint, metadata, {}
        )

    async def last(self, user: int, n: int) -> list[str]:
        """Read the thread's newest checkpoint, and return its newest messages."""
        found = await self._saver.aget_tuple(self._config(user))
        return [str(message.content) for message in self._messages(found)[-n:]]

    async def close(self) -> None:
        """Close the connection."""
        await self._manager.__aexit__(None, None, None)

    @staticmethod
    def _config(user: int) -> RunnableConfig:
        return {"configurable": {"thread_id": f"person-{user}", "checkpoint_ns": ""}}

    @staticmethod
    def _messages(found: CheckpointTuple | None) -> list[BaseMessage]:
        return list(found.checkpoint["channel_values"]["messages"]) if found else []

"""A chat message history of LangChain over the conversation on the platforms; no checkpointer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from session_plugin.agents.runs import FrameworkRun, Shape
from session_plugin.hub.view.view import SessionView

try:
    from langchain_core.chat_history import BaseChatMessageHistory
    from langchain_core.messages import (
        AIMessage,
        BaseMessage,
        HumanMessage,
        ToolMessage,
        convert_to_messages,
    )
except ImportError as error:
    raise ImportError(
        "session_plugin.agents.langchain needs langchain-core: "
        'pip install "session-plugin[langchain]"'
    ) from error

__all__ = ["ChatHistory"]


class ChatHistory(BaseChatMessageHistory):
    """The session of a handler, as chains of LangChain take a history. Make one for each message
    that is answered; use the asynchronous methods.

    What it returns ends before the message that is answered: the chain has that as its input. Of
    what the chain hands back, calls and results are stored at once, the bot's words when they are
    sent. See docs/agents.md.

    Example:
        await hub.record(event)
        history = ChatHistory(session, max_messages=40)
        prompt = [*await history.aget_messages(), ("user", event.text)]
        # answer = await model.ainvoke(prompt)
        # await history.aadd_messages([answer])
    """

    def __init__(
        self,
        view: SessionView,
        *,
        max_messages: int | None = None,
        max_tokens: int | None = None,
        store_words: bool = False,
    ) -> None:
        """Prepare a run; nothing is read yet.

        Args:
            view: What the handler has as `ctx.session` or `context.session`.
            max_messages: As for `SessionView.for_model`.
            max_tokens: As for `SessionView.for_model`.
            store_words: Store the input and the final words too: for a bot of which no platform
                delivers the messages.
        """
        self._run = FrameworkRun(
            view, max_messages=max_messages, max_tokens=max_tokens, store_words=store_words
        )

    async def aget_messages(self) -> list[BaseMessage]:
        """Return the history before the message being answered, then the messages of this run."""
        context = await self._run.context()
        before = convert_to_messages([dict(entry) for entry in context.as_openai(names=False)])

        return [*before, *self._run.items]

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store calls and results, and hold the bot's words until they are sent."""
        known = [message for message in messages if _shape(message) is not None]
        shapes = [shape for message in known if (shape := _shape(message)) is not None]
        if shapes:
            await self._run.add(shapes, known)

    async def aclear(self) -> None:
        """Begin a new session, as /new does. Nothing is deleted."""
        self._run.begin()
        await self._run.view.start_new()

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override] # the base has an attribute
        """Raise RuntimeError: reading waits for a database, so there is `aget_messages` alone."""
        _refuse("messages", "aget_messages()")

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Raise RuntimeError: storing waits for a database, so there is `aadd_messages` alone."""
        _refuse("add_messages()", "aadd_messages()")

    def clear(self) -> None:
        """Raise RuntimeError: it waits for a database, so there is `aclear` alone."""
        _refuse("clear()", "aclear()")


def _refuse(name: str, instead: str) -> NoReturn:
    raise RuntimeError(
        f"{name} would block the event loop of the bot; use {instead}, or ainvoke() of the chain"
    )


def _shape(message: BaseMessage) -> Shape | None:
    """Return a message as a chat message; None for what is neither said nor returned by a tool."""
    match message:
        case HumanMessage():
            return {"role": "user", "content": str(message.text)}
        case AIMessage():
            return _answer(message)
        case ToolMessage(tool_call_id=call_id, content=content):
            if message.status == "error":
                result = {"type": "tool_result", "tool_use_id": call_id, "is_error": True}
                return {"role": "user", "content": [{**result, "content": content}]}
            return {"role": "tool", "tool_call_id": call_id, "content": content}

    return None


def _answer(message: AIMessage) -> Shape:
    calls: list[dict[str, Any]] = [
        {"id": call["id"] or "", "function": {"name": call["name"], "arguments": arguments}}
        for call in message.tool_calls
        for arguments in (json.dumps(call["args"], ensure_ascii=False),)
    ]
    thought = message.additional_kwargs.get("reasoning_content")

    return {
        "role": "assistant",
        "content": str(message.text),
        "tool_calls": calls,
        "reasoning_content": thought,
    }

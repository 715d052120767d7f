"""The dictionaries that a context is given as, one type for each provider's entries."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, Required, TypedDict


class ChatFunction(TypedDict):
    """Which function a model called, with its arguments as JSON text."""

    name: str
    arguments: str


class ChatToolCall(TypedDict):
    """A call in an assistant's message of chat completions."""

    id: str
    type: Literal["function"]
    function: ChatFunction


class ChatMessage(TypedDict):
    """An entry of `messages` of chat completions.

    `content` is None only beside `tool_calls`, and a list only where a person sent files.
    """

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None
    name: NotRequired[str]
    tool_calls: NotRequired[list[ChatToolCall]]
    tool_call_id: NotRequired[str]


class ResponsesItem(TypedDict, total=False):
    """An item of `input` of OpenAI's Responses API: a message, a call, a result, or reasoning."""

    type: Literal["message", "function_call", "function_call_output", "reasoning"]
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[dict[str, Any]]
    call_id: str
    name: str
    arguments: str
    output: str
    id: str
    summary: list[dict[str, Any]]
    encrypted_content: str | None


class AnthropicMessage(TypedDict):
    """An entry of `messages` of Anthropic's API."""

    role: Literal["user", "assistant"]
    content: list[dict[str, Any]]


class AnthropicPrompt(TypedDict):
    """Arguments of `messages.create` of the `anthropic` package."""

    messages: list[AnthropicMessage]
    system: NotRequired[list[dict[str, str]]]


class GeminiContent(TypedDict):
    """An entry of `contents` of Google's API. Signatures and files are bytes."""

    role: Literal["user", "model"]
    parts: list[dict[str, Any]]


class GeminiPrompt(TypedDict):
    """What `generate_content` of the `google-genai` package takes.

    `system_instruction` belongs into its `config`, and is absent if there is nothing.
    """

    contents: Required[list[GeminiContent]]
    system_instruction: NotRequired[GeminiInstruction]


class GeminiInstruction(TypedDict):
    """What the bot's author said as system or developer."""

    parts: list[dict[str, str]]

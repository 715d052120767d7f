"""Anthropic's Messages API: a `Message`, and the messages of a request."""

from __future__ import annotations

from session_plugin.parts import (
    MediaPart,
    Part,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from session_plugin.providers.shapes import (
    Said,
    Shape,
    arguments_of,
    file_in,
    name_of,
    result_parts,
)

PROVIDER = "anthropic"
OF_OTHERS = {"tool_calls", "function_call", "tool_call_id", "part_kind", *("refusal", "audio")}
"""Keys of a chat completion's messages, whose content may be blocks of text too."""


def read(value: Shape) -> list[Said] | None:
    """Return what a message says; None if it is of another shape.

    The results of tools are in a message of the user there, beside what the user says.
    """
    match value:
        case {"role": "assistant", "content": list(blocks)} if _are_ours(value, blocks):
            model = str(value.get("model") or "")
            return [Said("assistant", tuple(_block(block, model) for block in blocks))]
        case {"role": "user", "content": list(blocks)} if _are_ours(value, blocks):
            results = [_block(block, "") for block in blocks if block["type"] == "tool_result"]
            words = [TextPart(text=block["text"]) for block in blocks if block["type"] == "text"]
            said = [Said("tool", tuple(results))] if results else []
            return [*said, Said("user", tuple(words))] if words or not said else said

    return None


def _are_ours(value: Shape, blocks: list[object]) -> bool:
    is_of_others = any(value.get(name) for name in OF_OTHERS)
    return not is_of_others and all(
        isinstance(block, dict) and isinstance(block.get("type"), str) for block in blocks
    )


def _block(block: Shape, model: str) -> Part:
    match block:
        case {"type": "text", "text": str(text)}:
            return TextPart(text=text)
        case {"type": "thinking" | "redacted_thinking"}:
            return ReasoningPart(provider=PROVIDER, payload=block, model=model)
        case {"type": "tool_use", "id": str(call_id), "name": str(name)}:
            return ToolCallPart(id=call_id, name=name, arguments=arguments_of(block.get("input")))
        case {"type": "tool_result", "tool_use_id": str(call_id)}:
            parts = result_parts(block.get("content"))
            is_error = bool(block.get("is_error"))
            return ToolResultPart(call_id=call_id, parts=parts, is_error=is_error)
        case {"type": "image" | "document"} if isinstance(file := file_in(block), MediaPart):
            return file

    return RawPart(provider=PROVIDER, payload=block, text=name_of(str(block["type"])))

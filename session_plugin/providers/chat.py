"""Chat completions, of OpenAI and of the many servers that speak like it."""

from __future__ import annotations

from session_plugin.parts import Part, ReasoningPart, ToolCallPart, ToolResultPart
from session_plugin.providers.shapes import (
    Said,
    Shape,
    arguments_of,
    result_parts,
    role_of,
    text_parts,
    words_of_blocks,
)

PROVIDER = "openai-chat"
REASONING = ("reasoning_content", "reasoning", "reasoning_details")
"""Where servers put what a model thought; there is no standard for it."""


def read(value: Shape) -> list[Said] | None:
    """Return what a completion or a message says; None if it is of another shape."""
    match value:
        case {"choices": list(choices)}:
            messages = [one.get("message") for one in choices[:1] if isinstance(one, dict)]
            model = str(value.get("model") or "")
            return [_answer(one, model) for one in messages if isinstance(one, dict)]
        case {"role": "assistant", **rest} if "content" in rest or "tool_calls" in rest:
            return [_answer(value, "")]
        case {"role": "tool", "tool_call_id": str(call_id)}:
            return [_result(value, call_id)]
        case {"role": "function", "name": str()}:
            return [_result(value, "")]
        case {"role": "user" | "system" | "developer" as role, "content": content}:
            return [Said(role_of(role), tuple(words_of_blocks(content)))]

    return None


def _result(value: Shape, call_id: str) -> Said:
    name, parts = str(value.get("name") or ""), result_parts(value.get("content"))
    return Said("tool", (ToolResultPart(call_id=call_id, name=name, parts=parts),))


def _answer(message: Shape, model: str) -> Said:
    parts: list[Part] = []
    thought = {name: message[name] for name in REASONING if message.get(name)}
    if thought:
        parts.append(ReasoningPart(provider=PROVIDER, payload=thought, model=model))

    parts += words_of_blocks(message.get("content")) or text_parts(message.get("refusal"))

    for call in message.get("tool_calls") or ():
        match call:
            case {"id": str(call_id), "function": {"name": str(name), **function}}:
                arguments = arguments_of(function.get("arguments"))
                parts.append(ToolCallPart(id=call_id, name=name, arguments=arguments))
            case {"id": str(call_id), "custom": {"name": str(name), **custom}}:
                text = str(custom.get("input") or "")
                parts.append(ToolCallPart(id=call_id, name=name, arguments=text))

    match message.get("function_call"):
        case {"name": str(name), **function}:
            arguments = arguments_of(function.get("arguments"))
            parts.append(ToolCallPart(id="", name=name, arguments=arguments))

    return Said("assistant", tuple(parts))

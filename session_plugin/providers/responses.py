"""OpenAI's Responses API: a `Response`, and the items of its output and of inputs."""

from __future__ import annotations

from session_plugin.parts import (
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
    name_of,
    result_parts,
    role_of,
    text_parts,
    words_of_blocks,
)

PROVIDER = "openai"
MESSAGE_BLOCKS = {"output_text", "refusal", "input_text", "input_image", "input_file"}
SUFFIXES = ("_call", "_call_output", "_output", "_list_tools", "_approval_request")
OTHER_ITEMS = {"mcp_approval_response", "item_reference", "compaction", "program"}
"""Types of items beside those that end in `SUFFIXES`."""


def read(value: Shape) -> list[Said] | None:
    """Return what a response or an item says; None if it is of another shape."""
    match value:
        case {"object": "response", "output": list(items)}:
            model = str(value.get("model") or "")
            shapes = [item for item in items if isinstance(item, dict)]
            return [_item(item, model) or _raw(item) for item in shapes]
        case {"type": str()}:
            item = _item(value, "")
            return None if item is None else [item]

    return None


def _item(item: Shape, model: str) -> Said | None:
    match item:
        case {"type": "message", "role": str(role), "content": content}:
            return _message(role, content)
        case {"type": "reasoning"}:
            part: Part = ReasoningPart(provider=PROVIDER, payload=item, model=model)
        case {"type": "function_call" | "custom_tool_call", "call_id": str(), "name": str()}:
            part = _call(item)
        case {"type": "function_call_output" | "custom_tool_call_output", "call_id": str(call_id)}:
            part = ToolResultPart(call_id=call_id, parts=result_parts(item.get("output")))
        case {"type": str(kind)} if kind.endswith(SUFFIXES) or kind in OTHER_ITEMS:
            return _raw(item)
        case _:
            return None

    return _of(item, part)


def _raw(item: Shape) -> Said:
    part = RawPart(provider=PROVIDER, payload=item, text=name_of(str(item.get("type"))))
    return _of(item, part)


def _of(item: Shape, part: Part) -> Said:
    is_of_tool = str(item.get("type")).endswith(("_call_output", "_approval_response"))
    return Said("tool" if is_of_tool else "assistant", (part,), is_item=True)


def _call(item: Shape) -> ToolCallPart:
    is_custom = item["type"] == "custom_tool_call"
    written = item.get("input") if is_custom else item.get("arguments")
    arguments = str(written or "") if is_custom else arguments_of(written)

    return ToolCallPart(id=item["call_id"], name=item["name"], arguments=arguments)


def _message(role: str, content: object) -> Said | None:
    blocks = content if isinstance(content, list) else []
    kinds = {block.get("type") for block in blocks if isinstance(block, dict)}
    if kinds - MESSAGE_BLOCKS or (role == "assistant" and isinstance(content, str)):
        return None

    if role != "assistant":
        return Said(role_of(role), tuple(words_of_blocks(content)), is_item=True)

    texts = (block.get("text") or block.get("refusal") for block in blocks)
    words = "".join(part.text for part in text_parts(*texts) if isinstance(part, TextPart))

    return Said("assistant", tuple(text_parts(words)), is_item=True)

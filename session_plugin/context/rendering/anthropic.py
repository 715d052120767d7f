"""The form of Anthropic's Messages API."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any, Literal

from session_plugin.context.exchanges import Exchange, Place
from session_plugin.context.forms import AnthropicMessage, AnthropicPrompt
from session_plugin.context.media import Media
from session_plugin.context.rendering.replaying import (
    beginning_with_person,
    call_ids,
    call_object,
    clean,
    replayed,
    tool_name,
)
from session_plugin.context.steps import Entry
from session_plugin.parts import RawPart, ReasoningPart, TextPart

CALL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
THOUGHTS = ("thinking", "redacted_thinking")


def anthropic_prompt(entries: Sequence[Entry], *, model: str) -> AnthropicPrompt:
    """Return entries as arguments of `messages.create`.

    Args:
        entries: The entries of a context.
        model: The model that is asked; empty if unknown.
    """
    ids = call_ids(entries, CALL_ID)
    system: list[dict[str, str]] = []
    messages: list[AnthropicMessage] = []

    for entry in beginning_with_person(replayed(entries, "anthropic", model)):
        match entry.role:
            case "assistant":
                _add(messages, "assistant", _blocks_of_assistant(entry, ids))
                results = [_result(one, ids) for one in entry.exchanges]
                if results:
                    _add(messages, "user", results)
            case "user":
                _add(messages, "user", _blocks_of_person(entry))
            case _:
                system.append({"type": "text", "text": entry.text})

    prompt = AnthropicPrompt(messages=messages)
    if system:
        prompt["system"] = system

    return prompt


def _add(
    messages: list[AnthropicMessage],
    role: Literal["user", "assistant"],
    blocks: list[dict[str, Any]],
) -> None:
    """Add blocks to the newest message if it has this role, else as a message."""
    if not messages or messages[-1]["role"] != role:
        messages.append(AnthropicMessage(role=role, content=[]))

    content = messages[-1]["content"] + blocks
    thoughts = [block for block in content if block.get("type") in THOUGHTS]
    messages[-1]["content"] = thoughts + [block for block in content if block not in thoughts]


def _blocks_of_assistant(entry: Entry, ids: dict[Place, str]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for block in entry.blocks:
        match block:
            case TextPart():
                blocks.append({"type": "text", "text": block.text.rstrip()})
            case ReasoningPart() | RawPart():
                blocks.append(clean(block.payload))
            case Exchange():
                blocks.append(
                    {
                        "type": "tool_use",
                        "id": ids[block.place],
                        "name": tool_name(block),
                        "input": call_object(block),
                    }
                )

    return blocks


def _result(exchange: Exchange, ids: dict[Place, str]) -> dict[str, Any]:
    result = {
        "type": "tool_result",
        "tool_use_id": ids[exchange.place],
        "content": exchange.text,
    }
    return result | {"is_error": True} if exchange.is_error else result


def _blocks_of_person(entry: Entry) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for block in entry.blocks:
        if isinstance(block, TextPart):
            blocks.append({"type": "text", "text": block.text})
        elif isinstance(block, Media):
            file = _file(block)
            if file is not None:
                blocks.append(file)
            elif block.text:
                blocks.append({"type": "text", "text": block.text})

    return blocks


def _file(media: Media) -> dict[str, Any] | None:
    """Return a file as a block; None if the API does not take its type."""
    if media.content_type not in IMAGES and media.content_type != "application/pdf":
        return None

    kind = "image" if media.content_type in IMAGES else "document"
    if media.fetched.data is None:
        return {"type": kind, "source": {"type": "url", "url": media.fetched.url}}

    data = base64.b64encode(media.fetched.data).decode()
    source = {"type": "base64", "media_type": media.content_type, "data": data}

    return {"type": kind, "source": source}

"""The form of Anthropic's Messages API."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any

from session_plugin.context.exchanges import Exchange, Place
from session_plugin.context.forms import AnthropicMessage, AnthropicPrompt
from session_plugin.context.media import Media
from session_plugin.context.rendering.alternating import Form, Turn, turns_of
from session_plugin.context.rendering.replaying import (
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
    form = Form(
        said=lambda entry: _blocks_of_assistant(entry, ids),
        result=lambda exchange: _result(exchange, ids),
        file=_file,
        text=_text,
    )
    instructions, turns = turns_of(replayed(entries, "anthropic", model), form)

    prompt = AnthropicPrompt(messages=[_message(turn) for turn in turns])
    if instructions:
        prompt["system"] = [{"type": "text", "text": text} for text in instructions]

    return prompt


def _message(turn: Turn) -> AnthropicMessage:
    """Return a turn as a message; the model's thoughts stand first in it."""
    blocks = sorted(turn.blocks, key=lambda block: block.get("type") not in THOUGHTS)
    return AnthropicMessage(role="assistant" if turn.is_model else "user", content=blocks)


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _blocks_of_assistant(entry: Entry, ids: dict[Place, str]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for block in entry.blocks:
        match block:
            case TextPart():
                blocks.append(_text(block.text.rstrip()))
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

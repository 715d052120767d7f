"""The form of OpenAI's Responses API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

from session_plugin.context.exchanges import Exchange, Place
from session_plugin.context.forms import ResponsesItem
from session_plugin.context.media import Media
from session_plugin.context.rendering.openai import IMAGES, as_url
from session_plugin.context.rendering.replaying import (
    call_ids,
    call_text,
    clean,
    replayed,
    tool_name,
)
from session_plugin.context.steps import Entry
from session_plugin.parts import RawPart, ReasoningPart, TextPart

CALL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def response_items(entries: Sequence[Entry], *, model: str) -> list[ResponsesItem]:
    """Return entries as `input` of the Responses API.

    Args:
        entries: The entries of a context.
        model: The model that is asked; empty if unknown.
    """
    ids = call_ids(entries, CALL_ID)
    items: list[ResponsesItem] = []
    for entry in replayed(entries, "openai", model):
        if entry.role == "assistant":
            items += _items_of_assistant(entry, ids)
        else:
            items.append(ResponsesItem(role=entry.role, content=_content(entry)))

    return items


def _items_of_assistant(entry: Entry, ids: dict[Place, str]) -> Iterator[ResponsesItem]:
    for block in entry.blocks:
        match block:
            case TextPart():
                yield ResponsesItem(role="assistant", content=block.text)
            case ReasoningPart() | RawPart():
                yield cast("ResponsesItem", clean(block.payload))
            case Exchange():
                yield ResponsesItem(
                    type="function_call",
                    call_id=ids[block.place],
                    name=tool_name(block),
                    arguments=call_text(block),
                )

    for exchange in entry.exchanges:
        yield ResponsesItem(
            type="function_call_output", call_id=ids[exchange.place], output=exchange.text
        )


def _content(entry: Entry) -> str | list[dict[str, Any]]:
    """Return text, or a list of parts if there are files that the API takes."""
    parts: list[dict[str, Any]] = []
    for block in entry.blocks:
        if isinstance(block, TextPart):
            parts.append({"type": "input_text", "text": block.text})
        elif isinstance(block, Media):
            file = _file(block)
            if file is not None:
                parts.append(file)
            elif block.text:
                parts.append({"type": "input_text", "text": block.text})

    if all(part["type"] == "input_text" for part in parts):
        return "\n".join(part["text"] for part in parts)

    return parts


def _file(media: Media) -> dict[str, Any] | None:
    """Return a file as a part of a message; None if the API does not take its type."""
    if media.content_type in IMAGES:
        return {"type": "input_image", "detail": "auto", "image_url": as_url(media)}
    if media.content_type != "application/pdf":
        return None
    if media.fetched.data is None:
        return {"type": "input_file", "file_url": media.fetched.url}

    return {"type": "input_file", "filename": "file.pdf", "file_data": as_url(media)}

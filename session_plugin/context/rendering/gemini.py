"""The form of Google's Gemini API, as the `google-genai` package takes it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any

from session_plugin.context.exchanges import Exchange, Place
from session_plugin.context.forms import GeminiContent, GeminiPrompt
from session_plugin.context.media import Media
from session_plugin.context.rendering.alternating import Form, turns_of
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
NO_SIGNATURE = b"skip_thought_signature_validator"
"""Takes the place of a thought signature that does not exist or is another provider's.

Gemini 3 refuses the first call of a step without one: ai.google.dev/gemini-api/docs/
thought-signatures, questions and answers.
"""
SIGNATURES = ("thought_signature", "thoughtSignature")


def gemini_prompt(entries: Sequence[Entry], *, model: str) -> GeminiPrompt:
    """Return entries as `contents`, and a system instruction if there is any.

    Args:
        entries: The entries of a context.
        model: The model that is asked; empty if unknown.
    """
    ids = call_ids(entries, CALL_ID)
    form = Form(
        said=lambda entry: _parts_of_model(entry, ids),
        result=lambda exchange: _result(exchange, ids),
        file=_file,
        text=lambda text: {"text": text},
    )
    instructions, turns = turns_of(replayed(entries, "google", model), form)

    prompt = GeminiPrompt(
        contents=[
            GeminiContent(role="model" if turn.is_model else "user", parts=turn.blocks)
            for turn in turns
        ]
    )
    if instructions:
        prompt["system_instruction"] = {"parts": [{"text": text} for text in instructions]}

    return prompt


def _parts_of_model(entry: Entry, ids: dict[Place, str]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    is_first = True
    for block in entry.blocks:
        match block:
            case TextPart():
                parts.append({"text": block.text})
            case ReasoningPart() | RawPart():
                parts.append(_native(block.payload))
            case Exchange():
                parts.append(_call(block, ids, is_first=is_first))
                is_first = False

    return parts


def _call(exchange: Exchange, ids: dict[Place, str], *, is_first: bool) -> dict[str, Any]:
    call = {
        "id": ids[exchange.place],
        "name": tool_name(exchange),
        "args": call_object(exchange),
    }
    signature = None
    if exchange.call.provider == "google" and exchange.call.signature:
        signature = _decoded(exchange.call.signature)
    if signature is None and is_first:
        signature = NO_SIGNATURE

    part: dict[str, Any] = {"function_call": call}
    return part if signature is None else part | {"thought_signature": signature}


def _result(exchange: Exchange, ids: dict[Place, str]) -> dict[str, Any]:
    key = "error" if exchange.is_error else "output"
    response = {
        "id": ids[exchange.place],
        "name": tool_name(exchange),
        "response": {key: exchange.text},
    }
    return {"function_response": response}


def _native(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part that came from Gemini as it takes it back."""
    part: dict[str, Any] = clean(payload)
    for name in SIGNATURES:
        signature = part.pop(name, None)
        decoded = _decoded(signature) if isinstance(signature, str) else signature
        if decoded:
            part["thought_signature"] = decoded

    return part if set(part) - {"thought_signature", "thought"} else part | {"text": ""}


def _decoded(signature: str) -> bytes | None:
    """Return the bytes of a signature, which is stored in base64; None if it is none."""
    try:
        return base64.b64decode(signature.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None


def _file(media: Media) -> dict[str, Any] | None:
    """Return a file as a part; None if the API does not take its type."""
    kind = media.content_type
    if kind.split("/")[0] not in ("image", "audio", "video") and kind != "application/pdf":
        return None
    if media.fetched.data is None:
        return {"file_data": {"file_uri": media.fetched.url, "mime_type": kind}}
    return {"inline_data": {"data": media.fetched.data, "mime_type": kind}}

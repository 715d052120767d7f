"""pydantic-ai's messages: `ModelRequest` and `ModelResponse`, and what they are as dictionaries.

What a model thought is turned into its provider's own form, so that it can be given back without
pydantic-ai as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from session_plugin.parts import (
    MediaPart,
    Part,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from session_plugin.providers.chat import REASONING
from session_plugin.providers.shapes import (
    Said,
    Shape,
    arguments_of,
    as_text,
    file_in,
    result_parts,
    words_of_blocks,
)

PROVIDER = "pydantic-ai"
FILES = ("binary", "image-url", "audio-url", "video-url", "document-url")
"""What files are called among what a tool returned."""


def read(value: Shape) -> list[Said] | None:
    """Return what a message says; None if it is of another shape."""
    match value:
        case {"kind": "response", "parts": list(parts)}:
            model = str(value.get("model_name") or "")
            return [_response([part for part in parts if isinstance(part, dict)], model)]
        case {"kind": "request", "parts": list(parts)}:
            return _request([part for part in parts if isinstance(part, dict)])

    return None


def _response(parts: list[dict[str, Any]], model: str) -> Said:
    """Return a response; what a model thought in several parts of one id is one item."""
    found: list[Part] = []
    for part in parts:
        said = _said(part, model)
        match said, found[-1] if found else None:
            case (ReasoningPart(payload=new), ReasoningPart(payload=last) as former) if (
                _summary(new) and last.get("id") == new["id"]
            ):
                payload = {**new, **last, "summary": [*last["summary"], *new["summary"]]}
                found[-1] = replace(former, payload=payload)
            case (None, _):
                pass
            case _:
                found.append(said)

    return Said("assistant", tuple(found))


def _summary(payload: Shape) -> bool:
    return payload.get("type") == "reasoning" and bool(payload.get("id"))


def _request(parts: list[dict[str, Any]]) -> list[Said]:
    results = tuple(one for part in parts if (one := _result(part)) is not None)
    said = [Said("tool", results)] if results else []
    for part in parts:
        match part:
            case {"part_kind": "user-prompt", "content": content}:
                said.append(Said("user", tuple(words_of_blocks(content))))
            case {"part_kind": "system-prompt", "content": str(text)}:
                said.append(Said("system", (TextPart(text=text),)))

    return said


def _result(part: Shape) -> ToolResultPart | None:
    kind, name = str(part.get("part_kind")), part.get("tool_name")
    call_id, content = str(part.get("tool_call_id") or ""), part.get("content")
    if kind == "retry-prompt" and name:
        text = TextPart(text=as_text(content))
        return ToolResultPart(call_id=call_id, name=str(name), parts=(text,), is_error=True)
    if kind == "tool-return" or kind.endswith(("-search-return", "-load-return")):
        if kind.startswith("builtin"):
            return None
        is_error = part.get("outcome", "success") != "success" or part.get("retry") is not None
        parts = _returned(content)
        return ToolResultPart(call_id=call_id, name=str(name), parts=parts, is_error=is_error)

    return None


def _returned(content: Any) -> tuple[TextPart | MediaPart, ...]:
    """Return what a tool returned; files in it are described."""
    items = content if isinstance(content, list) else [content]
    files = [_file(item) for item in items]
    if not any(files):
        return () if content is None else (TextPart(text=as_text(content)),)

    return tuple(
        part
        for item, file in zip(items, files, strict=True)
        for part in ((file,) if file is not None else result_parts(item))
    )


def _file(item: object) -> MediaPart | None:
    if not isinstance(item, Mapping) or item.get("kind") not in FILES:
        return None

    return file_in({**item, "mime_type": item.get("media_type")})


def _said(part: Shape, model: str) -> Part | None:
    match part:
        case {"part_kind": "text", "content": str(text)}:
            return TextPart(text=text) if text else None
        case {"part_kind": "thinking"}:
            return _thought(part, model)
        case {"part_kind": "file", "content": Mapping() as content}:
            return _file({"kind": "binary", **content})
        case {"part_kind": str(kind), "tool_name": str(name)} if _is_call(kind):
            details = part.get("provider_details") or {}
            signature = details.get("thought_signature")
            is_signed = isinstance(signature, str)
            return ToolCallPart(
                id=str(part.get("tool_call_id") or ""),
                name=name,
                arguments=arguments_of(part.get("args")),
                provider="google" if is_signed else "",
                signature=signature if isinstance(signature, str) else "",
            )

    return RawPart(provider=PROVIDER, payload=part)


def _is_call(kind: str) -> bool:
    return kind.endswith("-call") and not kind.startswith("builtin")


def _thought(part: Shape, model: str) -> ReasoningPart:
    """Return what a model thought, in the form of the provider that it came from."""
    name, text = str(part.get("provider_name") or ""), str(part.get("content") or "")
    details = part.get("provider_details") or {}
    signature, item_id = part.get("signature"), part.get("id")
    if name == "anthropic" and item_id == "redacted_thinking":
        payload = {"type": "redacted_thinking", "data": signature}
    elif name == "anthropic":
        payload = {"type": "thinking", "thinking": text, "signature": signature}
    elif name == "openai" and item_id not in REASONING and (signature or item_id):
        summary = [{"type": "summary_text", "text": text}] if text else []
        payload = {"type": "reasoning", "id": item_id, "summary": summary}
        payload |= {"encrypted_content": signature} if signature else {}
    elif name.startswith("google"):
        name = "google"
        payload = {"text": text, "thought": True}
        signature = signature or details.get("thought_signature")
        payload |= {"thought_signature": signature} if signature else {}
    else:
        name = "openai-chat"
        payload = {item_id if item_id in REASONING else REASONING[0]: text}

    return ReasoningPart(provider=name, payload=payload, model=model)

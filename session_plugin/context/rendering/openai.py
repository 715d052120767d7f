"""The form of OpenAI's chat completions, which many servers take, some of them more strictly."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, cast, get_args

from session_plugin.context.entries import SINCE, as_data
from session_plugin.context.exchanges import Place
from session_plugin.context.forms import ChatMessage
from session_plugin.context.media import Media
from session_plugin.context.quoting import LONGEST_NAME, other_than
from session_plugin.context.rendering.replaying import (
    MakeId,
    beginning_with_person,
    call_ids,
    call_text,
    clean,
    made_call_id,
    replayed,
    tool_name,
)
from session_plugin.context.steps import Entry
from session_plugin.parts import RawPart, ReasoningPart, TextPart

Dialect = Literal["openai", "strict", "mistral"]
DIALECTS: frozenset[str] = frozenset(get_args(Dialect))

CALL_ID = re.compile(r"[a-zA-Z0-9_-]{1,40}")
MISTRAL_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")
IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
SHARED_FIELDS = ("role", "content", "name")
SOUNDS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}


def chat_messages(
    entries: Sequence[Entry],
    *,
    dialect: Dialect,
    names: bool,
    alternate: bool,
    model: str,
) -> list[ChatMessage]:
    """Return entries as `messages` of chat completions.

    Args:
        entries: The entries of a context.
        dialect: What the server takes.
        names: Whether entries have a `name`.
        alternate: Whether entries of one role become one.
        model: The model that is asked; empty if unknown.

    Raises:
        ValueError: there is no such dialect.
    """
    if dialect not in DIALECTS:
        known = ", ".join(sorted(DIALECTS))
        raise ValueError(f"unknown dialect {dialect!r}: use one of {known}")

    is_strict = dialect != "openai"
    make: MakeId = (lambda digits: digits[:9]) if dialect == "mistral" else made_call_id
    ids = call_ids(entries, MISTRAL_CALL_ID if dialect == "mistral" else CALL_ID, make)
    entries = replayed(entries, "openai-chat", model)
    if is_strict:
        entries = beginning_with_person(_answered(entries))

    shown_names = _api_names(entry.speaker for entry in entries if names)
    messages: list[ChatMessage] = []
    for entry in entries:
        messages += _messages_of(entry, ids, is_strict=is_strict)
        if entry.speaker and names:
            messages[-1]["name"] = shown_names[entry.speaker]

    if alternate:
        messages = _joined(messages)
    if is_strict:
        messages = _for_templates(messages)

    return messages


def _answered(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries with quoted data in place of results that the model never answered.

    Strict servers refuse a person's words directly after a tool's result.
    """
    done: list[Entry] = []
    for entry in reversed(entries):
        if not entry.exchanges or not done or done[-1].role == "assistant":
            done.append(entry)
            continue

        for exchange in reversed(entry.exchanges):
            data = (TextPart(text=as_data(exchange.text)),)
            done.append(replace(entry, role="user", blocks=data))
        words = tuple(block for block in entry.blocks if isinstance(block, TextPart))
        if words:
            done.append(replace(entry, blocks=words))

    return done[::-1]


def _messages_of(entry: Entry, ids: dict[Place, str], *, is_strict: bool) -> list[ChatMessage]:
    if entry.role != "assistant":
        role: Any = "system" if is_strict and entry.role == "developer" else entry.role
        return [ChatMessage(role=role, content=_content(entry))]

    texts = [block.text for block in entry.blocks if isinstance(block, TextPart)]
    message = ChatMessage(role="assistant", content="\n\n".join(texts))
    for block in entry.blocks:
        if isinstance(block, ReasoningPart | RawPart):  # fields that a server added to its answer
            extra = {key: clean(value) for key, value in block.payload.items()}
            message = cast("ChatMessage", extra | dict(message))

    exchanges = entry.exchanges
    if not exchanges:
        return [message] if texts else []

    if not texts and not is_strict:
        message["content"] = None
    message["tool_calls"] = [
        {
            "id": ids[one.place],
            "type": "function",
            "function": {"name": tool_name(one), "arguments": call_text(one, is_object=is_strict)},
        }
        for one in exchanges
    ]

    return [
        message,
        *(
            ChatMessage(role="tool", tool_call_id=ids[one.place], content=one.text)
            for one in exchanges
        ),
    ]


def _content(entry: Entry) -> str | list[dict[str, Any]]:
    """Return text, or a list of parts if there are files that the API takes."""
    parts: list[dict[str, Any]] = []
    for block in entry.blocks:
        if isinstance(block, TextPart):
            parts.append({"type": "text", "text": block.text})
        elif isinstance(block, Media):
            file = _file(block)
            if file is not None:
                parts.append(file)
            elif block.text:
                parts.append({"type": "text", "text": block.text})

    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)

    return parts


def _file(media: Media) -> dict[str, Any] | None:
    """Return a file as a part of a message; None if the API does not take its type."""
    kind, data = media.content_type, media.fetched.data
    if kind in IMAGES:
        return {"type": "image_url", "image_url": {"url": as_url(media)}}
    if data is None:
        return None
    if kind in SOUNDS:
        encoded = base64.b64encode(data).decode()
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": SOUNDS[kind]}}
    if kind == "application/pdf":
        return {"type": "file", "file": {"filename": "file.pdf", "file_data": as_url(media)}}

    return None


def as_url(media: Media) -> str:
    """Return a link to a file, or the file itself as a data URL."""
    if media.fetched.data is None:
        return media.fetched.url
    return f"data:{media.content_type};base64,{base64.b64encode(media.fetched.data).decode()}"


def _joined(messages: Iterable[ChatMessage]) -> list[ChatMessage]:
    """Return messages with those of one role after another as one."""
    joined: list[ChatMessage] = []
    for message in messages:
        last = joined[-1] if joined else None
        is_same = last is not None and last["role"] == message["role"]
        if last is None or not is_same or message["role"] == "tool" or "tool_calls" in last:
            joined.append(message)
            continue

        last["content"] = _together(last["content"], message["content"])
        if last.get("name") != message.get("name"):
            last.pop("name", None)
        added = {key: value for key, value in message.items() if key not in SHARED_FIELDS}
        last.update(cast("ChatMessage", added))

    return joined


def _together(
    first: str | list[dict[str, Any]] | None, second: str | list[dict[str, Any]] | None
) -> str | list[dict[str, Any]]:
    if isinstance(first, list) or isinstance(second, list):
        return [*_as_list(first), *_as_list(second)]
    return "\n\n".join(text for text in (first, second) if text)


def _as_list(content: str | list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []


def _for_templates(messages: list[ChatMessage]) -> list[ChatMessage]:
    """Return messages that end with what can be answered: a person's words or a tool's result."""
    if messages and messages[-1]["role"] == "assistant":
        return [*messages, ChatMessage(role="user", content=SINCE)]
    return messages


def _api_names(speakers: Iterable[str]) -> dict[str, str]:
    """Return a name for each speaker that OpenAI's API accepts.

    It consists of at most 64 ASCII letters, digits, `_` and `-`.
    """
    names: dict[str, str] = {}
    for speaker in speakers:
        if not speaker or speaker in names:
            continue

        ascii_only = unicodedata.normalize("NFKD", speaker).encode("ascii", "ignore").decode()
        name = re.sub(r"[^a-zA-Z0-9_-]+", "_", ascii_only).strip("_")[: LONGEST_NAME - 4]
        names[speaker] = other_than(names.values(), name or "somebody", "_{}")

    return names

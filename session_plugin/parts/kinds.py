"""The kinds of parts. Plain data; knows no provider, no JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A description of a file sent with a message; the file itself is never downloaded.

    `id` is the platform's permanent id of the file; download links expire on every platform.

    Example:
        photo = Attachment(id="AgACAgIAAx0C", kind="photo", size=48_213)
        recorded = await hub.record(replace(event, text="", attachments=(photo,)))
    """

    id: str
    kind: str = "file"
    filename: str = ""
    content_type: str = ""
    size: int | None = None
    """Bytes; None if the platform does not report it."""
    transcript: str = ""
    """The words of a voice message or another recording, if a plugin transcribed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """Words among other parts.

    Example:
        await hub.record(event)
        call = ToolCallPart(id="call_1", name="weather", arguments={"city": "Oslo"})
        await session.add("assistant", parts=[TextPart(text="One moment."), call])
    """

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPart:
    """A file that a model was given or made, described but not stored.

    Example:
        await hub.record(event)
        chart = Attachment(id="file-7f3a", kind="photo", filename="rain.png")
        shown = (TextPart(text="Rain until noon."), MediaPart(attachment=chart))
        await session.add("tool", parts=[ToolResultPart(call_id="call_1", parts=shown)])
    """

    attachment: Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallPart:
    """A model's call of a tool.

    `arguments` is a JSON object, or the text that the model wrote where that is none. `signature`
    is what `provider` wants back with the call, such as Gemini's thought signature in base64; no
    other provider is given it.

    Example:
        await hub.record(event)
        call = ToolCallPart(id="call_1", name="weather", arguments={"city": "Oslo"})
        await session.add("assistant", parts=[call], turn="run-1")
    """

    id: str
    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    provider: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResultPart:
    """What a tool returned for the call with this id.

    Example:
        await hub.record(event)
        result = ToolResultPart(call_id="call_1", parts=(TextPart(text="Rain until noon."),))
        await session.add("tool", parts=[result], turn="run-1")
    """

    call_id: str
    parts: tuple[TextPart | MediaPart, ...] = ()
    name: str = ""
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningPart:
    """A model's reasoning as its provider wants it back; no other provider is given it.

    `provider` is `openai` (Responses), `openai-chat`, `anthropic` or `google`. `model` is the model
    that reasoned; empty if unknown. `payload` is the provider's own JSON object. One that is too
    long to be stored becomes a raw part that says so.

    Example:
        await hub.record(event)
        item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}
        thought = ReasoningPart(provider="openai", payload=item, model="o4-mini")
        await session.add("assistant", parts=[thought], turn="run-1")
    """

    provider: str
    payload: Mapping[str, Any]
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPart:
    """Anything else that one provider understands, as its own JSON object.

    Other providers are given `text` in its place, or nothing if that is empty. Where `payload` is
    too long to be stored, a note replaces it, `provider` is `session_plugin`, and everybody is
    given `text`.

    Example:
        await hub.record(event)
        item = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
        searched = RawPart(provider="openai", payload=item, text="(searched the web)")
        await session.add("assistant", parts=[searched], turn="run-1")
    """

    provider: str
    payload: Mapping[str, Any]
    text: str = ""


Part: TypeAlias = TextPart | MediaPart | ToolCallPart | ToolResultPart | ReasoningPart | RawPart
"""Any part of a message.

Example:
    await hub.record(event)
    call = {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Oslo"}}
    message = await session.add("assistant", parts=["One moment.", call])
    parts: tuple[Part, ...] = message.parts
"""

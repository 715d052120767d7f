"""The parts of a message beside its words: tool calls and results, media, reasoning.

`content` of a message is the words that people see. `parts` are what a model has said and been
given in its turn: the words again where their place among the other parts matters, calls of tools,
their results, media, and what only one provider understands. Parts are plain data; nothing here
imports a provider's package.
"""

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
    """Words among other parts."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPart:
    """A file that a model was given or made, described but not stored."""

    attachment: Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallPart:
    """A model's call of a tool.

    `arguments` is a JSON object, or the text that the model wrote where that is none. `signature`
    is what `provider` wants back with the call, such as Gemini's thought signature in base64; no
    other provider is given it.
    """

    id: str
    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    provider: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResultPart:
    """What a tool returned for the call with this id."""

    call_id: str
    parts: tuple[TextPart | MediaPart, ...] = ()
    name: str = ""
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningPart:
    """A model's reasoning as its provider wants it back; no other provider is given it.

    `provider` is `openai` (Responses), `openai-chat`, `anthropic` or `google`. `model` is the model
    that reasoned; empty if unknown. `payload` is the provider's own JSON object.
    """

    provider: str
    payload: Mapping[str, Any]
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPart:
    """Anything else that one provider understands, as its own JSON object.

    Other providers are given `text` in its place, or nothing if that is empty.
    """

    provider: str
    payload: Mapping[str, Any]
    text: str = ""


Part: TypeAlias = TextPart | MediaPart | ToolCallPart | ToolResultPart | ReasoningPart | RawPart

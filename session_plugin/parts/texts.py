"""The texts in the parts of a message: its words, and all others.

The words of a message are in its content; its text parts only place them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

from session_plugin.parts.kinds import (
    MediaPart,
    Part,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

LONGEST_LINE = 200
"""Characters of a call's arguments or of a result that people are shown."""
SEPARATOR = "\n"
"""Stands between the words of two text parts."""


def words_in(parts: Iterable[Part]) -> str | None:
    """Return the words of the text parts, joined by line breaks; None if there is no text part."""
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    return SEPARATOR.join(texts) if texts else None


def with_words(parts: tuple[Part, ...], words: str) -> tuple[Part, ...]:
    """Return parts whose text parts say `words`; if they said others, the first one says them."""
    if words_in(parts) in (None, words):
        return parts

    first = next(number for number, part in enumerate(parts) if isinstance(part, TextPart))
    before = [TextPart(text=words)] if words else []
    others = [part for part in parts[first:] if not isinstance(part, TextPart)]

    return (*parts[:first], *before, *others)


def as_line(parts: Iterable[Part]) -> str:
    """Return the calls and results among parts as one line for people; empty if there are none.

    What a tool returned stands in quotation marks that it cannot end.
    """
    lines = [line for part in parts if (line := _line(part))]
    return f"({'; '.join(lines)})" if lines else ""


def _line(part: Part) -> str:
    match part:
        case ToolCallPart(name=name, arguments=arguments):
            written = arguments if isinstance(arguments, str) else _json(arguments)
            return f"called {_short(name)} with {_short(written)}"
        case ToolResultPart(name=name, is_error=is_error):
            texts = [one.text if isinstance(one, TextPart) else "a file" for one in part.parts]
            returned = "failed with" if is_error else "returned"
            return f"{_short(name or 'a tool')} {returned} {_json(_short(' '.join(texts)))}"
        case RawPart(text=text):
            return _short(text).strip("()")

    return ""


def _short(text: str) -> str:
    words = " ".join(text[: 4 * LONGEST_LINE].split())
    return words if len(words) <= LONGEST_LINE else f"{words[:LONGEST_LINE]}…"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def map_texts(parts: Iterable[Part], change: Callable[[str], str]) -> tuple[Part, ...]:
    """Return parts with every text in them changed: words, arguments of calls, results, names of
    files, transcripts, and what only a provider understands.

    Ids, keys and the names of tools stay. For filters; a text part says what the message says, so
    that one is changed by `text`.
    """
    return tuple(_mapped(part, change) for part in parts)


def _mapped(part: Part, change: Callable[[str], str]) -> Part:
    match part:
        case TextPart():
            return replace(part, text=change(part.text))
        case MediaPart(attachment=file):
            filename, transcript = change(file.filename), change(file.transcript)
            file = replace(file, filename=filename, transcript=transcript)
            return replace(part, attachment=file)
        case ToolCallPart():
            return replace(part, arguments=_mapped_value(part.arguments, change))
        case ToolResultPart():
            inner = tuple(_mapped(item, change) for item in part.parts)
            return replace(part, parts=cast("tuple[TextPart | MediaPart, ...]", inner))
        case ReasoningPart():
            return replace(part, payload=_mapped_value(part.payload, change))
        case RawPart():
            payload = _mapped_value(part.payload, change)
            return replace(part, payload=payload, text=change(part.text))


def _mapped_value(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case Mapping():
            return {key: _mapped_value(item, change) for key, item in value.items()}
        case list():
            return [_mapped_value(item, change) for item in value]
        case _:
            return value

"""Parts as they are accepted: each of them plain JSON, and none too long."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar, cast

from session_plugin.checks import check_list
from session_plugin.parts.as_json import part_of, to_dict
from session_plugin.parts.kinds import (
    MediaPart,
    Part,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from session_plugin.parts.texts import SEPARATOR

LARGEST_PART = 65_536
"""Bytes of JSON that a part may have; what is longer is cut, with a mark."""
LEFT_OUT = "left_out"
"""The key of the note that replaces arguments and payloads which are too long."""
NOBODY = "session_plugin"
"""The provider of a note: it is nobody's, so nobody is given it."""

T = TypeVar("T", bound=Part)


def checked(parts: object) -> tuple[Part, ...]:
    """Return parts as they are stored: plain JSON values, none of them too long.

    Args:
        parts: Parts, mappings with a `type`, or text, which is a text part.

    Raises:
        TypeError: it is no such list, or something in it is no JSON; the error has the path to it.
        ValueError: a mapping has no known type, or an id or a name is empty or too long.
    """
    check_list("parts", parts, of="parts")
    items = enumerate(cast("Iterable[object]", parts))
    return tuple(within_bounds(part_of(item, f"parts[{number}]")) for number, item in items)


def within_bounds(part: Part) -> Part:
    """Return a part of at most `LARGEST_PART` bytes, with a mark that says how much is left out."""
    size = _size(part)
    if size <= LARGEST_PART:
        return part

    note = f"{size:,} bytes were too long to be stored"
    shorter: Part
    match part:
        case TextPart():
            shorter = _shortened(part.text, lambda text: replace(part, text=text))
        case MediaPart():
            shorter = _shortened(part.attachment.transcript, lambda text: _transcribed(part, text))
        case ToolResultPart():
            shorter = _shortened_result(part)
        case ToolCallPart():
            without = replace(part, arguments={LEFT_OUT: f"arguments: {note}"})
            shorter = without if _size(without) <= LARGEST_PART else replace(without, signature="")
        case ReasoningPart():
            shorter = _noted(part, f"reasoning: {note}")
        case RawPart():
            bare = _noted(part, note)
            shorter = _shortened(part.text or f"[{note}]", lambda text: replace(bare, text=text))

    return shorter


def _noted(part: ReasoningPart | RawPart, note: str) -> RawPart:
    return RawPart(provider=NOBODY, payload={LEFT_OUT: note, "provider": part.provider})


def _transcribed(part: MediaPart, transcript: str) -> MediaPart:
    return replace(part, attachment=replace(part.attachment, transcript=transcript))


def _shortened_result(part: ToolResultPart) -> ToolResultPart:
    """Return a result without the end of its texts, and without the files after that."""
    kept: list[TextPart | MediaPart] = []
    for number, item in enumerate(part.parts):
        if _size(replace(part, parts=(*kept, item))) <= LARGEST_PART:
            kept.append(item)
            continue

        rest = part.parts[number:]
        files = sum(isinstance(one, MediaPart) for one in rest)
        text = SEPARATOR.join(one.text for one in rest if isinstance(one, TextPart))
        also = f" and {files} files" if files else ""
        return _shortened(
            text, lambda text: replace(part, parts=(*kept, TextPart(text=text))), also=also
        )

    return part


def _shortened(text: str, part_with: Callable[[str], T], *, also: str = "") -> T:
    """Return the part with as much of a text as there is room for, and a mark where it was cut."""

    def part_of_length(length: int) -> T:
        left_out = f"{len(text) - length:,} characters{also}"
        is_whole = length == len(text) and not also
        return part_with(text if is_whole else f"{text[:length]}… [{left_out} left out]")

    fits, too_long = 0, min(len(text), LARGEST_PART) + 1
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if _size(part_of_length(middle)) <= LARGEST_PART:
            fits = middle
        else:
            too_long = middle

    return part_of_length(fits)


def _size(part: Part) -> int:
    described = json.dumps(to_dict(part), ensure_ascii=False)
    return len(described.encode("utf-8", "surrogatepass"))

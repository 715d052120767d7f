"""Parts as JSON: what is a part, and what is stored of it.

What is stored of a text part is its length: its words are in the message's content, once. So a
filter, an edit or a deletion that changes the content has changed the words in the parts as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar, cast

from session_plugin.checks import LONGEST_ID, check_list, check_text
from session_plugin.parts.kinds import (
    Attachment,
    MediaPart,
    Part,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from session_plugin.parts.texts import SEPARATOR, with_words

DEEPEST = 64
"""Levels of lists and objects in a JSON value; what is nested deeper is refused."""

TYPES: dict[str, type[Part]] = {
    "text": TextPart,
    "media": MediaPart,
    "tool_call": ToolCallPart,
    "tool_result": ToolResultPart,
    "reasoning": ReasoningPart,
    "raw": RawPart,
}
"""The kinds of parts by the `type` that they have in JSON."""
_TYPE_OF = {kind: name for name, kind in TYPES.items()}

T = TypeVar("T")


def to_dict(part: Part) -> dict[str, Any]:
    """Return a part as a JSON object, without what is as it is by default."""
    described: dict[str, Any] = {"type": _TYPE_OF[type(part)]}
    for one in fields(part):
        value = getattr(part, one.name)
        if isinstance(value, Attachment):
            value = attachment_to_dict(value)
        elif one.name == "parts":
            value = [to_dict(item) for item in value]

        if value or one.name in ("id", "call_id", "text", "payload"):
            described[one.name] = value

    return described


def from_dict(described: Mapping[str, Any], path: str = "part") -> Part:
    """Return the part that a JSON object with a `type` describes.

    Args:
        described: The object.
        path: What errors call it.

    Raises:
        TypeError: a field is missing, unknown, or no JSON; the error has the path to it.
        ValueError: there is no such type, or an id or a name is empty or too long.
    """
    values = dict(described)
    kind = values.pop("type", None)
    if not isinstance(kind, str) or kind not in TYPES:
        raise ValueError(f"{path} has the unknown type {kind!r}: use one of {', '.join(TYPES)}")

    if isinstance(values.get("attachment"), Mapping):
        values["attachment"] = _made(Attachment, values["attachment"], f"{path}.attachment")

    return _checked(_made(TYPES[kind], values, path), path)


def part_of(item: object, path: str) -> Part:
    """Return a part, the part that a mapping describes, or text as a part.

    Raises:
        TypeError, ValueError: as `from_dict` does.
    """
    match item:
        case str():
            return TextPart(text=item)
        case Mapping():
            return from_dict(item, path)
        case _ if type(item) in _TYPE_OF:
            return _checked(cast("Part", item), path)
        case _:
            raise TypeError(
                f"{path} must be a part, a mapping with a type, or text, not {type(item).__name__}"
            )


def attachment_to_dict(attachment: Attachment) -> dict[str, Any]:
    """Return the description of a file as a JSON object, without what is not known."""
    described = asdict(attachment).items()
    return {name: value for name, value in described if name == "id" or value not in ("", None)}


def to_cell(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """Return parts as the JSON that is stored, with lengths in place of words."""
    return [
        {"type": "text", "length": len(part.text)} if isinstance(part, TextPart) else to_dict(part)
        for part in parts
    ]


def from_cell(described: Sequence[Mapping[str, Any]], words: str) -> tuple[Part, ...]:
    """Return the parts that `to_cell` described, of a message with these words.

    Raises:
        TypeError, ValueError, KeyError: it is no such description.
    """
    parts: list[Part] = []
    start = 0
    for number, one in enumerate(described):
        if one["type"] == "text":
            end = start + int(one["length"])
            parts.append(TextPart(text=words[start:end]))
            start = end + len(SEPARATOR)
        else:
            parts.append(from_dict(one, f"parts[{number}]"))

    return with_words(tuple(parts), words)


def _made(kind: type[T], values: Mapping[str, Any], path: str) -> T:
    try:
        return kind(**values)
    except TypeError as error:
        known = ", ".join(one.name for one in fields(cast("Any", kind)))
        raise TypeError(f"{path} is no {kind.__name__}: its fields are {known}") from error


def _checked(part: Part, path: str) -> Part:
    """Return a part with plain JSON values, which nobody else can change."""
    match part:
        case TextPart():
            check_text(f"{path}.text", part.text)
        case MediaPart():
            _check_attachment(f"{path}.attachment", part.attachment)
        case ToolCallPart():
            _check_names(path, part, "provider", required=("id", "name"))
            check_text(f"{path}.signature", part.signature)
            return replace(part, arguments=_arguments(f"{path}.arguments", part.arguments))
        case ToolResultPart():
            _check_names(path, part, "name", required=("call_id",))
            parts = _result_parts(f"{path}.parts", part.parts)
            return replace(part, parts=parts, is_error=bool(part.is_error))
        case ReasoningPart():
            _check_names(path, part, "model", required=("provider",))
            return replace(part, payload=_object(f"{path}.payload", part.payload))
        case RawPart():
            _check_names(path, part, required=("provider",))
            check_text(f"{path}.text", part.text)
            return replace(part, payload=_object(f"{path}.payload", part.payload))

    return part


def _check_names(path: str, part: Part, *optional: str, required: tuple[str, ...]) -> None:
    for name in (*required, *optional):
        value = getattr(part, name)
        check_text(f"{path}.{name}", value)
        if not value and name in required:
            raise ValueError(f"{path}.{name} must not be empty")
        if len(value) > LONGEST_ID:
            raise ValueError(f"{path}.{name} is longer than {LONGEST_ID} characters")


def _check_attachment(path: str, attachment: object) -> None:
    if not isinstance(attachment, Attachment):
        raise TypeError(f"{path} must be an Attachment, not {type(attachment).__name__}")

    _plain(path, attachment_to_dict(attachment))


def _result_parts(path: str, parts: object) -> tuple[TextPart | MediaPart, ...]:
    items = [parts] if isinstance(parts, str) else parts
    check_list(path, items, of="text and media parts")

    found: list[TextPart | MediaPart] = []
    for number, item in enumerate(cast("Iterable[object]", items)):
        part = part_of(item, f"{path}[{number}]")
        if not isinstance(part, TextPart | MediaPart):
            raise TypeError(f"{path}[{number}] must be text or media, not {type(part).__name__}")
        found.append(part)

    return tuple(found)


def _arguments(path: str, arguments: object) -> Mapping[str, Any] | str:
    return arguments if isinstance(arguments, str) else _object(path, arguments)


def _object(path: str, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{path} must be a mapping, not {type(value).__name__}")

    return cast("dict[str, Any]", _plain(path, value))


def _plain(path: str, value: object, depth: int = 0) -> Any:
    """Return a copy of a JSON value in Python's own types.

    Raises:
        TypeError: it is none; the error has the path to what is not.
    """
    if depth > DEEPEST:
        raise TypeError(f"{path}: nested deeper than {DEEPEST} levels")

    match value:
        case None | bool():
            return value
        case str():
            return str.__str__(value)
        case int():
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case Mapping():
            for key in value:
                if not isinstance(key, str):
                    raise TypeError(f"{path}: the key {key!r} is {type(key).__name__}, not text")
            items = value.items()
            return {
                str.__str__(key): _plain(f"{path}[{key!r}]", one, depth + 1) for key, one in items
            }
        case list() | tuple():
            return [_plain(f"{path}[{n}]", one, depth + 1) for n, one in enumerate(value)]
        case _:
            what = value if isinstance(value, float) else type(value).__name__
            raise TypeError(f"{path}: {what} is not JSON")

"""What the shapes of all providers have in common: plain values, texts, files."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any, Literal

from session_plugin.parts import Attachment, MediaPart, Part, TextPart

LONGEST_URL = 500
"""Characters; a longer address is named by its hash."""
KINDS = {"image": "photo", "audio": "audio", "video": "video"}
"""What attachments of these types of content are called."""

Shape = Mapping[str, Any]
"""An object of a provider as plain values."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a run: what a model said, what tools returned, or what the model was told.

    Of a call or result whose provider gave it no id, the id is empty. `is_item` means that it is
    one of several items which are one message together.
    """

    role: Literal["assistant", "tool", "user", "system"]
    parts: tuple[Part, ...]
    is_item: bool = False


def plain(value: Any) -> Any:
    """Return a value of a provider's package as dictionaries, lists and text, as far as it can be.

    Bytes become base64, as in the APIs' own JSON.
    """
    dump = getattr(value, "model_dump", None)
    result: Any = value
    if isinstance(value, Mapping):
        result = {key: plain(item) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        result = [plain(item) for item in value]
    elif isinstance(value, bytes | bytearray):
        result = base64.b64encode(value).decode()
    elif isinstance(value, Enum):
        result = plain(value.value)
    elif isinstance(value, date):
        result = value.isoformat()
    elif isinstance(value, type):
        result = value.__name__
    elif dataclasses.is_dataclass(value):
        result = {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    elif callable(dump):
        result = plain(dump(exclude_unset=True, warnings=False))

    return result


def text_parts(*texts: object) -> list[Part]:
    """Return those that are text, and not empty, as parts."""
    return [TextPart(text=text) for text in texts if isinstance(text, str) and text]


def as_text(value: object) -> str:
    """Return what a tool returned as text: as it is, or as JSON."""
    if isinstance(value, str):
        return value

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def result_parts(content: object) -> tuple[TextPart | MediaPart, ...]:
    """Return the content of a result as parts: text, or a list of blocks of text and files.

    What is neither is JSON as text.
    """
    if content is None or content == "":
        return ()
    if not isinstance(content, list) or not all(_is_block(item) for item in content):
        return (TextPart(text=as_text(content)),)

    found: list[TextPart | MediaPart] = []
    for item in content:
        match item:
            case str() if item:
                found.append(TextPart(text=item))
            case {"text": str(text)}:
                found.append(TextPart(text=text))
            case dict():
                found.append(file_in(item) or TextPart(text=as_text(item)))

    return tuple(found)


def _is_block(item: object) -> bool:
    return isinstance(item, str) or (
        isinstance(item, Mapping) and isinstance(item.get("type"), str)
    )


def file_in(block: Shape) -> MediaPart | None:
    """Return the file that a block of content holds or names; None if it does neither."""
    source = block.get("source")
    if isinstance(source, Mapping):  # anthropic
        block = source
    image = block.get("image_url")
    if isinstance(image, Mapping):  # chat completions
        image = image.get("url")

    kind = str(block.get("media_type") or block.get("mime_type") or "")
    name = str(block.get("filename") or "")
    for key in ("file_id", "file_uri", "file_url", "url"):
        if isinstance(block.get(key), str) and block[key]:
            return file_at(block[key], kind, name=name)
    if isinstance(image, str) and image:
        return file_at(image, kind, name=name)
    for key in ("data", "file_data"):
        if isinstance(block.get(key), str) and block[key]:
            return _content(block[key], kind, name=name)

    return None


def file_at(place: str, content_type: str = "", *, name: str = "") -> MediaPart:
    """Return the description of a file by its id or address, which may hold its content."""
    if place.startswith("data:") or len(place) > LONGEST_URL:
        return _content(place, content_type, name=name)

    return _described(place, content_type, name=name)


def _content(encoded: str, content_type: str, *, name: str) -> MediaPart:
    """Return the description of a file by its content in base64, which is not stored.

    It is named by its hash.
    """
    if encoded.startswith("data:"):
        head, _, encoded = encoded.partition(",")
        content_type = content_type or head.removeprefix("data:").partition(";")[0]

    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        content = encoded.encode("utf-8", "surrogatepass")

    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"

    return _described(digest, content_type, name=name, size=len(content))


def _described(file_id: str, content_type: str, *, name: str, size: int | None = None) -> MediaPart:
    kind = KINDS.get(content_type.partition("/")[0], "file")
    attachment = Attachment(
        id=file_id, kind=kind, filename=name, content_type=content_type, size=size
    )
    return MediaPart(attachment=attachment)


def arguments_of(value: object) -> Mapping[str, Any] | str:
    """Return a call's arguments: an object, or the text that the model wrote where it is none."""
    if isinstance(value, Mapping):
        return value
    if value is None or value == "":
        return {}

    text = as_text(value)
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return text

    return parsed if isinstance(parsed, dict) else text


def words_of_blocks(content: object) -> list[Part]:
    """Return the words in a message's content, which is text or a list of blocks."""
    if isinstance(content, list):
        texts = [one.get("text") if isinstance(one, Mapping) else one for one in content]
        return text_parts(*texts)

    return text_parts(content)


def name_of(kind: str) -> str:
    """Return what other providers are told of an item that only one of them understands."""
    return f"({kind.replace('_', ' ')})"


def role_of(role: str) -> Literal["user", "system"]:
    """Return whether a person or the bot's author is the speaker."""
    return "system" if role in ("system", "developer") else "user"


def merged(said: Iterable[Said]) -> list[Said]:
    """Return messages with the items that follow each other in one role as one message."""
    found: list[Said] = []
    for one in said:
        last = found[-1] if found else None
        if last is not None and one.is_item and last.is_item and last.role == one.role:
            found[-1] = Said(last.role, (*last.parts, *one.parts), is_item=True)
        else:
            found.append(one)

    return found

"""How values lie in columns: text as bytes, so that any text comes back as it went in; metadata as
JSON.

JSON that has surrogates in it is kept as bytes too: no text column takes them as they are, and
escaped ones that stand side by side would be read as one character.

A cell that cannot be read costs that cell, never the row or the listing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from session_plugin.checks import is_storable
from session_plugin.logs import FieldLogger
from session_plugin.parts import Attachment, Part
from session_plugin.parts.as_json import attachment_to_dict, from_cell, to_cell

logger = FieldLogger("session_plugin.records")


def to_bytes(text: str) -> bytes:
    """Encode any text, NUL and lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")


def to_text(content: object) -> str:
    """Decode what `to_bytes` encoded."""
    if not isinstance(content, bytes):  # somebody wrote the row by hand
        return str(content)

    try:
        return content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return content.decode("utf-8", "replace")


def to_name(text: str) -> str:
    """Make a name storable on every backend: what no text column takes becomes U+FFFD. Names are
    shown, never compared.
    """
    if is_storable(text):
        # What is sealed begins so, and nobody is to be taken for that by their name.
        return text if text[:1] != "\x01" else f"\ufffd{text[1:]}"

    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def to_json(values: Mapping[str, Any]) -> bytes | None:
    """Encode metadata; None for none.

    Raises:
        TypeError: it holds something that JSON has no word for.
    """
    return _dump(dict(values)) if values else None


def from_json(cell: object) -> dict[str, Any]:
    """Decode metadata; a cell that is no JSON object reads as empty."""
    if not cell:
        return {}

    try:
        values = json.loads(to_text(cell))
    except (ValueError, RecursionError):
        values = None

    if not isinstance(values, dict):
        logger.warning("a metadata cell is not a JSON object and reads as empty")
        return {}

    return values


def attachments_to_json(attachments: Iterable[Attachment]) -> bytes | None:
    """Encode descriptions of attachments; None for none."""
    described = [attachment_to_dict(one) for one in attachments]
    return _dump(described) if described else None


def attachments_from_json(cell: object) -> tuple[Attachment, ...]:
    """Decode descriptions of attachments; a broken cell reads as none."""
    if not cell:
        return ()

    try:
        return tuple(Attachment(**described) for described in json.loads(to_text(cell)))
    except (ValueError, TypeError, RecursionError):
        logger.warning("an attachments cell cannot be read and counts as none")
        return ()


def parts_to_json(parts: Iterable[Part]) -> bytes | None:
    """Encode the parts of a message, whose words are in its content; None for none."""
    return _dump(to_cell(parts)) if parts else None


def parts_from_json(cell: object, words: str) -> tuple[Part, ...]:
    """Decode the parts of a message that says `words`; a broken cell reads as none."""
    if not cell:
        return ()

    try:
        return from_cell(json.loads(to_text(cell)), words)
    except (ValueError, TypeError, KeyError, RecursionError):
        logger.warning("a parts cell cannot be read and counts as none")
        return ()


def _dump(values: Any) -> bytes:
    try:
        return to_bytes(json.dumps(values, ensure_ascii=False))
    except (ValueError, RecursionError) as error:  # it contains itself, or a number is too long
        raise TypeError(f"this cannot be stored as JSON: {error}") from error

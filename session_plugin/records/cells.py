"""How values lie in columns: text as bytes, so that any text comes back as it went in; metadata as JSON.

A cell that cannot be read costs that cell, never the row or the listing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from session_plugin.model import Attachment

logger = logging.getLogger("session_plugin.records")


def to_bytes(text: str) -> bytes:
    """Encode any text, NUL and lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")


def to_text(content: bytes | str) -> str:
    """Decode what `to_bytes` encoded."""
    if isinstance(content, str):  # somebody wrote the row by hand
        return content
    try:
        return content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return content.decode("utf-8", "replace")


def to_name(text: str) -> str:
    """Make a name storable on every backend: what no text column takes becomes U+FFFD. Names are shown, never compared."""
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def to_json(values: Mapping[str, Any]) -> str | None:
    """Encode metadata; None for none.

    Raises:
        TypeError: it holds something that JSON has no word for.
    """
    return json.dumps(dict(values)) if values else None


def from_json(cell: str | None) -> dict[str, Any]:
    """Decode metadata; a cell that is no JSON object reads as empty."""
    if not cell:
        return {}
    try:
        values = json.loads(cell)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        logger.warning("a metadata cell is not a JSON object and reads as empty")
        return {}
    return values


def attachments_to_json(attachments: Iterable[Attachment]) -> str | None:
    """Encode descriptions of attachments; None for none."""
    described = [asdict(attachment) for attachment in attachments]
    return json.dumps(described) if described else None


def attachments_from_json(cell: str | None) -> tuple[Attachment, ...]:
    """Decode descriptions of attachments; a broken cell reads as none."""
    if not cell:
        return ()
    try:
        return tuple(Attachment(**described) for described in json.loads(cell))
    except (ValueError, TypeError):
        logger.warning("an attachments cell cannot be read and counts as none")
        return ()

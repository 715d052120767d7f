"""Words of another person within a message: sealed once more, with that person's key.

Where a message quotes or forwards somebody, its cell holds it as it reads without the quote, and
what it says with it as a cell of its own, sealed with the key of who is quoted. So the quote goes
with that key, in copies of the database too. Knows how metadata says what is quoted; knows no
statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from session_plugin.checks import is_storable
from session_plugin.context.marks import is_forward
from session_plugin.encryption import cells
from session_plugin.records.cells import from_json, to_json

MAY_QUOTE = b'"quote"'
"""Is in the metadata of every message that quotes another one."""
_LENGTH_BYTES = 4


def quote_in(metadata: bytes | None) -> Mapping[str, str | None] | None:
    """Return what a message quotes, `person`, `chat_id` and `message_id` as far as it says so; None
    for nothing.
    """
    if metadata is None or MAY_QUOTE not in metadata:
        return None

    noted = from_json(metadata).get("quote")
    if not isinstance(noted, Mapping):
        return None

    return {name: _id_in(noted, name) for name in ("person", "chat_id", "message_id")}


def without_quote(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message's private columns without what it quotes; of a forward, only that it was one
    is left.
    """
    metadata = from_json(row["metadata"])
    if is_forward(metadata):
        return {
            "author_name": row["author_name"],
            "content": b"",
            "metadata": to_json({"forwarded": True}),
            "attachments": None,
            "parts": None,
        }

    metadata.pop("quote", None)
    return {**row, "metadata": to_json(metadata)}


def only_quote(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that the quote is in: all of a forward's, a reply's metadata."""
    if is_forward(from_json(row["metadata"])):
        return dict(row)

    return {**dict.fromkeys(cells.PACKED), "content": b"", "metadata": row["metadata"]}


def join(quoted: bytes, packed: bytes) -> bytes:
    """Return one value of the sealed quote and the message without it."""
    head = bytes((cells.WITH_QUOTE,)) + len(quoted).to_bytes(_LENGTH_BYTES, "big")
    return head + quoted + packed


def part(value: bytes) -> tuple[bytes, bytes]:
    """Return the sealed quote, empty for none, and the message without it."""
    if not value or value[0] != cells.WITH_QUOTE:
        return b"", value

    start = 1 + _LENGTH_BYTES
    end = start + int.from_bytes(value[1:start], "big")
    return value[start:end], value[end:]


def with_quote(columns: cells.Unpacked, quote: cells.Unpacked) -> cells.Unpacked:
    """Return a message's private columns with what it quotes."""
    author_name, _, attachments, parts, content = columns
    _, metadata, _, _, _ = quote
    if is_forward(from_json(metadata)):
        return quote

    return author_name, metadata, attachments, parts, content


def _id_in(noted: Mapping[str, Any], name: str) -> str | None:
    value = noted.get(name)
    return value if isinstance(value, str) and value and is_storable(value) else None

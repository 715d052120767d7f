"""How one cell is sealed: AES-256-GCM with a data key, bound to the row and the column it is in.

A cell is the byte 0xFF, the id of its key (8 bytes), a random nonce (12 bytes), and the sealed
value with its tag of 16 bytes. No text in UTF-8 begins with 0xFF, with `surrogatepass` or without,
so a cell that is not sealed is told from one that is. A column of text holds the same in base64
after a control character.

AES-256-GCM with random nonces is meant for 2**32 cells a key (NIST SP 800-38D, 8.3). A key here is
one person's in one chat.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

MARK = b"\xff"
KEY_ID_BYTES = 8
NONCE_BYTES = 12
TEXT_MARK = "\x01sealed:"

PACKED = ("author_name", "metadata", "attachments", "parts")
"""A message's private columns besides its content: they are sealed with it, as one cell."""

Unpacked = tuple[str | None, bytes | None, bytes | None, bytes | None, bytes]
"""A message's private columns: those of PACKED in their order, then the content."""

WITH_QUOTE = 0x80
"""The first byte of a message that is followed by a sealed quote; see quoted.py. `pack` writes a
smaller one.
"""

KEY_ID = slice(len(MARK), len(MARK) + KEY_ID_BYTES)
"""Where the id of its key is in a cell."""

_NONCE = slice(KEY_ID.stop, KEY_ID.stop + NONCE_BYTES)
_SEALED = slice(_NONCE.stop, None)
_LENGTH_BYTES = 4
_NO_OTHERS: Sequence[None] = (None, None, None)


class Cipher(Protocol):
    """What a data key seals and opens with; `cryptography`'s AESGCM."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Return the sealed data with its tag."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Return the data; an exception if anything of it, or what it is bound to, is another."""


def seal(cipher: Cipher, key_id: bytes, value: bytes, *, bound_to: bytes) -> bytes:
    """Return a sealed cell.

    Args:
        cipher: The key.
        key_id: Its id, 8 bytes.
        value: What is in the cell.
        bound_to: The table, the column and the row; see `place`.
    """
    nonce = os.urandom(NONCE_BYTES)
    return MARK + key_id + nonce + cipher.encrypt(nonce, value, bound_to)


def unseal(cipher: Cipher, cell: bytes, *, bound_to: bytes) -> bytes:
    """Return what is in a sealed cell.

    Raises:
        Exception: it was sealed with another key or in another place, or was changed.
    """
    return cipher.decrypt(cell[_NONCE], cell[_SEALED], bound_to)


def is_sealed(cell: object) -> bool:
    """Check whether a cell, of bytes or of text, is sealed."""
    if isinstance(cell, bytes):
        return cell[:1] == MARK
    return isinstance(cell, str) and cell.startswith(TEXT_MARK)


def key_id_of(cell: bytes) -> bytes:
    """Return the id of the key of a sealed cell."""
    return cell[KEY_ID]


def place(table_and_column: str, *identity: object) -> bytes:
    """Return what a cell is bound to: its column, and what tells its row from all others."""
    return ":".join([table_and_column, *map(repr, identity)]).encode()


def to_column_of_text(cell: bytes) -> str:
    """Return a sealed cell as a column of text holds it."""
    return TEXT_MARK + b64encode(cell).decode()


def from_column_of_text(text: str) -> bytes:
    """Return the cell that a column of text holds; an empty one if it holds none."""
    try:
        return b64decode(text[len(TEXT_MARK) :], validate=True)
    except ValueError:
        return b""


def pack(columns: Mapping[str, Any]) -> bytes:
    """Return a message's private columns as one value, to be sealed.

    A byte says which columns besides the content there are; each has its length in front of it.
    """
    present = 0
    head: list[bytes] = []
    for number, name in enumerate(PACKED):
        value = columns[name]
        if value is not None:
            value = value.encode() if isinstance(value, str) else value
            present |= 1 << number
            head += (len(value).to_bytes(_LENGTH_BYTES, "big"), value)

    return b"".join((bytes((present,)), *head, columns["content"]))


def unpack(value: bytes) -> Unpacked:
    """Return what `pack` packed: written out, as it is a hot path. Most messages have an author and
    none of the others.
    """
    present, at = value[0], 1
    author_name: str | None = None
    rest: Sequence[bytes | None] = _NO_OTHERS
    if present & 1:
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(value[at:start], "big")
        author_name = value[start:at].decode()
    if present > 1:
        others: list[bytes | None] = [*_NO_OTHERS]
        for number in range(len(others)):
            if present & (2 << number):
                start = at + _LENGTH_BYTES
                at = start + int.from_bytes(value[at:start], "big")
                others[number] = value[start:at]
        rest = others

    metadata, attachments, parts = rest
    return author_name, metadata, attachments, parts, value[at:]


def key_ids_of(cells: Iterable[object]) -> set[bytes]:
    """Return the ids of the keys of those cells that are sealed."""
    found = set()
    for cell in cells:
        if isinstance(cell, bytes):
            if cell[:1] == MARK:
                found.add(key_id_of(cell))
        elif isinstance(cell, str) and cell.startswith(TEXT_MARK):
            found.add(key_id_of(from_column_of_text(cell)))

    return found

"""Vectors of messages, which tell what these say: sealed with their messages' keys, and opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from session_plugin.database.engine import Tx, Value
from session_plugin.encryption import cells
from session_plugin.encryption.opening import Opener
from session_plugin.encryption.ring import KeyRing

Rows = Sequence[Mapping[str, Value]]
_PLACE = ("segment_no", "seq")


def sealed(tx: Tx, opener: Opener, ring: KeyRing, rows: Rows) -> Rows:
    """Return vectors sealed with the keys of their messages, which still say what these were made
    of; without those whose message says something else.

    The statement compares contents, so it is given each as it is stored.
    """
    found = []
    for row, content in zip(rows, _contents(tx, ring, rows), strict=True):
        if content is None:
            found.append(row)
            continue

        opened_ = opener.columns_of(content, cast("int", row["seq"]))
        if opened_ is None or opened_["content"] != row["content"]:
            continue
        vector = _sealed(ring, row, content)
        assert vector is not None, "the key has just opened the message"
        found.append({**row, "content": content, "vector": vector})

    return found


def resealed(tx: Tx, ring: KeyRing, rows: Rows) -> Rows:
    """Return vectors sealed with the keys of their messages; without those of messages that are not
    sealed, or whose key is gone.
    """
    contents = _contents(tx, ring, rows)
    vectors = [
        None if content is None else _sealed(ring, row, content)
        for row, content in zip(rows, contents, strict=True)
    ]

    return [
        {**row, "vector": vector}
        for row, vector in zip(rows, vectors, strict=True)
        if vector is not None
    ]


def opened(ring: KeyRing, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows of a number and a vector, opened; an empty one, which is close to nothing, where
    one does not open.
    """
    ring.fetch({cells.key_id_of(row[1]) for row in rows if _is_sealed(row[1])})
    return [
        (row[0], _opened(ring, row[0], row[1]), *row[2:]) if _is_sealed(row[1]) else row
        for row in rows
    ]


def _contents(tx: Tx, ring: KeyRing, rows: Rows) -> list[bytes | None]:
    """Return the contents of the vectors' messages as they are stored, with their keys at hand;
    None where they are not sealed.
    """
    stored = {
        (row["segment_no"], row["seq"]): row["content"]
        for row in tx.all_many(
            "contents_of_segments", [{name: row[name] for name in _PLACE} for row in rows]
        )
    }
    contents = [stored.get((row["segment_no"], row["seq"])) for row in rows]
    ring.fetch(cells.key_ids_of(contents))

    return [content if cells.is_sealed(content) else None for content in contents]


def _sealed(ring: KeyRing, row: Mapping[str, Any], content: bytes) -> bytes | None:
    """Return a vector sealed with the key of its message; None if that is gone."""
    key_id = cells.key_id_of(content)
    cipher = ring.get(key_id)
    if cipher is None:
        return None

    return cells.seal(cipher, key_id, row["vector"], bound_to=_place(row["seq"]))


def _opened(ring: KeyRing, seq: int, cell: bytes) -> bytes:
    cipher = ring.get(cells.key_id_of(cell))
    if cipher is None:
        return b""
    try:
        return cells.unseal(cipher, cell, bound_to=_place(seq))
    except Exception:  # whatever the library raises
        return b""


def _place(seq: int) -> bytes:
    """Return what a vector is bound to."""
    return cells.place("vectors.vector", seq)


def _is_sealed(cell: bytes) -> bool:
    """Check whether a vector is sealed: one that is not has an even number of bytes."""
    return len(cell) % 2 == 1 and cells.is_sealed(cell)

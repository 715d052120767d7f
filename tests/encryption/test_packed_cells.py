"""What is packed into a message's cell comes out again, whichever of its columns there are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from session_plugin.encryption import cells

VALUES: dict[str, tuple[Any, ...]] = {
    "author_name": (None, "", "Ünï"),
    "metadata": (None, b"{}"),
    "attachments": (None, b"[" + b" " * 300 + b"]"),
    "parts": (None, b""),
    "content": (b"", b"\xff\x80 words"),
}


def messages() -> Iterator[dict[str, Any]]:
    for values in product(*VALUES.values()):
        yield dict(zip(VALUES, values, strict=True))


@pytest.mark.parametrize("message", list(messages()))
def test_a_message_is_unpacked_as_it_was_packed(message: dict[str, Any]) -> None:
    assert cells.unpack(cells.pack(message)) == tuple(message.values())


def test_ids_of_keys_are_found_in_columns_of_bytes_and_of_text() -> None:
    one, other = (cells.MARK + bytes((number,)) * 40 for number in (1, 2))
    found = cells.key_ids_of([one, cells.to_column_of_text(other), one, b"", "", "words", None, 3])
    assert found == {b"\1" * 8, b"\2" * 8}

"""Opening the files that people bring. Where the system cannot, the file is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

from session_plugin.errors import FileRefused

LARGEST = 16 * 1024 * 1024
"""Characters of one line or value; what is longer counts as broken."""


@contextmanager
def opened(path: str | Path) -> Iterator[BinaryIO]:
    """Yield an open file, and close it.

    Raises:
        FileRefused: it cannot be opened, or not be read.
    """
    try:
        with Path(path).open("rb") as file:
            yield file
    except OSError as error:
        raise FileRefused(f"{path} cannot be read: {error.strerror or error}") from error


def lines_of(path: str | Path, *, errors: str) -> Iterator[tuple[int, str, bool]]:
    """Yield the lines of a text in UTF-8: the number of each, the line, and whether that is all of
    it. Only a line feed ends a line.

    Args:
        path: The file.
        errors: What becomes of bytes that are no UTF-8, as `open` takes it.

    Raises:
        FileRefused: it cannot be opened, or not be read.
    """
    with opened(path) as file, _text(file, errors) as text:
        number = 0
        while line := text.readline(LARGEST):
            number += 1
            yield number, line, line.endswith("\n") or len(line) < LARGEST
            while line and not line.endswith("\n"):  # the rest of one that is too long
                line = text.readline(LARGEST)


def _text(file: BinaryIO, errors: str) -> TextIO:
    return TextIOWrapper(file, encoding="utf-8-sig", errors=errors, newline="\n")

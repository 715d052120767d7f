"""Large JSON files, read piece by piece, so that one broken message costs only itself.

A streaming parser gives up at the first error. Here each message is decoded by itself, by the
standard library: where one is broken, reading goes on with the next.
"""

from __future__ import annotations

import codecs
import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO

from session_plugin.importing.opening import LARGEST

PIECE = 256 * 1024
"""Bytes read at once."""
DEEPEST = 100
"""Levels of what is passed over unread."""

_SPACE = re.compile(r"[ \t\r\n]*")
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}|(?P<broken>))')
_LONGEST_ESCAPE = 6
_DECODER = json.JSONDecoder(strict=False)  # control characters in strings are taken as they are
_NEAR_END = 16
"""Characters before the end of what was read in which an error may only mean that more follows."""


class CutOff(Exception):
    """The file ends in the middle."""


class Malformed(Exception):
    """The file is no JSON at this place."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An element that cannot be decoded: where it begins, and why."""

    offset: int
    reason: str


class JsonFile:
    """A JSON file, walked from the beginning to the end.

    `members` and `elements` enter an object and a list. Between two of their steps, consume the
    value at hand: by `value`, `skip`, or by entering it.
    """

    def __init__(
        self, file: BinaryIO, *, element: re.Pattern[str], border: re.Pattern[str]
    ) -> None:
        """Begin at the beginning.

        Args:
            file: The open file.
            element: Matches the beginning of an element and of nothing that is within one. After a
                broken element, reading goes on there.
            border: Matches what lies between two lists of such elements; reading does not go on
                beyond it.
        """
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8-sig")(errors="replace").decode
        self._element = element
        self._border = border
        self._text = ""
        self._added: list[int] = []  # where in the text a backslash stands that is not in the file
        self._at = 0
        self._passed = 0
        self._measured = (0, 0)  # a place in the text, and the bytes before it
        self._is_over = False

    @property
    def offset(self) -> int:
        """The byte at which the next value begins."""
        place, size = self._measured
        size += len(self._text[place : self._at].encode("utf-8", "surrogatepass"))
        self._measured = (self._at, size)

        return self._passed + size - bisect_left(self._added, self._at)

    def peek(self) -> str:
        """Return the next character that is no space.

        Raises:
            CutOff: there is none.
        """
        while True:
            self._at = _end_of_space(self._text, self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_on():
                raise CutOff

    def members(self) -> Iterator[str]:
        """Enter an object, and yield the key of each member."""
        self._expect("{")
        if self.peek() == "}":
            self._at += 1
            return

        while True:
            key = self.value()
            if not isinstance(key, str):
                raise Malformed(f"a key is {key!r}")
            self._expect(":")
            yield key
            if self._expect(",}") == "}":
                return

    def elements(self) -> Iterator[None]:
        """Enter a list, and yield before each of its elements."""
        self._expect("[")
        if self.peek() == "]":
            self._at += 1
            return

        while True:
            yield
            if self._expect(",]") == "]":
                return

    def decoded(self) -> Iterator[Any | Broken]:
        """Enter a list, and yield its elements; `Broken` for one that cannot be decoded."""
        self._expect("[")
        if self.peek() == "]":
            self._at += 1
            return

        while True:
            self.peek()
            offset = self.offset
            try:
                value = self.value()
                ends = self._expect(",]")
            except Malformed as error:
                yield Broken(offset, str(error))
                self._resume()
                continue

            yield value
            if ends == "]":
                return

    def value(self) -> Any:
        """Return the next value.

        Raises:
            CutOff: the file ends before the value does.
            Malformed: it cannot be decoded.
        """
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > LARGEST:
                    raise Malformed("it is too long") from error
                if self._may_go_on(error):
                    if self._read_on():
                        continue
                    raise CutOff from error
                if "escape" in error.msg and self._mend_escapes(error.pos):
                    continue
                raise Malformed(error.msg) from error
            except RecursionError as error:
                raise Malformed("it is nested too deeply") from error

            if end == len(self._text) and self._read_on():
                continue  # a number may go on

            self._at = end
            return value

    def skip(self, *, depth: int = 0) -> None:
        """Pass over the next value, however large it is; it is `depth` levels deep in another one.

        Raises:
            CutOff: the file ends before the value does.
            Malformed: it cannot be decoded, or is nested too deeply.
        """
        if depth > DEEPEST:
            raise Malformed("it is nested too deeply")

        begins = self.peek()
        if begins == "{":
            for _ in self.members():
                self.skip(depth=depth + 1)
        elif begins == "[":
            for _ in self.elements():
                self.skip(depth=depth + 1)
        else:
            self.value()

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        """Check whether more of the file could make an error go away."""
        is_open = error.msg.startswith("Unterminated string")
        return is_open or error.pos >= len(self._text) - _NEAR_END

    def _mend_escapes(self, position: int) -> bool:
        """Take each backslash before something that it cannot escape as itself, from an error on;
        return whether there was any.
        """
        begin = self._text.rfind("\\", self._at, position + 2)
        end = len(self._text) + (0 if self._is_over else 1 - _LONGEST_ESCAPE)  # more may follow
        broken = [
            found.start()
            for found in _ESCAPE.finditer(self._text, begin)
            if found["broken"] is not None and found.start() < end
        ]
        pieces = (self._text[one:two] for one, two in pairwise([0, *broken, len(self._text)]))
        self._text = "\\".join(pieces)
        self._added = sorted({*self._added, *(place + n for n, place in enumerate(broken))})

        return bool(broken)

    def _resume(self) -> None:
        """Go on with the next element.

        Raises:
            CutOff: there is none in this list.
        """
        while True:
            found = self._element.search(self._text, self._at + 1)
            end = len(self._text) if found is None else found.start()
            if self._border.search(self._text, self._at + 1, end) is not None:
                raise CutOff
            if found is not None:
                self._at = found.start()
                return

            self._at = max(self._at, len(self._text) - PIECE)
            if not self._read_on():
                raise CutOff

    def _expect(self, characters: str) -> str:
        found = self.peek()
        if found not in characters:
            raise Malformed(f"{found!r} stands where one of {' '.join(characters)} was expected")

        self._at += 1
        return found

    def _read_on(self) -> bool:
        """Read more; at least as much as is waiting already, so that no value is slow to decode."""
        if self._is_over:
            return False

        waiting = self._text[self._at :]
        self._passed = self.offset
        self._added = [place - self._at for place in self._added if place >= self._at]
        piece = self._file.read(max(PIECE, len(waiting)))
        self._is_over = not piece
        self._text = waiting + self._decode(piece, final=self._is_over)
        self._at = 0
        self._measured = (0, 0)

        return not self._is_over


def _end_of_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()

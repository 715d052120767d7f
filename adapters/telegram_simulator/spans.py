"""Text that grows together with its entities. Counts in UTF-16 units as Telegram does; knows no
markup language.
"""

from __future__ import annotations

from typing import Any


def utf16_length(text: str) -> int:
    """Measure a text in UTF-16 code units, the unit of every entity's offset and length."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class Spans:
    """Collect plain text and the entities over it. Entities may nest; the one opened last is closed
    first.
    """

    def __init__(self) -> None:
        """Begin with no text."""
        self.open: list[dict[str, Any]] = []
        self._parts: list[str] = []
        self._length = 0
        self._closed: list[dict[str, Any]] = []

    @property
    def length(self) -> int:
        """How much text there is so far, in UTF-16 units."""
        return self._length

    def write(self, text: str) -> None:
        """Append plain text."""
        self._parts.append(text)
        self._length += utf16_length(text)

    def begin(self, kind: str, **details: Any) -> None:
        """Open an entity at the end of the text so far."""
        self.open.append({"type": kind, "offset": self._length, **details})

    def end(self) -> dict[str, Any]:
        """Close the entity opened last and return it; one that covers no text is dropped."""
        entity = self.open.pop()
        entity["length"] = self._length - entity["offset"]
        if entity["length"] > 0:
            self._closed.append(entity)
        return entity

    def drop(self) -> None:
        """Forget the entity opened last, keeping its text."""
        self.open.pop()

    def is_open(self, kind: str) -> bool:
        """Tell whether an entity of this kind is open, at any depth."""
        return any(entity["type"] == kind for entity in self.open)

    def result(self) -> tuple[str, list[dict[str, Any]]]:
        """Return the text without surrounding white space, and the entities that still cover any of
        it, in order.
        """
        whole = "".join(self._parts)
        text = whole.strip()
        return text, within(
            text, self._closed, skipped=utf16_length(whole) - utf16_length(whole.lstrip())
        )


def within(text: str, entities: list[dict[str, Any]], *, skipped: int = 0) -> list[dict[str, Any]]:
    """Move entities `skipped` units to the left and cut them to the text; the outer one of two
    comes first.
    """
    size = utf16_length(text)
    cut = []
    for entity in entities:
        start = max(entity["offset"] - skipped, 0)
        end = min(entity["offset"] + entity["length"] - skipped, size)
        if end > start:
            cut.append({**entity, "offset": start, "length": end - start})
    return sorted(cut, key=lambda entity: (entity["offset"], -entity["length"]))

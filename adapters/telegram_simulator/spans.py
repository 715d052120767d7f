"""Text and its entities, counted in UTF-16 units. Must not know a markup language."""

from __future__ import annotations

from typing import Any


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 code units, the unit of entities."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class Spans:
    """Collects plain text and nested entities. The entity opened last is closed first."""

    def __init__(self) -> None:
        """Start without text."""
        self.open: list[dict[str, Any]] = []
        self._parts: list[str] = []
        self._length = 0
        self._closed: list[dict[str, Any]] = []

    @property
    def length(self) -> int:
        """The length of the text so far, in UTF-16 units."""
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
        """Remove the entity opened last and keep its text."""
        self.open.pop()

    def is_open(self, kind: str) -> bool:
        """Check whether an entity of this kind is open, at any depth."""
        return any(entity["type"] == kind for entity in self.open)

    def result(self) -> tuple[str, list[dict[str, Any]]]:
        """Return the stripped text and the entities that still cover some of it, in order."""
        whole = "".join(self._parts)
        text = whole.strip()
        return text, within(
            text, self._closed, skipped=utf16_length(whole) - utf16_length(whole.lstrip())
        )


def within(text: str, entities: list[dict[str, Any]], *, skipped: int = 0) -> list[dict[str, Any]]:
    """Shift entities left by `skipped` units and cut them to the text, outer entities first."""
    size = utf16_length(text)
    cut = []

    for entity in entities:
        start = max(entity["offset"] - skipped, 0)
        end = min(entity["offset"] + entity["length"] - skipped, size)
        if end > start:
            cut.append({**entity, "offset": start, "length": end - start})

    return sorted(cut, key=lambda entity: (entity["offset"], -entity["length"]))

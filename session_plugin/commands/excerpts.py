"""A message that a search has found, on one line: the words around what was searched for."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

from session_plugin.context.quoting import one_line
from session_plugin.rules.found import Hit
from session_plugin.rules.searching import searched_text

BEFORE, AFTER = 40, 80
"""Characters shown before the first place and after its beginning."""
LONGEST_WORD = 15
"""Characters by which a cut moves to the end of a word."""


def excerpt_of(hit: Hit) -> str:
    """Return the words around the first place where they stand; the beginning if there is none.

    It is one line, without unprintable characters: what people wrote cannot imitate our lines.
    """
    text = searched_text(hit.message.content, hit.message.attachments)
    place = hit.spans[0][0] if hit.spans else 0
    start, end = _start(text, place - BEFORE), _end(text, place + AFTER)
    shown = "".join(character for character in one_line(text[start:end]) if character.isprintable())

    return f"{'...' if start else ''}{shown}{'...' if end < len(text) else ''}"


def _start(text: str, place: int) -> int:
    """Return where to begin: at a word near a place."""
    if place <= 0:
        return 0

    for start in range(place, min(place + LONGEST_WORD, len(text))):
        if text[start - 1].isspace():
            return start

    return _whole(text, place)


def _end(text: str, place: int) -> int:
    """Return where to end: after a word near a place."""
    if place >= len(text):
        return len(text)

    for end in range(place, max(place - LONGEST_WORD, 0), -1):
        if text[end].isspace():
            return end

    return _whole(text, place)


def _whole(text: str, place: int) -> int:
    """Return the next place that is not within a character and its marks."""
    while place < len(text) and unicodedata.category(text[place]).startswith("M"):
        place += 1

    return place


def shown_day(timestamp: float) -> str:
    """Return the day of a time, in UTC; nothing for a time that is in no calendar."""
    try:
        return datetime.fromtimestamp(timestamp, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return ""

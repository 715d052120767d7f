"""What a search finds, and where it goes on. Pure data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from session_plugin.model import SessionMessage
from session_plugin.rules.numbers import FIRST

Closeness = Literal["phrase", "near", "words", "meaning"]
CLOSENESS: tuple[Closeness, ...] = ("phrase", "near", "words", "meaning")
"""From the closest match on."""

_CURSOR = re.compile(r"s1_(-?[0-9]{1,19})_(-?[0-9]{1,19})_([0-9]{1,6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A message that a search has found.

    Args:
        message: The message.
        session_id: Its session.
        spans: Where the words are in `message.content`, as pairs of start and end; empty where
            they are in what came with it, or where only the meaning is close.
        closeness: How the words stand there. `phrase`: one after the other, as they were asked for.
            `near`: within 100 characters. `words`: further apart. `meaning`: not at all; a plugin
            found the meaning close.

    Example:
        await hub.record(event)
        (hit,) = (await session.search("cat")).hits
        (start, end), = hit.spans
        assert hit.message.content[start:end] == "cat"
    """

    message: SessionMessage
    session_id: str
    spans: tuple[tuple[int, int], ...]
    closeness: Closeness

    @property
    def order(self) -> tuple[int, int]:
        """Where it comes among other hits: the closest first, then the newest."""
        return CLOSENESS.index(self.closeness), -self.message.seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search has found so far.

    Args:
        hits: The newest matches, the closest first, and newest first where they are equally close.
        cursor: Where to go on: `search(..., before=found.cursor)`; None if there is no more.
        is_complete: Whether all was looked through. False where there are more hits than `limit`,
            or where half a second was over; then there may be no hits yet, although some are there.

    Example:
        await hub.record(event)
        found = await session.search("cat", limit=5)
        while not found.is_complete:
            found = await session.search("cat", limit=5, before=found.cursor)
    """

    hits: tuple[Hit, ...]
    cursor: str | None
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a search: messages before `before` are still to be looked through.

    Where meaning is compared, a stretch of messages is ranked as a whole. It begins with the newest
    message before `before` and ends with `last`; `skip` of its hits were shown already.
    """

    before: int
    last: int = FIRST
    skip: int = 0

    def __str__(self) -> str:
        """Return the text that callers hold."""
        return f"s1_{self.before}_{self.last}_{self.skip}"


def read_cursor(text: str) -> Cursor:
    """Return the cursor that `str` has made the text of.

    Raises:
        ValueError: it is none.
    """
    found = _CURSOR.fullmatch(text)
    if found is None or any(abs(int(number)) >= 2**63 for number in found.groups()):
        raise ValueError(
            f"before is no cursor of a search: {text[:40]!r}; pass `found.cursor` as it is"
        )

    return Cursor(*map(int, found.groups()))

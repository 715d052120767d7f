"""The summary that needs no model: who said what, evenly over a whole range, within a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from session_plugin.context.quoting import names_of, one_line, shown_name, words_of
from session_plugin.model import SessionMessage

DIGEST_BUDGET = 4000
"""Characters of a digest: about 1,000 tokens, which leaves room for the conversation itself in any
model.
"""
SHORTEST_LINE = 60
LONGEST_LINE = 400
FEWEST_ON_A_LINE = 20
"""Characters: lines that are shorter on average leave some of the budget over."""
DIGEST_NAME = "digest"
T = TypeVar("T")
NO_BRACKETS = str.maketrans("[]", "()")


def digest(
    messages: Sequence[SessionMessage], previous: str | None, *, budget: int = DIGEST_BUDGET
) -> str:
    """Sum up messages without a model: who said what, evenly over the whole range, within `budget`
    characters.

    `previous` is the digest of what came before; its lines stay, thinned out evenly to half of the
    budget. So a digest of digests is still one list of lines, and the same messages always give the
    same digest.
    """
    older = _thin(previous.splitlines() if previous else [], budget // 2, str)
    room = budget - sum(len(line) + 1 for line in older)
    width = max(SHORTEST_LINE, min(LONGEST_LINE, room // max(1, len(messages)) - 1))
    names = names_of(messages)
    return "\n".join(
        older
        + _thin(
            messages,
            room,
            lambda message: _pending_writes(message, shown_name(message, names), width),
        )
    )


def _evenly(items: Sequence[T], most: int) -> Sequence[T]:
    """Give so many of some items at most, evenly over all of them, the first one among them."""
    if len(items) <= most:
        return items
    return [items[position * len(items) // most] for position in range(most)]


def _pending_writes(message: SessionMessage, name: str, width: int) -> str:
    name = name.translate(NO_BRACKETS)  # it, too, stays in its place
    line = f"[{message.role} {name}".rstrip() + f"] {one_line(words_of(message))}"
    return line if len(line) <= width else line[: width - 1] + "…"


def _thin(items: Sequence[T], budget: int, line_of: Callable[[T], str]) -> list[str]:
    """Make lines of as many items as fit, evenly over all of them.

    How many that are is told by some of the lines: to make them all would take long where there are
    thousands.
    """
    lines = [line_of(item) for item in _evenly(items, max(1, budget // FEWEST_ON_A_LINE))]
    size = sum(len(line) + 1 for line in lines)
    if len(lines) == len(items) and size <= budget:
        return lines
    keep = min(len(items), int(budget * len(lines) / size))
    while keep > 1:
        kept = [line_of(item) for item in _evenly(items, keep)]
        if sum(len(line) + 1 for line in kept) <= budget:
            return kept
        keep -= 1
    return [line_of(items[0])[:budget]]

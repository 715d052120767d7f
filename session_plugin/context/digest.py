"""The built-in summary, made without a model: an even selection of what was said, one per line."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from session_plugin.context.marks import is_forward, shown_words
from session_plugin.context.quoting import names_of, one_line, shown_name
from session_plugin.model import SessionMessage

DIGEST_BUDGET = 4000
"""Characters of a digest: about 1,000 tokens, which leaves any model room for the conversation."""
SHORTEST_LINE = 60
LONGEST_LINE = 400
FEWEST_ON_A_LINE = 20
"""Characters; if lines are shorter on average, part of the budget stays unused."""
DIGEST_NAME = "digest"
T = TypeVar("T")
NO_BRACKETS = str.maketrans("[]", "()")


def digest(
    messages: Sequence[SessionMessage], previous: str | None, *, budget: int = DIGEST_BUDGET
) -> str:
    """Summarise messages without a model: one line each, selected evenly over the whole range.

    The same messages always give the same digest.

    Args:
        messages: The messages to summarise, oldest first.
        previous: The digest of the messages before them. Its lines are thinned out evenly to half
            of the budget and stand first, so the result is again a list of lines.
        budget: The most characters that the digest may have.
    """
    older = _thin(previous.splitlines() if previous else [], budget // 2, str)
    capacity = budget - sum(len(line) + 1 for line in older)
    width = max(SHORTEST_LINE, min(LONGEST_LINE, capacity // max(1, len(messages)) - 1))

    names = names_of(messages)
    newer = _thin(messages, capacity, lambda message: _line(message, names, width))

    return "\n".join(older + newer)


def _evenly(count: int, most: int) -> Sequence[int]:
    """Return at most `most` of so many positions, evenly over all of them from the first on."""
    if count <= most:
        return range(count)
    return [number * count // most for number in range(most)]


def _line(message: SessionMessage, names: Mapping[Hashable, str], width: int) -> str:
    # without brackets, so that a name cannot imitate the end of its own
    name = shown_name(message, names).translate(NO_BRACKETS)
    origin = ", forwarded" if is_forward(message.metadata) else ""
    author = f"{message.role} {name}".rstrip() + origin
    line = f"[{author}] {one_line(shown_words(message, names))}"
    return line if len(line) <= width else line[: width - 1] + "…"


def _thin(items: Sequence[T], budget: int, line_of: Callable[[T], str]) -> list[str]:
    """Return lines of as many items as fit into the budget, selected evenly over all of them.

    How many fit is estimated from a sample; making thousands of lines would take too long.
    """
    made: dict[int, str] = {}

    def lines_of(most: int) -> list[str]:
        positions = _evenly(len(items), most)
        for position in positions:
            if position not in made:
                made[position] = line_of(items[position])
        return [made[position] for position in positions]

    lines = lines_of(max(1, budget // FEWEST_ON_A_LINE))
    size = sum(len(line) + 1 for line in lines)
    if len(lines) == len(items) and size <= budget:
        return lines

    count = min(len(items), int(budget * len(lines) / size))
    while count > 1:
        lines = lines_of(count)
        if sum(len(line) + 1 for line in lines) <= budget:
            return lines
        count -= 1

    return [line_of(items[0])[:budget]]

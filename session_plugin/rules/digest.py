"""The summary that needs no model: who said what, evenly over a whole range, within a budget."""

from __future__ import annotations

from collections.abc import Sequence

from session_plugin.model import SessionMessage
from session_plugin.rules.quoting import one_line, words_of

DIGEST_BUDGET = 4000
"""Characters of a digest: about 1,000 tokens, which leaves room for the conversation itself in any model."""
SHORTEST_LINE = 60
LONGEST_LINE = 400
DIGEST_NAME = "digest"
NO_BRACKETS = str.maketrans("[]", "()")


def digest(messages: Sequence[SessionMessage], previous: str | None, *, budget: int = DIGEST_BUDGET) -> str:
    """Sum up messages without a model: who said what, evenly over the whole range, within `budget` characters.

    `previous` is the digest of what came before; its lines stay, thinned out evenly to half of the budget. So a digest of
    digests is still one list of lines, and the same messages always give the same digest.
    """
    older = previous.splitlines() if previous else []
    older = _thin(older, budget // 2)
    room = budget - sum(len(line) + 1 for line in older)
    width = max(SHORTEST_LINE, min(LONGEST_LINE, room // max(1, len(messages)) - 1))
    return "\n".join(older + _thin([_line(message, width) for message in messages], room))


def _line(message: SessionMessage, width: int) -> str:
    name = one_line(message.author_name).translate(NO_BRACKETS)  # it, too, stays on its line and in its place
    line = f"[{message.role} {name}".rstrip() + f"] {one_line(words_of(message))}"
    return line if len(line) <= width else line[: width - 1] + "…"


def _thin(lines: list[str], budget: int) -> list[str]:
    """Keep as many lines as fit, evenly over all of them."""
    if sum(len(line) + 1 for line in lines) <= budget:
        return lines
    average = sum(len(line) + 1 for line in lines) / len(lines)
    keep = max(1, int(budget / average))
    while keep > 1:
        kept = [lines[position * len(lines) // keep] for position in range(keep)]
        if sum(len(line) + 1 for line in kept) <= budget:
            return kept
        keep -= 1
    return [lines[0][:budget]]

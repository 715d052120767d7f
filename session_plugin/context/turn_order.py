"""Where the words of a model's run belong, if a message that was sent before became them.

A placeholder that is edited into the answer, or an answer that is streamed into a message, has its
place in the chat before the calls that led to it. A model is given it after them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from session_plugin.context.exchanges import parts_of
from session_plugin.model import SessionMessage
from session_plugin.parts import ToolCallPart, ToolResultPart


def in_order_of_runs(messages: Sequence[SessionMessage]) -> list[int]:
    """Return the positions of messages in the order in which a model is given them.

    Words of a run that stand before its calls, in a message that was edited since, come after its
    last call or result, if no other words do or if they were edited later than that. Everything
    else stays where it is.
    """
    runs: dict[str, list[int]] = {}
    for position, message in enumerate(messages):
        if message.turn is not None:
            runs.setdefault(message.turn, []).append(position)

    after: dict[int, list[int]] = {}
    for positions in runs.values():
        steps = [position for position in positions if _is_step(messages[position])]
        if steps:
            after.setdefault(steps[-1], []).extend(_early(messages, positions, steps))

    moved = {position for early in after.values() for position in early}

    return [
        one
        for position in range(len(messages))
        if position not in moved
        for one in (position, *after.get(position, ()))
    ]


def _early(
    messages: Sequence[SessionMessage], positions: Sequence[int], steps: Sequence[int]
) -> list[int]:
    """Return the positions of words that belong after the last of a run's steps."""
    has_words_after = positions[-1] > steps[-1]
    # Platforms may say the time of an edit in whole seconds.
    ended_at = math.floor(messages[steps[-1]].timestamp)

    return [
        position
        for position in positions
        if position < steps[0]
        and (edited_at := _edited_at(messages[position])) is not None
        and (not has_words_after or edited_at >= ended_at)
    ]


def _is_step(message: SessionMessage) -> bool:
    return any(isinstance(part, ToolCallPart | ToolResultPart) for part in parts_of(message))


def _edited_at(message: SessionMessage) -> float | None:
    return message.edited_at if message.content.strip() else None

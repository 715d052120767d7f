"""The numbers of imported sessions and messages, by which they stand before everything else.

What the bot records is numbered from 1 on, in the order in which it comes. What is imported was
said before the bot was there to hear it, so it is numbered below zero, by the time at which it was
said: imports of several platforms stand among each other in the order of their times, in whatever
order they were imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

FIRST = -(2**53)
"""No number is as low. It is exact in JSON, wherever that is read."""
SLOT = 2**10
"""Numbers for each millisecond."""

_WIDER = (2**20, 2**37, 2**54)
"""Ranges to search where a slot is full: about a second, a day and a half, all."""
_LAST_MILLISECOND = -FIRST // SLOT - 3


def number_at(time: float) -> int:
    """Return the first number for what was said at a time, in seconds since 1970.

    Times before 1970 count as 1970, times after 2248 as 2248.
    """
    millisecond = min(max(int(time * 1000), 0), _LAST_MILLISECOND)
    return FIRST + (millisecond + 1) * SLOT


def draw(
    times: Sequence[float],
    *,
    taken: Callable[[Sequence[int]], dict[int, int]],
    last_taken: Callable[[int, int], int | None],
) -> list[int]:
    """Return a free number for each of some times, which ascend; the numbers ascend, too.

    Args:
        times: Seconds since 1970.
        taken: Returns for slots, by their first numbers, the last number that is taken in each.
        last_taken: Returns the last number that is taken from one number on and before another.
    """
    slots = [(slot, len(list(of))) for slot, of in groupby(map(number_at, times))]
    in_slot = taken([slot for slot, _ in slots])

    numbers: list[int] = []
    following = FIRST
    for slot, count in slots:
        following = max(following, slot, in_slot.get(slot, slot - 1) + 1)
        for width in _WIDER:
            if following + count <= slot + SLOT:
                break
            end = min(slot + width, 0)
            last = last_taken(slot, end)
            following = following if last is None else max(following, last + 1)
            if following + count <= end:
                break

        numbers += range(following, following + count)
        following += count

    return numbers

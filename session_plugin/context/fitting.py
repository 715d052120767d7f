"""Select the part of a conversation that fits a model's token budget.

Token counts come from a function that is passed in. Knows no database and no plugin.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from session_plugin.context.turns import ModelContext, Turn, cut, turns_of
from session_plugin.model import SessionMessage, Summary

Count = Callable[[Sequence[str]], Awaitable[list[int]]]
"""Returns the number of tokens of each text."""

OVERHEAD = 4
"""Tokens of an entry besides its text: OpenAI states three for the role and one for a name."""
CUTS_AT_ONCE = 16
"""Lengths tried in one round when a message has to be cut."""


async def fit(
    summary: Summary | None,
    messages: Sequence[SessionMessage],
    *,
    max_tokens: int | None,
    count: Count,
) -> ModelContext:
    """Return the part of a conversation that fits: newest message, summary, older messages.

    In this order: the newest message always, then the summary, then older messages from the
    newest to the oldest while they fit. A newest message that alone exceeds the budget is cut at
    its end and given alone.

    Args:
        summary: The summary of what came before `messages`, if there is one.
        messages: The messages, oldest first.
        max_tokens: The budget; None returns everything, uncounted.
        count: Counts the tokens of texts.
    """
    context = ModelContext(summary=summary, messages=tuple(messages))
    if max_tokens is None or not (messages or summary):
        return context

    sizes = await _sizes(turns_of(summary, messages), count)
    of_summary = sizes.pop(0) if summary is not None else 0
    if sizes and sizes[-1] > max_tokens:
        return await _cut_to(messages[-1], max_tokens, count)

    total = sizes[-1] if sizes else 0
    if total + of_summary > max_tokens:
        context, of_summary = replace(context, summary=None), 0
    total += of_summary

    start = max(len(messages) - 1, 0)
    while start > 0 and total + sizes[start - 1] <= max_tokens:
        start -= 1
        total += sizes[start]
    return replace(context, messages=tuple(messages[start:]), tokens=total)


async def _sizes(turns: Sequence[Turn], count: Count) -> list[int]:
    return [tokens + OVERHEAD for tokens in await count([turn.text for turn in turns])]


async def _cut_to(message: SessionMessage, max_tokens: int, count: Count) -> ModelContext:
    """Return the longest beginning of a message that fits.

    It is searched in rounds of `CUTS_AT_ONCE` lengths, because counting may call a plugin.
    """
    longest, too_long = 0, len(message.content)
    while too_long - longest > 1:
        step = max(1, (too_long - longest) // CUTS_AT_ONCE)
        lengths = range(longest + step, too_long, step)
        turns = [turns_of(None, [cut(message, length)])[0] for length in lengths]
        fitting = [
            length
            for length, size in zip(lengths, await _sizes(turns, count), strict=True)
            if size <= max_tokens
        ]

        if not fitting:
            too_long = longest + step
            continue
        longest = max(fitting)
        too_long = min(too_long, longest + step)

    shown = cut(message, longest)
    (tokens,) = await _sizes(turns_of(None, [shown]), count)
    return ModelContext(summary=None, messages=(shown,), tokens=tokens, is_cut=True)

"""Select the part of a conversation that fits a model's token budget.

Token counts come from a function that is passed in. Knows no database and no plugin.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from session_plugin.context.entries import split
from session_plugin.context.marks import CUT_MARK, replied_key
from session_plugin.context.turns import ModelContext, transcript_of
from session_plugin.model import SessionMessage

Count = Callable[[Sequence[str]], Awaitable[list[int]]]
"""Returns the number of tokens of each text."""

OVERHEAD = 4
"""Tokens of an entry besides its text: OpenAI states three for the role and one for a name."""
CUTS_AT_ONCE = 16
"""Lengths tried in one round when a message has to be cut."""


async def fit(whole: ModelContext, *, max_tokens: int | None, count: Count) -> ModelContext:
    """Return the part of a context that fits a budget.

    In this order: instructions and the newest message always, then the summary, then older messages
    from the newest to the oldest while they fit. A newest message that exceeds what instructions
    leave is cut at its end and given without the summary. Instructions are never cut.

    Args:
        whole: The context without a budget.
        max_tokens: The budget; None returns everything, uncounted.
        count: Counts the tokens of texts.
    """
    if max_tokens is None or not (whole.messages or whole.summary):
        return whole

    instructions, messages = split(whole.messages)
    sizes = await _sizes(whole, count)
    total = sum(sizes[: len(instructions)])
    del sizes[: len(instructions)]

    of_summary = sizes.pop(0) if whole.summary is not None else 0
    if sizes and total + sizes[-1] > max_tokens:
        return await _cut_to(whole, max_tokens, count)

    total += sizes[-1] if sizes else 0
    context = whole
    if total + of_summary > max_tokens:
        context, of_summary = replace(context, summary=None), 0

    total += of_summary

    start = max(len(messages) - 1, 0)
    while start > 0 and total + sizes[start - 1] <= max_tokens:
        start -= 1
        total += sizes[start]

    return replace(_from(context, start), tokens=total)


def _from(context: ModelContext, start: int) -> ModelContext:
    """Return a context without the messages before `start`, except those that others reply to."""
    instructions, messages = split(context.messages)
    wanted = {replied_key(message) for message in messages[start:]}
    known = (*context.background.replied_to, *messages[:start])
    replied_to = tuple(one for one in known if (one.chat, one.message_id) in wanted)

    return replace(
        context,
        messages=(*instructions, *messages[start:]),
        background=replace(context.background, replied_to=replied_to),
    )


async def _sizes(context: ModelContext, count: Count) -> list[int]:
    return [tokens + OVERHEAD for tokens in await count(transcript_of(context).texts())]


def cut(message: SessionMessage, length: int) -> SessionMessage:
    """Return a message with the first `length` characters, and a mark in place of the rest."""
    return replace(message, content=message.content[:length] + CUT_MARK)


async def _cut_to(whole: ModelContext, max_tokens: int, count: Count) -> ModelContext:
    """Return the instructions and the longest beginning of the newest message that fits.

    It is searched in rounds of `CUTS_AT_ONCE` lengths, because counting may call a plugin.
    """
    instructions, messages = split(whole.messages)
    newest = _from(replace(whole, summary=None, is_cut=True), len(messages) - 1)
    fixed = sum((await _sizes(newest, count))[: len(instructions)])

    def cut_at(length: int) -> ModelContext:
        return replace(newest, messages=(*instructions, cut(messages[-1], length)))

    longest, too_long = 0, len(messages[-1].content)
    while too_long - longest > 1:
        step = max(1, (too_long - longest) // CUTS_AT_ONCE)
        lengths = range(longest + step, too_long, step)
        newest_texts = [transcript_of(cut_at(length)).texts()[-1] for length in lengths]
        sizes = [tokens + OVERHEAD for tokens in await count(newest_texts)]
        fitting = [
            length
            for length, size in zip(lengths, sizes, strict=True)
            if fixed + size <= max_tokens
        ]

        if not fitting:
            too_long = longest + step
            continue

        longest = max(fitting)
        too_long = min(too_long, longest + step)

    tokens = (await _sizes(cut_at(longest), count))[-1]

    return replace(cut_at(longest), tokens=fixed + tokens)

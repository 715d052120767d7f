"""Select the part of a conversation that fits a model's token budget.

Token counts come from a function that is passed in. Knows no database and no plugin.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from session_plugin.context.entries import split
from session_plugin.context.exchanges import whole_starts
from session_plugin.context.marks import CUT_MARK, replied_key
from session_plugin.context.turns import ModelContext, transcript_of
from session_plugin.context.window import FEWEST_IN_STRIDES, steadiest, with_newest
from session_plugin.model import SessionMessage, Summary
from session_plugin.parts import Part, TextPart, ToolResultPart

Count = Callable[[Sequence[str]], Awaitable[list[int]]]
"""Returns the number of tokens of each text."""

OVERHEAD = 4
"""Tokens of an entry besides its text: OpenAI states three for the role and one for a name."""
MOST_OF_SUMMARY = 0.75
"""Share of what instructions leave of a budget; a longer summary would displace most of what was
said since, and with so few messages every turn begins elsewhere."""
CUTS_AT_ONCE = 16
"""Lengths tried in one round when a message has to be cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a context is made of.

    Attributes:
        context: Instructions and messages as they were said, without a summary.
        summaries: The session's summaries, from the one that stands for the fewest messages on.
        whole_from: The position, not counting instructions, of the session's first message; None if
            earlier ones were not read, or are gone and only a summary tells of them.
        is_steady: Whether `context` begins where it will begin next time, too.
        session_no: Which session it is of; None where there is no live one.
    """

    context: ModelContext
    summaries: tuple[Summary, ...] = ()
    whole_from: int | None = None
    is_steady: bool = True
    session_no: int | None = None

    def with_newest(self, newest: SessionMessage, limit: int | None) -> Material:
        """Return this with a message that is not stored yet, in a window of `limit` messages."""
        instructions, said = split(self.context.messages)
        messages = with_newest(said, newest, limit)
        is_longer = len(messages) > len(said)

        return replace(
            self,
            context=replace(self.context, messages=(*instructions, *messages)),
            whole_from=self.whole_from if is_longer or messages == said else None,
        )


async def fit(material: Material, *, max_tokens: int | None, count: Count) -> ModelContext:
    """Return the part of a conversation that fits a budget.

    In this order: instructions and the newest message always, then a summary if not all messages
    fit and it leaves a quarter of the budget, then messages from the newest to the oldest while
    they fit. They fill between half of the budget and all of it, so that they seldom begin
    elsewhere than the last time. A newest message that exceeds what instructions leave is cut at
    its end and given without a summary. Instructions are never cut. A call of a tool and its result
    are given together or not at all.

    Args:
        material: The conversation.
        max_tokens: The budget; None returns everything with the newest summary, uncounted.
        count: Counts the tokens of texts.
    """
    context = material.context
    newest_summary = material.summaries[-1] if material.summaries else None
    if max_tokens is None or not (context.messages or newest_summary):
        return replace(context, summary=newest_summary)

    sizes = await _Sizes.of(material, max_tokens, count)
    if not sizes.messages:
        fits = newest_summary is not None and sizes.total(0) <= max_tokens
        return replace(
            context,
            summary=newest_summary if fits else None,
            tokens=sizes.total(0) if fits else sizes.fixed,
        )

    starts = sizes.starts
    if sizes.is_crowded(max_tokens) or not any(
        sizes.total(start) <= max_tokens for start in starts
    ):
        sizes = replace(sizes, summaries=(), covered=())
    fitting = [start for start in starts if sizes.total(start) <= max_tokens]
    if not fitting:
        return await _cut_to(context, max_tokens, count)

    start = fitting[0]
    if start or not material.is_steady:
        start = sizes.steady(fitting, max_tokens)

    chosen = replace(context, summary=sizes.summary_for(start), tokens=sizes.total(start))

    return _from(chosen, start)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizes:
    """How many tokens each part of a conversation has.

    `covered` has for each summary the position of the first message that it does not stand for.
    """

    said: Sequence[SessionMessage]
    starts: Sequence[int]
    fixed: int
    messages: Sequence[int]
    suffixes: Sequence[int]
    summaries: Sequence[tuple[Summary, int]]
    covered: Sequence[int]
    whole_from: int | None

    @classmethod
    async def of(cls, material: Material, max_tokens: int, count: Count) -> _Sizes:
        """Count messages, and the summaries that may stand before those that fit."""
        instructions, said = split(material.context.messages)
        sizes = await _counted(transcript_of(material.context).texts(), count)
        fixed, messages = sum(sizes[: len(instructions)]), sizes[len(instructions) :]

        suffixes = [0]
        for size in reversed(messages):
            suffixes.append(suffixes[-1] + size)
        suffixes.reverse()

        first = next((n for n, size in enumerate(suffixes) if fixed + size <= max_tokens), 0)
        covered = [_covered(said, summary) for summary in material.summaries]
        useful = [n for n, end in enumerate(covered) if end >= first] or [len(covered) - 1]
        chosen = [material.summaries[n] for n in sorted({*useful, len(covered) - 1}) if n >= 0]
        told = [
            transcript_of(ModelContext(summary=summary, messages=())).texts()[0]
            for summary in chosen
        ]

        return cls(
            said=said,
            starts=whole_starts(said),
            fixed=fixed,
            messages=messages,
            suffixes=suffixes,
            summaries=list(zip(chosen, await _counted(told, count), strict=True)),
            covered=[_covered(said, summary) for summary in chosen],
            whole_from=material.whole_from,
        )

    def total(self, start: int) -> int:
        """Return the tokens of a context that begins with a message."""
        found = self._find(start)
        return self.fixed + self.suffixes[start] + (found[1] if found else 0)

    def summary_for(self, start: int) -> Summary | None:
        found = self._find(start)
        return found[0] if found else None

    def is_crowded(self, max_tokens: int) -> bool:
        """Check whether the newest summary takes too much of what instructions leave."""
        most = (max_tokens - self.fixed) * MOST_OF_SUMMARY
        return bool(self.summaries) and self.summaries[-1][1] > most

    def _find(self, start: int) -> tuple[Summary, int] | None:
        """Return the summary that stands for what was said before a message, or else the newest;
        None if nothing was said before it.
        """
        if not self.summaries or (self.whole_from is not None and start <= self.whole_from):
            return None

        for found, covered in zip(self.summaries, self.covered, strict=True):
            if covered >= start:
                return found
        return self.summaries[-1]

    def steady(self, fitting: Sequence[int], max_tokens: int) -> int:
        """Return where to begin, of the positions from which on everything fits."""
        first = fitting[0]
        count = len(self.messages) - first
        if count < FEWEST_IN_STRIDES:
            return first

        allowed = [
            start
            for start in fitting
            if start == first
            or (start - first <= count // 2 and self.total(start) * 2 >= max_tokens)
        ]

        return steadiest(self.starts, allowed, self.said)


def _covered(said: Sequence[SessionMessage], summary: Summary) -> int:
    """Return the position of the first message that a summary does not stand for."""
    ends = {part.chat: part.to_seq for part in summary.parts}
    for position, message in enumerate(said):
        if message.chat not in ends or message.seq > ends[message.chat]:
            return position

    return len(said)


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


async def _counted(texts: Sequence[str], count: Count) -> list[int]:
    return [tokens + OVERHEAD for tokens in await count(texts)] if texts else []


async def _sizes(contexts: Sequence[ModelContext], count: Count) -> list[int]:
    """Return the tokens of each of several contexts."""
    texts = [transcript_of(context).texts() for context in contexts]
    counts = iter(await count([text for one in texts for text in one]))
    return [sum(next(counts) + OVERHEAD for _ in one) for one in texts]


async def _cut_to(whole: ModelContext, max_tokens: int, count: Count) -> ModelContext:
    """Return the instructions and the longest beginning of the newest message that fits.

    If that is a tool's result, its call is kept if the budget has room for it. The length is
    searched in rounds of `CUTS_AT_ONCE`, because counting may call a plugin.
    """
    instructions, messages = split(whole.messages)
    newest = messages[-1]

    def cut_at(length: int, start: int) -> ModelContext:
        context = _from(replace(whole, summary=None, is_cut=True), start)
        kept = (*messages[start:-1], cut(newest, length))
        return replace(context, messages=(*instructions, *kept))

    start = whole_starts(messages)[-1]
    (least,) = await _sizes([cut_at(0, start)], count)
    if least > max_tokens:
        start = len(messages) - 1

    longest, too_long = 0, _length(newest)
    while too_long - longest > 1:
        step = max(1, (too_long - longest) // CUTS_AT_ONCE)
        lengths = range(longest + step, too_long, step)
        sizes = await _sizes([cut_at(length, start) for length in lengths], count)
        fitting = [
            length for length, size in zip(lengths, sizes, strict=True) if size <= max_tokens
        ]

        if not fitting:
            too_long = longest + step
            continue

        longest = max(fitting)
        too_long = min(too_long, longest + step)

    chosen = cut_at(longest, start)
    (tokens,) = await _sizes([chosen], count)

    return replace(chosen, tokens=tokens)


def cut(message: SessionMessage, length: int) -> SessionMessage:
    """Return a message with the first `length` characters, and a mark in place of the rest.

    Of a message with results of tools, these are cut.
    """
    if not any(isinstance(part, ToolResultPart) for part in message.parts):
        return replace(message, content=message.content[:length] + CUT_MARK)

    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, ToolResultPart):
            text = _text_of(part)
            shown = text if len(text) <= length else text[:length] + CUT_MARK
            length = max(0, length - len(text))
            parts.append(replace(part, parts=(TextPart(text=shown),)))
        else:
            parts.append(part)

    return replace(message, parts=tuple(parts))


def _length(message: SessionMessage) -> int:
    results = [part for part in message.parts if isinstance(part, ToolResultPart)]
    return sum(len(_text_of(part)) for part in results) if results else len(message.content)


def _text_of(part: ToolResultPart) -> str:
    return "\n".join(inner.text for inner in part.parts if isinstance(inner, TextPart))

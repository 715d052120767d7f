"""The entries of a conversation in the order that providers ask for.

A result stands with its call, though somebody spoke in between. Calls that a model made at once
stand in one entry. A model's reasoning stands before what came of it, or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from session_plugin.context.exchanges import (
    Exchange,
    Place,
    answered_calls,
    parts_of,
    text_of_result,
)
from session_plugin.context.media import Media
from session_plugin.model import SessionMessage
from session_plugin.parts import (
    Part,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from session_plugin.parts.pairs import half_of

EntryRole: TypeAlias = Literal["user", "assistant", "system", "developer"]
Block: TypeAlias = TextPart | Media | ReasoningPart | RawPart | Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of what a model sees.

    `blocks` of an assistant are its words, then its calls, each after the reasoning that led to it.
    The results of its calls belong directly after it.
    """

    role: EntryRole
    blocks: tuple[Block, ...]
    speaker: str = ""
    said_at: float = 0.0

    @property
    def text(self) -> str:
        """The words, without what is no text."""
        return "\n\n".join(block.text for block in self.blocks if isinstance(block, TextPart))

    @property
    def exchanges(self) -> list[Exchange]:
        """The calls, with their results."""
        return [block for block in self.blocks if isinstance(block, Exchange)]


@dataclass(slots=True)
class _Step:
    """An entry of an assistant that may still get calls made at the same time."""

    said_at: float
    words: list[Block] = field(default_factory=list)
    calls: list[Block] = field(default_factory=list)

    def entry(self) -> Entry:
        return Entry(role="assistant", blocks=(*self.words, *self.calls), said_at=self.said_at)


class Arrangement:
    """Puts entries in order, message by message, oldest first."""

    def __init__(self, messages: Sequence[SessionMessage]) -> None:
        """Look up which result belongs to which call."""
        self._messages = messages
        self._answered = answered_calls(messages)
        self._with_call = set(self._answered.values())
        self._done: list[Entry | _Step] = []
        self._open: dict[str, _Step] = {}
        self._thoughts: dict[str, list[Block]] = {}

    def entries(self) -> list[Entry]:
        """Return what was added."""
        return [one.entry() if isinstance(one, _Step) else one for one in self._done]

    def add(self, entry: Entry) -> None:
        """Add an entry as it is."""
        self._done.append(entry)

    def orphans(self, number: int) -> list[ToolResultPart | RawPart]:
        """Return the results in a message that belong to no call."""
        parts = enumerate(parts_of(self._messages[number]))
        return [
            part
            for index, part in parts
            if isinstance(part, ToolResultPart | RawPart)
            and (half := half_of(part)) is not None
            and not half.is_call
            and (number, index) not in self._with_call
        ]

    def close(self, number: int) -> None:
        """Note that a result came: later calls of its turn were not made at the same time."""
        self._open.pop(self._messages[number].turn or "", None)

    def add_assistant(self, number: int, words: str) -> None:
        """Add what the model said and called in a message.

        Args:
            number: The message.
            words: Its words as they are shown; empty for none.
        """
        message = self._messages[number]
        turn = message.turn or ""
        said, calls, thoughts = self._sorted(number, words)

        if not (said or calls):
            if turn:
                self._thoughts[turn] = thoughts
            return

        step = self._open.get(turn) if turn and calls and not said else None
        if step is None:
            step = _Step(message.timestamp)
            self._done.append(step)

        step.words += said
        step.calls += calls
        if calls and turn:
            self._open[turn] = step
        else:
            self._open.pop(turn, None)

    def _sorted(self, number: int, words: str) -> tuple[list[Block], list[Block], list[Block]]:
        """Return words, answered calls, and reasoning that nothing has come of yet."""
        message = self._messages[number]
        thoughts = self._thoughts.pop(message.turn or "", [])
        said: list[Block] = []
        calls: list[Block] = []

        for index, part in _placed(parts_of(message), words):
            match part:
                case ReasoningPart():
                    thoughts.append(part)
                    continue
                case TextPart() if part.text.strip():
                    said += [*thoughts, part]
                case RawPart():
                    items = self._items((number, index), part)
                    said += [*thoughts, *items] if items else []
                case ToolCallPart():
                    exchange = self._exchange((number, index), part)
                    calls += [*thoughts, exchange] if exchange is not None else []
                case _:
                    continue
            thoughts = []

        return said, calls, thoughts

    def _items(self, place: Place, item: RawPart) -> list[Block]:
        """Return an item that one provider knows, with the one that it needs after it if that is in
        another message; nothing for half of a pair.
        """
        half = half_of(item)
        if half is None:
            return [item]
        if not half.is_call:
            is_here = any(
                call[0] == place[0] and result == place for call, result in self._answered.items()
            )
            return [item] if is_here else []

        result_place = self._answered.get(place)
        if result_place is None:
            return []
        if result_place[0] == place[0]:
            return [item]

        result = parts_of(self._messages[result_place[0]])[result_place[1]]

        return [item, result] if isinstance(result, RawPart) else []

    def _exchange(self, place: Place, call: ToolCallPart) -> Exchange | None:
        result_place = self._answered.get(place)
        if result_place is None:
            return None

        message = self._messages[result_place[0]]
        result = parts_of(message)[result_place[1]]
        if not isinstance(result, ToolResultPart):
            raise TypeError(f"a result was expected, not {result!r}")

        return Exchange(
            call=call,
            text=text_of_result(result, message),
            is_error=result.is_error,
            place=place,
            seed=f"{call.id} {self._messages[place[0]].seq} {place[1]}",
        )


def _placed(parts: Sequence[Part], words: str) -> list[tuple[int, Part]]:
    """Return parts with their numbers, and `words` in place of their text parts.

    Text parts that say these words stay as they are. Words without a place stand before calls.
    """
    numbered = list(enumerate(parts))
    texts = {number: part.text for number, part in numbered if isinstance(part, TextPart)}
    if texts and "\n".join(texts.values()) == words:
        return numbered

    others = [(number, part) for number, part in numbered if number not in texts]
    if not words:
        return others

    has_calls = any(isinstance(part, ToolCallPart) for part in parts)
    first = min(texts) if texts else (0 if has_calls else len(parts))
    position = sum(1 for number, _ in others if number < first)

    return [*others[:position], (-1, TextPart(text=words)), *others[position:]]

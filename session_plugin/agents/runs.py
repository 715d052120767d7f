"""What a framework reads of a session and hands back to it, in one run. Knows no framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from session_plugin.context.turns import ModelContext
from session_plugin.hub.view.view import SessionView
from session_plugin.model import SessionMessage
from session_plugin.parts import Part, TextPart
from session_plugin.parts.texts import words_in
from session_plugin.providers import Said, read_turn
from session_plugin.rules.final_words import essence

Shape = Mapping[str, Any]
"""An item or a message of a framework, in a form that `add_turn` takes."""


class FrameworkRun:
    """A run of a framework: what is before it comes from the session, itself it is remembered.

    Attributes:
        items: What the framework handed back in this run, as it did.
        turn: Names the run.
    """

    def __init__(
        self,
        view: SessionView,
        *,
        max_messages: int | None,
        max_tokens: int | None,
        store_words: bool,
    ) -> None:
        """Begin a run on a view; nothing is read yet."""
        self.view = view
        self.items: list[Any] = []
        self.turn = uuid4().hex
        self._max_messages = max_messages
        self._max_tokens = max_tokens
        self._store_words = store_words
        self._stored: list[SessionMessage] = []
        self._first: SessionMessage | None = None

    async def context(self, *, most: int | None = None) -> ModelContext:
        """Return what a model should see of the conversation before this run.

        The message that is being answered is left out: the framework adds it itself, as its input.
        """
        limits = [limit for limit in (most, self._max_messages) if limit is not None]

        return await self.view.for_model(
            max_messages=min(limits, default=None),
            max_tokens=self._max_tokens,
            before=self.view.event or self._first,
        )

    async def add(self, shapes: Sequence[Shape], items: Sequence[Any]) -> None:
        """Store of what a framework hands back what is not in the session by other ways.

        Args:
            shapes: Items or messages as `add_turn` takes them.
            items: The same in the framework's own form, to be remembered for this run.
        """
        said = read_turn(list(shapes))
        if self._store_words:
            await self._add_persons([one for one in said if one.role == "user"])

        stored = await self.view.add_turn(shapes, turn=self.turn, store_words=self._store_words)
        self.items += items
        self._stored += stored
        self._first = next(iter(stored), None) if self._first is None else self._first

    async def _add_persons(self, said: Sequence[Said]) -> None:
        """Store what a person said where no platform delivers it; a new run begins with it.

        What is said again, because a request is tried again, is in the session already.
        """
        for one in said:
            words = words_in(one.parts) or ""
            if not words or self._is_known(words):
                continue
            if self._stored:
                self.begin()
            message = await self.view.add("user", words)
            self._first = self._first or message

    def _is_known(self, words: str) -> bool:
        known = [] if self.view.event is None else [self.view.event.text]
        if self._first is not None and self._first.role == "user":
            known.append(self._first.content)

        return essence(words) in map(essence, known)

    async def take_back(self, shape: Shape) -> None:
        """Remove from the session what this run has stored of an item or a message.

        What people said stays, and so do words of the bot that were sent.
        """
        for one in read_turn([shape]):
            words = words_in(one.parts)
            if words is not None and one.role == "assistant" and not self._store_words:
                self.view.drop_words(self.turn, words)

            parts = tuple(
                part for part in one.parts if self._store_words or not isinstance(part, TextPart)
            )
            if one.role in ("assistant", "tool") and parts:
                await self._remove(parts)

    async def _remove(self, parts: tuple[Part, ...]) -> None:
        """Remove parts from the end of the newest message that has them there."""
        for number, message in reversed(list(enumerate(self._stored))):
            has = message.parts or (TextPart(text=message.content),)
            if _ends_with(has, parts):
                rest = has[: len(has) - len(parts)]
                if rest:
                    content = words_in(rest) or ""
                    await self.view.edit(message, content, parts=rest)
                    self._stored[number] = replace(message, content=content, parts=rest)
                else:
                    await self.view.delete(message)
                    del self._stored[number]
                return

    def begin(self) -> None:
        """Begin another run: what is stored of the one before is read from the session again."""
        self.items.clear()
        self._stored.clear()
        self._first = None
        self.turn = uuid4().hex


def _ends_with(parts: tuple[Part, ...], end: tuple[Part, ...]) -> bool:
    """Check whether parts end with others; of calls and results, the ids decide."""
    tail = parts[len(parts) - len(end) :] if len(end) <= len(parts) else ()
    return len(tail) == len(end) and all(
        one == other or (type(one) is type(other) and _id(other) and _id(one) == _id(other))
        for one, other in zip(tail, end, strict=True)
    )


def _id(part: Part) -> str:
    return str(getattr(part, "id", "") or getattr(part, "call_id", ""))

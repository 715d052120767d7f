"""What Anthropic's and Google's forms share: people and the model in turn, system apart, results as
a person's after the calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from session_plugin.context.exchanges import Exchange
from session_plugin.context.media import Media
from session_plugin.context.rendering.replaying import beginning_with_person
from session_plugin.context.steps import Entry
from session_plugin.parts import TextPart

Block = dict[str, Any]
"""A piece of a turn in a provider's form."""


@dataclass(slots=True)
class Turn:
    """What a person or the model says until the other one does."""

    is_model: bool
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a provider writes what is said.

    Args:
        said: Returns an entry of the model as blocks.
        result: Returns the result of a call.
        file: Returns a file; None if the provider does not take its type.
        text: Returns words.
    """

    said: Callable[[Entry], list[Block]]
    result: Callable[[Exchange], Block]
    file: Callable[[Media], Block | None]
    text: Callable[[str], Block]


def turns_of(entries: Sequence[Entry], form: Form) -> tuple[list[str], list[Turn]]:
    """Return what the bot's author says as system, and the turns of people and the model."""
    instructions: list[str] = []
    turns: list[Turn] = []

    def add(blocks: list[Block], *, is_model: bool) -> None:
        if not turns or turns[-1].is_model != is_model:
            turns.append(Turn(is_model))
        turns[-1].blocks += blocks

    for entry in beginning_with_person(entries):
        match entry.role:
            case "assistant":
                add(form.said(entry), is_model=True)
                if results := [form.result(one) for one in entry.exchanges]:
                    add(results, is_model=False)
            case "user":
                add(list(_of_person(entry, form)), is_model=False)
            case _:
                instructions.append(entry.text)

    return instructions, turns


def _of_person(entry: Entry, form: Form) -> Iterator[Block]:
    for block in entry.blocks:
        if isinstance(block, TextPart):
            yield form.text(block.text)
        elif isinstance(block, Media):
            file = form.file(block)
            if file is not None:
                yield file
            elif block.text:
                yield form.text(block.text)

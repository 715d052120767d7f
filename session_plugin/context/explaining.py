"""Why a model is given each message of a conversation, or is not.

What is given was decided by `read_context` and `fit`; this only says which of their rules it was.
Knows no database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from session_plugin.context.entries import split
from session_plugin.context.exchanges import answered_calls, parts_of
from session_plugin.context.fitting import Material
from session_plugin.context.turns import ModelContext
from session_plugin.model import INSTRUCTION_ROLES, SessionMessage
from session_plugin.parts import ReasoningPart, TextPart, ToolCallPart, ToolResultPart

INSTRUCTION = "an instruction: always given, before everything else"
NEWEST = "among the newest messages"
ASIDE = "no part of the conversation, such as a command or the answer to one"
REPEATED = "an instruction in the same words was given before"
SUMMARISED = "the summary stands for it"
NO_ROOM = "no room in the budget"
OUTSIDE_WINDOW = "before the window of the newest messages"
NOT_READ = "further back than the budget reaches"
LONE_CALL = "a call of a tool without its result, which providers refuse"

WITHHELD = "a filter failed, so its content was not stored; a placeholder is given"
CUT = "its end is replaced by a mark, because it alone exceeds the budget"
CALL_LEFT_OUT = "a call without its result is left out"
ORPHAN = "a result without its call is given as quoted data"
REASONING = "its reasoning is given only to the provider and models that it came from"
REPLIED_TO = "quoted all the same, because a message that is given replies to it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A message, whether a model is given it, by which rule, and what else is to be said."""

    message: SessionMessage
    is_given: bool
    reason: str
    notes: tuple[str, ...] = ()


def explain(
    said: Sequence[SessionMessage],
    *,
    material: Material,
    given: ModelContext,
    max_messages: int | None = None,
    include_asides: bool = False,
) -> list[Explained]:
    """Return for each message of a session whether and why a model is given it.

    Args:
        said: Messages of the session, oldest first.
        material: What was read for the model.
        given: What `fit` left of it.
        max_messages: The window that was asked for.
        include_asides: Whether asides were asked for.
    """
    conversation = split(given.messages)[1]
    places = {message.seq: number for number, message in enumerate(conversation)}
    instructions = {message.seq for message in split(given.messages)[0]}
    calls = answered_calls(conversation)
    answered = {*calls, *calls.values()}
    read = {message.seq for message in material.context.messages}
    replied_to = {message.seq for message in given.background.replied_to}

    explained: list[Explained] = []
    for message in said:
        if message.seq in instructions:
            explained.append(Explained(message=message, is_given=True, reason=INSTRUCTION))
        elif message.seq in places:
            is_cut = given.is_cut and places[message.seq] == len(conversation) - 1
            number = places[message.seq]
            explained.append(_given(message, number, answered=answered, is_cut=is_cut))
        else:
            reason = _left_out(message, given, read, max_messages, include_asides=include_asides)
            notes = (REPLIED_TO,) if message.seq in replied_to else ()
            explained.append(Explained(message=message, is_given=False, reason=reason, notes=notes))

    return explained


def _given(
    message: SessionMessage, number: int, *, answered: set[tuple[int, int]], is_cut: bool
) -> Explained:
    parts = list(enumerate(parts_of(message)))
    lone = [
        part
        for index, part in parts
        if isinstance(part, ToolCallPart | ToolResultPart) and (number, index) not in answered
    ]
    lone_calls = [part for part in lone if isinstance(part, ToolCallPart)]
    rest = [part for _, part in parts if part not in lone_calls and not _is_empty(part)]
    if message.role == "assistant" and lone_calls and not rest and not message.content.strip():
        return Explained(message=message, is_given=False, reason=LONE_CALL)

    def notes() -> Iterator[str]:
        if message.is_withheld:
            yield WITHHELD
        if is_cut:
            yield CUT
        if lone_calls:
            yield CALL_LEFT_OUT
        if any(isinstance(part, ToolResultPart) for part in lone):
            yield ORPHAN
        if any(isinstance(part, ReasoningPart) for _, part in parts):
            yield REASONING

    return Explained(message=message, is_given=True, reason=NEWEST, notes=tuple(notes()))


def _is_empty(part: object) -> bool:
    """Check whether nothing is left of a message that has only this: reasoning needs an outcome."""
    return isinstance(part, ReasoningPart) or (isinstance(part, TextPart) and not part.text.strip())


def _left_out(
    message: SessionMessage,
    given: ModelContext,
    read: set[int],
    max_messages: int | None,
    *,
    include_asides: bool,
) -> str:
    if message.role in INSTRUCTION_ROLES:
        return REPEATED
    if message.is_aside and not include_asides:
        return ASIDE
    if given.summary is not None and any(
        part.chat == message.chat and part.from_seq <= message.seq <= part.to_seq
        for part in given.summary.parts
    ):
        return SUMMARISED
    if message.seq in read:
        return NO_ROOM

    return NOT_READ if max_messages is None else OUTSIDE_WINDOW

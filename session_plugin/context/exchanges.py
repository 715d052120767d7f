"""Calls of tools and their results: which belongs to which, and what may not be taken apart.

Providers refuse a call without a result and a result without a call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from session_plugin.context.media import shown_kind
from session_plugin.context.quoting import without_surrogates
from session_plugin.model import SessionMessage
from session_plugin.parts import MediaPart, Part, TextPart, ToolCallPart, ToolResultPart
from session_plugin.parts.pairs import Half, half_of

Place: TypeAlias = tuple[int, int]
"""A part's message and its number in it, counted from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A call of a tool with its result.

    `place` differs for each call of a context. `seed` is the same in every context that has the
    call, so that ids made of it are.
    """

    call: ToolCallPart
    text: str
    is_error: bool
    place: Place
    seed: str


def parts_of(message: SessionMessage) -> tuple[Part, ...]:
    """Return the parts of a message; what its author noted down in metadata counts as parts.

    `metadata={"tool_calls": [...]}` of an assistant and `{"tool_call_id": ...}` of a tool are read
    as the entries of OpenAI's chat completions have them.
    """
    if message.is_withheld:
        return ()
    if message.parts:
        return message.parts

    if message.role == "assistant":
        noted = message.metadata.get("tool_calls")
        calls = [_noted_call(one) for one in noted] if isinstance(noted, list | tuple) else []
        return tuple(call for call in calls if call is not None)

    call_id = message.metadata.get("tool_call_id")
    if message.role == "tool" and isinstance(call_id, str) and call_id:
        return (ToolResultPart(call_id=call_id, parts=(TextPart(text=message.content),)),)

    return ()


def _noted_call(noted: Any) -> ToolCallPart | None:
    match noted:
        case {"id": str(call_id), "function": {"name": str(name), **function}} if name:
            arguments = function.get("arguments", "{}")
            if isinstance(arguments, str | Mapping):
                return ToolCallPart(id=call_id, name=name, arguments=arguments)
    return None


def text_of_result(part: ToolResultPart, message: SessionMessage) -> str:
    """Return what a tool returned as text; files are named by their kind."""
    texts = [
        inner.text if isinstance(inner, TextPart) else f"({shown_kind(inner.attachment)})"
        for inner in part.parts
        if isinstance(inner, TextPart | MediaPart)
    ]
    return without_surrogates("\n".join(texts) if texts else message.content)


def arguments_as_text(arguments: Mapping[str, Any] | str) -> str:
    """Return the arguments of a call as a model writes them."""
    if isinstance(arguments, str):
        return arguments
    return json.dumps(dict(arguments), ensure_ascii=False)


def arguments_as_object(arguments: Mapping[str, Any] | str) -> dict[str, Any]:
    """Return the arguments of a call as an object; text that is none becomes the only value."""
    if isinstance(arguments, Mapping):
        return dict(arguments)

    try:
        value = json.loads(arguments or "{}")
    except ValueError:
        value = arguments

    return value if isinstance(value, dict) else {"arguments": value}


def answered_calls(messages: Sequence[SessionMessage]) -> dict[Place, Place]:
    """Return the place of each call that has a result, with the place of the result.

    A result belongs to a call with its id: of the same turn if there is one, else to the newest
    call before it. Ids may occur again in another turn; a call has one result. So it is with the
    items of one provider that come in pairs.
    """
    waiting: dict[tuple[str, str], list[Place]] = {}
    results: list[tuple[Place, Half]] = []
    for number, message in enumerate(messages):
        for index, part in enumerate(parts_of(message)):
            half = half_of(part)
            if half is None or message.role not in ("assistant", "tool"):
                continue
            if not half.is_call:
                results.append(((number, index), half))
            elif message.role == "assistant":
                for one in half.ids:
                    waiting.setdefault((half.provider, one), []).append((number, index))

    found: dict[Place, Place] = {}
    for place, half in results:
        for one in half.ids:
            candidates = [
                call for call in waiting.get((half.provider, one), []) if call not in found
            ]
            call = _call_of(place, candidates, messages)
            if call is not None:
                found[call] = place
                break

    return found


def _call_of(
    result: Place, candidates: Sequence[Place], messages: Sequence[SessionMessage]
) -> Place | None:
    """Return the call, of those with its id, to which a result belongs."""
    turn = messages[result[0]].turn
    of_turn = [one for one in candidates if turn and messages[one[0]].turn == turn]
    before = [one for one in of_turn or candidates if one < result]

    return before[-1] if before else (of_turn[0] if of_turn else None)


def whole_starts(messages: Sequence[SessionMessage]) -> list[int]:
    """Return the positions at which messages can begin without taking a result from its call."""
    closed = [False] * len(messages)
    for call, result in answered_calls(messages).items():
        first, last = sorted((call[0], result[0]))
        closed[first + 1 : last + 1] = [True] * (last - first)

    return [position for position, is_closed in enumerate(closed) if not is_closed]

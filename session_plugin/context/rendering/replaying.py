"""What all providers' forms share: ids and names they accept, and whose reasoning goes back."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from session_plugin.context.entries import EARLIER
from session_plugin.context.exchanges import Exchange, Place, arguments_as_object
from session_plugin.context.quoting import without_surrogates
from session_plugin.context.steps import Block, Entry
from session_plugin.parts import RawPart, ReasoningPart, TextPart

MakeId = Callable[[str], str]
"""Makes an id of hexadecimal digits."""

FAMILY = re.compile(r"(?:.*/)?(?:models/)?([a-z]+(?:-[a-z]+)*-?\d*)")


def made_call_id(digits: str) -> str:
    """Return an id as OpenAI's have it."""
    return f"call_{digits[:24]}"


def call_ids(
    entries: Iterable[Entry], accepted: re.Pattern[str], make: MakeId = made_call_id
) -> dict[Place, str]:
    """Return an id for each call, different for each, that a provider accepts.

    Ids that it accepts stay. The others are made of the call, so that they are the same each time.

    Args:
        entries: The entries of a context.
        accepted: Matches ids that the provider accepts.
        make: Makes an accepted id of hexadecimal digits.
    """
    ids: dict[Place, str] = {}
    others: list[Exchange] = []
    taken: set[str] = set()
    for entry in entries:
        for exchange in entry.exchanges:
            known = exchange.call.id
            if accepted.fullmatch(known) and known not in taken:
                ids[exchange.place] = known
                taken.add(known)
            else:
                others.append(exchange)

    for exchange in others:
        attempt, made = 0, ""
        while not made or made in taken:
            text = f"{exchange.seed} {attempt or ''}"
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
            attempt, made = attempt + 1, make(digest.hexdigest())
        ids[exchange.place] = made
        taken.add(made)

    return ids


def tool_name(exchange: Exchange) -> str:
    """Return the name of a tool with what providers refuse in it replaced."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", exchange.call.name)[:64] or "tool"


def call_object(exchange: Exchange) -> dict[str, Any]:
    """Return the arguments of a call as an object."""
    cleaned: dict[str, Any] = clean(arguments_as_object(exchange.call.arguments))
    return cleaned


def call_text(exchange: Exchange, *, is_object: bool = False) -> str:
    """Return the arguments of a call as text: what the model wrote, or an object if need be."""
    arguments = exchange.call.arguments
    if isinstance(arguments, str) and not (is_object and not _is_object(arguments)):
        return without_surrogates(arguments)
    return json.dumps(call_object(exchange), ensure_ascii=False)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def replayed(entries: Sequence[Entry], provider: str, model: str) -> list[Entry]:
    """Return entries as one provider may have them.

    Reasoning and raw parts of others are left out; a raw part's `text` takes its place. Reasoning
    goes back to the family of models that it came from: that of `model`, else that of the newest.

    Args:
        entries: The entries of a context.
        provider: Whose form is made.
        model: The model that is asked; empty if unknown.
    """
    family = family_of(model) or _newest_family(entries, provider)

    def is_own(part: ReasoningPart) -> bool:
        is_family = not part.model or not family or family_of(part.model) == family
        return part.provider == provider and is_family

    shown = []
    for entry in entries:
        blocks: list[Block] = []
        for block in entry.blocks:
            match block:
                case ReasoningPart() if not is_own(block):
                    continue
                case RawPart() if block.provider != provider:
                    if block.text.strip():
                        blocks.append(TextPart(text=without_surrogates(block.text)))
                case _:
                    blocks.append(block)
        if any(not isinstance(block, ReasoningPart) for block in blocks):
            shown.append(
                Entry(
                    role=entry.role,
                    blocks=tuple(blocks),
                    speaker=entry.speaker,
                    said_at=entry.said_at,
                )
            )

    return shown


def family_of(model: str) -> str:
    """Return a model's name up to its first number: `gpt-5` of `gpt-5.2-mini`; empty if none."""
    found = FAMILY.match(model.lower())
    return found[1] if found else ""


def _newest_family(entries: Sequence[Entry], provider: str) -> str:
    for entry in reversed(entries):
        for block in reversed(entry.blocks):
            if isinstance(block, ReasoningPart) and block.provider == provider and block.model:
                return family_of(block.model)
    return ""


def beginning_with_person(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries with a note before them if the conversation begins with the bot."""
    for position, entry in enumerate(entries):
        if entry.role == "user":
            break
        if entry.role == "assistant":
            note = Entry(role="user", blocks=(TextPart(text=EARLIER),))
            return [*entries[:position], note, *entries[position:]]

    return list(entries)


def clean(value: Any) -> Any:
    """Return JSON with NUL and lone surrogates replaced in every text."""
    match value:
        case str():
            return without_surrogates(value)
        case Mapping():
            return {clean(key): clean(item) for key, item in value.items()}
        case list() | tuple():
            return [clean(item) for item in value]
        case _:
            return value

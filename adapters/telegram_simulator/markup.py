"""Formatted text as the server stores it: plain text and entities.

Simulated: the documented tags and marks, the server's cleaning of white space and control
characters, and automatic entities for commands, mentions and web addresses.

Not simulated: other automatic entities (hashtags, e-mail addresses, phone numbers, ...), mentions
by `tg://user` links (they stay links), expandable quotations in MarkdownV2, and byte offsets in
errors, which count characters here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .calls import bad_request
from .html_markup import read_html
from .markdown_markup import read_legacy_markdown, read_markdown_v2
from .spans import Spans, utf16_length, within

_READERS = {"html": read_html, "markdownv2": read_markdown_v2, "markdown": read_legacy_markdown}
_CONTROLS = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f]")
_FOUND = {
    "bot_command": re.compile(
        r"\B(?<![/<>])/[a-zA-Z0-9_]{1,64}(?:@[a-zA-Z0-9_]{3,32})?\b(?![/<>])"
    ),
    "mention": re.compile(r"\B@[a-zA-Z0-9_]{4,32}\b"),
    "url": re.compile(r"\bhttps?://[^\s<>]+[^\s<>.,:;!?'\")\]]"),
}
# Automatic entities are not added inside these.
_OPAQUE = frozenset({"code", "pre", "text_link"})


def formatted(
    text: str, parse_mode: str, entities: Sequence[dict[str, Any]] | None
) -> tuple[str, tuple[dict[str, Any], ...]]:
    """Return the plain text and its entities. `entities` count only without a parse mode."""
    cleaned = _CONTROLS.sub(" ", text.replace("\r", ""))
    if parse_mode:
        reader = _READERS.get(parse_mode.lower())
        if reader is None:
            raise bad_request("unsupported parse_mode")
        plain, marked = reader(cleaned).result()
    else:
        plain, marked = _given(cleaned, entities or ())

    return plain, with_found(plain, marked)


def with_found(text: str, entities: Sequence[dict[str, Any]] = ()) -> tuple[dict[str, Any], ...]:
    """Return the entities together with those that Telegram adds automatically."""
    found = [
        {
            "type": kind,
            "offset": utf16_length(text[: match.start()]),
            "length": utf16_length(match[0]),
        }
        for kind, pattern in _FOUND.items()
        for match in pattern.finditer(text)
    ]

    closed = [entity for entity in entities if entity["type"] in _OPAQUE]
    addresses = [entity for entity in found if entity["type"] == "url"]
    kept = [
        entity
        for entity in found
        if not any(
            _overlap(entity, other)
            for other in closed + (addresses if entity["type"] != "url" else [])
        )
    ]

    return tuple(within(text, [*entities, *kept]))


def _given(text: str, entities: Sequence[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    for entity in entities:
        is_entity = isinstance(entity, dict) and isinstance(entity.get("type"), str)
        if not is_entity or not all(
            isinstance(entity.get(field), int) for field in ("offset", "length")
        ):
            raise bad_request("can't parse MessageEntity")

    spans = Spans()
    spans.write(text)
    plain, _ = spans.result()

    return plain, within(
        plain, list(entities), skipped=utf16_length(text) - utf16_length(text.lstrip())
    )


def _overlap(first: dict[str, Any], second: dict[str, Any]) -> bool:
    ends_before = first["offset"] + first["length"] <= second["offset"]
    return not ends_before and first["offset"] < second["offset"] + second["length"]

"""What a message quotes: how its metadata says so, and what is left of it without the quote.

Under `quote` stands `{"text", "message_id", "chat_id", "person"}`: the words, the message they are
from (by default the one that is replied to), its chat on the same channel (by default this one),
and the `channel_user_id` of who wrote it, where the platform says so. A forward is a message that
is nothing but a quote; its metadata has `forwarded` or `forwarded_from`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from session_plugin.checks import is_storable
from session_plugin.context.marks import is_forward, text_of_quote
from session_plugin.model import MessageEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Words of another message: at least one of `message_id` and `person` is known."""

    text: str
    chat_id: str
    message_id: str | None
    person: str | None


def quote_of(event: MessageEvent) -> Quote | None:
    """Return what a message quotes; None for nothing, or where nothing says what it is from."""
    noted = event.metadata.get("quote")
    if noted is None or not isinstance(noted, Mapping):
        return None

    chat_id, message_id = _id_in(noted, "chat_id"), _id_in(noted, "message_id")
    person = _id_in(noted, "person")
    if message_id is None and chat_id is None:
        message_id = event.reply_to
    if message_id is None and person is None:
        return None

    return Quote(
        text=text_of_quote(event.metadata),
        chat_id=event.chat.chat_id if chat_id is None else chat_id,
        message_id=message_id,
        person=person,
    )


def is_part_of(quoted: str, content: str) -> bool:
    """Check whether words are part of a message, however they are spaced."""
    return " ".join(quoted.split()) in " ".join(content.split())


def without_quote(event: MessageEvent) -> MessageEvent:
    """Return a message without what it quotes; of a forward, only that it was one is left."""
    if is_forward(event.metadata):
        return replace(event, text="", attachments=(), parts=(), metadata={"forwarded": True})

    rest = {name: value for name, value in event.metadata.items() if name != "quote"}
    return replace(event, metadata=rest)


def _id_in(noted: Mapping[str, Any], name: str) -> str | None:
    value = noted.get(name)
    return value if isinstance(value, str) and value and is_storable(value) else None

"""What people in a group see of a message besides the text that is stored.

Pure functions. A link code is worthless once a group has seen it, wherever in a message it stood:
in a file's name, a poll, an embed, on a button, in the name of a new thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import discord

from session_plugin import MessageEvent

MAX_LENGTH = 16_000
"""The length of what is looked at: more than the files, poll, embeds and text of two messages."""


def text_beside(message: discord.Message, event: MessageEvent | None) -> str:
    """Return what a group sees of a message besides the text of its event, a piece a line.

    Empty in direct chats, and for an ephemeral message, which only one person sees.

    Args:
        message: The message.
        event: What is recorded of it; None for nothing.
    """
    if isinstance(message.channel, discord.DMChannel) or message.flags.ephemeral:
        return ""

    text = "" if event is None else event.text
    beside = [piece for piece in _pieces(message) if piece and piece not in text]

    return "\n".join(beside)[:MAX_LENGTH]


def _pieces(message: discord.Message) -> Iterator[str]:
    holders: list[Any] = [message, *message.message_snapshots]
    for holder in holders:
        yield holder.content
        for file in holder.attachments:
            yield from (file.filename, file.title or "", file.description or "")
        for sticker in getattr(holder, "stickers", ()):
            yield sticker.name

    if message.poll is not None:
        yield message.poll.question
        yield from (answer.text or "" for answer in message.poll.answers)

    for holder in holders:
        for embed in holder.embeds:
            yield from _embed_pieces(embed)

    for holder in holders:
        yield from _component_pieces(getattr(holder, "components", ()))


def _embed_pieces(embed: discord.Embed) -> Iterator[str]:
    parts = (embed.author.name, embed.title, embed.description, embed.footer.text)
    yield from (part for part in (*parts, embed.provider.name, embed.url) if part)

    for field in embed.fields:
        yield from (str(field.name), str(field.value))


def _component_pieces(components: Iterable[Any]) -> Iterator[str]:
    """Yield what is written on buttons, menus and other components, and in those inside them."""
    for component in components:
        for name in ("content", "label", "placeholder", "description", "name"):
            if isinstance(written := getattr(component, name, None), str):
                yield written
        for inside in ("children", "options", "items"):
            yield from _component_pieces(getattr(component, inside, ()))
        if (accessory := getattr(component, "accessory", None)) is not None:
            yield from _component_pieces([accessory])

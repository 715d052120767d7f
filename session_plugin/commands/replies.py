"""What goes into a command and what comes out of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from session_plugin.commands.names import COMMANDS, Command, Spell
from session_plugin.model import Account, Chat


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who gives a command, and where.

    Args:
        chat: Where. In a group, only /privacy is carried out.
        account: Who; None for a sender that is nobody's user.
        name: The display name to show to others.
        spell: How commands are typed here.
        offered: The commands that can be typed here. Lists of what people can do name only these.
    """

    chat: Chat
    account: Account | None
    name: str
    spell: Spell
    offered: Collection[Command] = COMMANDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file to send with a reply."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to a command, for the chat where it was given.

    Send the text first, then each document in a message of its own.
    """

    text: str
    documents: tuple[Document, ...] = ()


def cut(text: str, *, most: int) -> list[str]:
    """Split a text into messages of at most `most` characters, at line ends or spaces."""
    pieces = []
    while len(text) > most:
        ends = (text.rfind(end, 1, most) for end in ("\n", " "))
        place = next((end for end in ends if end > 0), most)
        pieces.append(text[:place])
        text = text[place:].lstrip()

    return [*pieces, text]

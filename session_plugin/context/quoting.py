"""Messages as quoted data: no text in them can end the quotation or imitate another speaker.

Display names are freely chosen text as well. Two people with the same name get different ones.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Hashable, Iterable, Mapping

from session_plugin.model import SessionMessage

LONGEST_NAME = 64
MARK = "> "
"""Begins every quoted line. A message could imitate a closing fence, but not leave its lines."""


def one_line(text: str) -> str:
    """Return text with each run of white space, line breaks included, replaced by a space."""
    return " ".join(text.split())


def without_surrogates(text: str) -> str:
    """Return text with NUL and lone surrogates replaced; APIs accept neither."""
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def quote(text: str) -> str:
    """Return text with `MARK` before every line; every line break of Unicode counts."""
    return "\n".join(MARK + line for line in text.splitlines() or [""])


def quoted_name(name: str) -> str:
    """Return a name in quotation marks that it cannot end, on one line.

    Unprintable characters are removed, among them those that change the direction of writing.
    """
    shown = "".join(character for character in one_line(name) if character.isprintable())
    return json.dumps(shown, ensure_ascii=False)


def words_of(message: SessionMessage) -> str:
    """Return the text of a message, or a placeholder in brackets if it has none."""
    if message.content.strip():
        return message.content

    if message.is_withheld:
        return "(withheld)"
    if not message.attachments:
        return "(empty)"
    return "(" + ", ".join(a.filename or a.kind for a in message.attachments) + ")"


def speaker_of(message: SessionMessage) -> Hashable:
    """Return a key that identifies the author of a message; None for all direct chats.

    A conversation in direct chats has only one person, whatever the channels.
    """
    if message.chat is not None and message.chat.kind == "direct":
        return None

    return message.person if message.person is not None else message.author_name


def names_of(messages: Iterable[SessionMessage]) -> dict[Hashable, str]:
    """Return a different name for each speaker, based on the newest of the speaker's names."""
    newest = {
        speaker_of(message): message.author_name for message in messages if message.role == "user"
    }

    names: dict[Hashable, str] = {}
    for speaker, name in newest.items():
        shown = one_line(without_surrogates(name))[:LONGEST_NAME] or "somebody"
        names[speaker] = other_than(names.values(), shown, " ({})")

    return names


def other_than(taken: Collection[str], name: str, suffix: str) -> str:
    """Return `name`, or if it is taken, `name` and `suffix` with the first free number from 2."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = name + suffix.format(number)

    return free


def shown_name(message: SessionMessage, names: Mapping[Hashable, str]) -> str:
    """Return the name to show with a message; empty if its author has none.

    Args:
        message: The message.
        names: What `names_of` returns for messages that include this one.
    """
    if message.role == "user" and message.author_name:
        return names[speaker_of(message)]

    return one_line(message.author_name)


def quoted(messages: Iterable[SessionMessage]) -> str:
    """Return messages as quoted data for a prompt, each below a line with its role and author.

    Every line of a message begins with `> `, so a message can neither end the quotation nor
    imitate a message of somebody else. People with the same name are numbered. Use it in a
    summariser, or wherever a prompt contains a conversation as data.

    Example:
        await hub.record(event)
        print("Summarise this conversation.", quoted(await session.history()))
    """
    messages = list(messages)
    names = names_of(messages)

    return "\n".join(
        f"{_heading(message.role, shown_name(message, names))}\n{quote(words_of(message))}"
        for message in messages
    )


def _heading(role: str, name: str) -> str:
    """Return the line above a message: its role, and the author's name in quotation marks."""
    return f"{role} {quoted_name(name)}:" if name else f"{role}:"

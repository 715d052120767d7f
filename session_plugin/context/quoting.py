"""Other people's words as data: quoted line by line, so that nothing in them ends the quotes or
speaks for somebody else.

Names are people's words, too, and freely chosen: two who show the same one are told apart.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Hashable, Iterable, Mapping

from session_plugin.model import SessionMessage

LONGEST_NAME = 64
MARK = "> "
"""What every quoted line begins with. A fence or a closing quote could be imitated; a beginning of
all lines cannot.
"""


def one_line(text: str) -> str:
    """Put text on one line: every run of white space, line breaks of all kinds among it, becomes a
    space.
    """
    return " ".join(text.split())


def without_surrogates(text: str) -> str:
    """Replace what no request can carry: lone surrogates, which are not UTF-8, and NUL."""
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def quote(text: str) -> str:
    """Put the mark before every line, whatever Unicode takes for a line break."""
    return "\n".join(MARK + line for line in text.splitlines() or [""])


def quoted_name(name: str) -> str:
    """Put a name in quotation marks that it cannot end, on one line, without what turns the
    direction of writing.
    """
    shown = "".join(one for one in one_line(name) if one.isprintable())
    return json.dumps(shown, ensure_ascii=False)


def words_of(message: SessionMessage) -> str:
    """Give what a message says; where there are no words, what there is instead, in brackets."""
    if message.content.strip():
        return message.content
    if message.is_withheld:
        return "(withheld)"
    return (
        "(" + ", ".join(a.filename or a.kind for a in message.attachments) + ")"
        if message.attachments
        else "(empty)"
    )


def speaker_of(message: SessionMessage) -> Hashable:
    """Tell people apart; in direct chats, over all channels, there is only one."""
    if message.chat is not None and message.chat.kind == "direct":
        return None
    return message.person if message.person is not None else message.author_name


def names_of(messages: Iterable[SessionMessage]) -> dict[Hashable, str]:
    """Name each speaker by the newest of their names; two people of one name get different ones."""
    newest = {
        speaker_of(message): message.author_name for message in messages if message.role == "user"
    }
    names: dict[Hashable, str] = {}
    for speaker, name in newest.items():
        shown = one_line(without_surrogates(name))[:LONGEST_NAME] or "somebody"
        names[speaker] = other_than(names.values(), shown, " ({})")
    return names


def other_than(taken: Collection[str], name: str, suffix: str) -> str:
    """Give a name that is not taken: the one asked for, or with the first number behind it that is
    free.
    """
    number, free = 1, name
    while free in taken:
        number += 1
        free = name + suffix.format(number)
    return free


def shown_name(message: SessionMessage, names: Mapping[Hashable, str]) -> str:
    """Give the name to show beside a message, by `names_of` it and those around it; empty where its
    author shows none.
    """
    if message.role == "user" and message.author_name:
        return names[speaker_of(message)]
    return one_line(message.author_name)


def quoted(messages: Iterable[SessionMessage]) -> str:
    """Give messages as quoted data for a prompt: each under a line that names its role and its
    author.

    Whatever a message says, it stays behind the marks of its lines: it can neither end the quotes
    nor add a message of somebody else's. Two people of one name get a number. For summarisers, and
    whoever else shows a conversation to a model as data.

    Example:
        await hub.record(event)
        print("Sum up what these people say.", quoted(await session.history()))
    """
    messages = list(messages)
    names = names_of(messages)
    return "\n".join(
        f"{_heading(message.role, shown_name(message, names))}\n{quote(words_of(message))}"
        for message in messages
    )


def _heading(role: str, name: str) -> str:
    """Name a message's role and author on a line of its own; the name is quoted too."""
    return f"{role} {quoted_name(name)}:" if name else f"{role}:"

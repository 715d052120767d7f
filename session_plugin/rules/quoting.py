"""Other people's words as data: quoted line by line, so that nothing in them ends the quotes or speaks for somebody else."""

from __future__ import annotations

import json
from collections.abc import Iterable

from session_plugin.model import SessionMessage

MARK = "> "
"""What every quoted line begins with. A fence or a closing quote could be imitated; a beginning of all lines cannot."""


def one_line(text: str) -> str:
    """Put text on one line: every run of white space, line breaks of all kinds among it, becomes a space."""
    return " ".join(text.split())


def quote(text: str) -> str:
    """Put the mark before every line, whatever Unicode takes for a line break."""
    return "\n".join(MARK + line for line in text.splitlines() or [""])


def words_of(message: SessionMessage) -> str:
    """Give what a message says; where there are no words, what there is instead, in brackets."""
    if message.content.strip():
        return message.content
    if message.is_withheld:
        return "(withheld)"
    return "(" + ", ".join(a.filename or a.kind for a in message.attachments) + ")" if message.attachments else "(empty)"


def quoted(messages: Iterable[SessionMessage]) -> str:
    """Give messages as quoted data for a prompt: each under a line that names its role and its author.

    Whatever a message says, it stays behind the marks of its lines: it can neither end the quotes nor add a message of
    somebody else's. For summarisers, and whoever else shows a conversation to a model as data.

    Example:
        await hub.record(event)
        print("Sum up what these people say.", quoted(await session.history()))
    """
    return "\n".join(f"{heading(message)}\n{quote(words_of(message))}" for message in messages)


def heading(message: SessionMessage) -> str:
    """Name a message's role and author on a line of its own; the name is quoted too, for people choose theirs."""
    name = one_line(message.author_name)
    return f"{message.role} {json.dumps(name, ensure_ascii=False)}:" if name else f"{message.role}:"

"""Messages as quoted data: no text in them can end the quotation or imitate another speaker.

Display names are freely chosen text as well. Two people with the same name get different ones.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Hashable, Iterable, Mapping

from session_plugin.context.media import shown_kind
from session_plugin.model import Account, SessionMessage
from session_plugin.parts import Attachment, MediaPart
from session_plugin.parts.texts import as_line

LONGEST_NAME = 64
LONGEST_DETAILS = 200
"""Characters shown of what is no text."""
DETAILS = {
    "location": ("latitude", "longitude"),
    "venue": ("title", "address"),
    "contact": ("first_name", "last_name", "phone_number"),
    "dice": ("emoji", "value"),
}
"""What is shown of the metadata of a message that is none of words or files, by its kind."""
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


def shown_text(message: SessionMessage) -> str:
    """Return the text of a message, or a placeholder in brackets if it has none.

    What was said in a recording follows, in quotation marks, if it was transcribed. What an
    assistant sent is named by kind only: people choose the names of files, and would put words into
    its mouth.
    """
    files = files_of(message)
    spoken = [_transcribed(one) for one in files if one.transcript.strip()]
    if message.content.strip():
        return "\n".join([message.content, *spoken])
    if spoken:
        return "\n".join(spoken)
    if message.is_withheld:
        return "(withheld)"
    if not files:
        return as_line(message.parts) or "(empty)"

    has_names = message.role == "user"
    shown = [
        described(one.kind, message) or (has_names and one.filename) or shown_kind(one)
        for one in files
    ]
    return "(" + ", ".join(shown) + ")"


def described(kind: str, message: SessionMessage) -> str:
    """Return what a person sent that is no file, such as a place; empty if it is none of these."""
    noted = message.metadata.get(kind)
    if message.role != "user" or kind not in DETAILS or not isinstance(noted, Mapping):
        return ""

    values = [
        noted[name] for name in DETAILS[kind] if isinstance(noted.get(name), str | int | float)
    ]
    details = one_line(", ".join(map(str, values)))[:LONGEST_DETAILS]

    return f"{kind}: {details}" if details else ""


def files_of(message: SessionMessage) -> tuple[Attachment, ...]:
    """Return the files that came with a message, each once."""
    if not message.parts or message.is_withheld:
        return message.attachments

    known = {one.id: one for one in message.attachments}
    for part in message.parts:
        if isinstance(part, MediaPart):
            known.setdefault(part.attachment.id, part.attachment)
    return tuple(known.values())


def _transcribed(attachment: Attachment) -> str:
    words = json.dumps(one_line(attachment.transcript), ensure_ascii=False)
    return f"({shown_kind(attachment)}, transcribed): {words}"


def speaker_of(message: SessionMessage) -> Hashable:
    """Return a key that identifies the author of a message; None for all direct chats.

    A conversation in direct chats has only one person, whatever the channels.
    """
    if message.chat is not None and message.chat.kind == "direct":
        return None

    return message.person if message.person is not None else message.author_name


def names_of(
    messages: Iterable[SessionMessage],
    mentioned: Mapping[Account, str] | None = None,
    *,
    namesakes: Iterable[tuple[Account, str]] = (),
    order: Iterable[SessionMessage] = (),
    is_one_person: bool = False,
) -> dict[Hashable, str]:
    """Return a different name for each speaker, based on the newest of the speaker's names.

    Accounts have that name too, so that people who are mentioned can be named.

    Args:
        messages: The messages.
        mentioned: Names of accounts that may be mentioned without having spoken.
        namesakes: Accounts whose equal names are numbered first, in this order.
        order: Messages in whose order other equal names are numbered; then come the messages.
        is_one_person: Whether all of them are one person's, in direct chats and in groups.
    """
    messages = list(messages)
    newest = {
        speaker_of(message): message.author_name for message in messages if message.role == "user"
    }
    names: dict[Hashable, str] = {}
    if is_one_person and newest:
        name = next(one.author_name for one in reversed(messages) if one.role == "user")
        names = dict.fromkeys(newest, _different({}, name))
    for account, name in namesakes:
        names[account] = _different(names, newest.get(account, name))
    for message in (*order, *messages):
        speaker = speaker_of(message)
        if message.role == "user" and speaker not in names:
            names[speaker] = _different(names, newest[speaker])

    for message in messages:
        if message.role == "user" and message.person is not None:
            names.setdefault(message.person, names[speaker_of(message)])

    for account, name in (mentioned or {}).items():
        if account not in names:
            names[account] = _different(names, name)

    return names


def _different(names: Mapping[Hashable, str], name: str) -> str:
    shown = one_line(without_surrogates(name))[:LONGEST_NAME] or "somebody"
    return other_than(names.values(), shown, " ({})")


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

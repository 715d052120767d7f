"""What a message repeats or refers to: forwards, quotes, replies and mentions, marked as such.

The words of somebody else are never shown as the author's own. Adapters say what a message is by
these keys of its metadata, beside `reply_to`:

- `forwarded_from`: the name of who wrote it first, or `forwarded`: true if nobody is named;
- `via_bot`: the name of the bot that made it for its author;
- `quote`: what its author selected of the message replied to (see `rules.quotes`);
- `replies_to`: a message in another chat that it replies to;
- `mentions`: for each text that stands for somebody or something, `{"text": ..., "account": id}`
  for a person, `{"text": ..., "name": ...}` for anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from session_plugin.checks import is_storable
from session_plugin.context.quoting import (
    LONGEST_NAME,
    names_of,
    one_line,
    quote,
    quoted_name,
    shown_name,
    shown_text,
    speaker_of,
    without_surrogates,
)
from session_plugin.model import Account, Chat, SessionMessage

CUT_MARK = " […]"
"""Marks the end of a message that was cut."""
LONGEST_EXCERPT = 200
"""Characters shown of a message replied to: enough to recognise it."""
LONGEST_SELECTION = 1000
"""Characters shown of words that a person selected in it."""

Find = Callable[[Chat | None, str], SessionMessage | None]
"""Returns the message with this id in a chat; None if it is not to be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What headings depend on: facts of a session, whichever part of it is shown.

    `has_names`: whether a heading says who wrote a message. `is_one_person`: whether one person
    wrote all of it, in direct chats and in groups. `channels_from`: from which sequence number on
    a heading says where; None for a session on one channel.
    """

    has_names: bool = False
    is_one_person: bool = False
    channels_from: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What messages refer to and do not contain.

    `replied_to` are messages that they reply to, `names` the names of people they mention.
    `namesakes` are people of the session who share a name with others of it, in the order in which
    these are numbered. Without a `setting`, it is derived from the messages that are shown.
    """

    replied_to: tuple[SessionMessage, ...] = ()
    names: Mapping[Account, str] = field(default_factory=dict)
    namesakes: tuple[tuple[Account, str], ...] = ()
    setting: Setting | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A text that stands for an account, or for something with a name."""

    text: str
    account: Account | None = None
    name: str = ""


def replied_key(message: SessionMessage) -> tuple[Chat, str] | None:
    """Return the chat and id of the message that a person replies to; None if there is none."""
    if message.role != "user" or message.reply_to is None or message.chat is None:
        return None
    return message.chat, message.reply_to


def mentions_in(message: SessionMessage) -> Iterator[Mention]:
    """Yield the mentions that a message's metadata describes."""
    described = message.metadata.get("mentions")
    for one in described if isinstance(described, list | tuple) else ():
        match one:
            case {"text": str(text), "account": str(number)} if (
                text and number and is_storable(number)
            ):
                channel = message.channel if message.chat is None else message.chat.channel
                yield Mention(text=text, account=Account(channel, number))
            case {"text": str(text), "name": str(name)} if text and name:
                yield Mention(text=text, name=name)


def shown_words(message: SessionMessage, names: Mapping[Hashable, str]) -> str:
    """Return the text of a message with names in place of what stands for people.

    Args:
        message: The message.
        names: What `names_of` returns for messages that include this one.
    """
    words = shown_text(message)
    shown: dict[str, str] = {}
    for mention in mentions_in(message):
        name = mention.name if mention.account is None else names.get(mention.account, "")
        if name:
            shown[mention.text] = f"@{_short_name(name)}"

    if not shown:
        return words

    longest_first = sorted(shown, key=len, reverse=True)

    return re.sub("|".join(map(re.escape, longest_first)), lambda found: shown[found[0]], words)


def is_forward(metadata: Mapping[str, Any]) -> bool:
    """Check whether a message repeats one that was sent before, perhaps by somebody else."""
    return bool(metadata.get("forwarded_from") or metadata.get("forwarded"))


def origin_of(message: SessionMessage) -> str:
    """Return what a heading adds where words are not the author's own; empty if they are."""
    origin = ""
    if is_forward(message.metadata):
        name = message.metadata.get("forwarded_from")
        what = f"what {_short_name(name)} wrote" if isinstance(name, str) else "another message"
        origin = f", forwarding {what}"

    via_bot = message.metadata.get("via_bot")
    if isinstance(via_bot, str) and via_bot:
        origin += f", through the bot {_short_name(via_bot)}"

    return origin


def text_of_quote(metadata: Mapping[str, Any]) -> str:
    """Return the quoted words; empty for none."""
    noted = metadata.get("quote")
    text = noted.get("text") if isinstance(noted, Mapping) else None
    return text if isinstance(text, str) else ""


def reply_of(message: SessionMessage, names: Mapping[Hashable, str], find: Find) -> str:
    """Return what a person replies to, quoted below a heading; empty if it is no reply.

    Args:
        message: The message.
        names: What `names_of` returns for messages that include this one.
        find: Finds the message replied to.
    """
    is_elsewhere = bool(message.metadata.get("replies_to"))
    selected = "" if is_forward(message.metadata) else text_of_quote(message.metadata).strip()
    if message.role != "user" or not (message.reply_to or is_elsewhere or selected):
        return ""

    replied = None
    if message.reply_to is not None and not is_elsewhere:
        replied = find(message.chat, message.reply_to)

    if replied is not None:
        heading = f"In reply to {_whose(replied, names)}"
    else:
        place = "in another chat" if is_elsewhere else "not shown here"
        heading = f"In reply to a message {place}"

    if selected:
        selection = quote(_excerpt(selected, LONGEST_SELECTION))
        return f"{heading}, of which this was selected:\n{selection}"

    if replied is None:
        return f"{heading}."

    return f"{heading}:\n{quote(_excerpt(shown_words(replied, names), LONGEST_EXCERPT))}"


def _whose(replied: SessionMessage, names: Mapping[Hashable, str]) -> str:
    if replied.role == "user":
        who = quoted_name(names[speaker_of(replied)])
    else:
        who = (
            "the assistant" if replied.role == "assistant" else f"a message of role {replied.role}"
        )

    return f"what {who} forwarded" if is_forward(replied.metadata) else who


def _excerpt(words: str, length: int) -> str:
    text = one_line(without_surrogates(words))
    return text if len(text) <= length else text[:length] + CUT_MARK


def _short_name(name: str) -> str:
    return quoted_name(one_line(name)[:LONGEST_NAME])


def quoted(messages: Iterable[SessionMessage]) -> str:
    """Return messages as quoted data for a prompt, each below a line with its role and author.

    Every line of a message begins with `> `, so a message can neither end the quotation nor
    imitate a message of somebody else. People with the same name are numbered. What is forwarded
    is marked, and a reply follows what it replies to. Use it in a summariser, or wherever a prompt
    contains a conversation as data.

    Example:
        await hub.record(event)
        print("Summarise this conversation.", quoted(await session.history()))
    """
    messages = list(messages)
    names, find = names_of(messages), finder(messages)

    lines: list[str] = []
    for message in messages:
        if replied := reply_of(message, names, find):
            lines.append(replied)
        name = shown_name(message, names)
        heading = f"{message.role} {quoted_name(name)}" if name else message.role
        lines += [f"{heading}{origin_of(message)}:", quote(shown_words(message, names))]

    return "\n".join(lines)


def finder(messages: Iterable[SessionMessage]) -> Find:
    """Return a function that finds one of these messages by its chat and id."""
    known = {(one.chat, one.message_id): one for one in messages if one.message_id is not None}
    return lambda chat, message_id: known.get((chat, message_id))

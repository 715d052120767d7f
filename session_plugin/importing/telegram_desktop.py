"""Telegram Desktop's `result.json`, of one chat or of all data.

Telegram numbers the messages of supergroups and channels for everybody alike; those of private
chats and of small groups for each account by itself. The first keep their numbers, which are the
bot's, too. The others get ids of their own: see rules/imported_ids.py.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

from session_plugin.errors import FileRefused
from session_plugin.importing.cells import (
    check_ids,
    iso_time,
    mapping,
    name,
    number,
    text,
    zone_named,
)
from session_plugin.importing.direct import answering
from session_plugin.importing.json_stream import Broken, CutOff, JsonFile, Malformed
from session_plugin.importing.opening import opened
from session_plugin.importing.telegram_content import attachments_of, metadata_of, text_of
from session_plugin.model import Account, Chat, ChatKind, MessageEvent
from session_plugin.reports import Skipped
from session_plugin.rules.imported_ids import imported_id

CHANNEL = "telegram"

Item = MessageEvent | Skipped

_MESSAGE = re.compile(r'\{\s*"id"\s*:\s*-?\d+\s*,\s*"type"\s*:\s*"(?:message|service|unsupported)"')
_BORDER = re.compile(r'"messages"\s*:\s*\[')
_PRIVATE = frozenset({"personal_chat", "bot_chat"})
_SMALL_GROUPS = frozenset({"private_group", "group"})
_SUPERGROUPS = frozenset({"private_supergroup", "public_supergroup"})
_REMEMBERED = 100_000
"""Messages of a forum of which the topic is remembered, for those that reply to them."""
_FIRST_OF_CHATS = 2**32
"""In files of years ago, a bare number from here on is no person's."""


def read_telegram(
    path: str | Path,
    *,
    bot: str | None = None,
    exported_by: str | None = None,
    time_zone: str | None = None,
) -> Iterator[Item]:
    """Yield the messages of a `result.json`, and what is left out of it.

    Args:
        path: The file.
        bot: The id of the bot's account; None takes the other side of a single private chat.
        exported_by: The id of the account that exported the file, where it does not say so.
        time_zone: The IANA name of the exporting computer's time zone, for old files that
            give local times only.

    Raises:
        FileRefused: the file is no such export.
        TypeError: an id is a number.
        ValueError: there is no such time zone.
    """
    check_ids(bot=bot, exported_by=exported_by)
    reader = _Reader(bot=bot, exported_by=exported_by, zone=zone_named(time_zone))
    with opened(path) as found:
        file = JsonFile(found, element=_MESSAGE, border=_BORDER)
        try:
            yield from reader.read(file)
        except (CutOff, Malformed) as error:
            if not reader.is_recognised:
                raise FileRefused(_refusal(path)) from error
            yield _end(file, error)

    if not reader.is_recognised:
        raise FileRefused(_refusal(path))


def _refusal(path: str | Path) -> str:
    return (
        f"{path} is no export of Telegram Desktop: it has neither messages nor chats. In Telegram "
        "Desktop, choose Export chat history, or Export Telegram data, and the format "
        "machine-readable JSON; then give the path of its result.json."
    )


def _end(file: JsonFile, error: Exception) -> Skipped:
    reason = (
        "the file is cut off; nothing after this was read"
        if isinstance(error, CutOff)
        else "the file is broken; nothing after this was read"
    )
    return Skipped(what="file", where=f"byte {file.offset}", reason=reason)


@dataclass(slots=True)
class _Chat:
    """A chat of the file, and how its messages are known."""

    chat: Chat
    type: str
    number: int
    source: str | None
    """Who numbered its messages, if it was an account for itself and is known."""
    bot: str
    topics: set[int] = field(default_factory=set)
    topic_of: OrderedDict[int, str] = field(default_factory=OrderedDict)

    @property
    def has_platform_ids(self) -> bool:
        return self.type in _SUPERGROUPS


class _Reader:
    def __init__(self, *, bot: str | None, exported_by: str | None, zone: tzinfo | None) -> None:
        self._bot = bot
        self._exported_by = exported_by
        self._zone = zone
        self.is_recognised = False

    def read(self, file: JsonFile) -> Iterator[Item]:
        if file.peek() != "{":
            raise Malformed("no object")

        header: dict[str, Any] = {}
        for key in file.members():
            if key in ("chats", "left_chats") and file.peek() == "{":
                self.is_recognised = True
                yield from self._read_chats(file)
            elif key == "messages" and file.peek() == "[":
                yield from self._read_messages(file, header, is_only=True)
            elif key == "personal_information":
                known = number(mapping(file.value()).get("user_id"))
                self._exported_by = self._exported_by or (None if known is None else str(known))
            elif key in ("name", "type", "id"):
                header[key] = file.value()
            else:
                file.skip()

    def _read_chats(self, file: JsonFile) -> Iterator[Item]:
        for key in file.members():
            if key != "list" or file.peek() != "[":
                file.skip()
                continue

            for _ in file.elements():
                header: dict[str, Any] = {}
                for name_ in file.members():
                    if name_ == "messages" and file.peek() == "[":
                        yield from self._read_messages(file, header, is_only=False)
                    elif name_ in ("name", "type", "id"):
                        header[name_] = file.value()
                    else:
                        file.skip()

    def _read_messages(
        self, file: JsonFile, header: Mapping[str, Any], *, is_only: bool
    ) -> Iterator[Item]:
        if not isinstance(header.get("type"), str) or number(header.get("id")) is None:
            raise Malformed("messages without the type and the id of their chat")

        self.is_recognised = True
        chat = self._chat(header, is_only=is_only)
        if isinstance(chat, Skipped):
            yield chat
            file.skip()
            return

        said = self._said(file, chat)
        if chat.type not in _PRIVATE:
            yield from said
            return

        yield from answering(_in_chat_of_person(said, chat))

    def _chat(self, header: Mapping[str, Any], *, is_only: bool) -> _Chat | Skipped:
        """Return a chat of the file as one of the bot's, or why nothing of it is imported."""
        type_, id_ = text(header["type"]), number(header["id"])
        assert id_ is not None, "checked by the caller"
        if reason := self._refusal(type_, id_, is_only=is_only):
            return Skipped(what="chat", where=f"{type_} {id_}", reason=reason)

        bot = self._bot or (str(id_) if type_ in _PRIVATE else "")
        kind: ChatKind = "direct" if type_ in _PRIVATE else "group"
        if type_ in _SUPERGROUPS:
            chat_id = str(id_) if str(id_).startswith("-100") else str(-(10**12) - abs(id_))
        else:
            chat_id = str(-abs(id_)) if kind == "group" else str(id_)

        chat = Chat(CHANNEL, chat_id, kind, bot_id=bot, title=name(header.get("name")))
        source = None if self._exported_by is None else f"{CHANNEL}-{self._exported_by}"

        return _Chat(chat, type_, id_, source, bot)

    def _refusal(self, type_: str, id_: int, *, is_only: bool) -> str:
        reason = ""
        if type_ not in _PRIVATE | _SMALL_GROUPS | _SUPERGROUPS:
            reason = f"a chat of the type {type_} is no conversation with a bot"
        elif self._bot is None and not (type_ in _PRIVATE and is_only):
            reason = "say which account is the bot's (bot=); the file does not"
        elif type_ in _PRIVATE and self._bot not in (None, str(id_)):
            reason = "it is a private chat with somebody else than the bot"
        elif type_ in _SMALL_GROUPS and self._exported_by is None:
            reason = (
                "Telegram numbers the messages of this group for each account by itself; say whose "
                "export it is (exported_by=)"
            )

        return reason

    def _said(self, file: JsonFile, chat: _Chat) -> Iterator[Item]:
        for message in file.decoded():
            if isinstance(message, Broken):
                yield Skipped(what="message", where=f"byte {message.offset}", reason=message.reason)
            elif not isinstance(message, Mapping):
                yield Skipped(
                    what="message",
                    where=f"before byte {file.offset}",
                    reason=f"it is no object, but {type(message).__name__}",
                )
            else:
                yield self._translated(message, chat)

    def _translated(self, message: Mapping[str, Any], chat: _Chat) -> Item:
        try:
            return self._to_event(message, chat)
        except _LeftOut as left_out:
            reason = str(left_out)
        except (TypeError, ValueError) as error:
            reason = f"it cannot be stored: {error}"

        where = f"{text(message.get('id')) or 'without an id'} in {chat.chat.chat_id}"
        return Skipped(what="message", where=where, reason=reason)

    def _to_event(self, message: Mapping[str, Any], chat: _Chat) -> MessageEvent:
        id_ = number(message.get("id"))
        if id_ is None:
            raise _LeftOut("it has no id")
        if message.get("type") != "message":
            if message.get("action") == "topic_created":
                chat.topics.add(id_)
            kind = text(message.get("action")) or text(message.get("type")) or "unknown"
            raise _LeftOut(f"a notice of Telegram's: {kind}")

        said, attachments = text_of(message), attachments_of(message)
        if not (said or attachments):
            raise _LeftOut("it says nothing")

        sender = _sender(message.get("from_id"))
        is_bots = sender == chat.bot

        return MessageEvent(
            chat=_with_topic(chat, message, id_),
            message_id=_message_id(chat, id_),
            role="assistant" if is_bots else "user",
            text=said,
            sent_at=self._sent_at(message),
            author=None if is_bots or sender is None else Account(CHANNEL, sender),
            author_name=_author_name(message),
            reply_to=_reply_to(chat, message),
            attachments=attachments,
            metadata=metadata_of(message),
        )

    def _sent_at(self, message: Mapping[str, Any]) -> float:
        seconds = number(message.get("date_unixtime"))
        if seconds is not None:
            return float(seconds)

        local = iso_time(message.get("date"), self._zone)
        if local is not None:
            return local
        if iso_time(message.get("date"), UTC) is not None:
            raise _LeftOut("it has a local time only; say of which time zone (time_zone=)")

        raise _LeftOut("it has no time")


class _LeftOut(Exception):
    """Why a message is left out."""


def _in_chat_of_person(said: Iterator[Item], chat: _Chat) -> Iterator[Item]:
    """Yield the messages of a private chat as the bot knows it: under the id of the person, who
    exported it.
    """
    waiting: list[MessageEvent] = []
    for item in said:
        if isinstance(item, Skipped):
            yield item
            continue
        waiting.append(item)
        if item.author is not None:
            break

    author = next((one.author for one in waiting if one.author is not None), None)
    if author is None:
        yield from waiting
        return

    person = author.channel_user_id
    home = Chat(CHANNEL, person, "direct", bot_id=chat.bot, title=name(waiting[-1].author_name))
    for item in (*waiting, *said):
        yield item if isinstance(item, Skipped) else _moved(item, home)


def _moved(event: MessageEvent, home: Chat) -> MessageEvent:
    source = f"{CHANNEL}-{home.chat_id}"

    def own(id_: str | None) -> str | None:
        return None if id_ is None else imported_id(source, id_.rpartition(":")[2])

    return replace(event, chat=home, message_id=own(event.message_id), reply_to=own(event.reply_to))


def _message_id(chat: _Chat, id_: int) -> str:
    if chat.has_platform_ids and id_ > 0:
        return str(id_)
    if chat.source is None and chat.type not in _PRIVATE:
        raise _LeftOut(
            "it is from before its group became a supergroup, and its number is the exporting "
            "account's own; say whose export it is (exported_by=)"
        )

    return imported_id(chat.source or CHANNEL, id_)


def _reply_to(chat: _Chat, message: Mapping[str, Any]) -> str | None:
    replied = number(message.get("reply_to_message_id"))
    if replied is None or message.get("reply_to_peer_id") or replied in chat.topics:
        return None

    return None if replied < 0 and chat.source is None else _message_id(chat, replied)


def _with_topic(chat: _Chat, message: Mapping[str, Any], id_: int) -> Chat:
    """Return a message's chat with its topic.

    In a forum, what opens a topic replies to its number, and what replies to a message is in the
    topic of that one.
    """
    if not chat.topics:
        return chat.chat

    replied = number(message.get("reply_to_message_id"))
    if replied is None:
        topic = ""
    elif replied in chat.topics:
        topic = str(replied)
    elif replied in chat.topic_of:
        topic = chat.topic_of[replied]
    else:
        raise _LeftOut("it replies to a message that is not here, so its topic is not known")

    chat.topic_of[id_] = topic
    if len(chat.topic_of) > _REMEMBERED:
        chat.topic_of.popitem(last=False)

    return replace(chat.chat, thread_id=topic) if topic else chat.chat


def _sender(from_id: Any) -> str | None:
    """Return the id of the person or bot that wrote a message; None for a channel, for a group and
    its anonymous administrators, and where the file does not say.
    """
    if isinstance(from_id, str) and from_id.startswith("user"):
        id_ = number(from_id.removeprefix("user"))
    else:
        id_ = number(from_id)
        if id_ is not None and id_ >= _FIRST_OF_CHATS:
            return None

    return str(id_) if id_ is not None and id_ > 0 else None


def _author_name(message: Mapping[str, Any]) -> str:
    author, signature = name(message.get("from")), name(message.get("author"))
    return f"{author} ({signature})" if author and signature else author or signature

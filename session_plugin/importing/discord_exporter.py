"""DiscordChatExporter's JSON: a channel, a thread, or one of the parts of a partitioned export.

Ids are Discord's own, so what is imported and what the bot hears is known from each other.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

from session_plugin.errors import FileRefused
from session_plugin.importing.cells import check_ids, iso_time, items, mapping, name, number, text
from session_plugin.importing.direct import answering
from session_plugin.importing.json_stream import Broken, CutOff, JsonFile, Malformed
from session_plugin.importing.opening import opened
from session_plugin.model import Account, Chat, ChatKind, MessageEvent
from session_plugin.parts import Attachment
from session_plugin.reports import Skipped

CHANNEL = "discord"

Item = MessageEvent | Skipped

_MESSAGE = re.compile(r'\{\s*"id"\s*:\s*"\d+"\s*,\s*"type"\s*:\s*"[^"]*"\s*,\s*"timestamp"')
_BORDER = re.compile(r'"messages"\s*:\s*\[')
_SAID = frozenset({"Default", "Reply", "ChatInputCommand", "ContextMenuCommand", "0", "19"})
_KINDS = {"image": "photo", "audio": "audio", "video": "video"}
_ANSWERS = frozenset({"20", "23"})
"""Answers to slash commands, by number: the exporter has no name for them."""
_NO_ACCOUNT = "456226577798135808"
"""Discord shows all deleted accounts under this id in places, so it is nobody's."""


def read_discord(
    path: str | Path, *, bot: str | None = None, channel: str | None = None
) -> Iterator[Item]:
    """Yield the messages of an export, and what is left out of it.

    Args:
        path: The file.
        bot: The id of the bot's account; None takes all bots for others.
        channel: The id of the channel, for a file that is a bare list of messages.

    Raises:
        FileRefused: the file is no such export.
        TypeError: an id is a number.
    """
    check_ids(bot=bot, channel=channel)
    reader = _Reader(path, bot=bot, channel=channel)
    with opened(path) as found:
        file = JsonFile(found, element=_MESSAGE, border=_BORDER)
        try:
            yield from reader.read(file)
        except (CutOff, Malformed) as error:
            if not reader.is_recognised:
                raise FileRefused(_refusal(path)) from error
            reason = "cut off" if isinstance(error, CutOff) else "broken"
            yield Skipped(
                what="file",
                where=f"byte {file.offset}",
                reason=f"the file is {reason}; nothing after this was read",
            )

    if not reader.is_recognised:
        raise FileRefused(_refusal(path))


def _refusal(path: str | Path) -> str:
    return (
        f"{path} is no JSON export of DiscordChatExporter: it has no channel with messages. Export "
        "with --format Json, and give the path of one of its files."
    )


class _Reader:
    def __init__(self, path: str | Path, *, bot: str | None, channel: str | None) -> None:
        self._path = path
        self._bot = bot
        self._channel = channel
        self.is_recognised = False

    def read(self, file: JsonFile) -> Iterator[Item]:
        if file.peek() == "[":
            yield from self._read_bare(file)
            return

        guild: Mapping[str, Any] = {}
        channel: Mapping[str, Any] = {}
        for key in file.members():
            if key == "guild":
                guild = mapping(file.value())
            elif key == "channel":
                channel = mapping(file.value())
            elif key == "messages" and file.peek() == "[" and text(channel.get("id")):
                self.is_recognised = True
                yield from self._read_messages(file, guild, channel)
            else:
                file.skip()

    def _read_bare(self, file: JsonFile) -> Iterator[Item]:
        if self._channel is None:
            raise FileRefused(
                f"{self._path} is a list without a channel; if these are messages of Discord, say "
                "of which channel (channel=)"
            )

        self.is_recognised = True
        yield from self._read_messages(file, {}, {"id": self._channel})

    def _read_messages(
        self, file: JsonFile, guild: Mapping[str, Any], channel: Mapping[str, Any]
    ) -> Iterator[Item]:
        is_direct = channel.get("type") == "DirectTextChat"
        chat = self._chat(guild, channel, kind="direct" if is_direct else "group")
        where = _place(guild, channel)
        if is_direct and self._bot is None:
            yield Skipped(
                what="chat",
                where=f"DirectTextChat {chat.chat_id}",
                reason="say which account is the bot's (bot=)",
            )
            file.skip()
            return

        said = self._said(file, chat, where)
        yield from answering(said) if is_direct else said

    def _chat(
        self, guild: Mapping[str, Any], channel: Mapping[str, Any], *, kind: ChatKind
    ) -> Chat:
        guild_name, channel_name = name(guild.get("name")), name(channel.get("name"))
        title = f"{guild_name} #{channel_name}" if guild_name and kind == "group" else ""
        try:
            return Chat(CHANNEL, text(channel.get("id")), kind, bot_id=self._bot or "", title=title)
        except ValueError as error:
            raise FileRefused(
                f"{self._path} has a channel that cannot be stored: {error}"
            ) from error

    def _said(self, file: JsonFile, chat: Chat, place: Mapping[str, str]) -> Iterator[Item]:
        for message in file.decoded():
            if isinstance(message, Broken):
                yield Skipped(what="message", where=f"byte {message.offset}", reason=message.reason)
                continue

            found = mapping(message)
            reason = _reason_to_leave_out(found)
            if not reason:
                try:
                    yield self._to_event(found, chat, place)
                    continue
                except (TypeError, ValueError) as error:
                    reason = f"it cannot be stored: {error}"

            where = f"{text(found.get('id')) or 'without an id'} in {chat.chat_id}"
            yield Skipped(what="message", where=where, reason=reason)

    def _to_event(
        self, message: Mapping[str, Any], chat: Chat, place: Mapping[str, str]
    ) -> MessageEvent:
        author = mapping(message.get("author"))
        id_ = text(author.get("id"))
        is_bots = id_ == self._bot
        is_nobody = author.get("isBot") is True or id_ in ("", _NO_ACCOUNT)
        sent_at = _time(message.get("timestamp"))
        assert sent_at is not None, "a message without a time is left out"

        return MessageEvent(
            chat=chat,
            message_id=text(message.get("id")),
            role="assistant" if is_bots else "user",
            text=_text(message),
            sent_at=sent_at,
            author=None if is_bots or is_nobody else Account(CHANNEL, id_),
            author_name=name(author.get("name")),
            reply_to=_reply_to(message, chat),
            attachments=_attachments(message),
            metadata={**place, **_metadata(message)},
            edited_at=_time(message.get("timestampEdited")),
        )


def _time(value: Any) -> float | None:
    return iso_time(value, UTC)


def _place(guild: Mapping[str, Any], channel: Mapping[str, Any]) -> dict[str, str]:
    """Return the ids of the guild and of a thread's parent, as the adapter stores them."""
    place = {}
    if text(guild.get("id")) not in ("", "0"):
        place["guild_id"] = text(guild["id"])
    if text(channel.get("type")).endswith("Thread") and text(channel.get("categoryId")):
        place["parent_id"] = text(channel["categoryId"])

    return place


def _reason_to_leave_out(message: Mapping[str, Any]) -> str:
    if not text(message.get("id")):
        return "it has no id"

    type_ = text(message.get("type")) or "Default"
    if type_ not in _SAID | _ANSWERS:
        return f"a notice of Discord's: {type_}"
    if _time(message.get("timestamp")) is None:
        return "it has no time"
    if not (_text(message) or _attachments(message)):
        return "it says nothing"

    return ""


def _text(message: Mapping[str, Any]) -> str:
    content = text(message.get("content"))
    forwarded = mapping(message.get("forwardedMessage"))
    if forwarded and not content:
        return text(forwarded.get("content"))

    texts = [content]
    for embed in _own_embeds(message):
        texts += [text(embed.get("title")), text(embed.get("description"))]
        texts += [
            f"{text(mapping(field).get('name'))}: {text(mapping(field).get('value'))}"
            for field in items(embed.get("fields"))
        ]

    return "\n".join(said for said in texts if said)


def _own_embeds(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the embeds that the author sent, not the previews that Discord adds for links."""
    embeds = [mapping(embed) for embed in items(message.get("embeds"))]
    if not text(message.get("content")):
        return embeds

    is_bot = mapping(message.get("author")).get("isBot") is True
    return [embed for embed in embeds if is_bot and not embed.get("url")]


def _attachments(message: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """Return files without their addresses, which expire or are paths; stickers and embeds."""
    holders = (message, mapping(message.get("forwardedMessage")))
    found = []
    for file in (mapping(one) for holder in holders for one in items(holder.get("attachments"))):
        filename = name(file.get("fileName"))
        content_type = mimetypes.guess_type(filename)[0] or ""
        found.append(
            Attachment(
                id=text(file.get("id")),
                kind=_KINDS.get(content_type.partition("/")[0], "document"),
                filename=filename,
                content_type=content_type,
                size=number(file.get("fileSizeBytes")),
            )
        )

    found += [
        Attachment(id=text(sticker.get("id")), kind="sticker", filename=name(sticker.get("name")))
        for holder in holders
        for sticker in map(mapping, items(holder.get("stickers")))
    ]
    found += [
        Attachment(id="", kind="embed", filename=name(embed.get("title")))
        for embed in _own_embeds(message)
    ]

    return tuple(found)


def _reply_to(message: Mapping[str, Any], chat: Chat) -> str | None:
    """Return the id of the message replied to; older exports set it on any type."""
    reference = mapping(message.get("reference"))
    is_here = text(reference.get("channelId")) in ("", chat.chat_id)
    if not is_here or message.get("forwardedMessage"):
        return None

    return text(reference.get("messageId")) or None


def _metadata(message: Mapping[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    forwarded = mapping(message.get("forwardedMessage"))
    if forwarded:
        reference = mapping(message.get("reference"))
        origin = {
            "text": _text(message),
            "message_id": text(reference.get("messageId")),
            "chat_id": text(reference.get("channelId")),
        }
        metadata |= {
            "forwarded": True,
            "quote": {key: value for key, value in origin.items() if value or key == "text"},
        }

    if mentions := _mentions(message):
        metadata["mentions"] = mentions

    return metadata


def _mentions(message: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return whom each rendered mention in the text names: there it is a name, here an id."""
    content = text(message.get("content"))
    found = []
    for user in map(mapping, items(message.get("mentions"))):
        who = (
            {"name": name(user.get("name"))}
            if user.get("isBot")
            else {"account": text(user.get("id"))}
        )
        shown = dict.fromkeys(f"@{text(user.get(key))}" for key in ("nickname", "name"))
        found += [{"text": form, **who} for form in shown if len(form) > 1 and form in content]

    return found

"""JSON objects of the Bot API: User, Chat, Message. Changes nothing and sends nothing."""

from __future__ import annotations

from typing import Any

from .files import FileKind, StoredFile
from .world import SimulatedBusiness, SimulatedChat, SimulatedMessage, SimulatedUser, World

# Telegram's `from` of messages in the name of a chat, for clients without `sender_chat`.
_ANONYMOUS_ADMIN = SimulatedUser(1087968824, "Group", username="GroupAnonymousBot", is_bot=True)
_SOME_CHANNEL = SimulatedUser(136817688, "Channel", username="Channel_Bot", is_bot=True)

_TELEGRAM = SimulatedUser(777000, "Telegram")

_CHAT_TYPES = {
    "direct": "private",
    "business": "private",
    "group": "supergroup",
    "thread": "supergroup",
    "channel": "channel",
}


def user_payload(user: SimulatedUser) -> dict[str, Any]:
    """Return a User."""
    optional = {
        "last_name": user.last_name,
        "username": user.username,
        "language_code": user.language_code,
    }
    return {"id": user.id, "is_bot": user.is_bot, "first_name": user.name, **_present(optional)}


def chat_payload(chat: SimulatedChat, world: World) -> dict[str, Any]:
    """Return a Chat; the chat of a topic is its group."""
    chat = chat.whole
    payload: dict[str, Any] = {
        "id": chat.id,
        "type": "group" if chat.is_basic else _CHAT_TYPES[chat.kind],
    }
    if payload["type"] == "private":
        person = chat.members[0]
        optional = {"last_name": person.last_name, "username": person.username}
        return {**payload, "first_name": person.name, **_present(optional)}

    title = world.titles.get(chat.id, chat.name)
    payload |= {"title": title, **_present({"username": chat.username})}
    if chat.id in world.forums:
        payload["is_forum"] = True

    return payload


def business_payload(business: SimulatedBusiness, *, at: int) -> dict[str, Any]:
    """Return a BusinessConnection with the rights to reply and to delete."""
    rights = {
        "can_reply": True,
        "can_read_messages": True,
        "can_delete_sent_messages": True,
        "can_delete_all_messages": True,
    }
    return {
        "id": business.connection_id,
        "user": user_payload(business.owner),
        "user_chat_id": business.owner.id,
        "date": at,
        "is_enabled": True,
        "can_reply": True,
        "rights": rights,
    }


def message_payload(
    message: SimulatedMessage, world: World, *, is_quoted: bool = False
) -> dict[str, Any]:
    """Return a Message. With `is_quoted` it is inside another one and shows no third."""
    payload: dict[str, Any] = {
        "message_id": message.id,
        "date": int(message.sent_at),
        "chat": chat_payload(message.chat, world),
        **_sender(message, world),
        **_thread(message),
    }

    if not is_quoted and (answered := _answered(message, world)) is not None:
        payload["reply_to_message"] = message_payload(answered, world, is_quoted=True)
    if message.chat.business is not None:
        payload["business_connection_id"] = message.chat.business.connection_id
    if message.edited_at is not None:
        payload["edit_date"] = int(message.edited_at)

    return payload | _said(message)


def file_payload(file: StoredFile) -> dict[str, Any]:
    """Return the fields that all kinds of files have."""
    return {
        "file_id": file.file_id,
        "file_unique_id": file.unique_id,
        "file_size": len(file.content),
    }


def _sender(message: SimulatedMessage, world: World) -> dict[str, Any]:
    if message.chat.business is not None and message.is_from_bot:
        # The bot's message is shown as the owner's; only this field identifies the bot.
        business = message.chat.business
        return {
            "from": user_payload(business.owner),
            "sender_business_bot": user_payload(world.bot),
        }

    sender = world.bot if message.is_from_bot else message.author
    if message.sender_chat is not None:
        shown = {"sender_chat": chat_payload(message.sender_chat, world)}
        if message.chat.kind == "channel":
            return shown
        if message.content.extra.get("is_automatic_forward"):
            return {"from": user_payload(_TELEGRAM), **shown}
        sender = _ANONYMOUS_ADMIN if message.sender_chat.id == message.chat.id else _SOME_CHANNEL
        return {"from": user_payload(sender), **shown}

    return {} if sender is None else {"from": user_payload(sender)}


def _thread(message: SimulatedMessage) -> dict[str, Any]:
    if message.chat.thread_id is not None:
        return {"message_thread_id": message.chat.thread_id, "is_topic_message": True}
    return _present({"message_thread_id": message.thread_root})


def _answered(message: SimulatedMessage, world: World) -> SimulatedMessage | None:
    if message.reply_to is None and message.chat.thread_id not in {None, message.id}:
        # Telegram shows each message of a topic as a reply to the topic's service message.
        return world.find(message.chat, message.chat.thread_id or 0)
    return message.reply_to


def _said(message: SimulatedMessage) -> dict[str, Any]:
    content = message.content
    payload: dict[str, Any] = {**(content.service or {}), **content.extra}
    text_field = "text"

    if content.file is not None:
        text_field = "caption"
        payload |= _attached(content.file)

    if content.text:
        payload[text_field] = content.text

    if content.entities:
        payload["entities" if text_field == "text" else "caption_entities"] = [
            dict(entity) for entity in content.entities
        ]

    optional = {
        "media_group_id": content.album,
        "forward_origin": content.forward_origin,
        "reply_markup": content.reply_markup,
    }

    return payload | _present(optional)


# Further fields by kind of file. Files are not opened, so all have the same size.
_MEASURES: dict[FileKind, dict[str, Any]] = {
    "photo": {"width": 320, "height": 320},
    "document": {},
    "audio": {"duration": 1},
    "voice": {"duration": 1},
    "video": {"width": 320, "height": 320, "duration": 1},
    "animation": {"width": 320, "height": 320, "duration": 1},
    "video_note": {"length": 320, "duration": 1},
    "sticker": {
        "type": "regular",
        "width": 512,
        "height": 512,
        "is_animated": False,
        "is_video": False,
    },
}
_NAMELESS: frozenset[FileKind] = frozenset({"photo", "voice", "video_note", "sticker"})


def _attached(file: StoredFile) -> dict[str, Any]:
    described = {**file_payload(file), **_MEASURES[file.kind]}
    if file.kind not in _NAMELESS:
        described |= {"file_name": file.name, "mime_type": file.mime_type}

    # Telegram has several sizes of a photo; here there is one.
    shown: dict[str, Any] = {file.kind: [described] if file.kind == "photo" else described}
    # An animation is also shown as a document, for older clients.
    return {**shown, "document": described} if file.kind == "animation" else shown


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}

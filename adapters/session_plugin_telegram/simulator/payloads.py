"""Objects of the Bot API as JSON: User, Chat, Message. Knows field names; changes nothing and sends nothing."""

from __future__ import annotations

from typing import Any

from .files import StoredFile
from .world import SimulatedChat, SimulatedMessage, SimulatedUser, World

# Who Telegram puts into `from` where a chat speaks, for clients that know no `sender_chat`.
_ANONYMOUS_ADMIN = SimulatedUser(1087968824, "Group", username="GroupAnonymousBot", is_bot=True)
_SOME_CHANNEL = SimulatedUser(136817688, "Channel", username="Channel_Bot", is_bot=True)

_CHAT_TYPES = {"direct": "private", "group": "supergroup", "thread": "supergroup", "channel": "channel"}


def user_payload(user: SimulatedUser) -> dict[str, Any]:
    """Build a User."""
    optional = {"last_name": user.last_name, "username": user.username, "language_code": user.language_code}
    return {"id": user.id, "is_bot": user.is_bot, "first_name": user.name, **_present(optional)}


def chat_payload(chat: SimulatedChat, world: World) -> dict[str, Any]:
    """Build a Chat; that of a topic is its group."""
    chat = chat.whole
    payload: dict[str, Any] = {"id": chat.id, "type": _CHAT_TYPES[chat.kind]}
    if chat.kind == "direct":
        person = chat.members[0]
        optional = {"last_name": person.last_name, "username": person.username}
        return {**payload, "first_name": person.name, **_present(optional)}
    payload |= {"title": chat.name, **_present({"username": chat.username})}
    if chat.id in world.forums:
        payload["is_forum"] = True
    return payload


def message_payload(message: SimulatedMessage, world: World, *, is_quoted: bool = False) -> dict[str, Any]:
    """Build a Message; one that is shown inside another (`is_quoted`) does not show a third."""
    payload: dict[str, Any] = {
        "message_id": message.id,
        "date": int(message.sent_at),
        "chat": chat_payload(message.chat, world),
        **_sender(message, world),
        **_thread(message),
    }
    if not is_quoted and (answered := _answered(message, world)) is not None:
        payload["reply_to_message"] = message_payload(answered, world, is_quoted=True)
    if message.edited_at is not None:
        payload["edit_date"] = int(message.edited_at)
    return payload | _said(message)


def file_payload(file: StoredFile) -> dict[str, Any]:
    """Build the fields that every kind of file has."""
    return {"file_id": file.file_id, "file_unique_id": file.unique_id, "file_size": len(file.content)}


def _sender(message: SimulatedMessage, world: World) -> dict[str, Any]:
    sender = world.bot if message.is_from_bot else message.author
    if message.sender_chat is not None:
        shown = {"sender_chat": chat_payload(message.sender_chat, world)}
        if message.chat.kind == "channel":
            return shown
        sender = _ANONYMOUS_ADMIN if message.sender_chat.id == message.chat.id else _SOME_CHANNEL
        return {"from": user_payload(sender), **shown}
    return {} if sender is None else {"from": user_payload(sender)}


def _thread(message: SimulatedMessage) -> dict[str, Any]:
    if message.chat.thread_id is not None:
        return {"message_thread_id": message.chat.thread_id, "is_topic_message": True}
    return _present({"message_thread_id": message.thread_root})


def _answered(message: SimulatedMessage, world: World) -> SimulatedMessage | None:
    if message.reply_to is None and message.chat.thread_id not in {None, message.id}:
        # Telegram shows each message of a topic as an answer to the service message that opened the topic.
        return world.find(message.chat, message.chat.thread_id or 0)
    return message.reply_to


def _said(message: SimulatedMessage) -> dict[str, Any]:
    content = message.content
    payload: dict[str, Any] = dict(content.service or {})
    words = "text"
    if content.file is not None:
        words = "caption"
        payload |= _attached(content.file)
    if content.text:
        payload[words] = content.text
    if content.entities:
        payload["entities" if words == "text" else "caption_entities"] = [dict(entity) for entity in content.entities]
    optional = {
        "media_group_id": content.album,
        "forward_origin": content.forward_origin,
        "reply_markup": content.reply_markup,
    }
    return payload | _present(optional)


def _attached(file: StoredFile) -> dict[str, Any]:
    if file.kind == "photo":
        # One size instead of Telegram's several; pictures are not opened, so every one is said to be a square.
        return {"photo": [{**file_payload(file), "width": 320, "height": 320}]}
    return {"document": {**file_payload(file), "file_name": file.name, "mime_type": file.mime_type}}


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}

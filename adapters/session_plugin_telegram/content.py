"""What a message says besides its text: metadata, and all the text that its chat saw.

Pure functions. Nothing that people can see is left out: hidden addresses, code, mentions, polls,
contacts, places. Names lose the characters that change the direction of writing, because they are
shown in labels, where such a character would rearrange the words around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from telegram import (
    Message,
    MessageEntity,
    MessageOrigin,
    MessageOriginChannel,
    MessageOriginChat,
    MessageOriginHiddenUser,
    MessageOriginUser,
)

MOST_SEEN = 8192
"""Characters of a message, besides its text, that are searched for link codes. The parts that
people type are within Telegram's own limits, of 4096 characters at most.
"""

_WRITING_DIRECTION = dict.fromkeys(
    (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
)
_SHOWN_BY_THE_TEXT = frozenset(
    {
        MessageEntity.MENTION,
        MessageEntity.HASHTAG,
        MessageEntity.CASHTAG,
        MessageEntity.BOT_COMMAND,
        MessageEntity.URL,
        MessageEntity.EMAIL,
        MessageEntity.PHONE_NUMBER,
    }
)
"""Types of entities that Telegram finds in the text itself."""
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "contact": ("phone_number", "first_name", "last_name", "user_id", "vcard"),
    "location": (
        "latitude",
        "longitude",
        "horizontal_accuracy",
        "live_period",
        "heading",
        "proximity_alert_radius",
    ),
    "venue": (
        "title",
        "address",
        "foursquare_id",
        "foursquare_type",
        "google_place_id",
        "google_place_type",
    ),
    "dice": ("emoji", "value"),
    "game": ("title", "description", "text"),
    "invoice": ("title", "description", "currency", "total_amount"),
    "audio": ("title", "performer", "duration"),
    "voice": ("duration",),
    "video": ("duration",),
    "video_note": ("duration",),
    "paid_media": ("star_count",),
}
"""The fields of content without parts of its own. Fields that describe a file are not here."""
_POLL_FIELDS = ("description", "explanation", "correct_option_id", "correct_option_ids")
_NO_TEXT = frozenset(
    {
        "chat",
        "from",
        "sender_chat",
        "sender_business_bot",
        "sender_user",
        "user",
        "via_bot",
        "type",
        "mime_type",
        "currency",
        "language",
        "callback_data",
        "invoice_payload",
        "passport_data",
        "start_parameter",
    }
)
"""Fields without text that was written for this message. Fields whose name ends with `id` have
none either.
"""
_OF_OTHERS = ("reply_to_message", "external_reply", "pinned_message")


# Metadata


def metadata_of(message: Message, *, chat_id: str) -> dict[str, Any]:
    """Return everything about a message that has no field of its own in a MessageEvent.

    Args:
        message: The message.
        chat_id: The id of its chat in the hub.
    """
    metadata: dict[str, Any] = {}

    if message.forward_origin is not None:
        metadata["forwarded_from"] = shown(_origin_name(message.forward_origin))
    if message.via_bot is not None:
        metadata["via_bot"] = shown(message.via_bot.full_name)
    if message.media_group_id is not None:
        metadata["media_group_id"] = message.media_group_id

    metadata |= _replied(message, chat_id=chat_id)

    text, entities = (
        (message.text, message.entities)
        if message.text
        else (message.caption, message.caption_entities)
    )
    if found := _entities(text or "", entities):
        metadata["entities"] = found

    preview = message.link_preview_options
    if preview is not None and preview.url:
        metadata["link_preview"] = preview.url

    return metadata | _other_content(message)


def shown(name: str) -> str:
    """Return a name without the characters that change the direction of writing."""
    return name.translate(_WRITING_DIRECTION)


def _origin_name(origin: MessageOrigin) -> str:
    """Return the name that clients show for the author of a forwarded message."""
    match origin:
        case MessageOriginUser():
            return origin.sender_user.full_name
        case MessageOriginHiddenUser():
            return origin.sender_user_name
        case MessageOriginChat():
            return origin.sender_chat.title or origin.type
        case MessageOriginChannel():
            return origin.chat.title or origin.type

    return origin.type


def _replied(message: Message, *, chat_id: str) -> dict[str, Any]:
    """Return what is replied to in another chat, and what is quoted.

    A quotation names its message, so that it can go the way of that message. Telegram does not
    name the message of a private chat that is quoted in another chat.
    """
    metadata: dict[str, Any] = {}
    quoted: dict[str, str] = {}

    external, replied = message.external_reply, message.reply_to_message
    if external is not None and external.chat is not None:
        quoted = {"chat_id": str(external.chat.id)}
        if external.message_id is not None:
            quoted["message_id"] = str(external.message_id)
        metadata["replies_to"] = dict(quoted)
    elif replied is not None and replied.chat.id == message.chat.id:
        quoted = {"chat_id": chat_id, "message_id": str(replied.message_id)}

    if message.quote is not None:
        metadata["quote"] = {"text": message.quote.text, **quoted}

    return metadata


def _entities(text: str, entities: Sequence[MessageEntity]) -> list[dict[str, Any]]:
    """Return the entities that the text does not show by itself.

    Telegram counts their places in UTF-16; here they are places in a Python string.
    """
    if not entities:
        return []

    units = text.encode("utf-16-le", "surrogatepass")

    def place(offset: int) -> int:
        return len(units[: 2 * offset].decode("utf-16-le", "surrogatepass"))

    found = []
    for entity in entities:
        if entity.type in _SHOWN_BY_THE_TEXT:
            continue

        start, end = place(entity.offset), place(entity.offset + entity.length)
        described = entity.to_dict() | {"offset": start, "length": end - start}
        if (user := described.pop("user", None)) is not None:
            described["user_id"] = str(user["id"])
        found.append(described)

    return found


def checklist_of(message: Message) -> Any:
    """Return the checklist of a message; python-telegram-bot has this field from 22.3 on."""
    return getattr(message, "checklist", None)


def _other_content(message: Message) -> dict[str, Any]:
    """Return content that is neither text nor a file, and what is known of files besides them."""
    content: dict[str, Any] = {}

    if message.poll is not None:
        content["poll"] = _poll(message.poll)
    if (checklist := checklist_of(message)) is not None:
        content["checklist"] = _checklist(checklist)
    if message.sticker is not None and message.sticker.emoji:
        content["emoji"] = message.sticker.emoji

    if message.story is not None:
        content["story"] = {
            "name": shown(message.story.chat.effective_name or ""),
            "chat_id": str(message.story.chat.id),
            "story_id": str(message.story.id),
        }

    for name, fields in _FIELDS.items():
        if (found := getattr(message, name)) is not None:
            described = found.to_dict()
            content[name] = {field: described[field] for field in fields if field in described}

    if "user_id" in content.get("contact", {}):
        content["contact"]["user_id"] = str(content["contact"]["user_id"])

    return {name: described for name, described in content.items() if described}


def _poll(poll: Any) -> dict[str, Any]:
    """Return a poll without its votes, which change without a message."""
    found = {"question": poll.question, "options": [option.text for option in poll.options]}

    described = poll.to_dict()
    found |= {field: described[field] for field in _POLL_FIELDS if field in described}
    if poll.type != poll.REGULAR:
        found["type"] = poll.type
    if poll.allows_multiple_answers:
        found["allows_multiple_answers"] = True

    for field in ("description", "explanation"):
        entities = getattr(poll, f"{field}_entities", None) or ()
        if places := _entities(described.get(field, ""), entities):
            found[f"{field}_entities"] = places

    return found


def _checklist(checklist: Any) -> dict[str, Any]:
    tasks = checklist.tasks
    found = {"title": checklist.title, "tasks": [task.text for task in tasks]}

    done = [place for place, task in enumerate(tasks) if task.completion_date is not None]
    return found | ({"done": done} if done else {})


# What a chat saw


def seen_text(message: Message) -> str:
    """Return the text that a message's chat saw besides the text or caption of the message.

    That is file names, polls, contacts, hidden addresses, a chat's new title, quoted and replied-to
    text. At most `MOST_SEEN` characters.
    """
    fields = message.to_dict()
    for name in ("text", "caption"):
        fields.pop(name, None)

    others = [fields.pop(name) for name in _OF_OTHERS if name in fields]

    found, size = [], 0
    for text in _texts([fields, *others]):
        found.append(text[: MOST_SEEN - size])
        size += len(found[-1]) + 1
        if size >= MOST_SEEN:
            break

    return "\n".join(found)


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in the fields of an object of the Bot API, and in those within it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if name not in _NO_TEXT and not name.endswith("id"):
                yield from _texts(part)
    elif isinstance(value, Iterable):
        for part in value:
            yield from _texts(part)

"""What a message of Telegram Desktop's export says: its text, files and the rest, as the adapter
for Telegram would store it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from session_plugin.importing.cells import items, mapping, name, number, text
from session_plugin.parts import Attachment

_KINDS = {
    "sticker": "sticker",
    "voice_message": "voice",
    "video_message": "videonote",
    "video_file": "video",
    "audio_file": "audio",
    "animation": "animation",
}
_STYLES = frozenset(
    {
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "code",
        "pre",
        "custom_emoji",
        "text_link",
        "mention_name",
    }
)
"""Types of text that the words do not show by themselves."""
_NOTE = "("
"""How a sentence begins that stands in place of a file that was not exported."""


def text_of(message: Mapping[str, Any]) -> str:
    """Return the whole text: it is text, or a list of text and of parts with a style."""
    return "".join(said for said, _ in _parts(message))


def attachments_of(message: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """Return the file, the place, the contact or the poll of a message."""
    if message.get("photo") is not None:
        return (Attachment(id="", kind="photo", size=_size(message, "photo_file_size")),)

    if message.get("file") is not None or message.get("media_type") is not None:
        kind = _KINDS.get(text(message.get("media_type")), "document")
        return (
            Attachment(
                id="",
                kind=kind,
                filename=_filename(message),
                content_type=text(message.get("mime_type")),
                size=_size(message, "file_size"),
            ),
        )

    for field, kind in (
        ("poll", "poll"),
        ("contact_information", "contact"),
        ("location_information", "venue" if message.get("place_name") else "location"),
    ):
        if message.get(field) is not None:
            return (Attachment(id="", kind=kind),)

    return ()


def metadata_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has no field of its own. Reactions are left out: they are other people's."""
    metadata: dict[str, Any] = {}
    if "forwarded_from" in message:
        metadata["forwarded_from"] = name(message["forwarded_from"]) or "a deleted account"
    if message.get("via_bot"):
        metadata["via_bot"] = name(message["via_bot"])
    if found := _entities(message):
        metadata["entities"] = found
    if message.get("sticker_emoji"):
        metadata["emoji"] = text(message["sticker_emoji"])

    place = mapping(message.get("location_information"))
    if place:
        metadata["location"] = _some(place, "latitude", "longitude")
    if message.get("place_name"):
        metadata["venue"] = {
            "title": text(message["place_name"]),
            "address": text(message.get("address")),
        }

    contact = mapping(message.get("contact_information"))
    if contact:
        metadata["contact"] = _some(contact, "phone_number", "first_name", "last_name")

    poll = mapping(message.get("poll"))
    if poll:
        options = [text(mapping(answer).get("text")) for answer in items(poll.get("answers"))]
        metadata["poll"] = {"question": text(poll.get("question")), "options": options}

    return metadata


def _parts(message: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the pieces of a text, each with what is said of its style."""
    written = message.get("text")
    if not isinstance(written, list):
        written = [written]
    if not any(written) and isinstance(message.get("text_entities"), list):
        written = message["text_entities"]

    return [
        (text(part.get("text")), part) if isinstance(part, Mapping) else (text(part), {})
        for part in written
    ]


def _entities(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    found, offset = [], 0
    for said, part in _parts(message):
        style = text(part.get("type"))
        if style in _STYLES and said:
            entity: dict[str, Any] = {"type": style, "offset": offset, "length": len(said)}
            if style == "text_link":
                entity["url"] = text(part.get("href"))
            if style == "mention_name":
                entity |= {"type": "text_mention", "user_id": text(part.get("user_id"))}
            if part.get("language"):
                entity["language"] = text(part["language"])
            found.append(entity)

        offset += len(said)

    return found


def _filename(message: Mapping[str, Any]) -> str:
    named = name(message.get("file_name"))
    if named:
        return named

    path = text(message.get("file"))
    return "" if path.startswith(_NOTE) else name(path.replace("\\", "/").rpartition("/")[2])


def _size(message: Mapping[str, Any], field: str) -> int | None:
    return number(message.get(field))


def _some(found: Mapping[str, Any], *fields: str) -> dict[str, Any]:
    return {field: found[field] for field in fields if found.get(field) not in (None, "")}

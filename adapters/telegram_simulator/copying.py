"""Methods that forward and copy messages. Must not know HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

from .account import find_chat
from .calls import Call, bad_request
from .payloads import chat_payload, message_payload, user_payload
from .sending import Sending, caption, inline_keyboard
from .world import Content, SimulatedMessage, World

_MOST_AT_ONCE = 100


class Copying:
    """Implements forwarding and copying. All but forwardMessage return ids, as documented."""

    def __init__(self, world: World, sending: Sending, albums: count[int]) -> None:
        """Use `sending` to write messages, and `albums` for new album numbers."""
        self._world = world
        self._sending = sending
        self._albums = albums

    def methods(self) -> Mapping[str, Callable[[Call], Any]]:
        """Return the methods by their documented names."""
        return {
            "forwardMessage": self._forward_message,
            "forwardMessages": self._forward_messages,
            "copyMessage": self._copy_message,
            "copyMessages": self._copy_messages,
        }

    def _forward_message(self, call: Call) -> dict[str, Any]:
        source = self._sending.find(call, "forward", chat_name="from_chat_id")
        return message_payload(
            self._sending.post(call, forwarded(source, self._world)), self._world
        )

    def _forward_messages(self, call: Call) -> list[dict[str, Any]]:
        return self._post_all(
            call, [forwarded(source, self._world) for source in self._sources(call)]
        )

    def _copy_message(self, call: Call) -> dict[str, Any]:
        source = self._sending.find(call, "copy", chat_name="from_chat_id")
        content = replace(_copied(source), reply_markup=inline_keyboard(call), album=None)
        if content.file is not None and "caption" in call.parameters:
            text, entities = caption(
                call.text("caption"), call.text("parse_mode"), call.sequence("caption_entities")
            )
            content = replace(content, text=text, entities=entities)

        return {"message_id": self._sending.post(call, content).id}

    def _copy_messages(self, call: Call) -> list[dict[str, Any]]:
        contents = [_copied(source) for source in self._sources(call)]
        if call.flag("remove_caption"):
            contents = [
                replace(content, text="", entities=()) if content.file is not None else content
                for content in contents
            ]

        return self._post_all(call, contents)

    def _sources(self, call: Call) -> list[SimulatedMessage]:
        """Return the named messages that exist; the others are skipped, as documented."""
        numbers = call.sequence("message_ids") or []
        if not 1 <= len(numbers) <= _MOST_AT_ONCE:
            raise bad_request("from 1 to 100 message identifiers are expected")
        if numbers != sorted(set(numbers)):
            raise bad_request("message identifiers must be in a strictly increasing order")

        chat = find_chat(call, self._world, "from_chat_id")
        found = [self._world.find(chat, number) for number in numbers]

        sources = [
            message for message in found if message is not None and message.content.service is None
        ]
        if not sources:
            raise bad_request("there are no messages to forward or copy")

        return sources

    def _post_all(self, call: Call, contents: list[Content]) -> list[dict[str, Any]]:
        albums = {
            content.album: str(next(self._albums))
            for content in contents
            if content.album is not None
        }
        grouped = [
            replace(content, album=albums[content.album]) if content.album is not None else content
            for content in contents
        ]
        return [{"message_id": message.id} for message in self._sending.post_all(call, grouped)]


def forwarded(source: SimulatedMessage, world: World, *, hides_name: str = "") -> Content:
    """Return the content of a forward; `hides_name` is the name of a hidden author."""
    origin = source.content.forward_origin or _origin(source, world)
    if hides_name:
        origin = {
            "type": "hidden_user",
            "date": int(source.sent_at),
            "sender_user_name": hides_name,
        }

    return replace(
        source.content, forward_origin=origin, reply_markup=None, album=None, extra=_lasting(source)
    )


def _copied(source: SimulatedMessage) -> Content:
    return replace(source.content, forward_origin=None, extra=_lasting(source))


def _lasting(source: SimulatedMessage) -> dict[str, Any]:
    """Return the extra fields that belong to the content, not to how it was sent."""
    transient = {"via_bot", "quote", "external_reply", "is_automatic_forward"}
    return {name: value for name, value in source.content.extra.items() if name not in transient}


def _origin(source: SimulatedMessage, world: World) -> dict[str, Any]:
    date = int(source.sent_at)
    if source.sender_chat is not None:
        chat = chat_payload(source.sender_chat, world)
        if source.chat.kind == "channel":
            return {"type": "channel", "date": date, "chat": chat, "message_id": source.id}
        return {"type": "chat", "date": date, "sender_chat": chat}

    sender = source.author if source.author is not None else world.bot
    return {"type": "user", "date": date, "sender_user": user_payload(sender)}

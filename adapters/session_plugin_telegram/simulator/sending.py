"""Methods by which the bot sends text, edits, deletes, forwards and copies. Knows the world; knows no HTTP.

The bot is an administrator wherever it is: it may delete what others wrote, and no group privacy hides anything from
it. Answers to messages of other chats, quotes, polls, link previews and scheduled or protected messages are not
simulated; their parameters are ignored, but an answer across chats is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .account import find_chat
from .calls import Call, bad_request
from .markup import formatted
from .payloads import chat_payload, message_payload, user_payload
from .world import Content, SimulatedChat, SimulatedMessage, World

_LONGEST_TEXT = 4096
_LONGEST_CAPTION = 1024
_DELETABLE_FOR = 48 * 3600


class Sending:
    """Answer the methods whose effect stands in a chat, or stood there."""

    def __init__(self, world: World) -> None:
        """Take the world that the bot writes into."""
        self._world = world

    def methods(self) -> Mapping[str, Callable[[Call], Any]]:
        """Return the methods by their documented names."""
        return {
            "sendMessage": self._send_message,
            "editMessageText": self._edit_message_text,
            "deleteMessage": self._delete_message,
            "deleteMessages": self._delete_messages,
            "forwardMessage": self._forward_message,
            "copyMessage": self._copy_message,
        }

    def post(self, call: Call, content: Content) -> SimulatedMessage:
        """Write a message of the bot where the call says, as the answer that the call says."""
        return self.post_all(call, [content])[0]

    def post_all(self, call: Call, contents: Sequence[Content]) -> list[SimulatedMessage]:
        """Write several messages of the bot to one place."""
        chat = self._place(call)
        answered = self._answered(call, chat)
        if answered is not None and not call.text("message_thread_id"):
            chat = answered.chat  # an answer stands in the topic of what it answers
        speaker = chat if chat.kind == "channel" else None
        return [
            self._world.add(chat, content, is_from_bot=True, sender_chat=speaker, reply_to=answered) for content in contents
        ]

    def _send_message(self, call: Call) -> dict[str, Any]:
        text, entities = message_text(call)
        content = Content(text, entities, reply_markup=_inline_keyboard(call))
        return message_payload(self.post(call, content), self._world)

    def _edit_message_text(self, call: Call) -> dict[str, Any]:
        if call.text("inline_message_id"):
            raise bad_request("inline messages are not simulated")
        message = self._find(call, "edit")
        if not message.is_from_bot:
            raise bad_request("message can't be edited")
        if message.content.file is not None or not message.text:
            raise bad_request("there is no text in the message to edit")
        text, entities = message_text(call)
        edited = replace(message.content, text=text, entities=entities, reply_markup=_inline_keyboard(call))
        if edited == message.content:
            same = "specified new message content and reply markup are exactly the same as a current content"
            raise bad_request(f"message is not modified: {same} and reply markup of the message")
        return message_payload(self._world.edit(message, edited), self._world)

    def _delete_message(self, call: Call) -> bool:
        message = self._find(call, "delete")
        if self._world.clock() - message.sent_at > _DELETABLE_FOR:
            raise bad_request("message can't be deleted for everyone")
        self._world.remove(message)
        return True

    def _delete_messages(self, call: Call) -> bool:
        chat = find_chat(call, self._world)
        for number in call.sequence("message_ids") or []:
            message = self._world.find(chat, number) if isinstance(number, int) else None
            if message is not None:
                self._world.remove(message)
        return True

    def _forward_message(self, call: Call) -> dict[str, Any]:
        source = self._find(call, "forward", chat_name="from_chat_id")
        origin = source.content.forward_origin or self._origin(source)
        content = replace(source.content, forward_origin=origin, reply_markup=None, album=None)
        return message_payload(self.post(call, content), self._world)

    def _copy_message(self, call: Call) -> dict[str, Any]:
        source = self._find(call, "copy", chat_name="from_chat_id")
        content = replace(source.content, forward_origin=None, reply_markup=_inline_keyboard(call), album=None)
        if content.file is not None and "caption" in call.parameters:
            text, entities = caption(call.text("caption"), call.text("parse_mode"), call.sequence("caption_entities"))
            content = replace(content, text=text, entities=entities)
        return {"message_id": self.post(call, content).id}

    def _place(self, call: Call) -> SimulatedChat:
        chat = find_chat(call, self._world)
        thread = call.integer("message_thread_id")
        if not thread:
            return chat
        topic = self._world.topics.get((chat.id, thread))
        if topic is None:
            raise bad_request("message thread not found")
        return topic

    def _answered(self, call: Call, chat: SimulatedChat) -> SimulatedMessage | None:
        reply = call.mapping("reply_parameters")
        number = call.integer("reply_to_message_id")
        may_miss = call.flag("allow_sending_without_reply")
        if reply is not None:
            inner = Call(call.method, reply)
            if inner.text("chat_id") and find_chat(inner, self._world) != chat.whole:
                raise bad_request("an answer to a message of another chat is not simulated")
            number = inner.integer("message_id")
            may_miss = inner.flag("allow_sending_without_reply")
        if not number:
            return None
        answered = self._world.find(chat, number)
        if answered is None and not may_miss:
            raise bad_request("message to be replied not found")
        return answered

    def _find(self, call: Call, purpose: str, *, chat_name: str = "chat_id") -> SimulatedMessage:
        chat = find_chat(call, self._world, chat_name)
        message = self._world.find(chat, call.integer("message_id") or 0)
        if message is None:
            raise bad_request(f"message to {purpose} not found")
        if message.content.service is not None and purpose != "delete":
            raise bad_request(f"message can't be {purpose}ed" if purpose != "copy" else "message can't be copied")
        return message

    def _origin(self, source: SimulatedMessage) -> dict[str, Any]:
        date = int(source.sent_at)
        if source.sender_chat is not None:
            chat = chat_payload(source.sender_chat, self._world)
            if source.chat.kind == "channel":
                return {"type": "channel", "date": date, "chat": chat, "message_id": source.id}
            return {"type": "chat", "date": date, "sender_chat": chat}
        sender = source.author if source.author is not None else self._world.bot
        return {"type": "user", "date": date, "sender_user": user_payload(sender)}


def message_text(call: Call) -> tuple[str, tuple[dict[str, Any], ...]]:
    """Read the text of a message: parsed, cleaned, not empty and not too long."""
    text, entities = formatted(call.text("text"), call.text("parse_mode"), call.sequence("entities"))
    if not text:
        raise bad_request("message text is empty")
    if len(text) > _LONGEST_TEXT:
        raise bad_request("message is too long")
    return text, entities


def caption(text: str, parse_mode: str, entities: list[Any] | None) -> tuple[str, tuple[dict[str, Any], ...]]:
    """Read a caption, which may be empty."""
    plain, found = formatted(text, parse_mode, entities)
    if len(plain) > _LONGEST_CAPTION:
        raise bad_request("message caption is too long")
    return plain, found


def _inline_keyboard(call: Call) -> Mapping[str, Any] | None:
    markup = call.mapping("reply_markup")
    # Other keyboards are shown to people once and are no part of the message that the API returns.
    return markup if markup is not None and "inline_keyboard" in markup else None

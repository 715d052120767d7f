"""Methods that send text, edit and delete. Must not know HTTP.

The bot is an administrator everywhere: it may delete messages of others and sees all messages.
Replies across chats are refused. Link previews and scheduled or protected messages are not
simulated; their parameters are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .account import find_chat
from .calls import Call, bad_request
from .markup import formatted
from .payloads import chat_payload, message_payload
from .updates import UpdateQueue
from .world import Content, SimulatedChat, SimulatedMessage, World

_LONGEST_TEXT = 4096
_LONGEST_CAPTION = 1024
_DELETABLE_FOR = 48 * 3600


class Sending:
    """Implements the methods that write, change or remove messages."""

    def __init__(self, world: World, updates: UpdateQueue) -> None:
        """Write into this world; queue the updates that follow from it."""
        self._world = world
        self._updates = updates

    def methods(self) -> Mapping[str, Callable[[Call], Any]]:
        """Return the methods by their documented names."""
        return {
            "sendMessage": self._send_message,
            "editMessageText": self._edit_message_text,
            "editMessageCaption": self._edit_message_caption,
            "editMessageReplyMarkup": self._edit_message_reply_markup,
            "deleteMessage": self._delete_message,
            "deleteMessages": self._delete_messages,
            "deleteBusinessMessages": self._delete_business_messages,
        }

    def post(self, call: Call, content: Content) -> SimulatedMessage:
        """Write a message of the bot to the chat and as the reply that the call names."""
        return self.post_all(call, [content])[0]

    def post_all(self, call: Call, contents: Sequence[Content]) -> list[SimulatedMessage]:
        """Write several messages of the bot to one chat."""
        chat = self._place(call)
        answered = self._answered(call, chat)
        if answered is not None and not call.text("message_thread_id"):
            chat = answered.chat  # a reply is in the topic of its original

        speaker = chat if chat.kind == "channel" else None
        written = [
            self._world.add(chat, content, is_from_bot=True, sender_chat=speaker, reply_to=answered)
            for content in contents
        ]
        for message in written:
            discuss(message, self._world, self._updates)

        return written

    def _send_message(self, call: Call) -> dict[str, Any]:
        text, entities = message_text(call)
        content = Content(text, entities, reply_markup=inline_keyboard(call))
        return message_payload(self.post(call, content), self._world)

    def _edit_message_text(self, call: Call) -> dict[str, Any] | bool:
        message = self.editable(call)
        if message.content.file is not None or not message.text:
            raise bad_request("there is no text in the message to edit")

        text, entities = message_text(call)
        edited = replace(
            message.content, text=text, entities=entities, reply_markup=inline_keyboard(call)
        )

        return self.edited(call, message, edited)

    def _edit_message_caption(self, call: Call) -> dict[str, Any] | bool:
        message = self.editable(call)
        if message.content.file is None:
            raise bad_request("there is no caption in the message to edit")

        text, entities = caption(
            call.text("caption"), call.text("parse_mode"), call.sequence("caption_entities")
        )
        edited = replace(
            message.content, text=text, entities=entities, reply_markup=inline_keyboard(call)
        )

        return self.edited(call, message, edited)

    def _edit_message_reply_markup(self, call: Call) -> dict[str, Any] | bool:
        message = self.editable(call)
        return self.edited(
            call, message, replace(message.content, reply_markup=inline_keyboard(call))
        )

    def editable(self, call: Call) -> SimulatedMessage:
        """Return the message that a call may edit."""
        inline = call.text("inline_message_id")
        if inline:
            if inline not in self._world.inline:
                raise bad_request("MESSAGE_ID_INVALID")
            return self._world.inline[inline]

        message = self.find(call, "edit")
        if not message.is_from_bot:
            raise bad_request("message can't be edited")

        return message

    def edited(
        self, call: Call, message: SimulatedMessage, content: Content
    ) -> dict[str, Any] | bool:
        """Replace the content of a message and return the response."""
        if content == message.content:
            same = (
                "specified new message content and reply markup are exactly the same as a current "
                "content"
            )
            raise bad_request(f"message is not modified: {same} and reply markup of the message")

        edited = self._world.edit(message, content)
        return True if call.text("inline_message_id") else message_payload(edited, self._world)

    def _delete_message(self, call: Call) -> bool:
        message = self.find(call, "delete")
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

    def _delete_business_messages(self, call: Call) -> bool:
        # Not documented: whether the bot gets `deleted_business_messages` for its own deletions.
        business = self._world.businesses.get(call.text("business_connection_id"))
        if business is None:
            raise bad_request("BUSINESS_CONNECTION_INVALID")

        numbers = call.sequence("message_ids") or []
        for message in self._world.of_business(business):
            if message.id in numbers:
                self._world.remove(message)

        return True

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

    def find(self, call: Call, purpose: str, *, chat_name: str = "chat_id") -> SimulatedMessage:
        """Return the message that a call names; `purpose` is a verb for the refusal."""
        chat = find_chat(call, self._world, chat_name)
        message = self._world.find(chat, call.integer("message_id") or 0)
        if message is None:
            raise bad_request(f"message to {purpose} not found")

        if message.content.service is not None and purpose != "delete":
            raise bad_request(
                f"message can't be {purpose}ed" if purpose != "copy" else "message can't be copied"
            )

        return message


def discuss(post: SimulatedMessage, world: World, updates: UpdateQueue) -> None:
    """Copy a channel's post to the linked group and queue its update."""
    group = world.discussions.get(post.chat.id)
    if post.chat.kind != "channel" or group is None:
        return

    origin = {
        "type": "channel",
        "date": int(post.sent_at),
        "chat": chat_payload(post.chat, world),
        "message_id": post.id,
    }
    content = replace(
        post.content,
        forward_origin=origin,
        extra={**post.content.extra, "is_automatic_forward": True},
    )
    updates.add("message", message_payload(world.add(group, content, sender_chat=post.chat), world))


def message_text(call: Call) -> tuple[str, tuple[dict[str, Any], ...]]:
    """Return the parsed text of a message; refuse empty and too long texts."""
    text, entities = formatted(
        call.text("text"), call.text("parse_mode"), call.sequence("entities")
    )
    if not text:
        raise bad_request("message text is empty")
    if len(text) > _LONGEST_TEXT:
        raise bad_request("message is too long")

    return text, entities


def caption(
    text: str, parse_mode: str, entities: list[Any] | None
) -> tuple[str, tuple[dict[str, Any], ...]]:
    """Return a parsed caption, which may be empty; refuse one that is too long."""
    plain, found = formatted(text, parse_mode, entities)
    if len(plain) > _LONGEST_CAPTION:
        raise bad_request("message caption is too long")
    return plain, found


def inline_keyboard(call: Call) -> Mapping[str, Any] | None:
    """Return the inline keyboard of a call, or None."""
    markup = call.mapping("reply_markup")
    # Other keyboards are not part of the message that the API returns.
    return markup if markup is not None and "inline_keyboard" in markup else None

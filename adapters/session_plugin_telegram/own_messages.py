"""What the bot's requests did: endpoint, parameters and result in, operations on the hub out.

Most results are messages. A copy, or a forward of several messages, returns ids only, so its
content is taken from the original. A deletion returns True. For a message sent through inline mode
Telegram returns an inline id and no chat, so edits of it belong to no session.

Knows no handlers, and not when an operation is run.
"""

from __future__ import annotations

import time
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from telegram import Bot, Message

from session_plugin import (
    Account,
    Attachment,
    Chat,
    MessageEvent,
    SessionError,
    SessionHub,
    SessionView,
)
from session_plugin.logs import FieldLogger
from session_plugin_telegram.answering import answering
from session_plugin_telegram.markup import plain
from session_plugin_telegram.translate import CHANNEL, business_chat_id, to_chat, to_event

RequestResult = bool | dict[str, Any] | list[dict[str, Any]]
Operation = Coroutine[Any, Any, object]

DELETIONS = ("deleteMessage", "deleteMessages")
COPIES = ("copyMessage", "copyMessages", "forwardMessages")
EDITS = ("editMessage", "stopMessage", "setGameScore")
"""Prefixes of endpoints whose result is a message that existed before."""
OF_A_REPLY = ("quote", "replies_to")
"""Metadata about what a message replies to; a copy replies to nothing."""
MAX_ANSWERED = 10_000
"""Messages in groups whose answered account is remembered for later edits; the oldest are
dropped first.
"""

logger = FieldLogger("session_plugin.telegram")


@dataclass(frozen=True, slots=True)
class _Original:
    """A message that is copied."""

    text: str
    attachments: tuple[Attachment, ...]
    metadata: Mapping[str, Any]
    author_name: str
    chat: Chat
    is_own: bool

    @property
    def origin(self) -> str:
        """The name of the author; empty if the words are the bot's own."""
        for mark in ("forwarded_from", "copied_from"):
            if mark in self.metadata:
                return str(self.metadata[mark])
        return "" if self.is_own else self.author_name


class OwnMessages:
    """The messages that one bot sends, edits and deletes."""

    def __init__(self, bot: Bot, hub: SessionHub, *, bot_id: str) -> None:
        """Prepare to record the requests of `bot` in `hub`."""
        self._bot = bot
        self._hub = hub
        self._bot_id = bot_id
        self._answered: dict[tuple[str, str | None], Account] = {}

    async def operations(
        self,
        endpoint: str,
        data: Mapping[str, Any],
        result: RequestResult,
        *,
        answered: SessionView | None,
        is_error: bool = False,
    ) -> list[Operation]:
        """Return the operations that record a successful request, in order; usually one or none.

        Args:
            endpoint: The method of the Bot API.
            data: The request's parameters.
            result: What Telegram returned.
            answered: The session whose person the request answers; None if that is not certain.
            is_error: Whether an error handler made it, so that it says nothing to a model.
        """
        if endpoint in DELETIONS:
            chat = await self._chat_of(data["chat_id"])
            return [self._hub.delete(chat, _message_ids(data))]

        if endpoint == "deleteBusinessMessages":
            return self._business_deletion(data)

        if endpoint == "deleteForumTopic":
            chat = await self._chat_of(data["chat_id"])
            topic = replace(chat, thread_id=str(data["message_thread_id"]))
            return [self._hub.delete_chat(topic)]

        if endpoint in COPIES:
            events = await self._copied(endpoint, data, result)
        else:
            found = [self._to_own_event(message) for message in self._messages_in(result)]
            events = [event for event in found if event is not None]

        if is_error:
            events = [replace(event, is_aside=True) for event in events]

        if endpoint.startswith(EDITS):
            return [self._hub.edit(self._with_original_answered(event)) for event in events]

        return [self._hub.record(self._with_answered(event, answered)) for event in events]

    def migration(self, data: Mapping[str, Any], new_chat_id: int) -> Operation | None:
        """Return the operation for a request refused because its group is a supergroup now.

        None if the request names two chats: Telegram does not say which of them has moved.
        """
        chat_id = data.get("chat_id")
        if chat_id is None or "from_chat_id" in data or not _is_number(chat_id):
            return None

        old = Chat(CHANNEL, str(chat_id), "group", bot_id=self._bot_id)
        new = Chat(CHANNEL, str(new_chat_id), "group", bot_id=self._bot_id)

        return self._hub.move_chat(old, new)

    def _business_deletion(self, data: Mapping[str, Any]) -> list[Operation]:
        """Delete in the chat that is being answered: the request does not name a chat."""
        view = self._current_view()
        prefix = business_chat_id(data["business_connection_id"], "")

        if view is None or not view.chat.chat_id.startswith(prefix):
            return []

        return [self._hub.delete(view.chat, _message_ids(data))]

    # Chats

    async def _chat_of(self, chat_id: int | str) -> Chat:
        """Return the chat that a request names by its number or its @username."""
        view = self._current_view()
        if view is not None and view.chat.chat_id == str(chat_id):
            return replace(view.chat, thread_id="")
        if not _is_number(chat_id):
            return to_chat(await self._bot.get_chat(chat_id), bot_id=self._bot_id)

        # A private chat has the id of its user; the ids of all other chats are negative.
        is_private = int(chat_id) > 0

        return Chat(CHANNEL, str(chat_id), "direct" if is_private else "group", bot_id=self._bot_id)

    async def _target_of(self, data: Mapping[str, Any]) -> Chat:
        """Return the chat and topic a request sends to.

        A reply is sent to the topic of the message it replies to.
        """
        chat = await self._chat_of(data["chat_id"])

        thread_id = data.get("message_thread_id") or data.get("direct_messages_topic_id")
        if thread_id is not None:
            return replace(chat, thread_id=str(thread_id))

        reply_to = _reply_to(data)
        replied = None if reply_to is None else await self._find(chat, reply_to)

        return chat if replied is None else replied.chat

    def _current_view(self) -> SessionView | None:
        """Return the session that a handler of this bot answers.

        A handler of another bot may be running; its chats may have the same ids.
        """
        current = answering.get()
        if current is None or current.view.chat.bot_id != self._bot_id:
            return None

        return current.view

    # Messages

    def _messages_in(self, result: RequestResult) -> Iterable[Message]:
        """Yield the messages in a result; there are none in True, an id or a user."""
        for item in result if isinstance(result, list) else [result]:
            if isinstance(item, dict) and item.keys() >= {"message_id", "chat", "date"}:
                message = Message.de_json(item, self._bot)
                if isinstance(message, Message):
                    yield message

    def _to_own_event(self, message: Message) -> MessageEvent | None:
        """Translate a message of the bot; return None for a service message."""
        event = to_event(message, bot_id=self._bot_id)

        # In a channel, the channel is the sender of what the bot writes.
        return None if event is None else replace(event, role="assistant", author=None)

    def _with_answered(self, event: MessageEvent, answered: SessionView | None) -> MessageEvent:
        """Set the account that a new message answers, if the message itself does not show it.

        Remember the account for edits, even if the hub does not store the message.
        """
        if event.answers is None and answered is not None and answered.chat == event.chat:
            event = replace(event, answers=answered.account)
        if answered is not None:
            event = answered.as_answer(event)

        # In a direct chat the message itself shows its owner.
        if event.answers is not None and event.chat.kind == "group":
            self._answered[event.chat.chat_id, event.message_id] = event.answers
            if len(self._answered) > MAX_ANSWERED:
                del self._answered[next(iter(self._answered))]

        return event

    def _with_original_answered(self, event: MessageEvent) -> MessageEvent:
        """Set the account that an edited message answered when it was sent.

        The account that is answered at the time of the edit is irrelevant.
        """
        answers = self._answered.get((event.chat.chat_id, event.message_id), event.answers)
        return replace(event, answers=answers)

    # Copies

    async def _copied(
        self, endpoint: str, data: Mapping[str, Any], result: RequestResult
    ) -> list[MessageEvent]:
        """Build the events of messages of which only ids were returned."""
        items = result if isinstance(result, list) else [result]
        new_ids = [str(item["message_id"]) for item in items if isinstance(item, dict)]
        original_ids = _message_ids(data)

        if len(new_ids) != len(original_ids):
            logger.info(
                "no message of %(endpoint)s was stored: Telegram copied %(copied)d of "
                "%(messages)d messages and does not say which",
                endpoint=endpoint,
                copied=len(new_ids),
                messages=len(original_ids),
            )
            return []

        source = await self._chat_of(data["from_chat_id"])
        target = await self._target_of(data)

        events = []
        for original_id, new_id in zip(original_ids, new_ids, strict=True):
            original = await self._find(source, original_id)
            content = None if original is None else _with_new_caption(original, data)
            if content is not None and (content.text or content.attachments):
                events.append(self._to_copy(content, endpoint, data, target, message_id=new_id))

        return events

    def _to_copy(
        self,
        content: _Original,
        endpoint: str,
        data: Mapping[str, Any],
        target: Chat,
        *,
        message_id: str,
    ) -> MessageEvent:
        left = {"forwarded_from", "copied_from", *OF_A_REPLY}
        metadata = {name: value for name, value in content.metadata.items() if name not in left}
        if endpoint == "forwardMessages":
            metadata["forwarded_from"] = content.origin or content.author_name
        elif content.origin:
            metadata["copied_from"] = content.origin

        return MessageEvent(
            chat=target,
            message_id=message_id,
            role="assistant",
            text=content.text,
            sent_at=time.time(),
            author_name=self._bot.first_name,
            answers=Account(CHANNEL, target.chat_id) if target.kind == "direct" else None,
            reply_to=_reply_to(data),
            attachments=content.attachments,
            metadata=metadata,
        )

    async def _find(self, chat: Chat, message_id: str) -> _Original | None:
        """Find a message: the one being answered, or a stored one; None if it is neither."""
        view = self._current_view()
        event = None if view is None else view.event
        wanted = (chat.chat_id, message_id)
        if event is not None and (event.chat.chat_id, event.message_id) == wanted:
            return _Original(
                event.text,
                event.attachments,
                event.metadata,
                event.author_name,
                event.chat,
                event.role == "assistant",
            )

        try:
            stored = await self._hub.find_message(chat, message_id)
        except SessionError:
            return None

        if stored is None or stored.chat is None:
            return None

        return _Original(
            stored.content,
            stored.attachments,
            stored.metadata,
            stored.author_name,
            stored.chat,
            stored.role == "assistant",
        )


def _with_new_caption(original: _Original, data: Mapping[str, Any]) -> _Original:
    """Replace the caption as a request says; a message without attachments has no caption."""
    if not original.attachments:
        return original

    caption = "" if data.get("remove_caption") else data.get("caption")
    if caption is None:
        return original

    metadata = {name: value for name, value in original.metadata.items() if name != "entities"}

    return replace(original, text=plain(caption, data.get("parse_mode")), metadata=metadata)


def _message_ids(data: Mapping[str, Any]) -> list[str]:
    return [str(message_id) for message_id in data.get("message_ids") or [data["message_id"]]]


def _reply_to(data: Mapping[str, Any]) -> str | None:
    reply = data.get("reply_parameters")
    if reply is None or (reply.chat_id is not None and str(reply.chat_id) != str(data["chat_id"])):
        return None
    return str(reply.message_id)


def _is_number(chat_id: int | str) -> bool:
    return isinstance(chat_id, int) or chat_id.removeprefix("-").isdigit()

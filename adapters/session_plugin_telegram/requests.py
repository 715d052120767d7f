"""What the bot's requests did: endpoint, parameters and result in, what the hub is told out.

Most results are messages. Copies and several forwards at once come back as ids alone, so their
words are those of what they repeat; deletions come back as True. Of a message that was sent by way
of the bot in somebody's name only an inline id is known, and not the chat, so its edits are
nobody's history.
"""

from __future__ import annotations

import logging
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
from session_plugin_telegram.answering import answering
from session_plugin_telegram.markup import plain
from session_plugin_telegram.translate import CHANNEL, as_chat, business_chat_id, to_event

Result = bool | dict[str, Any] | list[dict[str, Any]]
Work = Coroutine[Any, Any, object]

DELETIONS = ("deleteMessage", "deleteMessages")
REPEATS = ("copyMessage", "copyMessages", "forwardMessages")
EDITS = ("editMessage", "stopMessage", "setGameScore")
"""How requests begin whose result is a message that was there before."""
MOST_ANSWERED = 10_000
"""Answers in groups of which is known whom they answered, should they be edited; the oldest give
way.
"""

logger = logging.getLogger("session_plugin.telegram")


@dataclass(frozen=True, slots=True)
class _Words:
    """What is known of a message that is repeated."""

    text: str
    attachments: tuple[Attachment, ...]
    metadata: Mapping[str, Any]
    author_name: str
    chat: Chat


class Requests:
    """One bot's requests."""

    def __init__(self, bot: Bot, hub: SessionHub, *, bot_id: str) -> None:
        """Tell `hub` what `bot` did."""
        self._bot = bot
        self._hub = hub
        self._bot_id = bot_id
        self._answered: dict[tuple[str, str | None], Account] = {}

    async def works(
        self,
        endpoint: str,
        data: Mapping[str, Any],
        result: Result,
        *,
        answered: SessionView | None,
    ) -> list[Work]:
        """Give what there is to do for a request that succeeded, in its order; mostly one thing, or
        nothing.

        Args:
            endpoint: What was requested.
            data: Its parameters.
            result: What Telegram gave for it.
            answered: The session whose person was answered by it; None where that is not sure.
        """
        if endpoint in DELETIONS:
            return [self._hub.delete(await self.chat_of(data["chat_id"]), _ids(data))]
        if endpoint == "deleteBusinessMessages":
            return self._business_deletion(data)
        if endpoint == "deleteForumTopic":
            chat = await self.chat_of(data["chat_id"])
            return [self._hub.delete_chat(replace(chat, thread_id=str(data["message_thread_id"])))]
        if endpoint in REPEATS:
            events = await self._repeated(endpoint, data, result)
        else:
            events = [
                event
                for message in self._messages(result)
                if (event := self._own(message)) is not None
            ]
        if endpoint.startswith(EDITS):
            return [self._hub.edit(self._as_when_sent(event)) for event in events]
        return [self._hub.record(self._answering(event, answered)) for event in events]

    def moved(self, data: Mapping[str, Any], new_chat_id: int) -> Work | None:
        """Give what there is to do when a group turned out to be a supergroup by now.

        None where the request named two chats: which of them moved is not said.
        """
        if "chat_id" not in data or "from_chat_id" in data or not _is_number(data["chat_id"]):
            return None
        old, new = (
            Chat(CHANNEL, str(number), "group", bot_id=self._bot_id)
            for number in (data["chat_id"], new_chat_id)
        )
        return self._hub.move_chat(old, new)

    async def chat_of(self, chat_id: int | str) -> Chat:
        """Give the chat that a request named, by its number or its @name."""
        current = self._current()
        if current is not None and current.chat.chat_id == str(chat_id):
            return replace(current.chat, thread_id="")
        if not _is_number(chat_id):
            return as_chat(await self._bot.get_chat(chat_id), bot_id=self._bot_id)
        # A private chat has its user's id, every other one a negative id.
        return Chat(
            CHANNEL, str(chat_id), "direct" if int(chat_id) > 0 else "group", bot_id=self._bot_id
        )

    def _current(self) -> SessionView | None:
        """Give the session that a handler of this bot's answers in; another bot's chats may have
        the same ids.
        """
        current = answering.get()
        return (
            current.view
            if current is not None and current.view.chat.bot_id == self._bot_id
            else None
        )

    def _business_deletion(self, data: Mapping[str, Any]) -> list[Work]:
        """Delete in the chat that is being answered: the request names none."""
        current = self._current()
        prefix = business_chat_id(data["business_connection_id"], "")
        if current is None or not current.chat.chat_id.startswith(prefix):
            return []
        return [self._hub.delete(current.chat, _ids(data))]

    def _messages(self, result: Result) -> Iterable[Message]:
        """Give the messages in a result; other results (True, an id, a user) have none."""
        for item in result if isinstance(result, list) else [result]:
            if (
                isinstance(item, dict)
                and "message_id" in item
                and "chat" in item
                and "date" in item
            ):
                message = Message.de_json(item, self._bot)
                if isinstance(message, Message):
                    yield message

    def _own(self, message: Message) -> MessageEvent | None:
        """Translate a message of the bot's; None where it says nothing."""
        event = to_event(message, bot_id=self._bot_id)
        # In a channel the bot speaks as the channel; the words are its own all the same.
        return None if event is None else replace(event, role="assistant", author=None)

    def _answering(self, event: MessageEvent, answered: SessionView | None) -> MessageEvent:
        """Say whom the bot's new words answer, where they themselves do not; and keep it in mind,
        stored or not.
        """
        if event.answers is None and answered is not None and answered.chat == event.chat:
            event = replace(event, answers=answered.account)
        if (
            event.answers is not None and event.chat.kind == "group"
        ):  # a direct chat says itself whose it is
            self._answered[event.chat.chat_id, event.message_id] = event.answers
            if len(self._answered) > MOST_ANSWERED:
                del self._answered[next(iter(self._answered))]
        return event

    def _as_when_sent(self, event: MessageEvent) -> MessageEvent:
        """Say whom edited words answered when they were sent; who is answered now has no part in
        them.
        """
        return replace(
            event, answers=self._answered.get((event.chat.chat_id, event.message_id), event.answers)
        )

    async def _repeated(
        self, endpoint: str, data: Mapping[str, Any], result: Result
    ) -> list[MessageEvent]:
        """Make up the messages of which only the ids came back."""
        items = result if isinstance(result, list) else [result]
        new_ids = [str(item["message_id"]) for item in items if isinstance(item, dict)]
        sources = _ids(data)
        if len(new_ids) != len(sources):  # some could not be repeated, and which is not said
            logger.info(
                "of what the bot did by %s nothing is kept: not all of it was sent", endpoint
            )
            return []
        origin, place = await self.chat_of(data["from_chat_id"]), await self._place_of(data)
        events = []
        for source, new_id in zip(sources, new_ids, strict=True):
            words = _recaptioned(await self._words(origin, source), data)
            if words is not None and (words.text or words.attachments):
                events.append(
                    self._as_repeated(words, data, endpoint, chat=place, message_id=new_id)
                )
        return events

    def _as_repeated(
        self, words: _Words, data: Mapping[str, Any], endpoint: str, *, chat: Chat, message_id: str
    ) -> MessageEvent:
        metadata = dict(words.metadata)
        if endpoint == "forwardMessages":
            metadata.setdefault("forwarded_from", words.author_name)
        else:
            metadata.pop("forwarded_from", None)
        return MessageEvent(
            chat=chat,
            message_id=message_id,
            role="assistant",
            text=words.text,
            sent_at=time.time(),
            author_name=self._bot.first_name,
            answers=Account(CHANNEL, chat.chat_id) if chat.kind == "direct" else None,
            reply_to=_replied_to(data),
            attachments=words.attachments,
            metadata=metadata,
        )

    async def _place_of(self, data: Mapping[str, Any]) -> Chat:
        """Give where something was sent to; what replies stands in the topic of what it
        replies to.
        """
        chat = await self.chat_of(data["chat_id"])
        thread = data.get("message_thread_id") or data.get("direct_messages_topic_id")
        if thread is not None:
            return replace(chat, thread_id=str(thread))
        replied_to = _replied_to(data)
        answered = None if replied_to is None else await self._words(chat, replied_to)
        return chat if answered is None else answered.chat

    async def _words(self, chat: Chat, message_id: str) -> _Words | None:
        """Look a message up: it is the one that is being answered, or stored; None where nothing is
        known of it.
        """
        current = self._current()
        event = None if current is None else current.event
        if event is not None and (event.chat.chat_id, event.message_id) == (
            chat.chat_id,
            message_id,
        ):
            return _Words(
                event.text, event.attachments, event.metadata, event.author_name, event.chat
            )
        try:
            known = await self._hub.find_message(chat, message_id)
        except SessionError:
            return None
        if known is None or known.chat is None:
            return None
        return _Words(
            known.content, known.attachments, known.metadata, known.author_name, known.chat
        )


def _recaptioned(words: _Words | None, data: Mapping[str, Any]) -> _Words | None:
    """Put the caption that a request gave in the place of the old one; a text has none."""
    if words is None or not words.attachments:
        return words
    if data.get("remove_caption"):
        return replace(words, text="")
    if (caption := data.get("caption")) is not None:
        return replace(words, text=plain(caption, data.get("parse_mode")))
    return words


def _ids(data: Mapping[str, Any]) -> list[str]:
    return [str(message_id) for message_id in data.get("message_ids") or [data["message_id"]]]


def _replied_to(data: Mapping[str, Any]) -> str | None:
    reply = data.get("reply_parameters")
    if reply is None or (reply.chat_id is not None and str(reply.chat_id) != str(data["chat_id"])):
        return None
    return str(reply.message_id)


def _is_number(chat_id: int | str) -> bool:
    return isinstance(chat_id, int) or chat_id.removeprefix("-").isdigit()

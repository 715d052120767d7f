"""Record what the bot sends. Telegram tells a bot nothing of its own messages, so they are taken from the answers to its
requests: a rate limiter is the public place that sees every request once, whatever sends it, with its result.

Sending comes first: what goes wrong in recording is logged, and the author's call returns as it would have.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from telegram import Bot, Message
from telegram.ext import BaseRateLimiter

from session_plugin import Account, Chat, SessionHub
from session_plugin_telegram.translate import CHANNEL, as_chat, to_event

logger = logging.getLogger("session_plugin.telegram")

Result = bool | dict[str, Any] | list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answering:
    """Whom the current handler answers, and where."""

    chat: Chat
    account: Account | None


answering: ContextVar[Answering | None] = ContextVar("session_plugin_telegram_answering", default=None)
"""Set for each update in the task that handles it, so that handlers that run at once do not mix."""
unrecorded: ContextVar[bool] = ContextVar("session_plugin_telegram_unrecorded", default=False)
"""True while our own commands answer: neither they nor their answers are kept."""


class SessionRecorder(BaseRateLimiter[Any]):
    """A rate limiter that limits nothing itself: it hands each request to the author's limiter and records the result."""

    def __init__(
        self,
        bot: Bot,
        hub: SessionHub,
        inner: BaseRateLimiter[Any] | None,
        *,
        opened: Callable[[], Coroutine[Any, Any, None]],
        closed: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        """Stand before `inner`; `opened` and `closed` are called in every life cycle, maybe more than once."""
        self.inner = inner
        self._bot = bot
        self._bot_id = bot.token.partition(":")[0]
        self._hub = hub
        self._opened = opened
        self._closed = closed

    async def initialize(self) -> None:
        """Start the author's limiter and open the hub."""
        if self.inner is not None:
            await self.inner.initialize()
        await self._opened()

    async def shutdown(self) -> None:
        """Release the hub and stop the author's limiter."""
        await self._closed()
        if self.inner is not None:
            await self.inner.shutdown()

    async def process_request(  # noqa: PLR0917 - python-telegram-bot passes them by position
        self,
        callback: Callable[..., Coroutine[Any, Any, Result]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: Any,
    ) -> Result:
        """Make the request as it would have been made, then record what it says was sent."""
        if self.inner is not None:
            result = await self.inner.process_request(callback, args, kwargs, endpoint, data, rate_limit_args)
        elif rate_limit_args is not None:
            raise ValueError("`rate_limit_args` can only be used if a `ExtBot.rate_limiter` is set.")
        else:
            result = await callback(*args, **kwargs)
        if not unrecorded.get():
            recording = asyncio.ensure_future(self._record(endpoint, data, result))
            await asyncio.shield(recording)
        return result

    async def _record(self, endpoint: str, data: dict[str, Any], result: Result) -> None:
        try:
            if endpoint in ("deleteMessage", "deleteMessages"):
                await self._record_deletion(data)
                return
            for message in self._messages(result):
                await self._record_message(message, is_edit=endpoint.startswith("editMessage"))
        except Exception:
            logger.exception("what the bot did by %s could not be recorded", endpoint)

    def _messages(self, result: Result) -> Iterable[Message]:
        """Give the messages in a result; other results (True, an id, a user) have none."""
        for item in result if isinstance(result, list) else [result]:
            if isinstance(item, dict) and "message_id" in item and "chat" in item and "date" in item:
                message = Message.de_json(item, self._bot)
                if isinstance(message, Message):
                    yield message

    async def _record_message(self, message: Message, *, is_edit: bool) -> None:
        event = to_event(message, bot_id=self._bot_id)
        if event is None:
            return
        # In a channel the bot speaks as the channel; the words are its own all the same.
        event = replace(event, role="assistant", author=None)
        current = answering.get()
        if event.answers is None and current is not None and current.chat == event.chat:
            event = replace(event, answers=current.account)
        if is_edit:
            await self._hub.edit(event)
        else:
            await self._hub.record(event)

    async def _record_deletion(self, data: dict[str, Any]) -> None:
        ids = data.get("message_ids") or [data.get("message_id")]
        chat = await self._chat_of(data["chat_id"])
        await self._hub.delete(chat, [str(message_id) for message_id in ids])

    async def _chat_of(self, chat_id: int | str) -> Chat:
        current = answering.get()
        if current is not None and current.chat.chat_id == str(chat_id):
            return current.chat
        if isinstance(chat_id, str) and not chat_id.removeprefix("-").isdigit():  # "@name"
            return as_chat(await self._bot.get_chat(chat_id), bot_id=self._bot_id)
        # A private chat has its user's id, every other one a negative id.
        return Chat(CHANNEL, str(chat_id), "direct" if int(chat_id) > 0 else "group", bot_id=self._bot_id)

"""Record what the bot sends. Telegram tells a bot nothing of its own messages, so they are taken from the answers to its
requests: a rate limiter is the public place that sees every request once, whatever sends it, with its result.

Sending comes first: the author's call returns as it would have, and as soon. What was sent is in line for the database by
then, so that reading the session waits for it; what goes wrong with it is logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from telegram import Bot, Message
from telegram.ext import BaseRateLimiter

from session_plugin import Chat, MessageEvent, SessionHub, SessionView
from session_plugin.commands import Command
from session_plugin_telegram.translate import CHANNEL, as_chat, to_event

logger = logging.getLogger("session_plugin.telegram")

Result = bool | dict[str, Any] | list[dict[str, Any]]


EDITS = ("editMessage", "stopMessage", "setGameScore")
"""How requests begin whose result is a message that was there before."""
A_MOMENT = 0.2
"""Seconds that sending waits for the place in line of what it sent. None are spent but where a name or an earlier message
must be looked up for it."""

answering: ContextVar[SessionView | None] = ContextVar("session_plugin_telegram_answering", default=None)
"""The session that the current handler answers in, set for each update in the task that handles it."""
unrecorded: ContextVar[bool] = ContextVar("session_plugin_telegram_unrecorded", default=False)
"""True while our own commands answer: neither they nor their answers are kept."""


class SessionRecorder(BaseRateLimiter[Any]):
    """A rate limiter that limits nothing itself: it hands each request to the author's limiter and records the result."""

    def __init__(
        self,
        bot: Bot,
        hub: SessionHub,
        names: Mapping[Command, str],
        inner: BaseRateLimiter[Any] | None,
        *,
        start: Callable[[], Coroutine[Any, Any, None]],
        opened: Callable[[], Coroutine[Any, Any, None]],
        closed: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        """Stand before `inner`; `names` are what our commands are called here.

        `start` and `closed` are called in every life cycle, maybe more than once; `opened` before anything is recorded.
        """
        self.inner = inner
        self.names = names
        self._bot = bot
        self._bot_id = bot.token.partition(":")[0]
        self._hub = hub
        self._start = start
        self._opened = opened
        self._closed = closed
        self._tasks: set[asyncio.Task[Any]] = set()

    async def initialize(self) -> None:
        """Start the author's limiter and open the hub."""
        if self.inner is not None:
            await self.inner.initialize()
        await self._start()

    async def shutdown(self) -> None:
        """Release the hub, once all that was sent is in line, and stop the author's limiter."""
        while self._tasks:
            await asyncio.wait(self._tasks)
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
            await asyncio.wait({self._kept(self._hand_in(endpoint, data, result))}, timeout=A_MOMENT)
        return result

    def _kept(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Do something for which sending does not wait."""

        async def attempt() -> None:
            try:
                await work
            except Exception:
                logger.exception("something that the bot did could not be recorded")

        task = asyncio.get_running_loop().create_task(attempt())
        self._tasks.add(task)  # the event loop keeps only weak references
        task.add_done_callback(self._tasks.discard)
        return task

    async def _hand_in(self, endpoint: str, data: dict[str, Any], result: Result) -> None:
        """Put what a request did in line for the database, each part of it in its order."""
        works = await self._works(endpoint, data, result)
        for work in works:
            self._kept(work)
        await asyncio.sleep(0)  # by now each has begun, and so is in line
        if works:
            if (view := answering.get()) is not None:
                view.is_stored = False  # what is read in it from now on has this in it
            await self._opened()

    async def _works(self, endpoint: str, data: dict[str, Any], result: Result) -> list[Coroutine[Any, Any, object]]:
        if endpoint in ("deleteMessage", "deleteMessages"):
            ids = data.get("message_ids") or [data.get("message_id")]
            return [self._hub.delete(await self._chat_of(data["chat_id"]), [str(message_id) for message_id in ids])]
        hand_in = self._hub.edit if endpoint.startswith(EDITS) else self._hub.record
        return [hand_in(event) for message in self._messages(result) if (event := self._own(message)) is not None]

    def _messages(self, result: Result) -> Iterable[Message]:
        """Give the messages in a result; other results (True, an id, a user) have none."""
        for item in result if isinstance(result, list) else [result]:
            if isinstance(item, dict) and "message_id" in item and "chat" in item and "date" in item:
                message = Message.de_json(item, self._bot)
                if isinstance(message, Message):
                    yield message

    def _own(self, message: Message) -> MessageEvent | None:
        """Translate a message of the bot's; None where it says nothing."""
        event = to_event(message, bot_id=self._bot_id)
        if event is None:
            return None
        # In a channel the bot speaks as the channel; the words are its own all the same.
        event = replace(event, role="assistant", author=None)
        current = answering.get()
        if event.answers is None and current is not None and current.chat == event.chat:
            event = replace(event, answers=current.account)
        return event

    async def _chat_of(self, chat_id: int | str) -> Chat:
        current = answering.get()
        if current is not None and current.chat.chat_id == str(chat_id):
            return current.chat
        if isinstance(chat_id, str) and not chat_id.removeprefix("-").isdigit():  # "@name"
            return as_chat(await self._bot.get_chat(chat_id), bot_id=self._bot_id)
        # A private chat has its user's id, every other one a negative id.
        return Chat(CHANNEL, str(chat_id), "direct" if int(chat_id) > 0 else "group", bot_id=self._bot_id)

"""Record what the bot sends. Telegram tells a bot nothing of its own messages, so they are taken
from the answers to its requests: a rate limiter is the public place that sees every request once,
whatever sends it, with its result.

Sending comes first: the author's call returns as it would have, and as soon. What was sent is in
line for the database by then, so that reading the session waits for it; what goes wrong with it is
logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from telegram import Bot
from telegram.error import ChatMigrated
from telegram.ext import BaseRateLimiter

from session_plugin import SessionHub, SessionView
from session_plugin.commands import Command
from session_plugin_telegram.answering import answered_now, answering
from session_plugin_telegram.requests import Requests, Result, Work

logger = logging.getLogger("session_plugin.telegram")

A_MOMENT = 0.2
"""Seconds that sending waits for the place in line of what it sent. None are spent but where a name
or an earlier message must be looked up for it.
"""

_unrecorded: ContextVar[bool] = ContextVar("session_plugin_telegram_unrecorded", default=False)


@contextmanager
def unrecorded() -> Iterator[None]:
    """Record nothing of what is sent in here: neither our own commands nor their answers are
    kept.
    """
    token = _unrecorded.set(True)
    try:
        yield
    finally:
        _unrecorded.reset(token)


class SessionRecorder(BaseRateLimiter[Any]):
    """A rate limiter that limits nothing itself: it hands each request to the author's limiter and
    records the result.
    """

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

        `start` and `closed` are called in every life cycle, maybe more than once; `opened` whenever
        something is recorded.
        """
        self.inner = inner
        self.names = names
        self._requests = Requests(bot, hub, bot_id=bot.token.partition(":")[0])
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
        """Make the request as it would have been made, then record what it did."""
        answered = answered_now()  # when it has been sent, others may have been heard
        try:
            if self.inner is not None:
                result = await self.inner.process_request(
                    callback, args, kwargs, endpoint, data, rate_limit_args
                )
            elif rate_limit_args is not None:
                raise ValueError(
                    "`rate_limit_args` can only be used if a `ExtBot.rate_limiter` is set."
                )
            else:
                result = await callback(*args, **kwargs)
        except ChatMigrated as moved:
            if (work := self._requests.moved(data, moved.new_chat_id)) is not None:
                await self._briefly(work)
            raise
        if not _unrecorded.get():
            await self._briefly(self._hand_in(endpoint, data, result, answered))
        return result

    async def _briefly(self, work: Work) -> None:
        await asyncio.wait({self._kept(work)}, timeout=A_MOMENT)

    def _kept(self, work: Work) -> asyncio.Task[None]:
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

    async def _hand_in(
        self, endpoint: str, data: dict[str, Any], result: Result, answered: SessionView | None
    ) -> None:
        """Put what a request did in line for the database, each part of it in its order."""
        works = await self._requests.works(endpoint, data, result, answered=answered)
        for work in works:
            self._kept(work)
        await asyncio.sleep(0)  # by now each has begun, and so is in line
        if works:
            if (current := answering.get()) is not None:
                current.view.is_stored = False  # what is read in it from now on has this in it
            await self._opened()

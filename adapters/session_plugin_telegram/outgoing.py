"""What the bot sends: intercepts its requests and records their results.

Telegram sends a bot no updates about its own messages. A rate limiter is the public extension point
that sees every request once, together with its result.

Sending has priority. The author's call returns the same result at the same time as without a hub;
errors in recording are logged. When the call returns, the operation is queued, so that a read of
the session waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from telegram.error import ChatMigrated
from telegram.ext import BaseRateLimiter

from session_plugin import SessionView
from session_plugin.commands import Command
from session_plugin.logs import FieldLogger
from session_plugin_telegram.answering import answered_now, answering, is_error
from session_plugin_telegram.own_messages import Operation, OwnMessages, RequestResult

logger = FieldLogger("session_plugin.telegram")

QUEUE_TIMEOUT = 0.2
"""Seconds a request waits until its operations are queued.

Only a look-up of a username or of an earlier message takes any time.
"""

LifeCycleStep = Callable[[], Coroutine[Any, Any, None]]

_is_unrecorded: ContextVar[bool] = ContextVar("session_plugin_telegram_unrecorded", default=False)


@contextmanager
def unrecorded() -> Iterator[None]:
    """Record nothing that the block sends: for answers to session commands, and for notices."""
    token = _is_unrecorded.set(True)
    try:
        yield
    finally:
        _is_unrecorded.reset(token)


class SessionRecorder(BaseRateLimiter[Any]):
    """A rate limiter that does not limit: it passes requests to the author's limiter and records
    their results.

    Attributes:
        inner: The author's rate limiter, if any.
        names: The names of the session commands of this bot.
    """

    def __init__(
        self,
        own_messages: OwnMessages,
        inner: BaseRateLimiter[Any] | None,
        *,
        names: Mapping[Command, str],
        start: LifeCycleStep,
        open_hub: LifeCycleStep,
        close_hub: LifeCycleStep,
    ) -> None:
        """Wrap `inner`.

        Args:
            own_messages: Turns requests into operations on the hub.
            inner: The author's rate limiter, if any.
            names: The names of the session commands of this bot.
            start: Called when the bot is initialized, possibly more than once.
            open_hub: Called after something was recorded.
            close_hub: Called when the bot is shut down, possibly more than once.
        """
        self.inner = inner
        self.names = names
        self._own_messages = own_messages
        self._start = start
        self._open_hub = open_hub
        self._close_hub = close_hub
        self._tasks: set[asyncio.Task[Any]] = set()

    async def initialize(self) -> None:
        """Initialize the author's limiter, then the adapter."""
        if self.inner is not None:
            await self.inner.initialize()

        await self._start()

    async def shutdown(self) -> None:
        """Wait for operations in progress, release the hub, and shut down the author's limiter."""
        while self._tasks:
            await asyncio.wait(self._tasks)

        await self._close_hub()

        if self.inner is not None:
            await self.inner.shutdown()

    async def process_request(  # noqa: PLR0917 - python-telegram-bot passes them by position
        self,
        callback: Callable[..., Coroutine[Any, Any, RequestResult]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: Any,
    ) -> RequestResult:
        """Send the request as without a hub, then record what it did."""
        # Read before sending: meanwhile another account may speak.
        answered, is_about_error = answered_now(), is_error()

        try:
            if self.inner is not None:
                result = await self.inner.process_request(
                    callback, args, kwargs, endpoint, data, rate_limit_args
                )
            elif rate_limit_args is not None:
                # The error that an ExtBot without a rate limiter raises.
                raise ValueError(
                    "`rate_limit_args` can only be used if a `ExtBot.rate_limiter` is set."
                )
            else:
                result = await callback(*args, **kwargs)
        except ChatMigrated as migrated:
            operation = self._own_messages.migration(data, migrated.new_chat_id)
            if operation is not None:
                await self._wait_briefly(endpoint, operation)
            raise

        if not _is_unrecorded.get():
            recording = self._record(
                endpoint, data, result, answered=answered, is_about_error=is_about_error
            )
            await self._wait_briefly(endpoint, recording)

        return result

    async def _record(
        self,
        endpoint: str,
        data: dict[str, Any],
        result: RequestResult,
        *,
        answered: SessionView | None,
        is_about_error: bool,
    ) -> None:
        """Queue the operations that record a request, in order."""
        operations = await self._own_messages.operations(
            endpoint, data, result, answered=answered, is_error=is_about_error
        )
        for operation in operations:
            self._run(endpoint, operation)

        # Let each task run up to its first wait: by then its operation is queued.
        await asyncio.sleep(0)

        if operations:
            # The view was complete without them; its next read has to wait for them.
            if (current := answering.get()) is not None:
                current.view.is_stored = False
            await self._open_hub()

    async def _wait_briefly(self, endpoint: str, operation: Operation) -> None:
        await asyncio.wait({self._run(endpoint, operation)}, timeout=QUEUE_TIMEOUT)

    def _run(self, endpoint: str, operation: Operation) -> asyncio.Task[None]:
        """Run an operation in a task of its own, so that sending does not wait for it."""

        async def run() -> None:
            try:
                await operation
            except Exception:
                logger.exception(
                    "the result of %(endpoint)s could not be recorded; the bot's request "
                    "is not affected",
                    endpoint=endpoint,
                )

        task = asyncio.get_running_loop().create_task(run())

        # The event loop holds weak references only.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

        return task

"""Delivery by webhook: each update is posted to the bot until it responds with 2xx.

Unlike Telegram, this server accepts plain HTTP and any port (as a local Bot API server does), posts
one update at a time instead of `max_connections`, never gives up, and ignores a method in the
response. The pauses between attempts are not documented; here they are short.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from .calls import Call, bad_request
from .updates import Update, UpdateQueue

_PAUSES = (0.05, 0.1, 0.2, 0.4)
_LONGEST_ATTEMPT = 60


class Webhook:
    """Implements the methods about webhooks, and delivers updates."""

    def __init__(self, updates: UpdateQueue) -> None:
        """Deliver from this queue once an address is set."""
        self._updates = updates
        self._url = ""
        self._secret = ""
        self._failures = 0
        self._last_error: tuple[int, str] | None = None
        self._delivering: asyncio.Task[None] | None = None

    def methods(self) -> Mapping[str, Callable[[Call], Any]]:
        """Return the methods by their documented names."""
        return {
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._get_webhook_info,
        }

    def resume(self) -> None:
        """Start to deliver if an address is set."""
        if self._url and self._delivering is None:
            self._delivering = asyncio.get_running_loop().create_task(self._deliver_all())

    async def pause(self) -> None:
        """Stop to deliver, even during an attempt; the address stays."""
        task, self._delivering = self._delivering, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _set_webhook(self, call: Call) -> bool:
        url = call.text("url")
        if not url:
            return self._delete_webhook(call)
        if urlsplit(url).scheme not in {"http", "https"}:
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")

        kinds = call.sequence("allowed_updates")
        if kinds is not None:
            self._updates.choose([str(kind) for kind in kinds])

        self._forget(call)
        self._url, self._secret, self._last_error = url, call.text("secret_token"), None
        self._updates.switch(has_webhook=True)
        self.resume()

        return True

    def _delete_webhook(self, call: Call) -> bool:
        self._forget(call)
        self._url = ""
        self._updates.switch(has_webhook=False)

        if self._delivering is not None:
            self._delivering.cancel()
            self._delivering = None

        return True

    def _forget(self, call: Call) -> None:
        if call.flag("drop_pending_updates"):
            self._updates.clear()

    def _get_webhook_info(self, _call: Call) -> dict[str, Any]:
        info: dict[str, Any] = {
            "url": self._url,
            "has_custom_certificate": False,
            "pending_update_count": len(self._updates),
        }

        if self._updates.allowed:
            info["allowed_updates"] = list(self._updates.allowed)
        if self._last_error is not None:
            info["last_error_date"], info["last_error_message"] = self._last_error

        return info

    async def _deliver_all(self) -> None:
        timeout = aiohttp.ClientTimeout(total=_LONGEST_ATTEMPT)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                await self._updates.hand_out(lambda update: self._post(session, update))

    async def _post(self, session: aiohttp.ClientSession, update: Update) -> bool:
        headers = {"X-Telegram-Bot-Api-Secret-Token": self._secret} if self._secret else {}
        try:
            async with session.post(self._url, json=update.as_json(), headers=headers) as answer:
                reason = (
                    ""
                    if answer.ok
                    else f"Wrong response from the webhook: {answer.status} {answer.reason}"
                )
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = f"Connection failed: {type(error).__name__}"

        if not reason:
            self._failures = 0
            return True

        self._last_error = (int(time.time()), reason)
        await asyncio.sleep(_PAUSES[min(self._failures, len(_PAUSES) - 1)])
        self._failures += 1

        return False

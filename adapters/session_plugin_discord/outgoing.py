"""How the bot sends: nothing leaves before what it answers is stored, and what Discord answers to
it is recorded.

discord.py does so by functions that are not public: four that send, edit and delete messages in a
channel, and one for answers to interactions and for webhooks. The last is found by way of a context
variable of discord.py's, so nothing needs to be replaced for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import discord
from discord.webhook.async_ import AsyncWebhookAdapter, async_context

from session_plugin_discord.answering import Answering, answering, apart
from session_plugin_discord.arrivals import Arrivals
from session_plugin_discord.handlers import answers
from session_plugin_discord.own_messages import OwnMessages, Question

PATIENCE_AT_THE_END = 2.0
"""Seconds that a bot which is closing waits for what it is sending."""
PATIENCE_WITH_INTERACTIONS = 2.0
"""Seconds that the first answer to an interaction waits at most: Discord takes none after three."""
CHANNEL_MESSAGE = 4
"""The kind of first answer that says something; others defer it, change a message, or open a form.
"""

logger = logging.getLogger("session_plugin.discord")

Send = Callable[[], Awaitable[Any]]


class Outgoing:
    """One bot's sending."""

    def __init__(
        self, client: discord.Client, own_messages: OwnMessages, arrivals: Arrivals
    ) -> None:
        """Watch nothing yet."""
        self._arrivals = arrivals
        self._http: Any = client.http
        self._theirs: dict[str, Any] = {}
        self._ours: dict[str, Any] = {
            "send_message": self._send_message,
            "edit_message": self._edit_message,
            "delete_message": self._delete_message,
            "delete_messages": self._delete_messages,
        }
        self._own_messages = own_messages
        self._interaction_answers = InteractionAnswers(self)
        self._under_way: set[asyncio.Future[None]] = set()
        self._recording: set[asyncio.Task[None]] = set()
        self._is_over = True

    def watch(self) -> None:
        """Stand before the functions for messages in a channel; they are in all of discord.py 2."""
        self._is_over = False
        for name, ours in self._ours.items():
            self._theirs[name] = getattr(self._http, name)
            setattr(self._http, name, ours)

    async def unwatch(self) -> None:
        """Put things back, unless somebody else stands there now, and wait a while for what is
        being sent.
        """
        for name, ours in self._ours.items():
            if self._http.__dict__.get(name) == ours:
                delattr(self._http, name)
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=PATIENCE_AT_THE_END)
        if self._recording:
            await asyncio.wait(set(self._recording))
        self._is_over = True
        await self._own_messages.finish()

    def begin(self, _: str) -> None:
        """Begin another event: its handlers answer nothing before it turns out to be a message or
        an interaction.
        """
        answering.set(Answering())
        async_context.set(self._interaction_answers)

    async def _send_message(self, channel_id: int, *, params: Any) -> Any:
        current = answering.get()
        await self._arrivals.answerable(int(channel_id), current)
        nonce = _payload(params.payload, params.multipart).get("nonce")
        if current is not None and nonce is not None and answers(current, int(channel_id)):
            self._own_messages.sending(str(nonce), current.account)
        send = self._theirs["send_message"]
        return await self._carry_out(
            lambda: send(channel_id, params=params), self._own_messages.sent
        )

    async def _edit_message(self, channel_id: int, message_id: int, *, params: Any) -> Any:
        await self._arrivals.answerable(int(channel_id), answering.get())
        edit = self._theirs["edit_message"]
        return await self._carry_out(
            lambda: edit(channel_id, message_id, params=params), self._own_messages.changed
        )

    async def _delete_message(self, channel_id: int, message_id: int, **options: Any) -> Any:
        delete = self._theirs["delete_message"]
        return await self._delete(
            lambda: delete(channel_id, message_id, **options), channel_id, [message_id]
        )

    async def _delete_messages(
        self, channel_id: int, message_ids: list[int], **options: Any
    ) -> Any:
        delete = self._theirs["delete_messages"]
        return await self._delete(
            lambda: delete(channel_id, message_ids, **options), channel_id, message_ids
        )

    async def _delete(self, delete: Send, channel_id: int, message_ids: list[int]) -> Any:
        async def record(_: Any) -> None:
            await self._own_messages.deleted(int(channel_id), message_ids)

        return await self._carry_out(delete, record)

    async def _carry_out(self, send: Send, record: Callable[[Any], Awaitable[None]]) -> Any:
        """Send, and record from Discord's answer before whoever sends goes on; where that fails, it
        is sent all the same.

        What a filter sends is recorded when the filter is done.
        """
        under_way = asyncio.get_running_loop().create_future()
        self._under_way.add(under_way)
        try:
            data = await send()
            recording = apart(self._record(record, data))
            self._recording.add(recording)
            recording.add_done_callback(self._recording.discard)
            current = answering.get()
            if (
                current is None or current.waits
            ):  # a filter holds up its chat, this message among what is said there
                await asyncio.wait({recording})
        finally:
            self._under_way.discard(under_way)
            under_way.set_result(None)
        return data

    async def _record(self, record: Callable[[Any], Awaitable[None]], data: Any) -> None:
        try:
            if not self._is_over:  # what comes later would open the hub again
                await record(data)
        except Exception:
            logger.exception("a message of the bot's could not be recorded")

    async def answer(
        self, question: Question, route: Any, options: dict[str, Any], send: Send
    ) -> Any:
        """Send an answer to an interaction."""
        is_first = route.path.startswith("/interactions/")
        payload = _payload(options.get("payload"), options.get("multipart"))
        says_something = (
            payload.get("type") == CHANNEL_MESSAGE
            if is_first
            else route.method in ("POST", "PATCH")
        )
        if says_something:
            await self.answerable(
                question, seconds=PATIENCE_WITH_INTERACTIONS if is_first else None
            )

        async def record(data: Any) -> None:
            message = (data.get("resource") or {}).get("message") if is_first and data else data
            if says_something and message:
                await self._own_messages.answered(
                    question, message, is_edit=route.method == "PATCH"
                )

        return await self._carry_out(send, record)

    async def answerable(self, question: Question | None, *, seconds: float | None = None) -> None:
        """Wait until what is answered is stored: that of the handler, and of the interaction if
        there is one.
        """
        current = answering.get()
        if question is not None:
            await self._arrivals.answerable(int(question.chat.chat_id), current, seconds=seconds)
        elif current is not None and current.channel_id is not None:
            await self._arrivals.answerable(current.channel_id, current)

    def question(self, token: str | None) -> Question | None:
        """Give the interaction that a token belongs to; None for a webhook's, or after the end."""
        return None if token is None or self._is_over else self._own_messages.question(token)


class InteractionAnswers(AsyncWebhookAdapter):
    """discord.py's way of answering interactions, and of speaking as a webhook, in the handlers of
    one bot's events.
    """

    def __init__(self, outgoing: Outgoing) -> None:
        """Send by way of `outgoing` what answers an interaction."""
        super().__init__()  # type: ignore[no-untyped-call]  # discord.py left it out
        self._outgoing = outgoing

    async def request(self, route: Any, session: Any, **options: Any) -> Any:
        """Send a request."""

        async def send() -> Any:
            return await super(InteractionAnswers, self).request(route, session, **options)

        question = self._outgoing.question(route.webhook_token)
        if question is not None:
            return await self._outgoing.answer(question, route, options, send)
        if route.method == "POST":
            await self._outgoing.answerable(None)  # a bot that answers by a webhook of its own
        return await send()


def _payload(payload: Any, multipart: Any) -> dict[str, Any]:
    """Give what discord.py is about to send: a payload, or a form with the payload in it."""
    for part in multipart or ():
        if part.get("name") == "payload_json":
            payload = json.loads(part["value"])
    return payload if isinstance(payload, dict) else {}

"""What the bot sends: not before what it answers is stored, and recorded from Discord's response.

discord.py sends by functions that are not public: four that send, edit and delete messages in a
channel, which are replaced here, and one for answers to interactions and for webhooks. discord.py
looks that one up in a context variable, so it is set there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import discord
from discord.webhook.async_ import AsyncWebhookAdapter, async_context

from session_plugin.logs import FieldLogger
from session_plugin_discord.answering import (
    Answering,
    answering,
    as_error,
    is_answer,
    is_error,
    note_error,
    start_recording,
)
from session_plugin_discord.known_interactions import KnownInteraction
from session_plugin_discord.own_messages import ORIGINAL, OwnMessages
from session_plugin_discord.pending_events import PendingEvents

CLOSE_TIMEOUT = 2.0
"""Seconds that a closing bot waits for what it is sending."""
FIRST_ANSWER_TIMEOUT = 2.0
"""Seconds that the first answer to an interaction waits: Discord refuses it after three."""
CHANNEL_MESSAGE, DEFERRED_MESSAGE, UPDATE_MESSAGE = 4, 5, 7
"""Types of a first answer: a message, one that follows later, an edit of a button's message."""

logger = FieldLogger("session_plugin.discord")

Send = Callable[[], Awaitable[Any]]
Record = Callable[[Any], Awaitable[None]]


class Outgoing:
    """Sends one bot's messages and records them."""

    def __init__(
        self, client: discord.Client, own_messages: OwnMessages, pending: PendingEvents
    ) -> None:
        """Replace nothing yet; see `attach`."""
        self._http: Any = client.http
        self._own_messages = own_messages
        self._pending = pending

        self._originals: dict[str, Any] = {}
        self._replacements: dict[str, Any] = {
            "send_message": self._send_message,
            "edit_message": self._edit_message,
            "delete_message": self._delete_message,
            "delete_messages": self._delete_messages,
        }
        self._webhook_adapter = RecordingWebhookAdapter(self)

        self._sending: set[asyncio.Future[None]] = set()
        self._recording: set[asyncio.Task[None]] = set()
        self._is_closed = True

    def attach(self) -> None:
        """Replace the functions for messages in a channel; they exist in all of discord.py 2."""
        self._is_closed = False

        for name, replacement in self._replacements.items():
            self._originals[name] = getattr(self._http, name)
            setattr(self._http, name, replacement)

    async def detach(self) -> None:
        """Restore the functions that nobody else has replaced; wait for what is being sent."""
        for name, replacement in self._replacements.items():
            if self._http.__dict__.get(name) == replacement:
                delattr(self._http, name)

        if self._sending:
            await asyncio.wait(self._sending, timeout=CLOSE_TIMEOUT)
        if self._recording:
            await asyncio.wait(set(self._recording))

        self._is_closed = True
        await self._own_messages.finish()

    def begin_event(self, _: str) -> None:
        """Prepare the context that the handlers of the next event will copy."""
        answering.set(Answering())
        async_context.set(self._webhook_adapter)

    # Messages in a channel

    async def _send_message(self, channel_id: int, *, params: Any) -> Any:
        current = answering.get()
        await self._pending.wait_until_stored(int(channel_id), current)

        nonce = _payload(params.payload, params.multipart).get("nonce")
        if current is not None and nonce is not None and is_answer(current, int(channel_id)):
            self._own_messages.add_answer(str(nonce), current.account)
            if (view := current.view()) is not None:
                self._own_messages.add_mark(str(nonce), view.as_answer)
        if nonce is not None and is_error(current):
            self._own_messages.add_mark(str(nonce), as_error)

        send = self._originals["send_message"]

        return await self._carry_out(
            lambda: send(channel_id, params=params), self._own_messages.record_sent
        )

    async def _edit_message(self, channel_id: int, message_id: int, *, params: Any) -> Any:
        await self._pending.wait_until_stored(int(channel_id), answering.get())
        if is_error(answering.get()):
            self._own_messages.add_error(int(message_id))

        edit = self._originals["edit_message"]
        return await self._carry_out(
            lambda: edit(channel_id, message_id, params=params), self._own_messages.record_edited
        )

    async def _delete_message(self, channel_id: int, message_id: int, **options: Any) -> Any:
        delete = self._originals["delete_message"]
        return await self._delete(
            lambda: delete(channel_id, message_id, **options), channel_id, [message_id]
        )

    async def _delete_messages(
        self, channel_id: int, message_ids: list[int], **options: Any
    ) -> Any:
        delete = self._originals["delete_messages"]
        return await self._delete(
            lambda: delete(channel_id, message_ids, **options), channel_id, message_ids
        )

    async def _delete(self, delete: Send, channel_id: int, message_ids: list[int]) -> Any:
        async def record(_: Any) -> None:
            await self._own_messages.record_deleted(int(channel_id), message_ids)

        return await self._carry_out(delete, record)

    # Answers to interactions

    async def answer(
        self, interaction: KnownInteraction, route: Any, options: dict[str, Any], send: Send
    ) -> Any:
        """Send an answer to an interaction, and record what Discord responds."""
        note_error(interaction.answering)
        is_first = route.path.startswith("/interactions/")
        name = str(route.url).partition("?")[0].rpartition("/")[2]
        payload = _payload(options.get("payload"), options.get("multipart"))
        kind = payload.get("type") if is_first else None

        if kind == CHANNEL_MESSAGE or (not is_first and route.method in ("POST", "PATCH")):
            seconds = FIRST_ANSWER_TIMEOUT if is_first else None
            channel_id = int(interaction.chat.chat_id)
            await self._pending.wait_until_stored(channel_id, answering.get(), seconds=seconds)

        async def record(data: Any) -> None:
            if route.method == "DELETE":
                await self._own_messages.record_deleted_answer(interaction, name)
                return

            message = (data.get("resource") or {}).get("message") if is_first and data else data
            if not message:
                return

            if route.method not in ("POST", "PATCH"):
                if name == ORIGINAL:
                    self._own_messages.note_original(interaction, message)
                return

            if is_first or name == ORIGINAL or int(message["id"]) == interaction.original.id:
                self._own_messages.note_original(interaction, message)

            if kind in (CHANNEL_MESSAGE, DEFERRED_MESSAGE, UPDATE_MESSAGE, None):
                is_edit = route.method == "PATCH" or kind == UPDATE_MESSAGE
                await self._own_messages.record_answer(interaction, message, is_edit=is_edit)

        return await self._carry_out(send, record)

    async def speak(self, route: Any, send: Send) -> Any:
        """Send, edit or delete a message by a webhook; record the first two where Discord shows it.

        The bot may answer by a webhook of its own.
        """
        if route.method == "POST":
            await self.wait_until_answerable()

        async def record(data: Any) -> None:
            is_said = route.method in ("POST", "PATCH")
            if is_said and isinstance(data, dict) and "author" in data:
                is_edit = route.method == "PATCH"
                await self._own_messages.record_spoken(data, is_edit=is_edit)

        return await self._carry_out(send, record)

    async def wait_until_answerable(self) -> None:
        """Wait until the event that the running handler answers is stored."""
        current = answering.get()
        if current is not None and current.channel_id is not None:
            await self._pending.wait_until_stored(current.channel_id, current)

    def interaction(self, token: str | None) -> KnownInteraction | None:
        """Return the interaction of a token; None for a webhook's token, or after closing."""
        return None if token is None or self._is_closed else self._own_messages.interaction(token)

    # Sending and recording

    async def _carry_out(self, send: Send, record: Record) -> Any:
        """Send a request, and record Discord's response before the sender goes on.

        If recording fails, the request is sent all the same. What a filter sends is recorded after
        the filter is done: the filter holds the lock of its chat.
        """
        sending = asyncio.get_running_loop().create_future()
        self._sending.add(sending)
        try:
            data = await send()
            recording = start_recording(self._record(record, data))
            self._recording.add(recording)
            recording.add_done_callback(self._recording.discard)

            current = answering.get()
            if current is None or current.waits_for_storage:
                await asyncio.wait({recording})
        finally:
            self._sending.discard(sending)
            sending.set_result(None)

        return data

    async def _record(self, record: Record, data: Any) -> None:
        try:
            if not self._is_closed:  # recording would open the hub again
                await record(data)
        except Exception:
            logger.exception("a message that the bot sent, edited or deleted was not recorded")


class RecordingWebhookAdapter(AsyncWebhookAdapter):
    """Sends what one bot's handlers answer to interactions or say as a webhook."""

    def __init__(self, outgoing: Outgoing) -> None:
        """Pass answers to interactions to `outgoing`."""
        super().__init__()  # type: ignore[no-untyped-call]  # not annotated in discord.py
        self._outgoing = outgoing

    async def request(self, route: Any, session: Any, **options: Any) -> Any:
        """Send a request."""

        async def send() -> Any:
            return await super(RecordingWebhookAdapter, self).request(route, session, **options)

        interaction = self._outgoing.interaction(route.webhook_token)
        if interaction is not None:
            return await self._outgoing.answer(interaction, route, options, send)

        return await self._outgoing.speak(route, send)


def _payload(payload: Any, multipart: Any) -> dict[str, Any]:
    """Return the JSON that discord.py is about to send, by itself or as a part of a form."""
    for part in multipart or ():
        if part.get("name") == "payload_json":
            payload = json.loads(part["value"])

    return payload if isinstance(payload, dict) else {}

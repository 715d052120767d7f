"""REST routes of messages: create, read, edit, delete, typing and reactions.

Knows the documented parameters, limits and error codes. Must not know sockets or how an event
reaches a client.

Not simulated: permissions (the bot has all those of an administrator), `allowed_mentions`, votes,
stickers from the bot (refused), and trimming white space around a text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from .endpoint import ApiError, ApiRequest, ResponseBody, Route, invalid_form
from .entities import EPHEMERAL, LOADING, Json, SimulatedChat, SimulatedMessage
from .events import Event, Events
from .payloads import Payloads, shown_poll
from .world import World

MAX_CONTENT = 2000
SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS, COMPONENTS_V2 = 1 << 2, 1 << 12, 1 << 15
FORWARD = 1
"""The type of a reference that forwards a message instead of replying to it."""
NONCE_SECONDS = 300
"""How long a nonce is remembered; the documentation says "the past few minutes"."""

ECHO_LAG_SECONDS = 0.02
"""The delay of an event that is sent after the response."""

CHANNEL = r"/channels/{channel:\d+}"
MESSAGE = CHANNEL + r"/messages/{message:\d+}"


class MessageRoutes:
    """What a bot can do with messages."""

    def __init__(
        self,
        payloads: Payloads,
        events: Events,
        *,
        deliver: Callable[[Event], Awaitable[None]],
        echo_first: bool,
    ) -> None:
        """Use `deliver` to send events; `echo_first` is explained at `SimulatorBase`."""
        self._world: World = payloads.world
        self._payloads = payloads
        self._events = events
        self._deliver = deliver
        self._echo_first = echo_first
        self._nonces: dict[tuple[int, str], SimulatedMessage] = {}

    def table(self) -> list[tuple[str, str, Route]]:
        """Return the routes: method, path pattern, handler."""
        return [
            ("GET", CHANNEL + "/messages", self.history),
            ("POST", CHANNEL + "/messages", self.write),
            ("POST", CHANNEL + "/messages/bulk-delete", self.delete_bulk),
            ("GET", MESSAGE, self.read),
            ("PATCH", MESSAGE, self.edit),
            ("DELETE", MESSAGE, self.delete),
            ("POST", CHANNEL + "/typing", self.do_nothing),
            ("PUT", MESSAGE + "/reactions/{emoji}/@me", self.do_nothing),
            ("DELETE", MESSAGE + "/reactions/{emoji}/@me", self.do_nothing),
        ]

    async def write(self, request: ApiRequest) -> ResponseBody:
        """Create a message, or return the existing one with this nonce."""
        chat, fields = self._chat(request), request.fields()
        known = self._known_nonce(chat, fields)
        if known is not None:
            return self._object(known)

        nonce = fields.get("nonce")
        reference = request.field("message_reference", dict) or {}
        if reference.get("type") == FORWARD:
            message = self._world.write(chat, "", forwarded=self._forwarded(reference), nonce=nonce)
        else:
            flags = request.field("flags", int) or 0
            message = self.make(
                request,
                chat,
                flags=flags & ~EPHEMERAL,
                reply_to=self._reply_target(chat, request),
                nonce=nonce,
            )

        if nonce is not None:
            self._nonces[chat.id, str(nonce)] = message

        answer = self._object(message) | ({} if nonce is None else {"nonce": nonce})
        await self.echo(request, self._events.message_create(message))

        return answer

    def make(
        self,
        request: ApiRequest,
        chat: SimulatedChat,
        *,
        text: str | None = None,
        flags: int = 0,
        **more: Any,
    ) -> SimulatedMessage:
        """Create a message of the bot or its webhook from the request, or with `text` alone."""
        flags &= SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2 | EPHEMERAL | LOADING
        if text is not None:
            return self._world.write(chat, text, flags=flags, **more)

        text, embeds = _content(request), _embeds(request)
        components = request.objects("components")
        poll = request.field("poll", dict)
        if not (text.strip() or embeds or components or request.files or poll):
            raise ApiError(400, 50006, "Cannot send an empty message")

        if flags & COMPONENTS_V2 and (text or embeds or poll):
            wrong = (
                "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                "Only components may be sent with this flag.",
            )
            raise invalid_form(content=wrong)

        return self._world.write(
            chat,
            text,
            embeds=embeds,
            components=components,
            attachments=[self._world.attachment(name, content) for name, content in request.files],
            flags=flags,
            tts=bool(request.fields().get("tts")),
            poll=None if poll is None else shown_poll(poll, now=self._world.clock()),
            **more,
        )

    def _known_nonce(self, chat: SimulatedChat, fields: Json) -> SimulatedMessage | None:
        if not fields.get("enforce_nonce"):
            return None

        message = self._nonces.get((chat.id, str(fields.get("nonce"))))
        if message is None or self._world.clock() - message.sent_at > NONCE_SECONDS:
            return None

        if message.is_deleted:
            # Observed by clients; the documentation does not describe this case.
            raise ApiError(404, 10008, "Unknown Message")

        return message

    def _reply_target(self, chat: SimulatedChat, request: ApiRequest) -> SimulatedMessage | None:
        reference = request.field("message_reference", dict)
        if reference is None:
            return None

        target = chat.messages.get(_number(reference.get("message_id")))
        if target is None and reference.get("fail_if_not_exists", True):
            unknown = ("MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")
            raise invalid_form(message_reference=unknown)

        return target

    def _forwarded(self, reference: Json) -> SimulatedMessage:
        chat = self._world.chats.get(_number(reference.get("channel_id")))
        found = None if chat is None else chat.messages.get(_number(reference.get("message_id")))
        if found is None:
            raise ApiError(404, 10008, "Unknown Message")
        return found

    async def read(self, request: ApiRequest) -> ResponseBody:
        """Return one message."""
        return self._object(self._message(request))

    async def history(self, request: ApiRequest) -> ResponseBody:
        """Return messages, newest first.

        The query has `limit` (default 50) and `before`, `after` or `around` with an id.
        """
        query = request.http.query
        limit = _number(query.get("limit", "50"))
        if not 1 <= limit <= 100:
            wrong = ("NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
            raise invalid_form(limit=wrong)

        messages = list(self._chat(request).messages.values())
        if "around" in query:
            middle = _number(query["around"])
            older = (
                [item for item in messages if item.id < middle][-(limit // 2) :]
                if limit > 1
                else []
            )
            chosen = (older + [item for item in messages if item.id >= middle])[:limit]
        elif "after" in query:
            chosen = [item for item in messages if item.id > _number(query["after"])][:limit]
        else:
            before = _number(query["before"]) if "before" in query else self._world.next_id()
            chosen = [item for item in messages if item.id < before][-limit:]

        return [self._object(message) for message in reversed(chosen)]

    async def edit(self, request: ApiRequest) -> ResponseBody:
        """Change one of the bot's own messages."""
        message = self._message(request)
        if not message.is_from_bot:
            raise ApiError(403, 50005, "Cannot edit a message authored by another user")

        await self.change(request, message, is_edit=True)

        return self._object(message)

    async def change(
        self, request: ApiRequest, message: SimulatedMessage, *, is_edit: bool
    ) -> None:
        """Change a message as the body says. Filling in a deferred response is not an edit."""
        fields = request.fields()
        text = _content(request) if "content" in fields else message.text
        message.embeds = _embeds(request) if "embeds" in fields else message.embeds
        message.components = (
            request.objects("components") if "components" in fields else message.components
        )

        kept = message.attachments
        if "attachments" in fields:
            ids = {str(item.get("id")) for item in request.objects("attachments")}
            kept = [file for file in kept if str(file.id) in ids]

        message.attachments = kept + [
            self._world.attachment(name, content) for name, content in request.files
        ]

        if is_edit:
            self._world.edit(message, text)
        else:
            message.text = text

        await self.echo(request, self._events.message_update(message))

    async def delete(self, request: ApiRequest) -> ResponseBody:
        """Delete a message: any in a guild, only the bot's own in a direct chat."""
        message = self._message(request)
        if message.chat.guild is None and not message.is_from_bot:
            raise ApiError(403, 50003, "Cannot execute action on a DM channel")

        self._world.remove([message])
        await self.echo(request, self._events.message_delete(message))

        return None

    async def delete_bulk(self, request: ApiRequest) -> ResponseBody:
        """Delete 2 to 100 messages of a guild channel; unknown ids are ignored."""
        chat, ids = self._chat(request), request.field("messages", list) or []
        if chat.guild is None:
            raise ApiError(403, 50003, "Cannot execute action on a DM channel")

        if not 2 <= len(ids) <= 100:
            raise ApiError(
                400,
                50016,
                "Provided too few or too many messages to delete. Must provide 2 to 100.",
            )

        found = [chat.messages[number] for number in map(_number, ids) if number in chat.messages]
        if found:
            self._world.remove(found)
            await self.echo(request, self._events.message_delete_bulk(found))

        return None

    async def do_nothing(self, request: ApiRequest) -> ResponseBody:
        """Accept typing and reactions of the bot, without an event."""
        if "message" in request.http.match_info:
            self._message(request)
        self._chat(request)
        return None

    async def echo(self, request: ApiRequest, event: Event) -> None:
        """Deliver the event of a request, before or after the response."""
        if self._echo_first:
            await self._deliver(event)
        else:
            request.after_response.append(lambda: self._echo_late(event))

    async def _echo_late(self, event: Event) -> None:
        # A client reads two sockets. A short delay makes sure that it reads the response first.
        await asyncio.sleep(ECHO_LAG_SECONDS)
        await self._deliver(event)

    def _object(self, message: SimulatedMessage) -> Json:
        has_intent = self._payloads.message_content_enabled
        return self._payloads.message(message, has_intent=has_intent, in_event=False)

    def _chat(self, request: ApiRequest) -> SimulatedChat:
        chat = self._world.chats.get(request.number("channel"))
        if chat is None:
            raise ApiError(404, 10003, "Unknown Channel")
        return chat

    def _message(self, request: ApiRequest) -> SimulatedMessage:
        message = self._chat(request).messages.get(request.number("message"))
        if message is None:
            raise ApiError(404, 10008, "Unknown Message")
        return message


def _content(request: ApiRequest) -> str:
    fields = request.fields()
    if fields.get("sticker_ids"):
        raise ApiError(400, 0, "stickers from the bot are not simulated")

    text = str(fields.get("content") or "")
    if len(text) > MAX_CONTENT:
        too_long = ("BASE_TYPE_MAX_LENGTH", f"Must be {MAX_CONTENT} or fewer in length.")
        raise invalid_form(content=too_long)

    return text


def _embeds(request: ApiRequest) -> list[Json]:
    return [{"type": "rich"} | embed for embed in request.objects("embeds")]


def _number(value: Any) -> int:
    text = str(value)
    return int(text) if text.isdecimal() else 0

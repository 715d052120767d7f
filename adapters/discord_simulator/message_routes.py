"""The REST routes of messages: write, read, edit, delete, and the small ones around them.

Knows the documented parameters, limits and error codes. Must not know sockets or how an event
reaches a client: it hands events to whoever delivers them.

Not simulated: permissions (the bot may do everything its guilds allow an administrator),
allowed_mentions, votes, stickers of the bot's (refused), and the trimming of white space around a
text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from .door import Answer, ApiError, Route, Visit
from .events import Event, Events
from .payloads import Json, Payloads, shown_poll
from .world import EPHEMERAL, LOADING, SimulatedChat, SimulatedMessage, World

MAX_CONTENT = 2000
SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS, COMPONENTS_V2 = 1 << 2, 1 << 12, 1 << 15
FORWARD = 1
"""The type of a reference that passes a message on, rather than answering it."""
NONCE_SECONDS = 300
"""How long a nonce is remembered; documented as "the past few minutes"."""

ECHO_LAG_SECONDS = 0.02
"""How long an echo that is to come second stays behind the answer."""

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
        """Take where events go, and whether the echo of a message leaves before the answer to the
        request.
        """
        self._world: World = payloads.world
        self._payloads = payloads
        self._events = events
        self._deliver = deliver
        self._echo_first = echo_first
        self._nonces: dict[tuple[int, str], SimulatedMessage] = {}

    def table(self) -> list[tuple[str, str, Route]]:
        """List the routes: method, path pattern, handler."""
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

    async def write(self, visit: Visit) -> Answer:
        """Create a message, or return the one that this nonce created before."""
        chat, fields = self._chat(visit), visit.fields()
        known = self._known_nonce(chat, fields)
        if known is not None:
            return self._object(known)
        nonce = fields.get("nonce")
        reference = visit.field("message_reference", dict) or {}
        if reference.get("type") == FORWARD:
            message = self._world.write(chat, "", forwarded=self._forwarded(reference), nonce=nonce)
        else:
            flags = visit.field("flags", int) or 0
            message = self.make(
                visit,
                chat,
                flags=flags & ~EPHEMERAL,
                reply_to=self._reply_target(chat, visit),
                nonce=nonce,
            )
        if nonce is not None:
            self._nonces[chat.id, str(nonce)] = message
        answer = self._object(message) | ({} if nonce is None else {"nonce": nonce})
        await self.echo(visit, self._events.message_create(message))
        return answer

    def make(
        self,
        visit: Visit,
        chat: SimulatedChat,
        *,
        text: str | None = None,
        flags: int = 0,
        **more: Any,
    ) -> SimulatedMessage:
        """Let a message of the bot's, or of its webhook's, stand in a chat, by the request; or
        `text` alone.
        """
        flags &= SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2 | EPHEMERAL | LOADING
        if text is not None:
            return self._world.write(chat, text, flags=flags, **more)
        text, embeds, components = _content(visit), _embeds(visit), visit.objects("components")
        poll = visit.field("poll", dict)
        if not (text.strip() or embeds or components or visit.files or poll):
            raise ApiError(400, 50006, "Cannot send an empty message")
        if flags & COMPONENTS_V2 and (text or embeds or poll):
            wrong = (
                "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                "Only components may be sent with this flag.",
            )
            raise ApiError(400, 50035, "Invalid Form Body", content=wrong)
        return self._world.write(
            chat,
            text,
            embeds=embeds,
            components=components,
            attachments=[self._world.attachment(name, content) for name, content in visit.files],
            flags=flags,
            tts=bool(visit.fields().get("tts")),
            poll=None if poll is None else shown_poll(poll, now=self._world.clock()),
            **more,
        )

    def _known_nonce(self, chat: SimulatedChat, fields: Json) -> SimulatedMessage | None:
        message = (
            self._nonces.get((chat.id, str(fields.get("nonce"))))
            if fields.get("enforce_nonce")
            else None
        )
        if message is None or self._world.clock() - message.sent_at > NONCE_SECONDS:
            return None
        if message.is_deleted:
            # As clients report it; the documentation is silent on a nonce whose message was deleted
            # meanwhile.
            raise ApiError(404, 10008, "Unknown Message")
        return message

    def _reply_target(self, chat: SimulatedChat, visit: Visit) -> SimulatedMessage | None:
        reference = visit.field("message_reference", dict)
        if reference is None:
            return None
        target = chat.standing.get(_number(reference.get("message_id")))
        if target is None and reference.get("fail_if_not_exists", True):
            raise ApiError(
                400,
                50035,
                "Invalid Form Body",
                message_reference=("MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message"),
            )
        return target

    def _forwarded(self, reference: Json) -> SimulatedMessage:
        chat = self._world.chats.get(_number(reference.get("channel_id")))
        found = None if chat is None else chat.standing.get(_number(reference.get("message_id")))
        if found is None:
            raise ApiError(404, 10008, "Unknown Message")
        return found

    async def read(self, visit: Visit) -> Answer:
        """Return one message."""
        return self._object(self._message(visit))

    async def history(self, visit: Visit) -> Answer:
        """Return up to `limit` messages (50 by default), youngest first, `before`, `after` or
        `around` an id.
        """
        query = visit.request.query
        limit = _number(query.get("limit", "50"))
        if not 1 <= limit <= 100:
            raise ApiError(
                400,
                50035,
                "Invalid Form Body",
                limit=("NUMBER_TYPE_MAX", "int value should be between 1 and 100."),
            )
        standing = list(self._chat(visit).standing.values())
        if "around" in query:
            middle = _number(query["around"])
            older = (
                [one for one in standing if one.id < middle][-(limit // 2) :] if limit > 1 else []
            )
            chosen = (older + [one for one in standing if one.id >= middle])[:limit]
        elif "after" in query:
            chosen = [one for one in standing if one.id > _number(query["after"])][:limit]
        else:
            before = _number(query["before"]) if "before" in query else self._world.next_id()
            chosen = [one for one in standing if one.id < before][-limit:]
        return [self._object(message) for message in reversed(chosen)]

    async def edit(self, visit: Visit) -> Answer:
        """Change one of the bot's own messages."""
        message = self._message(visit)
        if not message.is_from_bot:
            raise ApiError(403, 50005, "Cannot edit a message authored by another user")
        await self.change(visit, message, is_edit=True)
        return self._object(message)

    async def change(self, visit: Visit, message: SimulatedMessage, *, is_edit: bool) -> None:
        """Change a message as the body says; one that is only filled in counts as unedited."""
        fields = visit.fields()
        text = _content(visit) if "content" in fields else message.text
        message.embeds = _embeds(visit) if "embeds" in fields else message.embeds
        message.components = (
            visit.objects("components") if "components" in fields else message.components
        )
        kept = message.attachments
        if "attachments" in fields:
            ids = {str(one.get("id")) for one in visit.objects("attachments")}
            kept = [one for one in kept if str(one.id) in ids]
        message.attachments = kept + [
            self._world.attachment(name, content) for name, content in visit.files
        ]
        if is_edit:
            self._world.edit(message, text)
        else:
            message.text = text
        await self.echo(visit, self._events.message_update(message))

    async def delete(self, visit: Visit) -> Answer:
        """Delete a message: any in a guild, only the bot's own in a direct chat."""
        message = self._message(visit)
        if message.chat.guild is None and not message.is_from_bot:
            raise ApiError(403, 50003, "Cannot execute action on a DM channel")
        self._world.remove([message])
        await self.echo(visit, self._events.message_delete(message))
        return None

    async def delete_bulk(self, visit: Visit) -> Answer:
        """Delete 2 to 100 messages of a guild channel; ids that stand for nothing are passed
        over.
        """
        chat, ids = self._chat(visit), visit.field("messages", list) or []
        if chat.guild is None:
            raise ApiError(403, 50003, "Cannot execute action on a DM channel")
        if not 2 <= len(ids) <= 100:
            raise ApiError(
                400,
                50016,
                "Provided too few or too many messages to delete. Must provide 2 to 100.",
            )
        found = [chat.standing[_number(one)] for one in ids if _number(one) in chat.standing]
        if found:
            self._world.remove(found)
            await self.echo(visit, self._events.message_delete_bulk(found))
        return None

    async def do_nothing(self, visit: Visit) -> Answer:
        """Accept typing and the bot's reactions; nobody is told of them."""
        if "message" in visit.request.match_info:
            self._message(visit)
        self._chat(visit)
        return None

    async def echo(self, visit: Visit, event: Event) -> None:
        """Tell of something that a request did, before or after its answer."""
        if self._echo_first:
            await self._deliver(event)
        else:
            visit.after_answer.append(lambda: self._echo_late(event))

    async def _echo_late(self, event: Event) -> None:
        # A client reads two sockets; only a moment between them lets it surely read the answer
        # first.
        await asyncio.sleep(ECHO_LAG_SECONDS)
        await self._deliver(event)

    def _object(self, message: SimulatedMessage) -> Json:
        has_intent = self._payloads.message_content_enabled
        return self._payloads.message(message, has_intent=has_intent, in_event=False)

    def _chat(self, visit: Visit) -> SimulatedChat:
        chat = self._world.chats.get(visit.number("channel"))
        if chat is None:
            raise ApiError(404, 10003, "Unknown Channel")
        return chat

    def _message(self, visit: Visit) -> SimulatedMessage:
        message = self._chat(visit).standing.get(visit.number("message"))
        if message is None:
            raise ApiError(404, 10008, "Unknown Message")
        return message


def _content(visit: Visit) -> str:
    fields = visit.fields()
    if fields.get("sticker_ids"):
        raise ApiError(400, 0, "stickers of the bot's are not simulated")
    text = str(fields.get("content") or "")
    if len(text) > MAX_CONTENT:
        too_long = ("BASE_TYPE_MAX_LENGTH", f"Must be {MAX_CONTENT} or fewer in length.")
        raise ApiError(400, 50035, "Invalid Form Body", content=too_long)
    return text


def _embeds(visit: Visit) -> list[Json]:
    return [{"type": "rich"} | embed for embed in visit.objects("embeds")]


def _number(value: Any) -> int:
    text = str(value)
    return int(text) if text.isdecimal() else 0

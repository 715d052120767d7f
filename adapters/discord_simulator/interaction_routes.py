"""The REST routes by which a bot answers interactions and speaks by webhooks, and registers its
commands.

Knows the documented types, limits and error codes. Must not know sockets or how an event reaches a
client.

Where the documentation is silent: the first further answer after a deferred one fills that in, as
clients see it; a further answer is a reply (type 19) to the first one; and an update that fills in
a deferred answer has no edited timestamp.
"""

from __future__ import annotations

import secrets
from typing import Any

from .door import Answer, ApiError, Route, Visit
from .events import Events
from .interaction_payloads import InteractionPayloads
from .interactions import (
    AUTOCOMPLETE,
    CHAT_INPUT,
    COMMAND,
    FIRST_ANSWER_SECONDS,
    TOKEN_SECONDS,
    Interactions,
)
from .interactions import SimulatedInteraction as Interaction
from .message_routes import MessageRoutes
from .payloads import Json, Payloads
from .world import (
    DEFAULT,
    EPHEMERAL,
    LOADING,
    MENU_ANSWER,
    REPLY,
    SLASH_ANSWER,
    SimulatedMessage,
    SimulatedUser,
)

PONG, MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, CHOICES, SHOW_FORM = 1, 4, 5, 6, 7, 8, 9

ONE = r"/webhooks/{webhook:\d+}/{token}"
OLD = ONE + "/messages/{message}"
APPLICATION = r"/applications/{application:\d+}"


class InteractionRoutes:
    """What a bot can do with interactions and webhooks."""

    def __init__(
        self,
        payloads: Payloads,
        events: Events,
        interactions: Interactions,
        messages: MessageRoutes,
    ) -> None:
        """Take the routes that know how messages are made and told of."""
        self._world = payloads.world
        self._payloads = payloads
        self._events = events
        self._interactions = interactions
        self._messages = messages
        self.shown = InteractionPayloads(payloads)
        self._webhooks: dict[str, tuple[SimulatedUser, int]] = {}

    def table(self) -> list[tuple[str, str, Route]]:
        """List the routes that need the bot's token."""
        return [
            ("GET", APPLICATION + "/commands", self.commands),
            ("PUT", APPLICATION + "/commands", self.register),
            ("GET", APPLICATION + r"/guilds/{guild:\d+}/commands", self.commands),
            ("PUT", APPLICATION + r"/guilds/{guild:\d+}/commands", self.register),
            ("POST", r"/channels/{channel:\d+}/webhooks", self.make_webhook),
        ]

    def open_table(self) -> list[tuple[str, str, Route]]:
        """List the routes whose addresses hold a token of their own."""
        return [
            ("POST", r"/interactions/{interaction:\d+}/{token}/callback", self.answer_first),
            ("POST", ONE, self.answer_further),
            ("GET", OLD, self.read),
            ("PATCH", OLD, self.edit),
            ("DELETE", OLD, self.delete),
        ]

    # Commands

    async def commands(self, visit: Visit) -> Answer:
        """Return the commands that the bot has registered, globally or in a guild."""
        return list(self._interactions.commands.get(_guild_id(visit), ()))

    async def register(self, visit: Visit) -> Answer:
        """Replace the bot's commands, globally or in a guild."""
        if not isinstance(visit.body, list):
            raise ApiError(400, 50109, "The request body contains invalid JSON.")
        names = [(one.get("name"), one.get("type", CHAT_INPUT)) for one in visit.body]
        if len(set(names)) < len(names):
            wrong = (
                "APPLICATION_COMMANDS_DUPLICATE_NAME",
                "Application command names must be unique",
            )
            raise ApiError(400, 50035, "Invalid Form Body", name=wrong)
        return self._interactions.register(_guild_id(visit), visit.body)

    # Answers

    async def answer_first(self, visit: Visit) -> Answer:
        """Take the first answer to an interaction, within three seconds."""
        interaction = self._interactions.by_token(visit.request.match_info["token"])
        late = (
            interaction is None
            or self._world.clock() - interaction.created_at > FIRST_ANSWER_SECONDS
        )
        if interaction is None or (late and interaction.answer_type is None):
            raise ApiError(404, 10062, "Unknown interaction")
        if interaction.answer_type is not None:
            raise ApiError(400, 40060, "Interaction has already been acknowledged.")
        kind, data = visit.field("type", int), visit.field("data", dict) or {}
        message: SimulatedMessage | None = None
        visit.body = data  # what follows is a message like any other
        if kind == MESSAGE:
            message = await self._say(visit, interaction, flags=int(data.get("flags") or 0))
        elif kind == DEFERRED_MESSAGE:
            flags = (int(data.get("flags") or 0) & EPHEMERAL) | LOADING
            message = await self._say(visit, interaction, flags=flags, text="")
        elif kind == UPDATE and interaction.message is not None:
            message = interaction.message
            await self._messages.change(visit, message, is_edit=True)
        elif kind == CHOICES and interaction.kind == AUTOCOMPLETE:
            interaction.choices = visit.objects("choices")
        elif kind == SHOW_FORM:
            interaction.form = data
        elif kind != DEFERRED_UPDATE or interaction.message is None:
            wrong = ("BASE_TYPE_CHOICES", "Value must be one of the types for this interaction.")
            raise ApiError(400, 50035, "Invalid Form Body", type=wrong)
        interaction.answer_type = kind
        interaction.is_ephemeral = message is not None and message.is_ephemeral
        if visit.request.query.get("with_response") not in ("1", "true"):
            return None
        return self.shown.receipt(interaction, kind or PONG, message)

    async def answer_further(self, visit: Visit) -> Answer:
        """Take another answer to an interaction, or let a webhook speak."""
        interaction = self._acknowledged(visit)
        if interaction is None:
            return await self._speak(visit)
        first = interaction.original
        if first is not None and first.flags & LOADING:
            await self._fill_in(visit, first)
            return self._object(first)
        flags = visit.field("flags", int) or 0
        message = await self._say(
            visit, interaction, flags=flags, reply_to=first if interaction.answers else None
        )
        return self._object(message)

    async def read(self, visit: Visit) -> Answer:
        """Return an answer."""
        return self._object(self._message(visit))

    async def edit(self, visit: Visit) -> Answer:
        """Change an answer; one that was deferred is filled in."""
        message = self._message(visit)
        if message.flags & LOADING:
            await self._fill_in(visit, message)
        else:
            await self._messages.change(visit, message, is_edit=True)
        return self._object(message)

    async def delete(self, visit: Visit) -> Answer:
        """Delete an answer."""
        message = self._message(visit)
        self._world.remove([message])
        await self._messages.echo(visit, self._events.message_delete(message))
        return None

    async def _say(
        self,
        visit: Visit,
        interaction: Interaction,
        *,
        flags: int,
        text: str | None = None,
        reply_to: SimulatedMessage | None = None,
    ) -> SimulatedMessage:
        kind = DEFAULT
        if interaction.kind == COMMAND:
            kind = (
                SLASH_ANSWER
                if interaction.data.get("type", CHAT_INPUT) == CHAT_INPUT
                else MENU_ANSWER
            )
        message = self._messages.make(
            visit,
            interaction.chat,
            text=text,
            flags=flags,
            kind=REPLY if reply_to is not None else kind,
            reply_to=reply_to,
            interaction=interaction,
        )
        interaction.answers.append(message)
        await self._messages.echo(visit, self._events.message_create(message))
        return message

    async def _fill_in(self, visit: Visit, message: SimulatedMessage) -> None:
        message.flags &= ~LOADING
        await self._messages.change(visit, message, is_edit=False)

    def _acknowledged(self, visit: Visit) -> Interaction | None:
        """Find the interaction that is answered; None where the token is a webhook's."""
        token = visit.request.match_info["token"]
        interaction = self._interactions.by_token(token)
        if interaction is None:
            if token not in self._webhooks:
                raise ApiError(404, 10015, "Unknown Webhook")
            return None
        if interaction.answer_type is None:
            raise ApiError(404, 10015, "Unknown Webhook")
        if self._world.clock() - interaction.created_at > TOKEN_SECONDS:
            raise ApiError(401, 50027, "Invalid Webhook Token")
        return interaction

    def _message(self, visit: Visit) -> SimulatedMessage:
        interaction, wanted = self._acknowledged(visit), visit.request.match_info["message"]
        found: SimulatedMessage | None = None
        if interaction is not None and wanted == "@original":
            found = interaction.original
        elif interaction is not None:
            found = next((one for one in interaction.answers if str(one.id) == wanted), None)
        else:
            webhook, chat_id = self._webhooks[visit.request.match_info["token"]]
            stands = self._world.chats[chat_id].standing.values()
            found = next(
                (one for one in stands if str(one.id) == wanted and one.webhook is webhook), None
            )
        if found is None or found.is_deleted:
            raise ApiError(404, 10008, "Unknown Message")
        return found

    def _object(self, message: SimulatedMessage) -> Json:
        return self._payloads.message(message, has_intent=True, in_event=False)

    # Webhooks

    async def make_webhook(self, visit: Visit) -> Answer:
        """Make a webhook of the bot's in a channel."""
        chat = self._world.chats.get(visit.number("channel"))
        if chat is None or chat.kind != "group":
            raise ApiError(404, 10003, "Unknown Channel")
        webhook, token = (
            self._world.webhook(chat, str(visit.fields().get("name"))),
            secrets.token_urlsafe(48),
        )
        self._webhooks[token] = (webhook, chat.id)
        made: dict[str, Any] = {
            "id": str(webhook.id),
            "type": 1,
            "token": token,
            "name": webhook.name,
            "avatar": None,
        }
        return made | {
            "channel_id": str(chat.id),
            "application_id": None,
            "user": self._payloads.own_user(),
        }

    async def _speak(self, visit: Visit) -> Answer:
        webhook, chat_id = self._webhooks[visit.request.match_info["token"]]
        message = self._messages.make(
            visit, self._world.chats[chat_id], flags=0, kind=DEFAULT, webhook=webhook
        )
        await self._messages.echo(visit, self._events.message_create(message))
        return self._object(message) if visit.request.query.get("wait") in ("1", "true") else None


def _guild_id(visit: Visit) -> int | None:
    return visit.number("guild") if "guild" in visit.request.match_info else None

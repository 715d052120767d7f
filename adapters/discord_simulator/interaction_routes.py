"""REST routes of interactions, webhooks and application commands.

Knows the documented types, limits and error codes. Must not know sockets or how an event reaches a
client.

Where the documentation is silent: the first followup to a deferred response fills that in, as
clients expect; other followups are replies (type 19) to the first response; an update that fills in
a deferred response sets no edited timestamp.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace

from .endpoint import ApiError, ApiRequest, ResponseBody, Route, invalid_form
from .entities import (
    DEFAULT,
    EPHEMERAL,
    LOADING,
    MENU_ANSWER,
    REPLY,
    SLASH_ANSWER,
    Json,
    SimulatedMessage,
    SimulatedUser,
)
from .entities import SimulatedInteraction as Interaction
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
from .message_routes import MessageRoutes
from .payloads import Payloads

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
        """Use `messages` to create messages and announce them."""
        self._world = payloads.world
        self._payloads = payloads
        self._events = events
        self._interactions = interactions
        self._messages = messages
        self.shown = InteractionPayloads(payloads)
        self._webhooks: dict[str, tuple[SimulatedUser, int]] = {}

    def table(self) -> list[tuple[str, str, Route]]:
        """Return the routes that require the bot's token."""
        return [
            ("GET", APPLICATION + "/commands", self.commands),
            ("PUT", APPLICATION + "/commands", self.register),
            ("GET", APPLICATION + r"/guilds/{guild:\d+}/commands", self.commands),
            ("PUT", APPLICATION + r"/guilds/{guild:\d+}/commands", self.register),
            ("POST", r"/channels/{channel:\d+}/webhooks", self.make_webhook),
        ]

    def open_table(self) -> list[tuple[str, str, Route]]:
        """Return the routes that have a token in their path."""
        return [
            ("POST", r"/interactions/{interaction:\d+}/{token}/callback", self.answer_first),
            ("POST", ONE, self.answer_further),
            ("GET", OLD, self.read),
            ("PATCH", OLD, self.edit),
            ("DELETE", OLD, self.delete),
        ]

    async def commands(self, request: ApiRequest) -> ResponseBody:
        """Return the commands registered globally or in a guild."""
        return list(self._interactions.commands.get(_guild_id(request), ()))

    async def register(self, request: ApiRequest) -> ResponseBody:
        """Replace the commands registered globally or in a guild."""
        if not isinstance(request.body, list):
            raise ApiError(400, 50109, "The request body contains invalid JSON.")

        names = [(command.get("name"), command.get("type", CHAT_INPUT)) for command in request.body]
        if len(set(names)) < len(names):
            wrong = (
                "APPLICATION_COMMANDS_DUPLICATE_NAME",
                "Application command names must be unique",
            )
            raise invalid_form(name=wrong)

        return self._interactions.register(_guild_id(request), request.body)

    async def answer_first(self, request: ApiRequest) -> ResponseBody:
        """Accept the first response, within three seconds."""
        interaction = self._interactions.by_token(request.http.match_info["token"])
        if interaction is None:
            raise ApiError(404, 10062, "Unknown interaction")
        if interaction.answer_type is not None:
            raise ApiError(400, 40060, "Interaction has already been acknowledged.")
        if self._world.clock() - interaction.created_at > FIRST_ANSWER_SECONDS:
            raise ApiError(404, 10062, "Unknown interaction")

        kind, data = request.field("type", int), request.field("data", dict) or {}
        request.body = data  # the fields of a message
        message = await self._respond(request, interaction, kind, data)
        interaction.answer_type = kind
        interaction.is_ephemeral = message is not None and message.is_ephemeral

        if request.http.query.get("with_response") not in ("1", "true"):
            return None

        return self.shown.receipt(interaction, kind or PONG, message)

    async def _respond(
        self, request: ApiRequest, interaction: Interaction, kind: int | None, data: Json
    ) -> SimulatedMessage | None:
        """Carry out a first response; return the message that it creates or changes."""
        message: SimulatedMessage | None = None

        if kind == MESSAGE:
            message = await self._say(request, interaction, flags=int(data.get("flags") or 0))
        elif kind == DEFERRED_MESSAGE:
            flags = (int(data.get("flags") or 0) & EPHEMERAL) | LOADING
            message = await self._say(request, interaction, flags=flags, text="")
        elif kind == UPDATE and interaction.message is not None:
            message = interaction.message
            await self._messages.change(request, message, is_edit=True)
        elif kind == CHOICES and interaction.kind == AUTOCOMPLETE:
            interaction.choices = request.objects("choices")
        elif kind == SHOW_FORM:
            interaction.form = data
        elif kind != DEFERRED_UPDATE or interaction.message is None:
            wrong = ("BASE_TYPE_CHOICES", "Value must be one of the types for this interaction.")
            raise invalid_form(type=wrong)

        return message

    async def answer_further(self, request: ApiRequest) -> ResponseBody:
        """Accept a followup to an interaction, or a message of a webhook."""
        interaction = self._acknowledged(request)
        if interaction is None:
            return await self._speak(request)

        first = interaction.original
        if first is not None and first.flags & LOADING and not first.is_deleted:
            await self._fill_in(request, first)
            return self._object(first)

        flags = request.field("flags", int) or 0
        message = await self._say(
            request, interaction, flags=flags, reply_to=first if interaction.answers else None
        )

        return self._object(message)

    async def read(self, request: ApiRequest) -> ResponseBody:
        """Return a response."""
        return self._object(self._message(request))

    async def edit(self, request: ApiRequest) -> ResponseBody:
        """Change a response, or fill in a deferred one."""
        message = self._message(request)
        if message.flags & LOADING:
            await self._fill_in(request, message)
        else:
            await self._messages.change(request, message, is_edit=True)

        return self._object(message)

    async def delete(self, request: ApiRequest) -> ResponseBody:
        """Delete a response."""
        message = self._message(request)
        self._world.remove([message])
        await self._messages.echo(request, self._events.message_delete(message))
        return None

    async def _say(
        self,
        request: ApiRequest,
        interaction: Interaction,
        *,
        flags: int,
        text: str | None = None,
        reply_to: SimulatedMessage | None = None,
    ) -> SimulatedMessage:
        guild = interaction.chat.guild
        if guild is not None and not guild.has_bot and not guild.allows_external_apps:
            flags |= EPHEMERAL

        kind = DEFAULT
        if reply_to is not None:
            kind = REPLY
        elif interaction.kind == COMMAND:
            is_slash = interaction.data.get("type", CHAT_INPUT) == CHAT_INPUT
            kind = SLASH_ANSWER if is_slash else MENU_ANSWER

        message = self._messages.make(
            request,
            interaction.chat,
            text=text,
            flags=flags,
            kind=kind,
            reply_to=reply_to,
            interaction=interaction,
        )

        interaction.answers.append(message)
        await self._messages.echo(request, self._events.message_create(message))

        return message

    async def _fill_in(self, request: ApiRequest, message: SimulatedMessage) -> None:
        message.flags &= ~LOADING
        await self._messages.change(request, message, is_edit=False)

    def _acknowledged(self, request: ApiRequest) -> Interaction | None:
        """Return the interaction of the token, or None if it is a webhook's token."""
        token = request.http.match_info["token"]
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

    def _message(self, request: ApiRequest) -> SimulatedMessage:
        interaction, wanted = self._acknowledged(request), request.http.match_info["message"]
        found: SimulatedMessage | None = None

        if interaction is not None and wanted == "@original":
            found = interaction.original
        elif interaction is not None:
            found = _with_id(interaction.answers, wanted)
        else:
            webhook, chat_id = self._webhooks[request.http.match_info["token"]]
            messages = self._world.chats[chat_id].messages.values()
            own = (item for item in messages if item.webhook and item.webhook.id == webhook.id)
            found = _with_id(own, wanted)

        if found is None or found.is_deleted:
            raise ApiError(404, 10008, "Unknown Message")

        return found

    def _object(self, message: SimulatedMessage) -> Json:
        return self._payloads.message(message, has_intent=True, in_event=False)

    async def make_webhook(self, request: ApiRequest) -> ResponseBody:
        """Create a webhook in a channel."""
        chat = self._world.chats.get(request.number("channel"))
        if chat is None or chat.kind != "group":
            raise ApiError(404, 10003, "Unknown Channel")

        webhook = self._world.own_webhook(str(request.fields().get("name")))
        token = secrets.token_urlsafe(48)
        self._webhooks[token] = (webhook, chat.id)
        made: Json = {
            "id": str(webhook.id),
            "type": 1,
            "token": token,
            "name": webhook.name,
            "avatar": None,
        }

        return made | {
            "channel_id": str(chat.id),
            "application_id": str(self._world.application_id),
            "user": self._payloads.own_user(),
        }

    async def _speak(self, request: ApiRequest) -> ResponseBody:
        webhook, chat_id = self._webhooks[request.http.match_info["token"]]
        if name := request.field("username", str):
            webhook = replace(webhook, name=name, username=name)

        message = self._messages.make(
            request, self._world.chats[chat_id], flags=0, kind=DEFAULT, webhook=webhook
        )
        await self._messages.echo(request, self._events.message_create(message))

        return self._object(message) if request.http.query.get("wait") in ("1", "true") else None


def _guild_id(request: ApiRequest) -> int | None:
    return request.number("guild") if "guild" in request.http.match_info else None


def _with_id(messages: Iterable[SimulatedMessage], wanted: str) -> SimulatedMessage | None:
    return next((message for message in messages if str(message.id) == wanted), None)

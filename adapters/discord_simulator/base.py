"""The parts of a simulated Discord, put together, and how events reach clients.

Must not know what people do.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .changes import Changes
from .endpoint import Endpoint
from .entities import SimulatedChat, SimulatedGuild, SimulatedMessage, SimulatedUser
from .events import Event, Events
from .gateway import Gateway
from .interaction_routes import InteractionRoutes
from .interactions import Interactions
from .message_routes import MessageRoutes
from .payloads import Payloads
from .place_routes import PlaceRoutes
from .server import Server
from .world import World


class SimulatorBase:
    """A Discord with a bot and no people."""

    def __init__(
        self,
        *,
        token: str = "simulated-discord-token",
        bot_name: str = "Bot",
        message_content_enabled: bool = True,
        echo_first: bool = True,
        shards: int = 1,
        is_old: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare a Discord with the bot and its owner only; nothing listens before `start`.

        Args:
            token: The one token that is accepted.
            bot_name: The username of the bot.
            message_content_enabled: Whether the app's settings allow the message content intent. If
                not, a client that asks for it is closed with code 4014, and REST responses have no
                content either. The other privileged intents are always allowed.
            echo_first: Whether the event about a message of the bot is sent before the response to
                the request that created it. Discord guarantees neither order, so a bot must handle
                both.
            shards: The number of shards recommended to clients that ask.
            is_old: Whether the id of the application differs from that of its bot, as with some
                old applications.
            clock: Returns Unix seconds; ids and times come from it.
        """
        self._changes = Changes()
        self._shards = shards
        self._world = World(bot_name=bot_name, clock=clock)

        if is_old:
            self._world.application_id = self._world.next_id()

        self._payloads = payloads = Payloads(
            self._world, message_content_enabled=message_content_enabled
        )
        self._events = Events(payloads)
        self._gateway = Gateway(payloads, self._events, token=token, changed=self._changes.notify)
        self._endpoint = Endpoint(token=token)
        messages = MessageRoutes(
            payloads, self._events, deliver=self._deliver, echo_first=echo_first
        )

        places = PlaceRoutes(
            payloads,
            self._events,
            deliver=self._deliver,
            gateway_url=lambda: self._server.gateway_url,
            shards=shards,
        )
        self._interactions = Interactions(self._world)
        answers = InteractionRoutes(payloads, self._events, self._interactions, messages)
        self._interaction_payloads = answers.shown

        self._server = Server(
            payloads,
            self._endpoint,
            self._gateway,
            places,
            routes=(*messages.table(), *places.table(), *answers.table()),
            open_routes=answers.open_table(),
        )

    def _guild_of(self, chat: SimulatedChat, what: str) -> SimulatedGuild:
        if chat.guild is None:
            raise ValueError(f"{what} needs a guild, not {chat}: use a chat that group() returned")
        return chat.guild

    def _check_presence(self, user: SimulatedUser, chat: SimulatedChat) -> None:
        if user not in (chat.guild.members if chat.guild else [chat.user]):
            raise ValueError(
                f"{user.name} is not in {chat}: pass them to group(), or use their direct_chat()"
            )

    async def _announce(self, message: SimulatedMessage) -> SimulatedMessage:
        await self._deliver(self._events.message_create(message))
        return message

    async def _deliver(self, event: Event) -> None:
        self._gateway.publish(event)
        self._changes.notify()
        await self._gateway.flush()

    def _announce_soon(self, event: Event) -> None:
        self._gateway.publish(event)
        self._gateway.flush_soon()

"""The REST routes of everything but messages: the bot itself, users, direct chats, channels,
threads, guilds.

Knows the documented paths and error codes. Must not know sockets or how an event reaches a client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .door import Answer, ApiError, Route, Visit
from .events import Event, Events
from .payloads import Json, Payloads
from .world import SimulatedChat, SimulatedGuild, SimulatedMessage, SimulatedUser

CHANNEL = r"/channels/{channel:\d+}"
GUILD = r"/guilds/{guild:\d+}"


class PlaceRoutes:
    """What a bot can ask about people and places, and the few places that it can open."""

    def __init__(
        self,
        payloads: Payloads,
        events: Events,
        *,
        deliver: Callable[[Event], Awaitable[None]],
        gateway_url: Callable[[], str],
        shards: int,
    ) -> None:
        """Take where events go, where the gateway is, and how many shards are recommended."""
        self._world = payloads.world
        self._payloads = payloads
        self._events = events
        self._deliver = deliver
        self._gateway_url = gateway_url
        self._shards = shards

    def table(self) -> list[tuple[str, str, Route]]:
        """List the routes: method, path pattern, handler."""
        return [
            ("GET", "/gateway/bot", self.gateway_bot),
            ("GET", "/users/@me", self.me),
            ("GET", "/oauth2/applications/@me", self.application),
            ("GET", "/applications/@me", self.application),
            ("POST", "/users/@me/channels", self.open_direct_chat),
            ("GET", r"/users/{user:\d+}", self.user),
            ("GET", CHANNEL, self.channel),
            ("DELETE", CHANNEL, self.delete_channel),
            ("POST", CHANNEL + "/threads", self.start_thread),
            ("POST", CHANNEL + r"/messages/{message:\d+}/threads", self.start_thread),
            ("GET", GUILD, self.guild),
            ("GET", GUILD + "/channels", self.guild_channels),
            ("GET", GUILD + r"/members/{user:\d+}", self.guild_member),
        ]

    async def gateway(self, visit: Visit) -> Answer:
        """Tell where the gateway is; the one route that needs no token."""
        return {"url": self._gateway_url()}

    async def gateway_bot(self, visit: Visit) -> Answer:
        """Tell where the gateway is, how many shards are recommended, and how many sessions may
        still start.
        """
        limit = {
            "total": 1000,
            "remaining": 1000,
            "reset_after": 86_400_000,
            "max_concurrency": self._shards,
        }
        return {"url": self._gateway_url(), "shards": self._shards, "session_start_limit": limit}

    async def me(self, visit: Visit) -> Answer:
        """Return the bot's own account."""
        return self._payloads.own_user()

    async def application(self, visit: Visit) -> Answer:
        """Return the bot's application."""
        return self._payloads.application()

    async def user(self, visit: Visit) -> Answer:
        """Return an account."""
        return self._payloads.user(self._user(visit))

    async def open_direct_chat(self, visit: Visit) -> Answer:
        """Return the direct chat with `recipient_id`, the same one each time."""
        recipient = str(visit.fields().get("recipient_id"))
        user = self._world.users.get(int(recipient)) if recipient.isdecimal() else None
        if user is None or user.is_bot:
            # Which of the codes 50033 and 50007 a bot as recipient gets is not documented.
            raise ApiError(400, 50033, "Invalid Recipient(s)")
        return self._payloads.channel(self._world.direct_chat(user))

    async def channel(self, visit: Visit) -> Answer:
        """Return a channel, a direct chat with its recipient."""
        return self._payloads.channel(self._chat(visit))

    async def delete_channel(self, visit: Visit) -> Answer:
        """Delete a channel or a thread; of a direct chat nothing changes."""
        chat = self._chat(visit)
        shown = self._payloads.channel(chat)
        if chat.guild is not None:
            for event in self._events.gone(chat):
                await self._deliver(event)
        return shown

    async def start_thread(self, visit: Visit) -> Answer:
        """Start a public thread, from a message or on its own. The system message in the channel is
        not simulated.
        """
        chat, name = self._chat(visit), str(visit.fields().get("name") or "")
        if chat.kind != "group":
            raise ApiError(400, 50024, "Cannot execute action on this channel type")
        if not 1 <= len(name) <= 100:
            wrong = ("BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
            raise ApiError(400, 50035, "Invalid Form Body", name=wrong)
        start = self._start(visit, chat) if "message" in visit.request.match_info else None
        thread = self._world.add_thread(chat, name, owner=None, start=start)
        await self._deliver(self._events.thread_create(thread))
        if start is not None:
            await self._deliver(self._events.message_update(start))
        return self._payloads.channel(thread)

    def _start(self, visit: Visit, chat: SimulatedChat) -> SimulatedMessage:
        message = chat.standing.get(visit.number("message"))
        if message is None:
            raise ApiError(404, 10008, "Unknown Message")
        if message.thread is not None:
            raise ApiError(400, 160004, "A thread has already been created for this message")
        return message

    async def guild(self, visit: Visit) -> Answer:
        """Return a guild."""
        return self._payloads.guild(self._guild(visit))

    async def guild_channels(self, visit: Visit) -> Answer:
        """Return a guild's channels, which threads do not count among."""
        return [self._payloads.channel(chat) for chat in self._guild(visit).channels]

    async def guild_member(self, visit: Visit) -> Answer:
        """Return a member of a guild."""
        guild, user = self._guild(visit), self._user(visit)
        if user is not self._world.bot and user not in guild.members:
            raise ApiError(404, 10007, "Unknown Member")
        return self._payloads.member(guild, user)

    async def unknown(self, visit: Visit) -> Answer:
        """Refuse a route that is not simulated, by name."""
        request = visit.request
        payload: Json = {"method": request.method, "path": request.path}
        raise ApiError(
            404, 0, "404: Not Found ({method} {path} is not simulated)".format(**payload)
        )

    def _user(self, visit: Visit) -> SimulatedUser:
        user = self._world.users.get(visit.number("user"))
        if user is None:
            raise ApiError(404, 10013, "Unknown User")
        return user

    def _chat(self, visit: Visit) -> SimulatedChat:
        chat = self._world.chats.get(visit.number("channel"))
        if chat is None:
            raise ApiError(404, 10003, "Unknown Channel")
        return chat

    def _guild(self, visit: Visit) -> SimulatedGuild:
        guild = self._world.guilds.get(visit.number("guild"))
        if guild is None:
            raise ApiError(404, 10004, "Unknown Guild")
        return guild

"""REST routes of everything but messages: the bot, users, chats, threads, guilds.

Knows the documented paths and error codes. Must not know sockets or how an event reaches a client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .endpoint import ApiError, ApiRequest, ResponseBody, Route, invalid_form
from .entities import SimulatedChat, SimulatedGuild, SimulatedMessage, SimulatedUser
from .events import Event, Events
from .payloads import Payloads

CHANNEL = r"/channels/{channel:\d+}"
GUILD = r"/guilds/{guild:\d+}"


class PlaceRoutes:
    """What a bot can read about people and places, and the places that it can create."""

    def __init__(
        self,
        payloads: Payloads,
        events: Events,
        *,
        deliver: Callable[[Event], Awaitable[None]],
        gateway_url: Callable[[], str],
        shards: int,
    ) -> None:
        """Use `deliver` to send events; recommend that many shards."""
        self._world = payloads.world
        self._payloads = payloads
        self._events = events
        self._deliver = deliver
        self._gateway_url = gateway_url
        self._shards = shards

    def table(self) -> list[tuple[str, str, Route]]:
        """Return the routes: method, path pattern, handler."""
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

    async def gateway(self, request: ApiRequest) -> ResponseBody:
        """Return the gateway's address; the only route without a token."""
        return {"url": self._gateway_url()}

    async def gateway_bot(self, request: ApiRequest) -> ResponseBody:
        """Return the gateway's address, recommended shards, and remaining session starts."""
        limit = {
            "total": 1000,
            "remaining": 1000,
            "reset_after": 86_400_000,
            "max_concurrency": self._shards,
        }
        return {"url": self._gateway_url(), "shards": self._shards, "session_start_limit": limit}

    async def me(self, request: ApiRequest) -> ResponseBody:
        """Return the bot's own account."""
        return self._payloads.own_user()

    async def application(self, request: ApiRequest) -> ResponseBody:
        """Return the bot's application."""
        return self._payloads.application()

    async def user(self, request: ApiRequest) -> ResponseBody:
        """Return an account."""
        return self._payloads.user(self._user(request))

    async def open_direct_chat(self, request: ApiRequest) -> ResponseBody:
        """Return the direct chat with `recipient_id`, creating it if necessary."""
        recipient = str(request.fields().get("recipient_id"))
        user = self._world.users.get(int(recipient)) if recipient.isdecimal() else None
        if user is None or user.is_bot:
            # Not documented: whether a bot as the recipient gets 50033 or 50007.
            raise ApiError(400, 50033, "Invalid Recipient(s)")

        return self._payloads.channel(self._world.direct_chat(user))

    async def channel(self, request: ApiRequest) -> ResponseBody:
        """Return a channel; a direct chat has its recipient."""
        return self._payloads.channel(self._chat(request))

    async def delete_channel(self, request: ApiRequest) -> ResponseBody:
        """Delete a channel or a thread. A direct chat stays."""
        chat = self._chat(request)
        shown = self._payloads.channel(chat)

        if chat.guild is not None:
            for event in self._events.chat_delete(chat):
                await self._deliver(event)

        return shown

    async def start_thread(self, request: ApiRequest) -> ResponseBody:
        """Start a public thread, with or without a message. Its system message is not simulated."""
        chat, name = self._chat(request), str(request.fields().get("name") or "")
        if chat.kind != "group":
            raise ApiError(400, 50024, "Cannot execute action on this channel type")

        if not 1 <= len(name) <= 100:
            wrong = ("BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
            raise invalid_form(name=wrong)

        start = self._start(request, chat) if "message" in request.http.match_info else None
        thread = self._world.add_thread(chat, name, owner=None, start=start)
        await self._deliver(self._events.thread_create(thread))

        if start is not None:
            await self._deliver(self._events.message_update(start))

        return self._payloads.channel(thread)

    def _start(self, request: ApiRequest, chat: SimulatedChat) -> SimulatedMessage:
        message = chat.messages.get(request.number("message"))
        if message is None:
            raise ApiError(404, 10008, "Unknown Message")
        if message.thread is not None:
            raise ApiError(400, 160004, "A thread has already been created for this message")

        return message

    async def guild(self, request: ApiRequest) -> ResponseBody:
        """Return a guild."""
        return self._payloads.guild(self._guild(request))

    async def guild_channels(self, request: ApiRequest) -> ResponseBody:
        """Return a guild's channels, without threads."""
        return [self._payloads.channel(chat) for chat in self._guild(request).channels]

    async def guild_member(self, request: ApiRequest) -> ResponseBody:
        """Return a member of a guild."""
        guild, user = self._guild(request), self._user(request)
        if user is not self._world.bot and user not in guild.members:
            raise ApiError(404, 10007, "Unknown Member")
        return self._payloads.member(guild, user)

    async def unknown(self, request: ApiRequest) -> ResponseBody:
        """Refuse a route that is not simulated, with its name."""
        where = f"{request.http.method} {request.http.path}"
        raise ApiError(404, 0, f"404: Not Found ({where} is not simulated)")

    def _user(self, request: ApiRequest) -> SimulatedUser:
        user = self._world.users.get(request.number("user"))
        if user is None:
            raise ApiError(404, 10013, "Unknown User")
        return user

    def _chat(self, request: ApiRequest) -> SimulatedChat:
        chat = self._world.chats.get(request.number("channel"))
        if chat is None:
            raise ApiError(404, 10003, "Unknown Channel")
        return chat

    def _guild(self, request: ApiRequest) -> SimulatedGuild:
        guild = self._world.guilds.get(request.number("guild"))
        if guild is None:
            raise ApiError(404, 10004, "Unknown Guild")
        return guild

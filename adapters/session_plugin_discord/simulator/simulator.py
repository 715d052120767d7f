"""The simulator as its users see it: people who talk, a bot that answers, and troubles on demand.

Knows the parts and who calls whom. Must not know JSON, opcodes or routes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from .bell import Bell
from .door import Call, Door, Failure
from .events import Event, Events
from .gateway import Gateway
from .message_routes import MessageRoutes
from .payloads import Payloads
from .place_routes import PlaceRoutes
from .server import Server
from .world import JOINED, SimulatedChat, SimulatedGuild, SimulatedMessage, SimulatedUser, World

Attachment = str | tuple[str, bytes]
"""A file that somebody sends: its name, or its name and its content."""


class DiscordSimulator:
    """Run a Discord on 127.0.0.1 with one bot account, to which an unmodified client connects.

    What happens while no client is connected stands in the chats and in the history, but no event tells of it later,
    unless a session is cut off and resumed: as on Discord.
    """

    def __init__(
        self,
        *,
        token: str = "simulated-discord-token",
        bot_name: str = "Bot",
        message_content_enabled: bool = True,
        echo_first: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare a Discord with nobody in it but the bot; nothing listens before `start`.

        Args:
            token: The one token that is accepted.
            bot_name: The username of the bot.
            message_content_enabled: Whether the app's settings allow the message content intent. If not, a client
                that asks for it is refused with close code 4014, and REST answers are blank as well. The two other
                privileged intents are always allowed.
            echo_first: Whether the event about a message of the bot is on the wire before the answer to the request
                that made it. Discord promises neither order, so a bot should live with both.
            clock: Unix seconds; ids and times come from it.
        """
        self._bell = Bell()
        self._world = World(bot_name=bot_name, clock=clock)
        payloads = Payloads(self._world, message_content_enabled=message_content_enabled)
        self._events = Events(payloads)
        self._gateway = Gateway(payloads, self._events, token=token, changed=self._bell.ring)
        self._door = Door(token=token)
        messages = MessageRoutes(payloads, self._events, deliver=self._deliver, echo_first=echo_first)
        places = PlaceRoutes(
            payloads, self._events, deliver=self._deliver, gateway_url=lambda: self.environment()["DISCORD_GATEWAY_URL"]
        )
        self._server = Server(payloads, self._door, self._gateway, messages, places)

    async def __aenter__(self) -> DiscordSimulator:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        await self._server.start()

    async def stop(self) -> None:
        """Close every connection within about a second; the world stays, and `start` may follow on another port."""
        await self._server.stop()

    @property
    def token(self) -> str:
        """The bot's token."""
        return self._door.token

    @property
    def calls(self) -> list[Call]:
        """Every REST request so far as (method, path, JSON body), oldest first; clear it as you like."""
        return self._door.calls

    @property
    def bot(self) -> SimulatedUser:
        """The account of the bot under test, for instance for its id in a mention."""
        return self._world.bot

    def environment(self) -> dict[str, str]:
        """Return the variables that lead a bot in another process here.

        A discord.py client follows them by `discord.http.Route.BASE` and, as a yarl.URL,
        `discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY`, both set before login.
        """
        address = self._server.address
        return {
            "DISCORD_TOKEN": self.token,
            "DISCORD_API_BASE": f"http://{address}/api/v10",
            "DISCORD_GATEWAY_URL": f"ws://{address}/gateway/",
        }

    async def connected(self, timeout: float = 10) -> None:  # noqa: ASYNC109 - the same verb on every platform
        """Return once a client is connected that will be told of everything said from now on."""
        try:
            await self._bell.wait_for(lambda: self._gateway.is_listened_to or None, seconds=timeout)
        except TimeoutError:
            raise TimeoutError(f"no client has identified itself at the gateway within {timeout} s") from None

    def user(self, name: str, *, nick: str | None = None) -> SimulatedUser:
        """Create a person. A second one of the same name is somebody else, with another username."""
        return self._world.add_user(name, nick=nick)

    def direct_chat(self, user: SimulatedUser) -> SimulatedChat:
        """Return the direct chat of this person with the bot: one for each person. No event tells of it."""
        return self._world.direct_chat(user)

    def group(self, name: str, *members: SimulatedUser, guild: SimulatedGuild | None = None) -> SimulatedChat:
        """Create a guild with one text channel, both of this name, and return the channel.

        With `guild` (the `.guild` of another channel) only the channel is new, and members are added to that guild.
        """
        if guild is None:
            guild = self._world.add_guild(name)
            guild.members.extend(members)
            chat = self._world.add_channel(guild, name)
            self._tell_soon(self._events.guild_create(guild, is_new=True))
            return chat
        chat = self._world.add_channel(guild, name)
        self._tell_soon(self._events.channel_create(chat))
        for member in members:
            self._join(guild, member)
        return chat

    def thread(self, chat: SimulatedChat, name: str) -> SimulatedChat:
        """Start a public thread in a text channel, as its guild's first member would."""
        owner = chat.guild.members[0] if chat.guild and chat.guild.members else None
        thread = self._world.add_thread(chat, name, owner=owner)
        self._tell_soon(self._events.thread_create(thread))
        return thread

    async def say(
        self,
        user: SimulatedUser,
        chat: SimulatedChat,
        text: str,
        *,
        reply_to: SimulatedMessage | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> SimulatedMessage:
        """Let a person write; returns when every connected client has been sent the event.

        A reply pings whom it answers, as clients do by default. ValueError if the person is not in the chat.
        """
        if user not in (chat.guild.members if chat.guild else [chat.user]):
            raise ValueError(f"{user.name} is not in {chat}; pass them to group(), or use their own direct_chat()")
        named = [(one, b"") if isinstance(one, str) else one for one in attachments]
        files = [self._world.attachment(name, content) for name, content in named]
        return await self._tell_of(self._world.write(chat, text, author=user, reply_to=reply_to, attachments=files))

    async def say_as_webhook(self, name: str, chat: SimulatedChat, text: str) -> SimulatedMessage:
        """Let a webhook write in a guild: `webhook_id` is set, the author looks like a bot and is no member."""
        self._guild_of(chat, "a webhook")
        return await self._tell_of(self._world.write(chat, text, webhook=self._world.webhook(chat, name)))

    async def say_as_bot(self, name: str, chat: SimulatedChat, text: str) -> SimulatedMessage:
        """Let another bot write in a guild, which it joins if it is not a member yet. One account for each name."""
        guild = self._guild_of(chat, "another bot")
        others = (user for user in self._world.users.values() if user.is_bot and user is not self._world.bot)
        other = next((user for user in others if user.name == name), None) or self._world.add_user(name, is_bot=True)
        self._join(guild, other)
        return await self._tell_of(self._world.write(chat, text, author=other))

    async def system_message(self, chat: SimulatedChat, user: SimulatedUser | None = None) -> SimulatedMessage:
        """Let the platform note that somebody (by default the first member) joined: type 7, without any text."""
        guild = self._guild_of(chat, "the note of an arrival")
        user = user or next(iter(guild.members), None) or self._world.add_user("Newcomer")
        self._join(guild, user)
        return await self._tell_of(self._world.write(chat, "", author=user, kind=JOINED))

    async def edit(self, message: SimulatedMessage, text: str) -> SimulatedMessage:
        """Let its author change a message; returns the same object. The bot edits its own through the API only."""
        if message.author is None or message.is_deleted:
            raise ValueError(f"nobody can edit this message in {message.chat}: it is a person's no more, or never was")
        self._world.edit(message, text)
        await self._deliver(self._events.message_update(message))
        return message

    async def unfurl(self, message: SimulatedMessage, *, title: str = "A page") -> None:
        """Let Discord add the preview of a link: an update like an edit's, but without an edited timestamp."""
        message.embeds.append({"type": "link", "title": title, "url": "https://example.com/"})
        await self._deliver(self._events.message_update(message))

    async def delete(self, message: SimulatedMessage) -> None:
        """Let its author or a moderator delete a message; the bot is told the id, not the text."""
        if message.chat.guild is None and message.is_from_bot:
            raise ValueError("in a direct chat only the bot can delete its messages")
        self._world.remove([message])
        await self._deliver(self._events.message_delete(message))

    async def delete_bulk(self, *messages: SimulatedMessage) -> None:
        """Let a moderator delete messages of one guild channel at once: a single event."""
        if not messages or len({message.chat.id for message in messages}) != 1:
            raise ValueError("delete_bulk() takes messages of one chat")
        self._guild_of(messages[0].chat, "a bulk deletion")
        self._world.remove(messages)
        await self._deliver(self._events.message_delete_bulk(messages))

    async def repeat(self, message: SimulatedMessage) -> None:
        """Deliver the creation of a message once more, under the same id, with what it says now."""
        await self._deliver(self._events.message_create(message))

    def messages(self, chat: SimulatedChat) -> list[SimulatedMessage]:
        """Return what stands in the chat now, oldest first."""
        return list(chat.standing.values())

    async def answer(
        self,
        chat: SimulatedChat,
        after: SimulatedMessage | None = None,
        timeout: float = 5,  # noqa: ASYNC109 - the same verb on every platform
    ) -> SimulatedMessage:
        """Wait for the bot's first message in the chat that is younger than `after` (None: the first of all)."""
        start = after.id if after else 0

        def find() -> SimulatedMessage | None:
            return next((one for one in chat.standing.values() if one.is_from_bot and one.id > start), None)

        try:
            return await self._bell.wait_for(find, seconds=timeout)
        except TimeoutError:
            stands = [f"{self._world.account_of(one).name}: {one.text!r}" for one in chat.standing.values()]
            raise TimeoutError(
                f"the bot did not answer in {chat} within {timeout} s; there stands: {'; '.join(stands) or 'nothing'}"
            ) from None

    async def quiet(self, chat: SimulatedChat, seconds: float = 0.3) -> list[SimulatedMessage]:
        """Wait, and return what the bot wrote in the chat meanwhile; an empty list means that it kept quiet."""
        before = set(chat.standing)
        await asyncio.sleep(seconds)
        return [one for one in chat.standing.values() if one.is_from_bot and one.id not in before]

    def fail_next(self, method: str, path_contains: str, *, status: int | None, after_effect: bool = False) -> None:
        """Let the next matching REST request fail with this status, or with None lose its connection.

        With `after_effect` the request is carried out and only its answer is lost. A 429 asks to retry at once.
        """
        self._door.failures.append(Failure(method, path_contains, status, after_effect))

    def cut(self) -> None:
        """Drop all gateway connections without a close frame; a client resumes its session."""
        self._gateway.cut()

    async def reconnect(self) -> None:
        """Ask clients to reconnect and resume (opcode 7)."""
        await self._gateway.ask_to_reconnect()

    async def invalidate_session(self, *, resumable: bool) -> None:
        """Tell clients that their session is invalid (opcode 9); if it is not resumable, what follows is lost."""
        await self._gateway.invalidate(is_resumable=resumable)

    def _guild_of(self, chat: SimulatedChat, what: str) -> SimulatedGuild:
        if chat.guild is None:
            raise ValueError(f"{what} has no place in {chat}; use a chat that group() returned")
        return chat.guild

    def _join(self, guild: SimulatedGuild, user: SimulatedUser) -> None:
        if user not in guild.members:
            guild.members.append(user)
            self._tell_soon(self._events.member_add(guild, user))

    async def _tell_of(self, message: SimulatedMessage) -> SimulatedMessage:
        await self._deliver(self._events.message_create(message))
        return message

    async def _deliver(self, event: Event) -> None:
        self._gateway.publish(event)
        self._bell.ring()
        await self._gateway.flush()

    def _tell_soon(self, event: Event) -> None:
        self._gateway.publish(event)
        self._gateway.flush_soon()

"""What people do in a simulated Discord: write, edit, delete, forward.

Knows the world and its events. Must not know JSON, opcodes or routes.
"""

from __future__ import annotations

from collections.abc import Sequence

from .base import SimulatorBase
from .entities import (
    JOINED,
    LOADING,
    SLASH_ANSWER,
    Json,
    SimulatedChat,
    SimulatedGuild,
    SimulatedMessage,
    SimulatedUser,
)
from .interactions import CHAT_INPUT, COMMAND
from .payloads import shown_poll

Attachment = str | tuple[str, bytes]
"""A file to send: its name, or its name and content."""


class People(SimulatorBase):
    """People, other bots and webhooks, and what they write."""

    def user(self, name: str, *, nick: str | None = None) -> SimulatedUser:
        """Add a person. A second person of the same name gets another username."""
        return self._world.add_user(name, nick=nick)

    def direct_chat(self, user: SimulatedUser) -> SimulatedChat:
        """Return the person's direct chat with the bot. No event announces it."""
        return self._world.direct_chat(user)

    def group(
        self, name: str, *members: SimulatedUser, guild: SimulatedGuild | None = None
    ) -> SimulatedChat:
        """Add a guild with one text channel, both of this name, and return the channel.

        With `guild` (the `.guild` of another channel), only a channel is added, and the members
        join that guild.
        """
        if guild is None:
            guild = self._world.add_guild(name)
            guild.members.extend(members)
            chat = self._world.add_channel(guild, name)
            self._announce_soon(self._events.guild_create(guild, is_new=True))
            return chat

        chat = self._world.add_channel(guild, name)
        self._announce_soon(self._events.channel_create(chat))

        for member in members:
            self._join(guild, member)

        return chat

    def thread(self, chat: SimulatedChat, name: str) -> SimulatedChat:
        """Start a public thread in a text channel, by the guild's first member."""
        owner = chat.guild.members[0] if chat.guild and chat.guild.members else None
        thread = self._world.add_thread(chat, name, owner=owner)
        self._announce_soon(self._events.thread_create(thread))
        return thread

    async def say(
        self,
        user: SimulatedUser,
        chat: SimulatedChat,
        text: str,
        *,
        reply_to: SimulatedMessage | None = None,
        attachments: Sequence[Attachment] = (),
        stickers: Sequence[str] = (),
        poll: str | None = None,
    ) -> SimulatedMessage:
        """Send a message from a person; return when the event has been sent to all clients.

        A reply pings the author of the original, the default of clients. `poll` is a question with
        the answers yes and no.

        Raises:
            ValueError: The person is not in the chat.
        """
        self._check_presence(user, chat)
        named = [(file, b"") if isinstance(file, str) else file for file in attachments]
        files = [self._world.attachment(name, content) for name, content in named]

        return await self._announce(
            self._world.write(
                chat,
                text,
                author=user,
                reply_to=reply_to,
                attachments=files,
                stickers=list(stickers),
                poll=None if poll is None else self._poll(poll),
            )
        )

    def _poll(self, question: str) -> Json:
        answers = [{"poll_media": {"text": text}} for text in ("yes", "no")]
        asked = {"question": {"text": question}, "answers": answers}
        return shown_poll(asked, now=self._world.clock())

    async def forward(
        self, user: SimulatedUser, message: SimulatedMessage, chat: SimulatedChat
    ) -> SimulatedMessage:
        """Forward a message to another chat; it has a snapshot and no text."""
        self._check_presence(user, chat)
        return await self._announce(self._world.write(chat, "", author=user, forwarded=message))

    async def say_as_webhook(self, name: str, chat: SimulatedChat, text: str) -> SimulatedMessage:
        """Send a message from a webhook: it has `webhook_id`, and its author is not a member."""
        self._guild_of(chat, "a webhook")
        return await self._announce(
            self._world.write(chat, text, webhook=self._world.webhook(chat, name))
        )

    async def say_as_bot(
        self, name: str, chat: SimulatedChat, text: str, *, answering: SimulatedUser | None = None
    ) -> SimulatedMessage:
        """Send a message from another bot, which joins the guild. Each name is one account.

        With `answering` it responds to that person's slash command, deferred: an empty message
        that an update fills in.
        """
        guild = self._guild_of(chat, "another bot")
        bots = [user for user in self._world.users.values() if user.is_bot]
        known = [user for user in bots if user.name == name and user is not self._world.bot]
        other = known[0] if known else self._world.add_user(name, is_bot=True)
        self._join(guild, other)

        if answering is None:
            return await self._announce(self._world.write(chat, text, author=other))

        used = self._interactions.begin(
            COMMAND, answering, chat, {"name": "theirs", "type": CHAT_INPUT}
        )
        message = self._world.write(
            chat, "", author=other, kind=SLASH_ANSWER, flags=LOADING, interaction=used
        )
        used.answers.append(await self._announce(message))

        message.flags, message.text = message.flags & ~LOADING, text
        await self._deliver(self._events.message_update(message))

        return message

    async def system_message(
        self, chat: SimulatedChat, user: SimulatedUser | None = None
    ) -> SimulatedMessage:
        """Announce that a person (by default the first member) joined: type 7, without text."""
        guild = self._guild_of(chat, "a join message")
        user = user or next(iter(guild.members), None) or self._world.add_user("Newcomer")
        self._join(guild, user)
        return await self._announce(self._world.write(chat, "", author=user, kind=JOINED))

    async def edit(self, message: SimulatedMessage, text: str) -> SimulatedMessage:
        """Change a person's message and return it. The bot edits its messages by the API only."""
        if message.author is None or message.is_deleted:
            raise ValueError(
                f"this message in {message.chat} cannot be edited: it was deleted, or no person "
                "wrote it"
            )

        self._world.edit(message, text)
        await self._deliver(self._events.message_update(message))

        return message

    async def unfurl(self, message: SimulatedMessage, *, title: str = "A page") -> None:
        """Add a link preview: an update without an edited timestamp."""
        message.embeds.append({"type": "link", "title": title, "url": "https://example.com/"})
        await self._deliver(self._events.message_update(message))

    async def delete(self, message: SimulatedMessage) -> None:
        """Delete a message as its author or a moderator. The event has the id, not the text."""
        if message.chat.guild is None and message.is_from_bot:
            raise ValueError("in a direct chat only the bot can delete its messages")
        self._world.remove([message])
        await self._deliver(self._events.message_delete(message))

    async def delete_bulk(self, *messages: SimulatedMessage) -> None:
        """Delete messages of one guild channel as a moderator, with a single event."""
        if not messages or len({message.chat.id for message in messages}) != 1:
            raise ValueError("delete_bulk() takes messages of one chat")

        self._guild_of(messages[0].chat, "a bulk deletion")
        self._world.remove(messages)
        await self._deliver(self._events.message_delete_bulk(messages))

    async def repeat(self, message: SimulatedMessage) -> None:
        """Deliver the creation of a message again: the same id, the present content."""
        await self._deliver(self._events.message_create(message))

    def _join(self, guild: SimulatedGuild, user: SimulatedUser) -> None:
        if user not in guild.members:
            guild.members.append(user)
            self._announce_soon(self._events.member_add(guild, user))

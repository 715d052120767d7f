"""What people do in a simulated Discord: come, write, edit, delete, pass on.

Knows the world and its events. Must not know JSON, opcodes or routes.
"""

from __future__ import annotations

from collections.abc import Sequence

from .interactions import CHAT_INPUT, COMMAND
from .payloads import shown_poll
from .scene import Scene
from .world import (
    JOINED,
    LOADING,
    SLASH_ANSWER,
    SimulatedChat,
    SimulatedGuild,
    SimulatedMessage,
    SimulatedUser,
)

Attachment = str | tuple[str, bytes]
"""A file that somebody sends: its name, or its name and its content."""


class People(Scene):
    """Those who are there, and what they say."""

    def user(self, name: str, *, nick: str | None = None) -> SimulatedUser:
        """Create a person. A second one of the same name is somebody else, with another
        username.
        """
        return self._world.add_user(name, nick=nick)

    def direct_chat(self, user: SimulatedUser) -> SimulatedChat:
        """Return the direct chat of this person with the bot: one for each person. No event tells
        of it.
        """
        return self._world.direct_chat(user)

    def group(
        self, name: str, *members: SimulatedUser, guild: SimulatedGuild | None = None
    ) -> SimulatedChat:
        """Create a guild with one text channel, both of this name, and return the channel.

        With `guild` (the `.guild` of another channel) only the channel is new, and members are
        added to that guild.
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
        stickers: Sequence[str] = (),
        poll: str | None = None,
    ) -> SimulatedMessage:
        """Let a person write; returns when every connected client has been sent the event.

        A reply pings whom it answers, as clients do by default. A poll is a question, with yes and
        no for answers. ValueError if the person is not in the chat.
        """
        self._check_presence(user, chat)
        named = [(one, b"") if isinstance(one, str) else one for one in attachments]
        files = [self._world.attachment(name, content) for name, content in named]
        asked = None
        if poll is not None:
            answers = [{"poll_media": {"text": text}} for text in ("yes", "no")]
            asked = shown_poll(
                {"question": {"text": poll}, "answers": answers}, now=self._world.clock()
            )
        return await self._tell_of(
            self._world.write(
                chat,
                text,
                author=user,
                reply_to=reply_to,
                attachments=files,
                stickers=list(stickers),
                poll=asked,
            )
        )

    async def forward(
        self, user: SimulatedUser, message: SimulatedMessage, chat: SimulatedChat
    ) -> SimulatedMessage:
        """Let a person pass a message on to another chat: it has no text, but a snapshot of what
        was said.
        """
        self._check_presence(user, chat)
        return await self._tell_of(self._world.write(chat, "", author=user, forwarded=message))

    async def say_as_webhook(self, name: str, chat: SimulatedChat, text: str) -> SimulatedMessage:
        """Let a webhook write in a guild: `webhook_id` is set, the author looks like a bot and is
        no member.
        """
        self._guild_of(chat, "a webhook")
        return await self._tell_of(
            self._world.write(chat, text, webhook=self._world.webhook(chat, name))
        )

    async def say_as_bot(
        self, name: str, chat: SimulatedChat, text: str, *, answering: SimulatedUser | None = None
    ) -> SimulatedMessage:
        """Let another bot write in a guild, which it joins if it is not a member yet. One account
        for each name.

        With `answering` it answers a slash command of that person's, deferred: an empty message
        that an update fills in.
        """
        guild = self._guild_of(chat, "another bot")
        others = (
            user
            for user in self._world.users.values()
            if user.is_bot and user is not self._world.bot
        )
        other = next((user for user in others if user.name == name), None) or self._world.add_user(
            name, is_bot=True
        )
        self._join(guild, other)
        if answering is None:
            return await self._tell_of(self._world.write(chat, text, author=other))
        used = self._interactions.begin(
            COMMAND, answering, chat, {"name": "theirs", "type": CHAT_INPUT}
        )
        message = self._world.write(
            chat, "", author=other, kind=SLASH_ANSWER, flags=LOADING, interaction=used
        )
        used.answers.append(await self._tell_of(message))
        message.flags, message.text = message.flags & ~LOADING, text
        await self._deliver(self._events.message_update(message))
        return message

    async def system_message(
        self, chat: SimulatedChat, user: SimulatedUser | None = None
    ) -> SimulatedMessage:
        """Let the platform note that somebody (by default the first member) joined: type 7, without
        any text.
        """
        guild = self._guild_of(chat, "the note of an arrival")
        user = user or next(iter(guild.members), None) or self._world.add_user("Newcomer")
        self._join(guild, user)
        return await self._tell_of(self._world.write(chat, "", author=user, kind=JOINED))

    async def edit(self, message: SimulatedMessage, text: str) -> SimulatedMessage:
        """Let its author change a message; returns the same object. The bot edits its own through
        the API only.
        """
        if message.author is None or message.is_deleted:
            raise ValueError(
                f"nobody can edit this message in {message.chat}: it is a person's no more, or "
                "never was"
            )
        self._world.edit(message, text)
        await self._deliver(self._events.message_update(message))
        return message

    async def unfurl(self, message: SimulatedMessage, *, title: str = "A page") -> None:
        """Let Discord add the preview of a link: an update like an edit's, but without an edited
        timestamp.
        """
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

    def _join(self, guild: SimulatedGuild, user: SimulatedUser) -> None:
        if user not in guild.members:
            guild.members.append(user)
            self._tell_soon(self._events.member_add(guild, user))

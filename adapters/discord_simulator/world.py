"""The state of a simulated Discord: who exists, who is where, and what was said.

Assigns ids that grow with time. Must not know the network, JSON, or which client is connected.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from .entities import (
    DEFAULT,
    HAS_THREAD,
    REPLY,
    SimulatedAttachment,
    SimulatedChat,
    SimulatedGuild,
    SimulatedMessage,
    SimulatedUser,
)

DISCORD_EPOCH_MS = 1_420_070_400_000
"""The first millisecond of 2015, from which snowflakes count (documented under "Snowflakes")."""

SNOWFLAKE_MENTION = re.compile(r"<@!?(\d{1,20})>")


class World:
    """The state of a Discord. Ids are snowflakes, so a higher id is newer."""

    def __init__(self, *, bot_name: str, clock: Callable[[], float] = time.time) -> None:
        """Create a world with the bot and its owner; `clock` returns Unix seconds."""
        self.clock = clock
        self._last_id = 0
        self.users: dict[int, SimulatedUser] = {}
        self.guilds: dict[int, SimulatedGuild] = {}
        self.chats: dict[int, SimulatedChat] = {}
        self.webhooks: dict[tuple[int, str], SimulatedUser] = {}
        self.own_webhooks: dict[int, SimulatedUser] = {}
        """Webhooks that the bot's application made, by id."""
        self.files: dict[int, SimulatedAttachment] = {}
        self._direct_chats: dict[int, SimulatedChat] = {}
        self.owner = self.add_user("Owner")
        self.bot = self.add_user(bot_name, is_bot=True)
        self.application_id = self.bot.id

    def next_id(self) -> int:
        """Return a new snowflake: the time in the upper bits, above every earlier id."""
        now = (int(self.clock() * 1000) - DISCORD_EPOCH_MS) << 22
        self._last_id = max(now, self._last_id + 1)
        return self._last_id

    def add_user(
        self, name: str, *, nick: str | None = None, is_bot: bool = False
    ) -> SimulatedUser:
        """Add an account. A second person of the same name gets another username."""
        user_id = self.next_id()
        if is_bot:
            # Bots still have a discriminator, so two of them can have the same username.
            digits = f"{user_id % 9999 + 1:04d}"
            user = SimulatedUser(user_id, name, name, nick, is_bot=True, discriminator=digits)
        else:
            user = SimulatedUser(user_id, name, self._free_username(name), nick)

        self.users[user_id] = user

        return user

    def _free_username(self, name: str) -> str:
        base = re.sub(r"[^a-z0-9_.]", "", name.lower()) or "user"
        taken = {user.username for user in self.users.values()}

        number, candidate = 1, base
        while candidate in taken:
            number += 1
            candidate = f"{base}{number}"

        return candidate

    def direct_chat(self, user: SimulatedUser) -> SimulatedChat:
        """Return the user's direct chat with the bot, creating it if necessary."""
        if user.id not in self._direct_chats:
            self._direct_chats[user.id] = self._add_chat("direct", user.name, user=user)
        return self._direct_chats[user.id]

    def add_guild(self, name: str) -> SimulatedGuild:
        """Add a guild with no channels and no member but the bot."""
        guild = SimulatedGuild(
            self.next_id(), name, bot_role_id=self.next_id(), created_at=self.clock()
        )
        self.guilds[guild.id] = guild
        return guild

    def add_channel(self, guild: SimulatedGuild, name: str) -> SimulatedChat:
        """Add a text channel that every member of the guild can read."""
        chat = self._add_chat("group", name, guild=guild)
        guild.channels.append(chat)
        return chat

    def add_thread(
        self,
        parent: SimulatedChat,
        name: str,
        *,
        owner: SimulatedUser | None,
        start: SimulatedMessage | None = None,
    ) -> SimulatedChat:
        """Add a public thread. A thread started from a message has the id of the message."""
        if parent.guild is None or parent.kind != "group":
            raise ValueError(f"{parent} can hold no threads; pass a chat that group() returned")

        thread = self._add_chat(
            "thread",
            name,
            guild=parent.guild,
            parent=parent,
            owner=owner,
            chat_id=start.id if start else None,
        )

        if start is not None:
            start.thread, start.flags = thread, start.flags | HAS_THREAD

        parent.guild.threads.append(thread)

        return thread

    def remove_chat(self, chat: SimulatedChat) -> None:
        """Remove a channel or thread with its messages; with a channel, its threads."""
        if chat.guild is None:
            return

        for thread in [thread for thread in chat.guild.threads if thread.parent is chat]:
            self.remove_chat(thread)

        self.remove(list(chat.messages.values()))
        self.chats.pop(chat.id, None)

        for those in (chat.guild.channels, chat.guild.threads):
            if chat in those:
                those.remove(chat)

    def _add_chat(
        self,
        kind: Literal["direct", "group", "thread"],
        name: str,
        *,
        chat_id: int | None = None,
        **where: Any,
    ) -> SimulatedChat:
        chat = SimulatedChat(chat_id or self.next_id(), kind, name, self.clock(), **where)
        self.chats[chat.id] = chat
        return chat

    def webhook(self, chat: SimulatedChat, name: str) -> SimulatedUser:
        """Return the webhook of this name in this chat, creating it if necessary."""
        if (chat.id, name) not in self.webhooks:
            self.webhooks[chat.id, name] = SimulatedUser(
                self.next_id(), name, name, is_bot=True, discriminator="0000"
            )

        return self.webhooks[chat.id, name]

    def own_webhook(self, name: str) -> SimulatedUser:
        """Create a webhook of the bot's application."""
        webhook = SimulatedUser(self.next_id(), name, name, is_bot=True, discriminator="0000")
        self.own_webhooks[webhook.id] = webhook
        return webhook

    def attachment(self, filename: str, content: bytes) -> SimulatedAttachment:
        """Store a file for a message or a command."""
        made = SimulatedAttachment(self.next_id(), filename, content)
        self.files[made.id] = made
        return made

    def write(
        self,
        chat: SimulatedChat,
        text: str,
        *,
        author: SimulatedUser | None = None,
        webhook: SimulatedUser | None = None,
        reply_to: SimulatedMessage | None = None,
        kind: int = DEFAULT,
        **more: Any,
    ) -> SimulatedMessage:
        """Add a message to the chat; the bot's, unless `author` or `webhook` is set."""
        message_id = self.next_id()
        message = SimulatedMessage(
            id=message_id,
            chat=chat,
            author=author,
            is_from_bot=author is None and webhook is None,
            text=text,
            reply_to=reply_to,
            sent_at=((message_id >> 22) + DISCORD_EPOCH_MS) / 1000,
            kind=REPLY if reply_to is not None and kind == DEFAULT else kind,
            webhook=webhook,
            **more,
        )
        if not message.is_ephemeral:  # these are in no history
            chat.messages[message.id] = message

        return message

    def edit(self, message: SimulatedMessage, text: str) -> None:
        """Change the text and set the time of the edit."""
        message.text = text
        message.edited_at = self.clock()

    def remove(self, messages: Sequence[SimulatedMessage]) -> None:
        """Remove messages from their chats. Replies keep their reference."""
        for message in messages:
            message.is_deleted = True
            message.chat.messages.pop(message.id, None)

    def account_of(self, message: SimulatedMessage) -> SimulatedUser:
        """Return the account shown as the author: webhook, author or bot."""
        return message.webhook or message.author or self.bot

    def mentioned(self, message: SimulatedMessage) -> list[SimulatedUser]:
        """Return the users that a message pings: by `<@id>`, and by replying to them."""
        found = [self.users.get(int(digits)) for digits in SNOWFLAKE_MENTION.findall(message.text)]
        if message.reply_to is not None and message.reply_to.webhook is None:
            found.append(self.account_of(message.reply_to))
        return list(dict.fromkeys(user for user in found if user is not None))

"""The people, places and messages of a simulated Discord, as plain data.

Knows who exists, who is where and what was said, and gives every new thing an id that grows with
time. Must not know the network, JSON, or which program listens.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .interactions import SimulatedInteraction

DISCORD_EPOCH_MS = 1_420_070_400_000
"""The first millisecond of 2015, from which snowflakes count (documented under "Snowflakes")."""

DEFAULT, JOINED, REPLY, SLASH_ANSWER, MENU_ANSWER = 0, 7, 19, 20, 23
"""The message types used here: an ordinary message, somebody's arrival in the guild, a reply,
answers to commands.
"""

EPHEMERAL = 1 << 6
"""The message flag of what one person sees alone."""

LOADING = 1 << 7
"""The message flag of a deferred answer that is not there yet."""

HAS_THREAD = 1 << 5
"""The message flag of a message from which a thread was started."""

SNOWFLAKE_MENTION = re.compile(r"<@!?(\d{1,20})>")


@dataclass(eq=False)
class SimulatedUser:
    """Somebody with an account: a person, or a bot that is not the one under test.

    Example:
        async with DiscordSimulator() as simulator:
            ann = simulator.user("Ann")
            print(ann.id, ann.name)
    """

    id: int
    name: str
    """What others see (Discord's `global_name`; for a bot its username)."""
    username: str
    """The unique account name, made from `name`: lower case, without spaces."""
    nick: str | None = None
    """The nickname shown in every guild this user is in."""
    is_bot: bool = False
    discriminator: str = "0"
    """"0" for people since usernames are unique; bots keep four digits."""


@dataclass(eq=False)
class SimulatedGuild:
    """A server ("guild") with its text channels. The bot is a member of each, with all
    permissions.
    """

    id: int
    name: str
    bot_role_id: int
    created_at: float
    has_bot: bool = True
    """Whether the bot is in it, and is told what happens there."""
    members: list[SimulatedUser] = field(default_factory=list, repr=False)
    channels: list[SimulatedChat] = field(default_factory=list, repr=False)
    threads: list[SimulatedChat] = field(default_factory=list, repr=False)


@dataclass(eq=False)
class SimulatedChat:
    """A place where messages stand: a direct chat with the bot, a guild's text channel, or a thread
    in one.

    Example:
        async with DiscordSimulator() as simulator:
            room = simulator.group("friends", simulator.user("Ann"))
            plans = simulator.thread(room, "plans")
    """

    id: int
    kind: Literal["direct", "group", "thread"]
    name: str
    created_at: float
    user: SimulatedUser | None = None
    """The person of a direct chat; None elsewhere."""
    guild: SimulatedGuild | None = field(default=None, repr=False)
    parent: SimulatedChat | None = field(default=None, repr=False)
    """The text channel of a thread; None elsewhere."""
    owner: SimulatedUser | None = field(default=None, repr=False)
    """Who started a thread; None means the bot."""
    standing: dict[int, SimulatedMessage] = field(default_factory=dict, repr=False)
    """What stands in the chat now, by id, oldest first."""

    def __str__(self) -> str:
        """Name the chat for error messages."""
        return f"{self.kind} chat {self.name!r} ({self.id})"


@dataclass(frozen=True, eq=False)
class SimulatedAttachment:
    """A file that hangs on a message."""

    id: int
    filename: str
    content: bytes = field(repr=False)


@dataclass(eq=False)
class SimulatedMessage:
    """A message as it stands now: an edit changes this very object, and a deletion sets
    `is_deleted`.

    Example:
        async with DiscordSimulator() as simulator:
            ann = simulator.user("Ann")
            said = await simulator.say(ann, simulator.direct_chat(ann), "hello")
            assert (said.text, said.is_from_bot) == ("hello", False)
    """

    id: int
    chat: SimulatedChat
    author: SimulatedUser | None
    """The person (or the other bot) who wrote it; None for the bot under test and for webhooks."""
    is_from_bot: bool
    """Whether the bot under test wrote it."""
    text: str
    reply_to: SimulatedMessage | None
    sent_at: float
    """Unix seconds, to the millisecond that the id holds."""
    edited_at: float | None = None
    is_deleted: bool = False
    kind: int = DEFAULT
    webhook: SimulatedUser | None = None
    """The webhook that spoke, as a user with the webhook's id."""
    attachments: list[SimulatedAttachment] = field(default_factory=list)
    embeds: list[dict[str, Any]] = field(default_factory=list, repr=False)
    components: list[dict[str, Any]] = field(default_factory=list, repr=False)
    flags: int = 0
    nonce: str | int | None = None
    tts: bool = False
    thread: SimulatedChat | None = field(default=None, repr=False)
    interaction: SimulatedInteraction | None = field(default=None, repr=False)
    """What the bot answers with this message."""
    forwarded: SimulatedMessage | None = field(default=None, repr=False)
    """The message that this one passes on."""
    stickers: list[str] = field(default_factory=list)
    """The names of the stickers on it."""
    poll: dict[str, Any] | None = field(default=None, repr=False)
    """A poll, as it is shown."""

    @property
    def is_loading(self) -> bool:
        """Whether it is a deferred answer that is not there yet."""
        return bool(self.flags & LOADING)

    @property
    def is_ephemeral(self) -> bool:
        """Whether one person sees it alone."""
        return bool(self.flags & EPHEMERAL)

    @property
    def edited(self) -> bool:
        """Whether its author changed the text; a link preview is no edit."""
        return self.edited_at is not None


class World:
    """Everything that exists. Every new thing gets the next snowflake, so a higher id is always
    younger.
    """

    def __init__(self, *, bot_name: str, clock: Callable[[], float] = time.time) -> None:
        """Create a world with nobody in it but the bot and its owner; `clock` gives Unix
        seconds.
        """
        self.clock = clock
        self._last_id = 0
        self.users: dict[int, SimulatedUser] = {}
        self.guilds: dict[int, SimulatedGuild] = {}
        self.chats: dict[int, SimulatedChat] = {}
        self.webhooks: dict[tuple[int, str], SimulatedUser] = {}
        self.files: dict[int, SimulatedAttachment] = {}
        self._direct_chats: dict[int, SimulatedChat] = {}
        self.owner = self.add_user("Owner")
        self.bot = self.add_user(bot_name, is_bot=True)
        self.application_id = self.bot.id

    def next_id(self) -> int:
        """Return a new snowflake: the time in the upper bits, and more than every id before it."""
        now = (int(self.clock() * 1000) - DISCORD_EPOCH_MS) << 22
        self._last_id = max(now, self._last_id + 1)
        return self._last_id

    def add_user(
        self, name: str, *, nick: str | None = None, is_bot: bool = False
    ) -> SimulatedUser:
        """Create an account; a second one of the same name gets another username."""
        user_id = self.next_id()
        if is_bot:
            # Accounts of bots kept their discriminator, which is what lets two of them share a
            # username.
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
        """Return the one direct chat of this user with the bot, made when first asked for."""
        if user.id not in self._direct_chats:
            self._direct_chats[user.id] = self._add_chat("direct", user.name, user=user)
        return self._direct_chats[user.id]

    def add_guild(self, name: str) -> SimulatedGuild:
        """Create a guild without channels and with no member but the bot."""
        guild = SimulatedGuild(
            self.next_id(), name, bot_role_id=self.next_id(), created_at=self.clock()
        )
        self.guilds[guild.id] = guild
        return guild

    def add_channel(self, guild: SimulatedGuild, name: str) -> SimulatedChat:
        """Create a text channel that every member of the guild can read."""
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
        """Create a public thread; one that starts from a message has that message's id, as
        documented.
        """
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
        """Take a channel or a thread out of its guild, with all that stands in it, and with a
        channel its threads.
        """
        if chat.guild is None:
            return
        for thread in [one for one in chat.guild.threads if one.parent is chat]:
            self.remove_chat(thread)
        self.remove(list(chat.standing.values()))
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
        """Return the webhook of this name in this chat, made when first asked for. It is no
        account.
        """
        if (chat.id, name) not in self.webhooks:
            self.webhooks[chat.id, name] = SimulatedUser(
                self.next_id(), name, name, is_bot=True, discriminator="0000"
            )
        return self.webhooks[chat.id, name]

    def attachment(self, filename: str, content: bytes) -> SimulatedAttachment:
        """Create a file to hang on a message, or to give to a command."""
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
        """Let a message stand in the chat; without `author` and `webhook` the bot wrote it."""
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
        if not message.is_ephemeral:  # those stand in nobody's history
            chat.standing[message.id] = message
        return message

    def edit(self, message: SimulatedMessage, text: str) -> None:
        """Change the text and note when."""
        message.text = text
        message.edited_at = self.clock()

    def remove(self, messages: Sequence[SimulatedMessage]) -> None:
        """Take messages out of their chats; what replied to them keeps its reference."""
        for message in messages:
            message.is_deleted = True
            message.chat.standing.pop(message.id, None)

    def account_of(self, message: SimulatedMessage) -> SimulatedUser:
        """Return who signs the message: the webhook, the author or the bot."""
        return message.webhook or message.author or self.bot

    def mentioned(self, message: SimulatedMessage) -> list[SimulatedUser]:
        """Return whom the message pings: those it names as `<@id>`, and the author of what it
        replies to.
        """
        found = [self.users.get(int(digits)) for digits in SNOWFLAKE_MENTION.findall(message.text)]
        if message.reply_to is not None and message.reply_to.webhook is None:
            found.append(self.account_of(message.reply_to))
        return list(dict.fromkeys(user for user in found if user is not None))

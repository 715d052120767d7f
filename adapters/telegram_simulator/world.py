"""The people, chats and messages as plain data. Knows what stands where; knows no network, no
updates, no JSON.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from .bell import Bell
from .files import StoredFile

ChatKind = Literal["direct", "group", "thread", "channel", "business"]

# Real ids no longer fit into 32 bits (the Bot API promises 52 at most), so these do not either.
_FIRST_USER = 5_000_000_001
_FIRST_SUPERGROUP = -1_002_000_000_001
_FIRST_BASIC_GROUP = -4_000_000_001
# The Bot API never names message 1 of a forum as a topic: General has no message_thread_id.
_GENERAL_TOPIC = 1


@dataclass(frozen=True)
class SimulatedUser:
    """A person, or the bot. Equal to every other record of the same id: names may repeat and
    change, ids never.

    Example:
        async with TelegramSimulator() as simulator:
            ann = simulator.user("Ann", username="ann")
            assert ann == SimulatedUser(ann.id, "Ann, renamed")
    """

    id: int
    name: str = field(compare=False)
    last_name: str | None = field(default=None, compare=False)
    username: str | None = field(default=None, compare=False)
    language_code: str | None = field(default=None, compare=False)
    is_bot: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class SimulatedBusiness:
    """A person who lets the bot stand in for them in their own private chats, by a connection with
    an id.

    Example:
        async with TelegramSimulator() as simulator:
            shop, ann = simulator.business(simulator.user("Owner")), simulator.user("Ann")
            await simulator.say(ann, simulator.business_chat(shop, ann), "Are you open?")
    """

    connection_id: str
    owner: SimulatedUser = field(compare=False)


@dataclass(frozen=True)
class SimulatedChat:
    """A place to write in. A topic has the `id` of its group, as on Telegram; its own number is
    `thread_id`.

    A business account's chat with somebody has that person's id, as their own chat with the bot
    has: only `business` tells them apart. A basic group is one that is no supergroup yet.

    Example:
        async with TelegramSimulator() as simulator:
            room = simulator.group("Friends", simulator.user("Ann"), forum=True)
            plans = simulator.thread(room, "plans")
            assert (plans.id, plans.parent) == (room.id, room)
    """

    id: int
    kind: ChatKind = field(compare=False)
    name: str = field(compare=False)
    members: tuple[SimulatedUser, ...] = field(default=(), compare=False, repr=False)
    username: str | None = field(default=None, compare=False)
    thread_id: int | None = None
    parent: SimulatedChat | None = field(default=None, compare=False, repr=False)
    business: SimulatedBusiness | None = None
    is_basic: bool = field(default=False, compare=False)

    @property
    def whole(self) -> SimulatedChat:
        """The chat with this id: the group of a topic, otherwise the chat itself."""
        return self.parent or self

    @property
    def shelf(self) -> Shelf:
        """Where the chat's messages are numbered, those of its topics among them."""
        return self.id, self.business

    def __str__(self) -> str:
        """Name the chat for an error message."""
        return f"{self.kind} chat {self.name!r} ({self.id})"


@dataclass(frozen=True)
class Content:
    """What a message says.

    `service` holds the fields of a service message, which says nothing itself; `extra` holds
    further fields of a Message, as the Bot API has them.
    """

    text: str = ""
    entities: tuple[Mapping[str, Any], ...] = ()
    file: StoredFile | None = None
    album: str | None = None
    forward_origin: Mapping[str, Any] | None = None
    reply_markup: Mapping[str, Any] | None = None
    service: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class SimulatedMessage:
    """A message as it stands now: an edit changes this very object. Only the simulator changes it.

    `author` is the person; it is None for the bot's messages and for what was written in the name
    of a chat (`sender_chat`). Ids repeat between chats.

    Example:
        async with TelegramSimulator() as simulator:
            ann = simulator.user("Ann")
            said = await simulator.say(ann, simulator.direct_chat(ann), "hello")
            assert (said.text, said.is_from_bot) == ("hello", False)
    """

    id: int
    chat: SimulatedChat
    author: SimulatedUser | None
    is_from_bot: bool
    sent_at: float
    content: Content = field(repr=False)
    sender_chat: SimulatedChat | None = field(default=None, repr=False)
    reply_to: SimulatedMessage | None = field(default=None, repr=False)
    thread_root: int | None = field(default=None, repr=False)
    edited_at: float | None = None

    @property
    def text(self) -> str:
        """The text, or the caption of a file, without any markup."""
        return self.content.text

    @property
    def edited(self) -> bool:
        """Whether the message was ever edited."""
        return self.edited_at is not None


Shelf = tuple[int, SimulatedBusiness | None]
"""Where one chat's messages are numbered: its id, and whose chat it is if it is a business
account's.
"""


class World:
    """Hold everybody and everything that was said; `bell` rings at each change of a message."""

    def __init__(self, bot: SimulatedUser, *, clock: Callable[[], float] = time.time) -> None:
        """Begin with the bot alone; `clock` dates the messages."""
        self.bot = bot
        self.clock = clock
        self.bell = Bell()
        self.users: dict[int, SimulatedUser] = {}
        self.chats: dict[int, SimulatedChat] = {}
        self.topics: dict[tuple[int, int], SimulatedChat] = {}
        self.forums: set[int] = set()
        self.businesses: dict[str, SimulatedBusiness] = {}
        self.moved: dict[int, SimulatedChat] = {}
        self.discussions: dict[int, SimulatedChat] = {}
        self.inline: dict[str, SimulatedMessage] = {}
        self._messages: dict[Shelf, dict[int, SimulatedMessage]] = {}
        self._last_message: dict[Shelf | SimulatedBusiness, int] = {}
        self._user_ids = count(_FIRST_USER)
        self._supergroup_ids = count(_FIRST_SUPERGROUP, -1)
        self._basic_ids = count(_FIRST_BASIC_GROUP, -1)

    def new_user(
        self,
        name: str,
        *,
        user_id: int | None,
        last_name: str | None,
        username: str | None,
        language_code: str | None,
    ) -> SimulatedUser:
        """Add a person under the given id or the next free one; ValueError if the id is taken."""
        if user_id is None:
            user_id = next(number for number in self._user_ids if number not in self.users)
        if user_id <= 0 or user_id in self.users or user_id == self.bot.id:
            raise ValueError(
                f"{user_id} is no free user id; ids are positive and belong to one person"
            )
        user = SimulatedUser(user_id, name, last_name, username, language_code)
        self.users[user_id] = user
        return user

    def direct_chat(self, user: SimulatedUser) -> SimulatedChat:
        """Return the private chat of a person and the bot, whose id is the person's."""
        known = self.chats.get(user.id)
        if known is None:
            known = SimulatedChat(user.id, "direct", user.name, (user,), user.username)
            self.chats[user.id] = known
        return known

    def new_chat(
        self,
        kind: ChatKind,
        name: str,
        *,
        members: tuple[SimulatedUser, ...] = (),
        username: str | None = None,
        is_basic: bool = False,
    ) -> SimulatedChat:
        """Add a supergroup or a channel, which share one range of ids, or a basic group, which has
        another.
        """
        chat_id = next(self._basic_ids if is_basic else self._supergroup_ids)
        chat = SimulatedChat(chat_id, kind, name, members, username, is_basic=is_basic)
        self.chats[chat.id] = chat
        return chat

    def new_business(self, owner: SimulatedUser) -> SimulatedBusiness:
        """Connect the bot with a person's business account."""
        business = SimulatedBusiness(f"simulated-connection-{len(self.businesses) + 1}", owner)
        self.businesses[business.connection_id] = business
        return business

    def move(self, group: SimulatedChat) -> SimulatedChat:
        """Turn a basic group into a supergroup, which is another chat with ids of its own."""
        supergroup = self.new_chat("group", group.name, members=group.members)
        self.moved[group.id] = supergroup
        return supergroup

    def new_topic(
        self, group: SimulatedChat, name: str, *, founder: SimulatedUser | None = None
    ) -> SimulatedMessage:
        """Open a topic; the service message that opens it gives the topic its number."""
        self.forums.add(group.id)
        message_id = self._next_message_id(group, above=_GENERAL_TOPIC)
        topic = SimulatedChat(
            group.id, "thread", name, group.members, thread_id=message_id, parent=group
        )
        self.topics[group.id, message_id] = topic
        opening = Content(service={"forum_topic_created": {"name": name, "icon_color": 0x6FB9F0}})
        is_bots = founder == self.bot
        author = None if is_bots else founder or (group.members[0] if group.members else None)
        return self._keep(
            SimulatedMessage(message_id, topic, author, is_bots, self.clock(), opening)
        )

    def add(
        self,
        chat: SimulatedChat,
        content: Content,
        *,
        author: SimulatedUser | None = None,
        is_from_bot: bool = False,
        sender_chat: SimulatedChat | None = None,
        reply_to: SimulatedMessage | None = None,
    ) -> SimulatedMessage:
        """Write a message, under the next id of its chat."""
        root = None
        if reply_to is not None and chat.kind == "group" and not chat.is_basic:
            # A reply in a supergroup makes a thread that is no topic: message_thread_id without
            # is_topic_message.
            root = reply_to.thread_root or reply_to.id
        return self._keep(
            SimulatedMessage(
                self._next_message_id(chat),
                chat,
                author,
                is_from_bot,
                self.clock(),
                content,
                sender_chat=sender_chat,
                reply_to=reply_to,
                thread_root=root,
            )
        )

    def edit(self, message: SimulatedMessage, content: Content) -> SimulatedMessage:
        """Replace what a message says; its id, time and place stay."""
        message.content = content
        message.edited_at = self.clock()
        self.bell.ring()
        return message

    def remove_topic(self, topic: SimulatedChat) -> None:
        """Take a topic away, with all that was said in it."""
        self.topics.pop((topic.id, topic.thread_id or 0), None)
        shelf = self._messages.get(topic.shelf, {})
        for message in [message for message in shelf.values() if message.chat == topic]:
            self.remove(message)

    def remove(self, message: SimulatedMessage) -> None:
        """Take a message away; its id is not given again."""
        self._messages[message.chat.shelf].pop(message.id, None)
        self.bell.ring()

    def find(self, chat: SimulatedChat, message_id: int) -> SimulatedMessage | None:
        """Return a message of a chat, of any of its topics, as it stands now; None if it does
        not.
        """
        return self._messages.get(chat.shelf, {}).get(message_id)

    def standing(self, chat: SimulatedChat) -> list[SimulatedMessage]:
        """List what was said in a chat and still stands, in order: no service messages, a group
        without its topics.
        """
        return [
            message
            for message in self._messages.get(chat.shelf, {}).values()
            if message.chat == chat and message.content.service is None
        ]

    def of_business(self, business: SimulatedBusiness) -> list[SimulatedMessage]:
        """List what stands in all chats of a business account."""
        shelves = [shelf for (_, owner), shelf in self._messages.items() if owner == business]
        return [message for shelf in shelves for message in shelf.values()]

    def _next_message_id(self, chat: SimulatedChat, *, above: int = 0) -> int:
        # All private chats of one account share a sequence; a bot that deletes for a business names
        # ids alone.
        sequence = chat.business or chat.shelf
        number = max(self._last_message.get(sequence, 0), above) + 1
        self._last_message[sequence] = number
        return number

    def _keep(self, message: SimulatedMessage) -> SimulatedMessage:
        self._messages.setdefault(message.chat.shelf, {})[message.id] = message
        self.bell.ring()
        return message

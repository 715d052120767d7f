"""The state of a simulated Telegram: people, chats and messages, as plain data.

Must not know the network, updates or JSON.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from .changes import Changes
from .files import StoredFile

ChatKind = Literal["direct", "group", "thread", "channel", "business"]

# As on Telegram, ids exceed 32 bits (the Bot API guarantees at most 52).
_FIRST_USER = 5_000_000_001
_FIRST_SUPERGROUP = -1_002_000_000_001
_FIRST_BASIC_GROUP = -4_000_000_001
# The Bot API never names message 1 of a forum as a topic: General has no message_thread_id.
_GENERAL_TOPIC = 1


@dataclass(frozen=True)
class SimulatedUser:
    """A person or the bot. Users are equal if their ids are; names may repeat and change.

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
    """A person's business account, connected with the bot under a connection id.

    Example:
        async with TelegramSimulator() as simulator:
            shop, ann = simulator.business(simulator.user("Owner")), simulator.user("Ann")
            await simulator.say(ann, simulator.business_chat(shop, ann), "Are you open?")
    """

    connection_id: str
    owner: SimulatedUser = field(compare=False)


@dataclass(frozen=True)
class SimulatedChat:
    """A chat. A topic has the `id` of its group, as on Telegram, and a `thread_id` of its own.

    A business account's chat with a person has the person's id, as the person's own chat with the
    bot has; `business` distinguishes them. A basic group is not yet a supergroup.

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
        """The group of a topic, otherwise the chat itself."""
        return self.parent or self

    @property
    def key(self) -> ChatKey:
        """Identifies the chat in which messages are numbered, together with its topics."""
        return self.id, self.business

    def __str__(self) -> str:
        """Return a description for error messages."""
        return f"{self.kind} chat {self.name!r} ({self.id})"


@dataclass(frozen=True)
class Content:
    """The content of a message.

    `service` has the fields of a service message; `extra` has further fields of a Message, as in
    the Bot API.
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
    """A message in its present state. Edits change this object.

    `author` is a person, or None for the bot and for messages in the name of a chat
    (`sender_chat`). Ids repeat between chats.

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
        """The text, or the caption of a file, without markup."""
        return self.content.text

    @property
    def edited(self) -> bool:
        """Whether the message was edited."""
        return self.edited_at is not None


ChatKey = tuple[int, SimulatedBusiness | None]
"""The id of a chat, and its business account or None."""


class World:
    """Holds all people, chats and messages; `changes` reports each change of a message."""

    def __init__(self, bot: SimulatedUser, *, clock: Callable[[], float] = time.time) -> None:
        """Start with the bot alone; `clock` returns Unix seconds for the dates of messages."""
        self.bot = bot
        self.clock = clock
        self.changes = Changes()
        self.users: dict[int, SimulatedUser] = {}
        self.chats: dict[int, SimulatedChat] = {}
        self.topics: dict[tuple[int, int], SimulatedChat] = {}
        self.forums: set[int] = set()
        self.titles: dict[int, str] = {}
        self.businesses: dict[str, SimulatedBusiness] = {}
        self.moved: dict[int, SimulatedChat] = {}
        self.discussions: dict[int, SimulatedChat] = {}
        self.inline: dict[str, SimulatedMessage] = {}
        self._messages: dict[ChatKey, dict[int, SimulatedMessage]] = {}
        self._last_message: dict[ChatKey | SimulatedBusiness, int] = {}
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
        """Add a person under the given id or the next free one.

        Raises:
            ValueError: The id is not positive or is in use.
        """
        if user_id is None:
            user_id = next(number for number in self._user_ids if number not in self.users)

        if user_id <= 0 or user_id in self.users or user_id == self.bot.id:
            raise ValueError(f"{user_id} is not a free user id; ids are positive and unique")

        user = SimulatedUser(user_id, name, last_name, username, language_code)
        self.users[user_id] = user

        return user

    def direct_chat(self, user: SimulatedUser) -> SimulatedChat:
        """Return the private chat of a person and the bot, whose id is the person's id."""
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
        """Add a supergroup or channel, which share a range of ids, or a basic group."""
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
        """Turn a basic group into a supergroup, which is another chat."""
        supergroup = self.new_chat("group", group.name, members=group.members)
        self.moved[group.id] = supergroup
        return supergroup

    def new_topic(
        self, group: SimulatedChat, name: str, *, founder: SimulatedUser | None = None
    ) -> SimulatedMessage:
        """Open a topic; the id of its service message is the topic's number."""
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
        """Add a message under the next id of its chat."""
        root = None
        if reply_to is not None and chat.kind == "group" and not chat.is_basic:
            # A reply in a supergroup starts a thread: message_thread_id without is_topic_message.
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
        """Replace the content of a message; id, time and place stay."""
        message.content = content
        message.edited_at = self.clock()
        self.changes.notify()
        return message

    def remove_topic(self, topic: SimulatedChat) -> None:
        """Remove a topic with its messages."""
        self.topics.pop((topic.id, topic.thread_id or 0), None)
        messages = self._messages.get(topic.key, {})
        for message in [message for message in messages.values() if message.chat == topic]:
            self.remove(message)

    def remove(self, message: SimulatedMessage) -> None:
        """Remove a message; its id is not reused."""
        self._messages[message.chat.key].pop(message.id, None)
        self.changes.notify()

    def find(self, chat: SimulatedChat, message_id: int) -> SimulatedMessage | None:
        """Return a message of a chat or of its topics, or None."""
        return self._messages.get(chat.key, {}).get(message_id)

    def messages(self, chat: SimulatedChat) -> list[SimulatedMessage]:
        """Return the messages of a chat in order, without service messages and topics."""
        return [
            message
            for message in self._messages.get(chat.key, {}).values()
            if message.chat == chat and message.content.service is None
        ]

    def of_business(self, business: SimulatedBusiness) -> list[SimulatedMessage]:
        """Return the messages in all chats of a business account."""
        chats = [chat for (_, owner), chat in self._messages.items() if owner == business]
        return [message for chat in chats for message in chat.values()]

    def _next_message_id(self, chat: SimulatedChat, *, above: int = 0) -> int:
        # All private chats of an account share a sequence: deleteBusinessMessages names ids only.
        sequence = chat.business or chat.key
        number = max(self._last_message.get(sequence, 0), above) + 1
        self._last_message[sequence] = number
        return number

    def _keep(self, message: SimulatedMessage) -> SimulatedMessage:
        self._messages.setdefault(message.chat.key, {})[message.id] = message
        self.changes.notify()
        return message

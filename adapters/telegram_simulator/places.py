"""People and places: users, chats, topics, channels, business accounts."""

from __future__ import annotations

from itertools import count
from typing import Any

from .account import Account
from .files import FileStore
from .media import Media
from .payloads import business_payload, message_payload
from .updates import Update, UpdateQueue
from .world import Content, SimulatedBusiness, SimulatedChat, SimulatedMessage, SimulatedUser, World


class Places:
    """Creates people and places. Methods that notify the bot return when the update is queued."""

    def __init__(
        self, world: World, updates: UpdateQueue, files: FileStore, media: Media, account: Account
    ) -> None:
        """Use the parts that `TelegramSimulator` puts together."""
        self._world = world
        self._updates = updates
        self._files = files
        self._media = media
        self._account = account
        self._first_updates: dict[SimulatedMessage, Update] = {}
        self._queries = count(4_000_000_000_000_000_001)

    def user(
        self,
        name: str,
        *,
        user_id: int | None = None,
        last_name: str | None = None,
        username: str | None = None,
        language_code: str | None = None,
    ) -> SimulatedUser:
        """Add a person, whose first name is `name`. Names need not be unique.

        A username is optional, as on Telegram. `user_id` brings back a person of an earlier
        simulator.
        """
        return self._world.new_user(
            name,
            user_id=user_id,
            last_name=last_name,
            username=username,
            language_code=language_code,
        )

    def direct_chat(self, user: SimulatedUser) -> SimulatedChat:
        """Return the private chat of a person and the bot; its id is the person's id.

        The person then has started the bot. Before that, the bot's messages to the person are
        refused: a bot cannot start a conversation.
        """
        return self._world.direct_chat(user)

    def group(
        self,
        name: str,
        *members: SimulatedUser,
        forum: bool = False,
        username: str | None = None,
        basic: bool = False,
    ) -> SimulatedChat:
        """Add a supergroup with the bot as an administrator. No update announces it.

        A `basic` group is of the older kind, without topics and username; `migrate` turns it into
        a supergroup.
        """
        group = self._world.new_chat(
            "group", name, members=members, username=username, is_basic=basic
        )

        if forum:
            self._world.forums.add(group.id)

        return group

    def thread(self, chat: SimulatedChat, name: str) -> SimulatedChat:
        """Open a topic in a group or in a private chat; the bot gets the service message.

        A group without topics becomes a forum. A topic has the id of its chat. Messages in a topic
        are not in the chat itself, which is then the topic General. It is assumed that a topic of a
        private chat opens with a service message, too.
        """
        if chat.kind not in {"group", "direct"} or chat.is_basic:
            raise ValueError(
                f"topics are opened in supergroups and private chats, not in the {chat}"
            )

        opening = self._world.new_topic(chat, name)
        self._queue("message", opening)

        return opening.chat

    def channel(self, name: str, *, username: str | None = None) -> SimulatedChat:
        """Add a channel with the bot as an administrator."""
        return self._world.new_chat("channel", name, username=username)

    def link(self, channel: SimulatedChat, group: SimulatedChat) -> None:
        """Make a group the discussion group of a channel: each post appears there as well.

        It is sent by Telegram's own account in the name of the channel. Telegram does not document
        whether the bot gets updates for its own posts there; here it does, which is harder for a
        bot.
        """
        if channel.kind != "channel" or group.kind != "group":
            raise ValueError(
                f"a channel is linked with a group, not the {channel} with the {group}"
            )

        self._world.discussions[channel.id] = group

    def migrate(
        self, group: SimulatedChat, *, tells_old: bool = True, tells_new: bool = True
    ) -> SimulatedChat:
        """Turn a basic group into a supergroup and return it: another chat with another id.

        The bot gets a service message in the old chat (`tells_old`) and in the new chat
        (`tells_new`). Sending to the old chat is refused with the new id. The order and the sender
        of the two service messages are not documented.
        """
        if not group.is_basic or group.id in self._world.moved:
            raise ValueError(f"only a basic group becomes a supergroup, and once; not the {group}")

        supergroup = self._world.move(group)
        for chat, fields, is_announced in (
            (group, {"migrate_to_chat_id": supergroup.id}, tells_old),
            (supergroup, {"migrate_from_chat_id": group.id}, tells_new),
        ):
            notice = self._world.add(chat, Content(service=fields), sender_chat=chat)
            if is_announced:
                self._queue("message", notice)

        return supergroup

    def business(self, owner: SimulatedUser) -> SimulatedBusiness:
        """Connect a person's business account; the bot gets a `business_connection`."""
        business = self._world.new_business(owner)
        self._updates.add(
            "business_connection", business_payload(business, at=int(self._world.clock()))
        )
        return business

    def business_chat(self, business: SimulatedBusiness, customer: SimulatedUser) -> SimulatedChat:
        """Return a private chat of a business account, where the bot writes in the owner's name."""
        return SimulatedChat(
            customer.id, "business", customer.name, (customer, business.owner), business=business
        )

    def _queue(self, kind: str, message: SimulatedMessage) -> None:
        payload: dict[str, Any] = message_payload(message, self._world)
        update = self._updates.add(kind, payload)
        if update is not None:
            self._first_updates[message] = update

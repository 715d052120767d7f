"""Who there is and where people meet: persons, chats, topics, channels, business accounts. Says
nothing itself.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from .account import Account
from .files import FileShelf
from .media import Media
from .payloads import business_payload, message_payload
from .updates import Update, UpdateQueue
from .world import Content, SimulatedBusiness, SimulatedChat, SimulatedMessage, SimulatedUser, World


class Scenery:
    """Make people and places. A verb that tells the bot something returns when the update waits for
    it.
    """

    def __init__(
        self, world: World, updates: UpdateQueue, files: FileShelf, media: Media, account: Account
    ) -> None:
        """Take the parts that the people's deeds touch; `TelegramSimulator` puts them together."""
        self._world = world
        self._updates = updates
        self._files = files
        self._media = media
        self._account = account
        self._told: dict[SimulatedMessage, Update] = {}
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
        """Add a person, whose `name` is the first name. Each call is another person, whatever the
        name.

        A username is optional, as on Telegram: a bot must do without. `user_id` makes a known
        person of an earlier simulator come back.
        """
        return self._world.new_user(
            name,
            user_id=user_id,
            last_name=last_name,
            username=username,
            language_code=language_code,
        )

    def direct_chat(self, user: SimulatedUser) -> SimulatedChat:
        """Return the private chat of a person and the bot; its id is the person's.

        The person counts as having started the bot. Before that, the bot is refused: it cannot
        begin a conversation.
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
        """Add a supergroup with the bot as an administrator; the bot is told nothing about its own
        joining.

        A `basic` group is of the older, smaller kind; it has no topics and no username, and
        `migrate` makes it a supergroup.
        """
        group = self._world.new_chat(
            "group", name, members=members, username=username, is_basic=basic
        )
        if forum:
            self._world.forums.add(group.id)
        return group

    def thread(self, chat: SimulatedChat, name: str) -> SimulatedChat:
        """Open a topic in a forum, or in a person's chat with the bot; the bot gets the service
        message.

        A group that is no forum becomes one. That a private chat's topic opens with a service
        message, as a group's does, is taken for granted here. A topic has the id of its chat. What
        stands in it does not stand in the chat itself, which is then the topic General.
        """
        if chat.kind not in {"group", "direct"} or chat.is_basic:
            raise ValueError(
                f"topics are opened in supergroups and private chats, not in the {chat}"
            )
        opening = self._world.new_topic(chat, name)
        self._tell("message", opening)
        return opening.chat

    def channel(self, name: str, *, username: str | None = None) -> SimulatedChat:
        """Add a channel with the bot as an administrator."""
        return self._world.new_chat("channel", name, username=username)

    def link(self, channel: SimulatedChat, group: SimulatedChat) -> None:
        """Make a group the place where a channel's posts are discussed: each of them appears there
        by itself.

        There it comes from Telegram's own account, in the name of the channel. That the bot is told
        of its own posts there, too, is not documented; here it is, which is the harder case for a
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
        """Turn a basic group into a supergroup, and return that: another chat, with another id,
        empty for bots.

        The bot is told twice, by a service message in the old chat (`tells_old`) and by one in the
        new (`tells_new`), and is refused with the new id when it sends to the old one. In which
        order the two come, and whom they come from, is not documented.
        """
        if not group.is_basic or group.id in self._world.moved:
            raise ValueError(f"only a basic group becomes a supergroup, and once; not the {group}")
        supergroup = self._world.move(group)
        for chat, fields, is_told in (
            (group, {"migrate_to_chat_id": supergroup.id}, tells_old),
            (supergroup, {"migrate_from_chat_id": group.id}, tells_new),
        ):
            notice = self._world.add(chat, Content(service=fields), sender_chat=chat)
            if is_told:
                self._tell("message", notice)
        return supergroup

    def business(self, owner: SimulatedUser) -> SimulatedBusiness:
        """Let a person connect the bot with their business account; the bot gets a
        `business_connection`.
        """
        business = self._world.new_business(owner)
        self._updates.add(
            "business_connection", business_payload(business, at=int(self._world.clock()))
        )
        return business

    def business_chat(self, business: SimulatedBusiness, customer: SimulatedUser) -> SimulatedChat:
        """Return a business account's private chat with somebody; both write there, and the bot in
        the owner's name.
        """
        return SimulatedChat(
            customer.id, "business", customer.name, (customer, business.owner), business=business
        )

    def _tell(self, kind: str, message: SimulatedMessage) -> None:
        payload: dict[str, Any] = message_payload(message, self._world)
        update = self._updates.add(kind, payload)
        if update is not None:
            self._told[message] = update

"""What people do: meet, write, edit, delete, press buttons. Knows the world and tells the bot; knows no network."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from .account import Account
from .files import FileShelf, StoredFile, is_picture
from .markup import with_found
from .media import Media
from .payloads import message_payload, user_payload
from .updates import Update, UpdateQueue
from .world import Content, SimulatedChat, SimulatedMessage, SimulatedUser, World

_LONGEST_TEXT = 4096


class Stage:
    """Let people act. A verb that tells the bot something returns when the update waits for it, not when it is read."""

    def __init__(self, world: World, updates: UpdateQueue, files: FileShelf, media: Media, account: Account) -> None:
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
        """Add a person, whose `name` is the first name. Each call is another person, whatever the name.

        A username is optional, as on Telegram: a bot must do without. `user_id` makes a known person of an earlier
        simulator come back.
        """
        return self._world.new_user(
            name, user_id=user_id, last_name=last_name, username=username, language_code=language_code
        )

    def direct_chat(self, user: SimulatedUser) -> SimulatedChat:
        """Return the private chat of a person and the bot; its id is the person's.

        The person counts as having started the bot. Before that, the bot is refused: it cannot begin a conversation.
        """
        return self._world.direct_chat(user)

    def group(self, name: str, *members: SimulatedUser, forum: bool = False, username: str | None = None) -> SimulatedChat:
        """Add a supergroup with the bot as an administrator; the bot is told nothing about its own joining."""
        group = self._world.new_chat("group", name, members=members, username=username)
        if forum:
            self._world.forums.add(group.id)
        return group

    def thread(self, chat: SimulatedChat, name: str) -> SimulatedChat:
        """Open a forum topic, turning the group into a forum if it is none; the bot gets the service message.

        A topic has the id of its group. What stands in it does not stand in the group itself, which is then the
        topic General.
        """
        if chat.kind != "group":
            raise ValueError(f"topics are opened in groups, not in the {chat}")
        opening = self._world.new_topic(chat, name)
        self._tell("message", opening)
        return opening.chat

    def channel(self, name: str, *, username: str | None = None) -> SimulatedChat:
        """Add a channel with the bot as an administrator."""
        return self._world.new_chat("channel", name, username=username)

    async def say(
        self,
        user: SimulatedUser,
        chat: SimulatedChat,
        text: str,
        *,
        reply_to: SimulatedMessage | None = None,
        attachments: Sequence[str | tuple[str, bytes]] = (),
    ) -> SimulatedMessage:
        """Let a person write. The text is sent as it is, although Telegram's server trims people's texts.

        Args:
            user: Who writes.
            chat: Where; into a private chat only its own person can write.
            text: At most 4096 characters, and not empty unless there are attachments.
            reply_to: The answered message, of the same chat.
            attachments: File names, or pairs of a name and the content. Pictures are sent as photos, unless other
                files are among them. Several make an album: one message each, the text is the caption of the first.

        Returns:
            The message, of an album the first one.
        """
        if chat.kind == "direct" and chat.members[0] != user:
            raise ValueError(f"only its own person writes into the {chat}")
        if chat.kind == "channel":
            raise ValueError(f"persons do not write into the {chat} under their names: use post()")
        contents = self._contents(text, attachments)
        written = [self._write(chat, content, "message", author=user, reply_to=reply_to) for content in contents]
        return written[0]

    async def say_as_channel(
        self,
        chat: SimulatedChat,
        text: str,
        *,
        channel: SimulatedChat | None = None,
        reply_to: SimulatedMessage | None = None,
    ) -> SimulatedMessage:
        """Let somebody write into a group in the name of a chat: of `channel`, or of the group itself if None.

        The latter is an anonymous administrator. Either way `from` holds one of Telegram's placeholder bots, the same
        for everybody, and only `sender_chat` says who spoke.
        """
        speaker = channel if channel is not None else chat.whole
        return self._write(chat, self._contents(text)[0], "message", sender_chat=speaker, reply_to=reply_to)

    async def post(self, channel: SimulatedChat, text: str) -> SimulatedMessage:
        """Post in a channel; the bot gets a `channel_post`, which has no `from`."""
        if channel.kind != "channel":
            raise ValueError(f"posts are made in channels, not in the {channel}")
        return self._write(channel, self._contents(text)[0], "channel_post", sender_chat=channel)

    async def edit(self, message: SimulatedMessage, text: str) -> SimulatedMessage:
        """Let the author change a text or caption; the bot gets an `edited_message` or `edited_channel_post`."""
        standing = self._standing(message)
        if standing.is_from_bot:
            raise ValueError("people cannot edit what the bot wrote")
        changed = replace(standing.content, text=text, entities=with_found(text))
        edited = self._world.edit(standing, changed)
        kind = "edited_channel_post" if edited.chat.kind == "channel" else "edited_message"
        self._updates.add(kind, message_payload(edited, self._world))
        return edited

    async def delete(self, message: SimulatedMessage) -> None:
        """Let a person delete a message. The bot is never told: Telegram has no update for it."""
        self._world.remove(self._standing(message))

    async def repeat(self, message: SimulatedMessage, *, same_update: bool = True) -> None:
        """Deliver the update that first told of a message once more, unchanged.

        Args:
            message: One that the bot was told of.
            same_update: Keep the update id, as after a confirmation that was lost; otherwise under a new id.
        """
        told = self._told.get(message)
        if told is None:
            raise ValueError(f"the bot was never told of message {message.id} of the {message.chat}")
        if same_update:
            self._updates.repeat(told)
        else:
            self._updates.add(told.kind, told.payload)

    async def press(self, user: SimulatedUser, message: SimulatedMessage, button: str) -> None:
        """Let a person press the inline button with this text; the bot gets a `callback_query`, which it may answer."""
        standing = self._standing(message)
        rows = (standing.content.reply_markup or {}).get("inline_keyboard", [])
        data = next((key.get("callback_data") for row in rows for key in row if key.get("text") == button), None)
        if data is None:
            raise ValueError(f"message {message.id} of the {message.chat} has no button {button!r} that calls back")
        query = str(next(self._queries))
        self._account.open_queries.add(query)
        payload = {
            "id": query,
            "from": user_payload(user),
            "message": message_payload(standing, self._world),
            "chat_instance": str(standing.chat.id),
            "data": data,
        }
        self._updates.add("callback_query", payload)

    def messages(self, chat: SimulatedChat) -> list[SimulatedMessage]:
        """List what stands in the chat now, people's messages and the bot's, in order."""
        return self._world.standing(chat)

    async def answer(
        self,
        chat: SimulatedChat,
        after: SimulatedMessage | None = None,
        timeout: float = 5,  # noqa: ASYNC109  a figure of seconds reads best in a test
    ) -> SimulatedMessage:
        """Wait for the first message of the bot in a chat after `after`, or the first of all.

        Raises:
            TimeoutError: None came in `timeout` seconds; the text says what stands in the chat.
        """
        if after is not None and after.chat.id != chat.id:
            raise ValueError(f"message {after.id} stands in the {after.chat}, not in the {chat}")
        start = 0 if after is None else after.id

        def said() -> list[SimulatedMessage]:
            return [message for message in self.messages(chat) if message.is_from_bot and message.id > start]

        if not await self._world.bell.until(lambda: bool(said()), seconds=timeout):
            raise TimeoutError(f"no answer of the bot in {timeout} s in the {chat}; there stands: {self._shown(chat)}")
        return said()[0]

    async def quiet(self, chat: SimulatedChat, seconds: float = 0.3) -> list[SimulatedMessage]:
        """Wait a while and return what the bot said in that time and left standing; an empty list is silence."""
        known = set(self.messages(chat))
        await asyncio.sleep(seconds)
        return [message for message in self.messages(chat) if message.is_from_bot and message not in known]

    def _contents(self, text: str, attachments: Sequence[str | tuple[str, bytes]] = ()) -> list[Content]:
        if not text and not attachments:
            raise ValueError("Telegram has no empty messages")
        if len(text) > _LONGEST_TEXT:
            raise ValueError(f"a message has {_LONGEST_TEXT} characters at most; people's apps split longer texts")
        if not attachments:
            return [Content(text, with_found(text))]
        files = self._stored(attachments)
        album = self._media.new_album() if len(files) > 1 else None
        first = Content(text, with_found(text), file=files[0], album=album)
        return [first, *(Content(file=file, album=album) for file in files[1:])]

    def _stored(self, attachments: Sequence[str | tuple[str, bytes]]) -> list[StoredFile]:
        pairs = [(item, b"") if isinstance(item, str) else item for item in attachments]
        are_photos = all(is_picture(name) for name, _ in pairs)
        return [
            self._files.add(kind="photo" if are_photos else "document", name=name, content=content)
            for name, content in pairs
        ]

    def _write(
        self,
        chat: SimulatedChat,
        content: Content,
        kind: str,
        *,
        author: SimulatedUser | None = None,
        sender_chat: SimulatedChat | None = None,
        reply_to: SimulatedMessage | None = None,
    ) -> SimulatedMessage:
        answered = None if reply_to is None else self._standing(reply_to)
        if answered is not None and answered.chat.id != chat.id:
            raise ValueError(f"message {answered.id} stands in the {answered.chat}, not in the {chat}")
        message = self._world.add(chat, content, author=author, sender_chat=sender_chat, reply_to=answered)
        self._tell(kind, message)
        return message

    def _tell(self, kind: str, message: SimulatedMessage) -> None:
        payload: dict[str, Any] = message_payload(message, self._world)
        update = self._updates.add(kind, payload)
        if update is not None:
            self._told[message] = update

    def _standing(self, message: SimulatedMessage) -> SimulatedMessage:
        standing = self._world.find(message.chat, message.id)
        if standing is None:
            raise ValueError(f"message {message.id} does not stand in the {message.chat} any more")
        return standing

    def _shown(self, chat: SimulatedChat) -> str:
        lines = [f"{'bot' if line.is_from_bot else 'people'}: {line.text!r}" for line in self.messages(chat)]
        return "; ".join(lines) or "nothing"

"""What people do: write, forward, edit, delete, press buttons. Must not know the network."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .copying import forwarded
from .files import StoredFile, is_picture
from .markup import with_found
from .payloads import chat_payload, message_payload, user_payload
from .places import Places
from .sending import discuss
from .world import Content, SimulatedChat, SimulatedMessage, SimulatedUser

_LONGEST_TEXT = 4096
_EDITS = {
    "message": "edited_message",
    "channel_post": "edited_channel_post",
    "business_message": "edited_business_message",
}


class People(Places):
    """People, and what they write. Methods return when the bot's update is queued."""

    async def say(
        self,
        user: SimulatedUser,
        chat: SimulatedChat,
        text: str,
        *,
        reply_to: SimulatedMessage | None = None,
        quote: str = "",
        attachments: Sequence[str | tuple[str, bytes]] = (),
        entities: Sequence[Mapping[str, Any]] = (),
    ) -> SimulatedMessage:
        """Send a message from a person. The text is not trimmed, unlike on Telegram.

        Args:
            user: Who writes.
            chat: Where. Only its own person writes into a private chat.
            text: At most 4096 characters; not empty unless there are attachments.
            reply_to: The message replied to; one of another chat becomes an `external_reply`.
            quote: The quoted part of the message replied to.
            attachments: File names, or pairs of name and content. Pictures are sent as photos,
                unless other files are among them. Several files become an album: a message each,
                with the text as the caption of the first.
            entities: MessageEntity objects of the Bot API, whose offsets count UTF-16 units. What
                Telegram finds in a text by itself (addresses, commands, ...) is added.

        Returns:
            The message; the first message of an album.
        """
        self._check_writes(user, chat)
        extra = self._about_answer(chat, reply_to, quote)
        answered = None if "external_reply" in extra else reply_to
        contents = [
            replace(content, extra=extra) for content in self._contents(text, attachments, entities)
        ]
        written = [
            self._write(chat, content, author=user, reply_to=answered) for content in contents
        ]

        return written[0]

    async def share(
        self, user: SimulatedUser, chat: SimulatedChat, **content: Any
    ) -> SimulatedMessage:
        """Send something from a person that is neither text nor a file.

        Args:
            user: Who sends it.
            chat: Where.
            content: Fields of a Message as in the Bot API: `contact`, `location`, `venue`, `poll`,
                `checklist`, `dice`, ...
        """
        self._check_writes(user, chat)
        return self._write(chat, Content(extra=content), author=user)

    async def rename(self, user: SimulatedUser, chat: SimulatedChat, title: str) -> None:
        """Change a group's title as a person; the bot gets the service message."""
        self._check_writes(user, chat)
        if chat.kind != "group":
            raise ValueError(f"only a group has a title that people change, not the {chat}")

        self._world.titles[chat.id] = title
        self._write(chat, Content(service={"new_chat_title": title}), author=user)

    async def forward(
        self,
        user: SimulatedUser,
        message: SimulatedMessage,
        chat: SimulatedChat,
        *,
        hides_name: str = "",
    ) -> SimulatedMessage:
        """Forward a message as a person; `hides_name` is the displayed name of a hidden author."""
        self._check_writes(user, chat)
        content = forwarded(self._present(message), self._world, hides_name=hides_name)
        return self._write(chat, content, author=user)

    async def say_as_channel(
        self,
        chat: SimulatedChat,
        text: str,
        *,
        channel: SimulatedChat | None = None,
        signature: str = "",
        reply_to: SimulatedMessage | None = None,
    ) -> SimulatedMessage:
        """Send a message into a group in the name of `channel`, or of the group itself.

        In the name of the group, it is from an anonymous administrator, whose title is `signature`.
        Either way `from` is one of Telegram's placeholder accounts, and only `sender_chat`
        identifies the speaker.
        """
        speaker = channel if channel is not None else chat.whole
        content = replace(
            self._contents(text)[0], extra={"author_signature": signature} if signature else {}
        )
        return self._write(chat, content, sender_chat=speaker, reply_to=reply_to)

    async def post(self, channel: SimulatedChat, text: str) -> SimulatedMessage:
        """Post in a channel; the bot gets a `channel_post`, which has no `from`.

        The post also appears in the group linked with the channel.
        """
        if channel.kind != "channel":
            raise ValueError(f"posts are made in channels, not in the {channel}")

        written = self._write(channel, self._contents(text)[0], sender_chat=channel)
        discuss(written, self._world, self._updates)

        return written

    async def edit(self, message: SimulatedMessage, text: str) -> SimulatedMessage:
        """Change a person's text or caption; the bot gets an `edited_message` or its variant."""
        present = self._present(message)
        if present.is_from_bot:
            raise ValueError("people cannot edit what the bot wrote")

        changed = replace(present.content, text=text, entities=with_found(text))
        edited = self._world.edit(present, changed)
        self._updates.add(_EDITS[_update_kind(edited.chat)], message_payload(edited, self._world))

        return edited

    async def delete(self, *messages: SimulatedMessage) -> None:
        """Delete messages of one chat. Telegram notifies the bot in business chats only."""
        for message in messages:
            self._world.remove(self._present(message))

        if messages and (business := messages[0].chat.business) is not None:
            payload = {
                "business_connection_id": business.connection_id,
                "chat": chat_payload(messages[0].chat, self._world),
                "message_ids": [message.id for message in messages],
            }
            self._updates.add("deleted_business_messages", payload)

    async def repeat(self, message: SimulatedMessage, *, same_update: bool = True) -> None:
        """Deliver the update of a new message again, unchanged.

        Args:
            message: A message whose update the bot received.
            same_update: Keep the update id, as after a lost confirmation; otherwise use a new id.
        """
        first = self._first_updates.get(message)
        if first is None:
            raise ValueError(f"the bot got no update of message {message.id} in the {message.chat}")

        if same_update:
            self._updates.repeat(first)
        else:
            self._updates.add(first.kind, first.payload)

    async def press(self, user: SimulatedUser, message: SimulatedMessage, button: str) -> None:
        """Press the inline button with this text; the bot gets a `callback_query`.

        For a message sent by inline mode, the query has an `inline_message_id` instead of the
        message.
        """
        present = self._present(message)
        rows = (present.content.reply_markup or {}).get("inline_keyboard", [])

        data = next(
            (key.get("callback_data") for row in rows for key in row if key.get("text") == button),
            None,
        )
        if data is None:
            raise ValueError(
                f"message {message.id} of the {message.chat} has no button {button!r} that "
                "calls back"
            )

        query = str(next(self._queries))
        self._account.open_queries.add(query)
        payload: dict[str, Any] = {
            "id": query,
            "from": user_payload(user),
            "chat_instance": str(present.chat.id),
            "data": data,
        }

        inline = next(
            (number for number, sent in self._world.inline.items() if sent is present), None
        )
        if inline is not None:
            payload["inline_message_id"] = inline
        else:
            payload["message"] = message_payload(present, self._world)

        self._updates.add("callback_query", payload)

    def messages(self, chat: SimulatedChat) -> list[SimulatedMessage]:
        """Return the messages in the chat, oldest first, without deleted ones."""
        return self._world.messages(chat)

    async def answer(
        self,
        chat: SimulatedChat,
        after: SimulatedMessage | None = None,
        timeout: float = 5,  # noqa: ASYNC109  a figure of seconds reads best in a test
    ) -> SimulatedMessage:
        """Wait for the bot's first message in a chat, or the first one after `after`.

        Raises:
            TimeoutError: None came in `timeout` seconds; the text lists the chat's messages.
        """
        if after is not None and after.chat.id != chat.id:
            raise ValueError(f"message {after.id} is in the {after.chat}, not in the {chat}")

        start = 0 if after is None else after.id

        def said() -> list[SimulatedMessage]:
            return [
                message
                for message in self.messages(chat)
                if message.is_from_bot and message.id > start
            ]

        if not await self._world.changes.wait_until(lambda: bool(said()), seconds=timeout):
            raise TimeoutError(
                f"the bot did not answer in the {chat} within {timeout} s; messages there: "
                f"{self._shown(chat)}"
            )

        return said()[0]

    async def quiet(self, chat: SimulatedChat, seconds: float = 0.3) -> list[SimulatedMessage]:
        """Wait, and return what the bot wrote in the chat meanwhile and did not delete."""
        known = set(self.messages(chat))
        await asyncio.sleep(seconds)
        return [
            message
            for message in self.messages(chat)
            if message.is_from_bot and message not in known
        ]

    def _contents(
        self,
        text: str,
        attachments: Sequence[str | tuple[str, bytes]] = (),
        entities: Sequence[Mapping[str, Any]] = (),
    ) -> list[Content]:
        if not text and not attachments:
            raise ValueError("Telegram has no empty messages")

        if len(text) > _LONGEST_TEXT:
            raise ValueError(
                f"a message has {_LONGEST_TEXT} characters at most; people's apps split longer "
                "texts"
            )

        found = with_found(text, [dict(entity) for entity in entities])
        if not attachments:
            return [Content(text, found)]

        files = self._stored(attachments)
        album = self._media.new_album() if len(files) > 1 else None
        first = Content(text, found, file=files[0], album=album)

        return [first, *(Content(file=file, album=album) for file in files[1:])]

    def _stored(self, attachments: Sequence[str | tuple[str, bytes]]) -> list[StoredFile]:
        pairs = [(item, b"") if isinstance(item, str) else item for item in attachments]
        are_photos = all(is_picture(name) for name, _ in pairs)
        return [
            self._files.add(kind="photo" if are_photos else "document", name=name, content=content)
            for name, content in pairs
        ]

    def _check_writes(self, user: SimulatedUser, chat: SimulatedChat) -> None:
        if chat.whole.kind == "direct" and chat.members[0] != user:
            raise ValueError(f"only its own person writes into the {chat}")
        if chat.kind == "business" and user not in chat.members:
            raise ValueError(f"only its owner and one other person write into the {chat}")
        if chat.kind == "channel":
            raise ValueError(f"persons do not write into the {chat} under their names: use post()")

        if chat.id in self._world.moved:
            raise ValueError(
                f"nobody writes into the {chat} any more: it has become "
                f"{self._world.moved[chat.id]}"
            )

    def _about_answer(
        self, chat: SimulatedChat, answered: SimulatedMessage | None, quote: str
    ) -> Mapping[str, Any]:
        """Return the extra fields of a message that replies with a quote or across chats."""
        extra: dict[str, Any] = {}
        if answered is not None and quote:
            if quote not in answered.text:
                raise ValueError(f"message {answered.id} does not say {quote!r}")
            extra["quote"] = {
                "text": quote,
                "position": answered.text.index(quote),
                "is_manual": True,
            }

        if answered is not None and answered.chat.key != chat.key:
            origin = forwarded(self._present(answered), self._world).forward_origin
            shown = chat_payload(answered.chat, self._world)
            extra["external_reply"] = {"origin": origin, "chat": shown, "message_id": answered.id}

        return extra

    def _write(
        self,
        chat: SimulatedChat,
        content: Content,
        *,
        author: SimulatedUser | None = None,
        sender_chat: SimulatedChat | None = None,
        reply_to: SimulatedMessage | None = None,
    ) -> SimulatedMessage:
        answered = None if reply_to is None else self._present(reply_to)
        if answered is not None and answered.chat.key != chat.key:
            raise ValueError(f"message {answered.id} is in the {answered.chat}, not in the {chat}")

        message = self._world.add(
            chat, content, author=author, sender_chat=sender_chat, reply_to=answered
        )
        self._queue(_update_kind(chat), message)

        return message

    def _present(self, message: SimulatedMessage) -> SimulatedMessage:
        present = self._world.find(message.chat, message.id)
        if present is None:
            raise ValueError(f"message {message.id} is no longer in the {message.chat}")
        return present

    def _shown(self, chat: SimulatedChat) -> str:
        shown = [
            f"{'bot' if message.is_from_bot else 'people'}: {message.text!r}"
            for message in self.messages(chat)
        ]
        return "; ".join(shown) or "none"


def _update_kind(chat: SimulatedChat) -> str:
    kinds = {"channel": "channel_post", "business": "business_message"}
    return kinds.get(chat.kind, "message")

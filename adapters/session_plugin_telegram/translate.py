"""Telegram's objects as our words: pure functions, object in, MessageEvent out. Knows nothing of
hubs and handlers.
"""

from __future__ import annotations

from typing import Any

from telegram import Chat as TelegramChat
from telegram import (
    ChatFullInfo,
    Message,
    MessageOrigin,
    MessageOriginChannel,
    MessageOriginChat,
    MessageOriginHiddenUser,
    MessageOriginUser,
    PhotoSize,
    Update,
)
from telegram import User as TelegramUser

from session_plugin import Account, Attachment, Chat, MessageEvent

CHANNEL = "telegram"
"""This platform's name in accounts and chats.

Example:
    account = Account(CHANNEL, "2002")
"""

_ELSEWHERE = ("channel_post", "edited_channel_post", "deleted_business_messages", "guest_message")
_SAID = ("message", "channel_post", "business_message")
_EDITED = ("edited_message", "edited_channel_post", "edited_business_message")


def to_event(message: Message, *, bot_id: str) -> MessageEvent | None:
    """Translate a message; None for one in which nobody says anything (a join, a pinned message, a
    new title).

    Args:
        message: As python-telegram-bot gives it, in an update or as the result of sending.
        bot_id: The bot's own user id, as text: its messages are the assistant's.

    Who speaks is decided by `sender_chat` first: an anonymous administrator, a channel and a linked
    channel's automatic forward come with a made-up `from_user`, and are nobody's user. What a bot
    says for a business account comes from the account's owner, but for `sender_business_bot`.

    Example:
        ann = telegram.User(2002, "Ann", is_bot=False)
        dm = telegram.Chat(2002, "private")
        said = telegram.Message(7, datetime.now(UTC), dm, from_user=ann, text="Hello!")
        event = to_event(said, bot_id="7000000001")
        assert (event.author, event.text) == (Account("telegram", "2002"), "Hello!")
    """
    text = message.text or message.caption or ""
    attachments = _attachments(message)
    if not (text or attachments):
        return None
    sender = _sender(message)
    is_own = sender is not None and str(sender.id) == bot_id
    return MessageEvent(
        chat=to_chat(message, bot_id=bot_id),
        message_id=str(message.message_id),
        role="assistant" if is_own else "user",
        text=text,
        sent_at=message.date.timestamp(),
        author=to_account(sender),
        author_name=_author_name(message),
        answers=_answered(message, bot_id) if is_own else None,
        reply_to=_reply_to(message),
        attachments=attachments,
        metadata=_metadata(message),
        edited_at=message.edit_date.timestamp() if message.edit_date is not None else None,
    )


def said_in(update: Update) -> Message | None:
    """Give what is said in an update, for the first time; `effective_message` does not tell what it
    is of.
    """
    return next((message for kind in _SAID if (message := getattr(update, kind)) is not None), None)


def edited_in(update: Update) -> Message | None:
    """Give the message that is edited in an update, as it is now."""
    return next(
        (message for kind in _EDITED if (message := getattr(update, kind)) is not None), None
    )


def to_place(update: Update, *, bot_id: str) -> tuple[Chat, Account | None] | None:
    """Give where an update happens and who is behind it; None where there is no session.

    That is for a channel's post, for a chat that the bot is not in, and where no chat is named, as
    in an inline query. A button below a channel's post is in the channel.
    """
    if update.effective_chat is None or any(getattr(update, kind, None) for kind in _ELSEWHERE):
        return None
    query = (
        update.callback_query
    )  # not `effective_message`: that one warns of a message too old to be shown
    message = said_in(update) or edited_in(update) or (None if query is None else query.message)
    if not isinstance(message, Message):
        return as_chat(update.effective_chat, bot_id=bot_id), to_account(update.effective_user)
    is_anonymous = message.sender_chat is not None and query is None
    return to_chat(message, bot_id=bot_id), None if is_anonymous else to_account(
        update.effective_user
    )


def to_account(user: TelegramUser | None) -> Account | None:
    """Give a person's account; None for a bot, which is nobody's user."""
    return None if user is None or user.is_bot else Account(CHANNEL, str(user.id))


def to_chat(message: Message, *, bot_id: str) -> Chat:
    """Give the chat of a message; `message_thread_id` is a topic only if Telegram says so, else it
    marks a reply.

    A channel's direct messages are one chat, with a topic for each person who writes to it. A
    business account's chat with somebody has that person's id, as their own chat with the bot has;
    here it is a chat of its own, and like a group: both sides see it, and nothing else.
    """
    if message.business_connection_id is not None:
        return to_business_chat(message.chat, message.business_connection_id, bot_id=bot_id)
    thread = message.message_thread_id if message.is_topic_message else None
    direct_messages = getattr(
        message, "direct_messages_topic", None
    )  # python-telegram-bot knows it from 22.4 on
    if direct_messages is not None:
        thread = direct_messages.topic_id
    return as_chat(message.chat, bot_id=bot_id, thread_id=thread)


def to_business_chat(chat: TelegramChat, connection_id: str, *, bot_id: str) -> Chat:
    """Give a business account's chat with somebody."""
    chat_id = business_chat_id(connection_id, str(chat.id))
    return Chat(CHANNEL, chat_id, "group", bot_id=bot_id, title=chat.full_name or "")


def business_chat_id(connection_id: str, chat_id: str) -> str:
    """Make the id of a business account's chat."""
    return f"{connection_id}:{chat_id}"


def to_move(message: Message, *, bot_id: str) -> tuple[Chat, Chat] | None:
    """Give the old and the new chat of a group that became a supergroup, from either's service
    message; else None.
    """
    here = as_chat(message.chat, bot_id=bot_id)
    if message.migrate_to_chat_id is not None:
        return here, Chat(CHANNEL, str(message.migrate_to_chat_id), "group", bot_id=bot_id)
    if message.migrate_from_chat_id is not None:
        return Chat(CHANNEL, str(message.migrate_from_chat_id), "group", bot_id=bot_id), here
    return None


def as_chat(
    chat: TelegramChat | ChatFullInfo, *, bot_id: str, thread_id: int | None = None
) -> Chat:
    """Give a chat; a private one is direct, everything else a group."""
    return Chat(
        CHANNEL,
        str(chat.id),
        "direct" if chat.type == TelegramChat.PRIVATE else "group",
        bot_id=bot_id,
        thread_id="" if thread_id is None else str(thread_id),
        title=chat.title or chat.full_name or "",
    )


def _sender(message: Message) -> TelegramUser | None:
    """Give who wrote a message; None for what a chat says."""
    if message.sender_chat is not None:
        return None
    return message.sender_business_bot or message.from_user


def _author_name(message: Message) -> str:
    if message.sender_chat is not None:
        name = message.sender_chat.title or message.sender_chat.full_name or ""
        return f"{name} ({message.author_signature})" if message.author_signature else name
    return "" if message.from_user is None else message.from_user.full_name


def _answered(message: Message, bot_id: str) -> Account | None:
    """Tell whom the bot's message answers, as far as the message itself says: the owner of a
    private chat.
    """
    if message.chat.type == TelegramChat.PRIVATE:
        return Account(CHANNEL, str(message.chat.id))
    replied = message.reply_to_message
    if replied is None or replied.sender_chat is not None:
        return None
    return to_account(replied.from_user)


def _reply_to(message: Message) -> str | None:
    replied = message.reply_to_message
    if (
        replied is None
        or replied.chat.id != message.chat.id
        or replied.forum_topic_created is not None
    ):
        return None  # in a topic, everything formally replies to the message that opened it
    return str(replied.message_id)


def _attachments(message: Message) -> tuple[Attachment, ...]:
    # A venue first: `effective_attachment` takes it for the location that comes with it, and knows
    # no checklists.
    found = message.venue or message.effective_attachment or _checklist(message)
    if found is None:
        return ()
    if isinstance(found, tuple | list):  # one photo in several sizes, the largest last
        found = found[-1]
    return (
        Attachment(
            id=getattr(found, "file_id", None) or "",
            kind="photo" if isinstance(found, PhotoSize) else type(found).__name__.lower(),
            filename=getattr(found, "file_name", None) or "",
            content_type=getattr(found, "mime_type", None) or "",
            size=getattr(found, "file_size", None),
        ),
    )


def _checklist(message: Message) -> Any:
    return getattr(message, "checklist", None)  # python-telegram-bot knows it from 22.3 on


def _metadata(message: Message) -> dict[str, Any]:
    """Keep what changes how the words are to be read."""
    metadata: dict[str, Any] = {}
    if message.forward_origin is not None:  # not the sender's own words
        metadata["forwarded_from"] = _name_of(message.forward_origin)
    if message.via_bot is not None:
        metadata["via_bot"] = message.via_bot.full_name
    if message.media_group_id is not None:
        metadata["media_group_id"] = message.media_group_id
    if message.quote is not None:
        metadata["quote"] = message.quote.text
    elsewhere = message.external_reply
    if elsewhere is not None and elsewhere.chat is not None:
        metadata["replies_to"] = {
            "chat_id": str(elsewhere.chat.id),
            "message_id": str(elsewhere.message_id),
        }
    return metadata | _said_without_words(message)


def _name_of(origin: MessageOrigin) -> str:
    """Give the name under which the author of a forwarded message is shown."""
    match origin:
        case MessageOriginUser():
            return origin.sender_user.full_name
        case MessageOriginHiddenUser():
            return origin.sender_user_name
        case MessageOriginChat():
            return origin.sender_chat.title or origin.type
        case MessageOriginChannel():
            return origin.chat.title or origin.type
    return origin.type


def _said_without_words(message: Message) -> dict[str, Any]:
    """Keep what a message says by other means than text and files."""
    said: dict[str, Any] = {}
    if message.poll is not None:
        said["poll"] = {
            "question": message.poll.question,
            "options": [one.text for one in message.poll.options],
        }
    if (checklist := _checklist(message)) is not None:
        said["checklist"] = {
            "title": checklist.title,
            "tasks": [one.text for one in checklist.tasks],
        }
    if message.sticker is not None and message.sticker.emoji:
        said["emoji"] = message.sticker.emoji
    if message.dice is not None:
        said["dice"] = {"emoji": message.dice.emoji, "value": message.dice.value}
    if message.location is not None:
        said["location"] = {
            "latitude": message.location.latitude,
            "longitude": message.location.longitude,
        }
    return said

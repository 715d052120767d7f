"""Translate Telegram objects: pure functions from Message, Update, Chat and User to MessageEvent,
Chat and Account.

Knows no hub and no handlers.
"""

from __future__ import annotations

from telegram import Chat as TelegramChat
from telegram import (
    ChatFullInfo,
    Message,
    MessageEntity,
    PhotoSize,
    Update,
)
from telegram import User as TelegramUser

from session_plugin import Account, Attachment, Chat, MessageEvent
from session_plugin_telegram.content import checklist_of, metadata_of, shown

CHANNEL = "telegram"
"""The channel of this platform's accounts and chats.

Example:
    account = Account(CHANNEL, "2002")
"""

_NEW = ("message", "channel_post", "business_message")
_EDITED = ("edited_message", "edited_channel_post", "edited_business_message")
_WITHOUT_SESSION = (
    "channel_post",
    "edited_channel_post",
    "deleted_business_messages",
    "guest_message",
)


# Messages


def to_event(message: Message, *, bot_id: str) -> MessageEvent | None:
    """Translate a message; return None for a service message (a join, a pinned message, a new
    title).

    The sender is read from `sender_chat` first. Anonymous administrators, channels and automatic
    forwards of a linked channel come with a placeholder in `from_user`, so they have no account.
    In a business chat, `from_user` is the account's owner even if the bot wrote the message;
    `sender_business_bot` then names the bot.

    Args:
        message: From an update, or from the result of a request.
        bot_id: The bot's user id, as text. Messages of this user have the role assistant.

    Example:
        ann = telegram.User(2002, "Ann", is_bot=False)
        dm = telegram.Chat(2002, "private")
        message = telegram.Message(7, datetime.now(UTC), dm, from_user=ann, text="Hello!")
        event = to_event(message, bot_id="7000000001")
        assert (event.author, event.text) == (Account("telegram", "2002"), "Hello!")
    """
    text = message.text or message.caption or ""
    attachments = _attachments(message)
    if not (text or attachments):
        return None

    sender, chat = _sender(message), message_chat(message, bot_id=bot_id)
    is_own = sender is not None and str(sender.id) == bot_id

    return MessageEvent(
        chat=chat,
        message_id=str(message.message_id),
        role="assistant" if is_own else "user",
        text=text,
        sent_at=message.date.timestamp(),
        author=to_account(sender),
        author_name=_author_name(message),
        answers=_answered(message) if is_own else None,
        reply_to=_reply_to(message),
        attachments=attachments,
        metadata=metadata_of(message, chat_id=chat.chat_id),
        edited_at=message.edit_date.timestamp() if message.edit_date is not None else None,
    )


def command_in(message: Message, *, username: str | None) -> str | None:
    """Return the name of the command that a message is; None for other messages.

    A command begins its message, and is for every bot or for the bot with this username.
    """
    first = next((entity for entity in message.entities if not entity.offset), None)
    if message.text is None or first is None or first.type != MessageEntity.BOT_COMMAND:
        return None

    name, _, addressed = message.text[1 : first.length].partition("@")
    is_own = not addressed or addressed.casefold() == (username or "").casefold()

    return name.lower() if is_own else None


def new_message(update: Update) -> Message | None:
    """Return the message that an update reports as new.

    `Update.effective_message` is not enough: it does not say whether the message is new.
    """
    return _first_of(update, _NEW)


def edited_message(update: Update) -> Message | None:
    """Return the message that an update reports as edited, in its new form."""
    return _first_of(update, _EDITED)


# Chats and accounts


def to_chat_and_account(update: Update, *, bot_id: str) -> tuple[Chat, Account | None] | None:
    """Return the chat of an update and the account that caused it.

    None if the update has no session: for a channel's post, for a chat that the bot is not a
    member of, and where no chat is named, as in an inline query. A button pressed under a channel's
    post has the channel's session.
    """
    if update.effective_chat is None:
        return None
    if any(getattr(update, field, None) for field in _WITHOUT_SESSION):
        return None

    # Not `effective_message`: it warns about the inaccessible messages of old buttons.
    query = update.callback_query
    message = new_message(update) or edited_message(update)
    if message is None and query is not None and isinstance(query.message, Message):
        message = query.message

    account = to_account(update.effective_user)
    if message is None:
        return to_chat(update.effective_chat, bot_id=bot_id), account

    is_anonymous = message.sender_chat is not None and query is None

    return message_chat(message, bot_id=bot_id), None if is_anonymous else account


def to_account(user: TelegramUser | None) -> Account | None:
    """Return a user's account; None for a bot, which is never a user of the hub."""
    return None if user is None or user.is_bot else Account(CHANNEL, str(user.id))


def to_name(user: TelegramUser | None) -> str:
    """Return a user's name as it is shown to others."""
    return "" if user is None else shown(user.full_name)


def to_chat(
    chat: TelegramChat | ChatFullInfo, *, bot_id: str, thread_id: int | None = None
) -> Chat:
    """Translate a chat: a private one is direct, every other one is a group."""
    return Chat(
        CHANNEL,
        str(chat.id),
        "direct" if chat.type == TelegramChat.PRIVATE else "group",
        bot_id=bot_id,
        thread_id="" if thread_id is None else str(thread_id),
        title=shown(chat.title or chat.full_name or ""),
    )


def message_chat(message: Message, *, bot_id: str) -> Chat:
    """Return the chat of a message, with its topic as the thread.

    `message_thread_id` names a topic only if `is_topic_message` is set; otherwise it marks a chain
    of replies. The direct messages of a channel are one chat with a topic for each person.
    """
    if message.business_connection_id is not None:
        return to_business_chat(message.chat, message.business_connection_id, bot_id=bot_id)

    thread_id = message.message_thread_id if message.is_topic_message else None
    # python-telegram-bot has this field from 22.4 on.
    direct_messages = getattr(message, "direct_messages_topic", None)
    if direct_messages is not None:
        thread_id = direct_messages.topic_id

    return to_chat(message.chat, bot_id=bot_id, thread_id=thread_id)


def to_business_chat(chat: TelegramChat, connection_id: str, *, bot_id: str) -> Chat:
    """Return a business account's chat with a person.

    Telegram gives it the same id as the person's private chat with the bot. Here it is a chat of
    its own, and a group: both sides see it, and see no other chat of each other.
    """
    chat_id = business_chat_id(connection_id, str(chat.id))
    return Chat(CHANNEL, chat_id, "group", bot_id=bot_id, title=shown(chat.full_name or ""))


def business_chat_id(connection_id: str, chat_id: str) -> str:
    """Return the id of a business account's chat."""
    return f"{connection_id}:{chat_id}"


def to_migration(message: Message, *, bot_id: str) -> tuple[Chat, Chat] | None:
    """Return the old and the new chat of a group that became a supergroup.

    Both chats get a service message about it; None for any other message.
    """
    chat = to_chat(message.chat, bot_id=bot_id)

    if message.migrate_to_chat_id is not None:
        return chat, Chat(CHANNEL, str(message.migrate_to_chat_id), "group", bot_id=bot_id)
    if message.migrate_from_chat_id is not None:
        return Chat(CHANNEL, str(message.migrate_from_chat_id), "group", bot_id=bot_id), chat

    return None


# Parts of a message


def _first_of(update: Update, fields: tuple[str, ...]) -> Message | None:
    found = (getattr(update, field) for field in fields)
    return next((message for message in found if message is not None), None)


def _sender(message: Message) -> TelegramUser | None:
    """Return the user who wrote a message; None if it was sent in the name of a chat."""
    if message.sender_chat is not None:
        return None
    return message.sender_business_bot or message.from_user


def _author_name(message: Message) -> str:
    if message.sender_chat is not None:
        name = message.sender_chat.title or message.sender_chat.full_name or ""
        return shown(f"{name} ({message.author_signature})" if message.author_signature else name)

    return to_name(message.from_user)


def _answered(message: Message) -> Account | None:
    """Return the account that a message of the bot answers, as far as the message shows it.

    That is the owner of a private chat, or the author of the message it replies to.
    """
    if message.chat.type == TelegramChat.PRIVATE:
        return Account(CHANNEL, str(message.chat.id))

    replied = message.reply_to_message
    if replied is None or replied.sender_chat is not None:
        return None

    return to_account(replied.from_user)


def _reply_to(message: Message) -> str | None:
    replied = message.reply_to_message
    if replied is None or replied.chat.id != message.chat.id:
        return None

    # In a topic, every message formally replies to the one that opened the topic.
    if replied.forum_topic_created is not None:
        return None

    return str(replied.message_id)


def _attachments(message: Message) -> tuple[Attachment, ...]:
    # `effective_attachment` returns the location of a venue, and no checklists.
    found = message.venue or message.effective_attachment or checklist_of(message)
    if found is None:
        return ()

    if isinstance(found, tuple | list):
        found = found[-1]  # the largest of a photo's sizes

    return (
        Attachment(
            id=getattr(found, "file_id", None) or "",
            kind="photo" if isinstance(found, PhotoSize) else type(found).__name__.lower(),
            filename=shown(getattr(found, "file_name", None) or ""),
            content_type=getattr(found, "mime_type", None) or "",
            size=getattr(found, "file_size", None),
        ),
    )

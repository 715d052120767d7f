"""Discord's messages in the core's terms: object in, MessageEvent out.

Pure functions; they know no hub and no bot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import discord

from session_plugin import Account, Attachment, Chat, MessageEvent

CHANNEL = "discord"
"""This platform's name in accounts and chats.

Example:
    account = Account(CHANNEL, "1001")
"""
TEXT_DISPLAY = 10
"""The component type of plain text, known to discord.py since 2.6."""

KINDS = {"image": "photo", "audio": "audio", "video": "video"}
"""What files of these types of content are called; the others are documents."""

_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def to_event(
    message: discord.Message,
    *,
    bot_id: int,
    application_id: int | None = None,
    shown_in: Chat | None = None,
) -> MessageEvent | None:
    """Return a message as a MessageEvent; None if it has nothing to store.

    Not stored are system messages (joins, pins, boosts), messages that are blank because the bot
    may not read them, and ephemeral messages: only one person sees those, and Discord delivers them
    as if they were direct messages.

    Args:
        message: The message.
        bot_id: The bot's own user id: its messages get the role "assistant". Answers to
            interactions have a webhook id too, so the author's id decides.
        application_id: The id of the bot's application, whose webhooks say the bot's words. None if
            it equals `bot_id`, as it does unless the application is older than 2016.
        shown_in: The chat in which the message is shown, if the caller knows better than the
            message. An ephemeral message is then translated as well.

    Example:
        async def on_message(message: discord.Message) -> None:
            print(to_event(message, bot_id=message.guild.me.id))
    """
    said = _said(message)
    is_own = is_from_bot(said, bot_id=bot_id, application_id=application_id)
    text = _text(said)
    attachments = _attachments(said)

    is_hidden = message.flags.ephemeral and shown_in is None
    if is_hidden or message.is_system() or not (text or attachments):
        return None

    return MessageEvent(
        chat=shown_in or to_chat(message.channel, message.guild, bot_id=bot_id),
        message_id=str(message.id),
        role="assistant" if is_own else "user",
        text=text,
        sent_at=message.created_at.timestamp(),
        author=None if is_own else author_of(said),
        author_name=shown_name(said.author),
        answers=_answered(message) if is_own else None,
        reply_to=_reply_to(message),
        attachments=attachments,
        metadata=_metadata(message, text),
        edited_at=message.edited_at.timestamp() if message.edited_at is not None else None,
    )


def is_from_bot(
    message: discord.Message, *, bot_id: int, application_id: int | None = None
) -> bool:
    """Check whether a message is the bot's, by its own account or by a webhook of its application.

    Discord names the application of a webhook that an application made. Webhooks that people made
    have none, no matter who uses them.
    """
    if message.author.id == bot_id:
        return True

    application_id = application_id or bot_id
    return message.webhook_id is not None and message.application_id == application_id


def author_of(message: discord.Message) -> Account | None:
    """Return the account of a message's author; None for a webhook, whatever its id and name."""
    return None if message.webhook_id is not None else to_account(message.author)


def to_account(user: discord.abc.User) -> Account | None:
    """Return a person's account; None for a bot, which has none."""
    return None if user.bot else Account(CHANNEL, str(user.id))


def to_chat(channel: Any, guild: discord.Guild | None, *, bot_id: int) -> Chat:
    """Return the chat of a channel or thread; a thread and its parent are two chats.

    Only a DMChannel is a direct chat. A missing guild does not make one: the guild may merely not
    be cached.

    Example:
        async def on_guild_channel_update(before, after):
            print(to_chat(after, after.guild, bot_id=bot.user.id).title)
    """
    if isinstance(channel, discord.DMChannel):
        return Chat(CHANNEL, str(channel.id), "direct", bot_id=str(bot_id))

    name = getattr(channel, "name", None)  # a channel that is not cached has none
    title = without_bidi(f"{guild.name} #{name}") if guild is not None and name else ""

    return Chat(CHANNEL, str(channel.id), "group", bot_id=str(bot_id), title=title)


def raw_chat(channel_id: int, guild_id: int | None, *, bot_id: int) -> Chat:
    """Return the chat that a raw event names by ids; one without a guild is a direct chat."""
    return Chat(
        CHANNEL, str(channel_id), "direct" if guild_id is None else "group", bot_id=str(bot_id)
    )


def shown_name(user: discord.abc.User) -> str:
    """Return a person's name in all of Discord, not their nickname in one guild."""
    return without_bidi(getattr(user, "global_name", None) or user.name)


def without_bidi(name: str) -> str:
    """Return a name without the characters that change the direction of what follows it."""
    return _BIDI.sub("", name)


def place_metadata(channel: Any, guild: discord.Guild | None) -> dict[str, Any]:
    """Return the ids of a channel's guild and of a thread's parent, as metadata."""
    metadata: dict[str, Any] = {}

    guild_id = getattr(channel, "guild_id", None) if guild is None else guild.id
    if guild_id is not None:
        metadata["guild_id"] = str(guild_id)
    if isinstance(channel, discord.Thread):
        metadata["parent_id"] = str(channel.parent_id)

    return metadata


def to_attachment(file: discord.Attachment) -> Attachment:
    """Return a file without its URL, which expires."""
    content_type = file.content_type or ""

    return Attachment(
        id=str(file.id),
        kind="voice" if file.is_voice_message() else kind_of(content_type),
        filename=file.filename,
        content_type=content_type,
        size=file.size,
    )


def kind_of(content_type: str) -> str:
    """Return what a file is called, as on other platforms."""
    return KINDS.get(content_type.partition("/")[0], "document")


def _said(message: discord.Message) -> discord.Message:
    """Return the message whose words a message shows: its own, unless it opens a thread.

    A thread that was opened from a message begins with one that repeats it.
    """
    is_starter = message.type is discord.MessageType.thread_starter_message
    repeated = message.reference.resolved if is_starter and message.reference else None
    return repeated if isinstance(repeated, discord.Message) else message


def _text(message: discord.Message) -> str:
    if message.message_snapshots and not message.content:
        snapshot = message.message_snapshots[0]  # holds the text of a forwarded message
        components = getattr(snapshot, "components", ())
        texts = (*_component_texts(components), *_embed_texts(snapshot.embeds))
        return snapshot.content or "\n".join(texts)

    # `components` is unset if the payload has none.
    components = () if message.content else getattr(message, "components", ())
    texts = (message.content, *_component_texts(components), *_embed_texts(_own_embeds(message)))
    return "\n".join(text for text in texts if text)


def _own_embeds(message: discord.Message) -> list[discord.Embed]:
    """Return the embeds that the author sent, not the previews that Discord adds for links.

    Only bots send embeds, and these rarely have a URL; a preview always has one. A message without
    text has no links to preview.
    """
    if not message.content:
        return message.embeds

    return [
        embed
        for embed in message.embeds
        if message.author.bot and embed.type == "rich" and not embed.url
    ]


def _embed_texts(embeds: Iterable[discord.Embed]) -> Iterator[str]:
    """Yield titles, descriptions and fields; not authors, footers and dates."""
    for embed in embeds:
        yield from (text for text in (embed.title, embed.description) if text)
        yield from (f"{field.name}: {field.value}" for field in embed.fields)


def _component_texts(components: Any) -> Iterator[str]:
    """Yield the text displays of a message that is laid out in components."""
    for component in components:
        if component.type.value == TEXT_DISPLAY:
            yield component.content
        yield from _component_texts(getattr(component, "children", ()))


def _answered(message: discord.Message) -> Account | None:
    """Return whom the bot's message answers, if the message itself says.

    In this order: the user of the interaction, the other side of the direct chat, the author of the
    message replied to.
    """
    interaction = message.interaction_metadata
    if interaction is not None:
        return to_account(interaction.user)

    if isinstance(message.channel, discord.DMChannel) and message.channel.recipient is not None:
        return to_account(message.channel.recipient)

    replied_to = message.reference.resolved if message.reference is not None else None
    if isinstance(replied_to, discord.Message) and replied_to.webhook_id is None:
        return to_account(replied_to.author)

    return None


def _reply_to(message: discord.Message) -> str | None:
    """Return the id of the message replied to; forwards and pins have a reference as well."""
    reference = message.reference
    if message.type is not discord.MessageType.reply or reference is None:
        return None

    return None if reference.message_id is None else str(reference.message_id)


def _attachments(message: discord.Message) -> tuple[Attachment, ...]:
    """Return files, stickers, polls and embeds; of a forwarded message, files and stickers."""
    holders: list[discord.Message | discord.MessageSnapshot] = [message, *message.message_snapshots]
    found = [to_attachment(file) for holder in holders for file in holder.attachments]

    found += [
        Attachment(id=str(sticker.id), kind="sticker", filename=sticker.name)
        for holder in holders
        for sticker in getattr(holder, "stickers", ())  # in snapshots since discord.py 2.6
    ]
    if message.poll is not None:  # its choices are metadata
        found.append(Attachment(id="", kind="poll", filename=message.poll.question))

    found += [
        Attachment(id="", kind="embed", filename=embed.title or "")
        for embed in _own_embeds(message)
    ]

    return tuple(found)


def _metadata(message: discord.Message, text: str) -> dict[str, Any]:
    """Return where a message was sent, and what changes how its text is to be read."""
    metadata = place_metadata(message.channel, message.guild)
    if message.message_snapshots or _said(message) is not message:
        metadata |= {"forwarded": True, "quote": _origin(message, text)}
    if message.flags.ephemeral:
        metadata["ephemeral"] = True
    if mentions := _mentions(message):
        metadata["mentions"] = mentions
    if message.poll is not None:
        metadata["poll"] = _poll(message.poll)

    return metadata


def _mentions(message: discord.Message) -> list[dict[str, str]]:
    """Return what each mention in the text stands for; `mentions` has also who is replied to.

    A person is given by id: names of people are stored with their own messages only.
    """
    found: list[dict[str, str]] = []
    for user in message.mentions:
        who = {"name": user.display_name} if user.bot else {"account": str(user.id)}
        found += [{"text": form.format(user.id), **who} for form in ("<@{}>", "<@!{}>")]

    found += [{"text": role.mention, "name": role.name} for role in message.role_mentions]
    found += [
        {"text": channel.mention, "name": f"#{name}"}
        for channel in message.channel_mentions
        if (name := getattr(channel, "name", None))
    ]

    return [mention for mention in found if mention["text"] in message.content]


def _origin(message: discord.Message, text: str) -> dict[str, Any]:
    """Return which message a message repeats, and its author if Discord says so.

    What it repeats is changed and deleted with that message.
    """
    origin: dict[str, Any] = {"text": text}
    if message.reference is not None and message.reference.message_id is not None:
        origin["message_id"] = str(message.reference.message_id)
        origin["chat_id"] = str(message.reference.channel_id)

    repeated = _said(message)
    author = None if repeated is message else author_of(repeated)
    if author is not None:
        origin["person"] = author.channel_user_id

    return origin


def _poll(poll: discord.Poll) -> dict[str, Any]:
    """Return a poll as it was asked; votes are not messages."""
    ends_at = poll.expires_at

    return {
        "question": poll.question,
        "options": [_shown_choice(answer) for answer in poll.answers],
        "allows_multiple_answers": poll.multiple,
        "ends_at": None if ends_at is None else ends_at.timestamp(),
    }


def _shown_choice(answer: discord.PollAnswer) -> str:
    """Return a choice of a poll as people see it: an emoji, a text, or both."""
    return " ".join(str(part) for part in (answer.emoji, answer.text) if part)

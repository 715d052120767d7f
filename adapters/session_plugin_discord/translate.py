"""Discord's messages as our words: pure functions, object in, MessageEvent out. Knows nothing of
hubs and bots.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import discord

from session_plugin import Account, Attachment, Chat, MessageEvent

CHANNEL = "discord"
"""This platform's name in accounts and chats.

Example:
    account = Account(CHANNEL, "1001")
"""


def to_event(
    message: discord.Message, *, bot_id: int, shown_in: Chat | None = None
) -> MessageEvent | None:
    """Translate a message; None for one in which nobody says anything to anybody.

    Left out are system messages (joins, pins, boosts), messages that are blank because the bot may
    not see them, and ephemeral ones: only one person sees those, and Discord delivers them as if
    they were direct messages.

    Args:
        message: As discord.py gives it.
        bot_id: The bot's own user id: its messages are the assistant's. Answers to interactions
            carry a webhook id too, so this is asked first.
        shown_in: The chat in which it is shown, where that is known better: then it may be
            ephemeral.

    Example:
        async def on_message(message: discord.Message) -> None:
            print(to_event(message, bot_id=message.guild.me.id))
    """
    is_own = message.author.id == bot_id
    text = _text(message)
    attachments = _attachments(message)
    is_hidden = message.flags.ephemeral and shown_in is None
    if is_hidden or message.is_system() or not (text or attachments):
        return None
    return MessageEvent(
        chat=shown_in or to_chat(message.channel, message.guild, bot_id=bot_id),
        message_id=str(message.id),
        role="assistant" if is_own else "user",
        text=text,
        sent_at=message.created_at.timestamp(),
        author=None if is_own else author_of(message),
        author_name=shown_name(message.author),
        answers=_answered(message) if is_own else None,
        reply_to=_reply_to(message),
        attachments=attachments,
        metadata=_metadata(message),
        edited_at=message.edited_at.timestamp() if message.edited_at is not None else None,
    )


def author_of(message: discord.Message) -> Account | None:
    """Give the account of a message's author; None for a webhook, whatever its id and name."""
    return None if message.webhook_id is not None else to_account(message.author)


def to_account(user: discord.abc.User) -> Account | None:
    """Give a person's account; None for a bot, which is nobody's user."""
    return None if user.bot else Account(CHANNEL, str(user.id))


def to_chat(channel: Any, guild: discord.Guild | None, *, bot_id: int) -> Chat:
    """Give the chat of a channel or thread: always its own id; a thread's parent is another chat.

    That there is no guild makes nothing direct: a guild that is not cached is missing too.

    Example:
        async def on_guild_channel_update(before, after):
            print(to_chat(after, after.guild, bot_id=bot.user.id).title)
    """
    if isinstance(channel, discord.DMChannel):
        return Chat(CHANNEL, str(channel.id), "direct", bot_id=str(bot_id))
    name = getattr(channel, "name", None)  # a channel that is not cached has none
    title = f"{guild.name} #{name}" if guild is not None and name else ""
    return Chat(CHANNEL, str(channel.id), "group", bot_id=str(bot_id), title=title)


def raw_chat(channel_id: int, guild_id: int | None, *, bot_id: int) -> Chat:
    """Give the chat that a raw event names."""
    return Chat(
        CHANNEL, str(channel_id), "direct" if guild_id is None else "group", bot_id=str(bot_id)
    )


def shown_name(user: discord.abc.User) -> str:
    """Give a person's name over all of Discord; a nickname in one guild is another name for the
    same account.
    """
    return getattr(user, "global_name", None) or user.name


def place_metadata(channel: Any, guild: discord.Guild | None) -> dict[str, Any]:
    """Tell in which guild a chat is, and where a thread hangs."""
    metadata: dict[str, Any] = {}
    guild_id = getattr(channel, "guild_id", None) if guild is None else guild.id
    if guild_id is not None:
        metadata["guild_id"] = str(guild_id)
    if isinstance(channel, discord.Thread):
        metadata["parent_id"] = str(channel.parent_id)
    return metadata


def _text(message: discord.Message) -> str:
    if (
        message.message_snapshots and not message.content
    ):  # a forward carries its words in a snapshot
        snapshot = message.message_snapshots[0]
        return snapshot.content or "\n".join(_embedded(snapshot.embeds))
    displayed = (
        () if message.content else _displayed(getattr(message, "components", ()))
    )  # unset where the payload has none
    words = (message.content, *displayed, *_embedded(_embeds(message)))
    return "\n".join(part for part in words if part)


def _embeds(message: discord.Message) -> list[discord.Embed]:
    """Give the embeds that say something; those of a message with text may be previews of its
    links, which come and go.

    Only bots send embeds, and those that they send rarely link to anything, while a preview always
    does.
    """
    if not message.content:
        return message.embeds
    return [
        embed
        for embed in message.embeds
        if message.author.bot and embed.type == "rich" and not embed.url
    ]


def _embedded(embeds: Iterable[discord.Embed]) -> Iterator[str]:
    """Find the words of embeds; not those around them, of whose they are and when."""
    for embed in embeds:
        yield from (part for part in (embed.title, embed.description) if part)
        yield from (f"{field.name}: {field.value}" for field in embed.fields)


def _displayed(components: Any) -> Iterator[str]:
    """Find the words of a message that is laid out in components and may then have no content
    beside them.
    """
    for component in components:
        if component.type.value == TEXT_DISPLAY:
            yield component.content
        yield from _displayed(getattr(component, "children", ()))


TEXT_DISPLAY = 10
"""The component type of plain words; discord.py knows it since 2.6."""


def _answered(message: discord.Message) -> Account | None:
    """Tell whom the bot's message answers, as far as the message itself says.

    In order: the person of the interaction, the owner of the direct chat, the author of the message
    replied to.
    """
    interaction = message.interaction_metadata
    if interaction is not None:
        return to_account(interaction.user)
    if isinstance(message.channel, discord.DMChannel) and message.channel.recipient is not None:
        return to_account(message.channel.recipient)
    replied = message.reference.resolved if message.reference is not None else None
    if isinstance(replied, discord.Message) and replied.webhook_id is None:
        return to_account(replied.author)
    return None


def _reply_to(message: discord.Message) -> str | None:
    reference = message.reference
    if (
        message.type is not discord.MessageType.reply
        or reference is None
        or reference.message_id is None
    ):
        return None
    return str(reference.message_id)


def to_attachment(file: discord.Attachment) -> Attachment:
    """Describe a file; its link expires, so it is not kept."""
    content_type = file.content_type or ""
    kind = (content_type or "file").partition("/")[0]
    return Attachment(
        id=str(file.id),
        kind=kind,
        filename=file.filename,
        content_type=content_type,
        size=file.size,
    )


def _attachments(message: discord.Message) -> tuple[Attachment, ...]:
    """Describe files, stickers, polls and embeds."""
    holders: list[discord.Message | discord.MessageSnapshot] = [message, *message.message_snapshots]
    files = [to_attachment(file) for holder in holders for file in holder.attachments]
    stickers = [
        Attachment(id=str(item.id), kind="sticker", filename=item.name)
        for holder in holders
        for item in getattr(holder, "stickers", ())  # snapshots have them since discord.py 2.6
    ]
    embeds = [
        Attachment(id="", kind="embed", filename=embed.title or "") for embed in _embeds(message)
    ]
    polls = (
        []
        if message.poll is None
        else [Attachment(id="", kind="poll", filename=message.poll.question)]
    )
    return (*files, *stickers, *polls, *embeds)


def _metadata(message: discord.Message) -> dict[str, Any]:
    """Keep what changes how the words are to be read, and where they were said."""
    metadata = place_metadata(message.channel, message.guild)
    if message.message_snapshots:  # not the sender's own words
        metadata["forwarded"] = True
    if message.flags.ephemeral:
        metadata["ephemeral"] = True
    return metadata

"""JSON objects of the API: user, member, role, channel, guild, message.

Events and REST responses differ: only events have `guild_id` and `member`. Must not know sessions,
sockets or routes.

Values that the documentation leaves open (permissions of a new guild, icons) are plain and valid.
Whether the event of a join message has `member` is not documented; here it has.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

from .entities import (
    Json,
    SimulatedAttachment,
    SimulatedChat,
    SimulatedGuild,
    SimulatedMessage,
    SimulatedUser,
)
from .world import World

TEXT_CHANNEL, DIRECT_CHANNEL, PUBLIC_THREAD = 0, 1, 11

EVERYONE_PERMISSIONS = str(sum(1 << bit for bit in (6, 10, 11, 14, 15, 16, 17, 18, 35, 38)))
"""View, write, embed, attach, read history, react, mention everyone, create and use threads."""

ADMINISTRATOR = str(1 << 3)

APPLICATION_FLAGS_WITH_CONTENT = 1 << 13 | 1 << 15 | 1 << 19
"""The limited flags of an unverified app: presence, guild members and message content."""


def iso(moment: float | None) -> str | None:
    """Return Unix seconds as ISO 8601 in UTC with microseconds, Discord's format."""
    return (
        None
        if moment is None
        else datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds")
    )


class Payloads:
    """Builds the objects of one world. `origin` is the address of attachments.

    Links to files are signed, and expire when a test says so.
    """

    def __init__(self, world: World, *, message_content_enabled: bool) -> None:
        """Use this world. `message_content_enabled` is a setting of the app."""
        self.world = world
        self.message_content_enabled = message_content_enabled
        self.origin = ""
        self.links = 0
        """How often the links to files have expired."""
        self.interaction_of: Callable[[SimulatedMessage], Json] = lambda _message: {}
        """Returns the interaction fields of a message."""

    def user(self, user: SimulatedUser) -> Json:
        """Return a user object."""
        payload: Json = {
            "id": str(user.id),
            "username": user.username,
            "global_name": None if user.is_bot else user.name,
            "discriminator": user.discriminator,
            "avatar": None,
            "public_flags": 0,
        }

        if user.is_bot:
            payload["bot"] = True

        return payload

    def own_user(self) -> Json:
        """Return the bot's own account, which has additional fields."""
        own = {"verified": True, "mfa_enabled": True, "email": None, "flags": 0, "locale": "en-US"}
        return self.user(self.world.bot) | own

    def application(self) -> Json:
        """Return the bot's application."""
        bot = self.world.bot
        return {
            "id": str(self.world.application_id),
            "name": bot.name,
            "icon": None,
            "description": "",
            "summary": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "flags": self.application_flags,
            "owner": self.user(self.world.owner),
            "team": None,
            "bot": self.user(bot),
        }

    @property
    def application_flags(self) -> int:
        """Flags for the privileged intents that the app's settings allow."""
        without = APPLICATION_FLAGS_WITH_CONTENT & ~(1 << 19)
        return APPLICATION_FLAGS_WITH_CONTENT if self.message_content_enabled else without

    def member(self, guild: SimulatedGuild, user: SimulatedUser, *, with_user: bool = True) -> Json:
        """Return a guild member; message events have the user in `author` instead."""
        payload: Json = {
            "nick": user.nick,
            "avatar": None,
            "roles": [str(guild.bot_role_id)] if user is self.world.bot else [],
            "joined_at": iso(guild.created_at),
            "premium_since": None,
            "deaf": False,
            "mute": False,
            "flags": 0,
            "pending": False,
            "communication_disabled_until": None,
        }

        if with_user:
            payload["user"] = self.user(user)

        return payload

    def members(self, guild: SimulatedGuild) -> list[Json]:
        """Return every member, the bot first."""
        return [self.member(guild, user) for user in (self.world.bot, *guild.members)]

    def guild(self, guild: SimulatedGuild) -> Json:
        """Return a guild object as GET /guilds/{id} does, without channels and members."""
        owner = guild.members[0] if guild.members else self.world.bot
        return {
            "id": str(guild.id),
            "name": guild.name,
            "icon": None,
            "splash": None,
            "discovery_splash": None,
            "banner": None,
            "description": None,
            "owner_id": str(owner.id),
            "region": "",
            "afk_channel_id": None,
            "afk_timeout": 300,
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "roles": [
                _role(guild.id, "@everyone", EVERYONE_PERMISSIONS, position=0),
                _role(guild.bot_role_id, self.world.bot.name, ADMINISTRATOR, position=1)
                | {"managed": True, "tags": {"bot_id": str(self.world.bot.id)}},
            ],
            "emojis": [],
            "stickers": [],
            "features": [],
            "mfa_level": 0,
            "nsfw_level": 0,
            "application_id": None,
            "system_channel_id": None,
            "system_channel_flags": 0,
            "rules_channel_id": None,
            "public_updates_channel_id": None,
            "vanity_url_code": None,
            "premium_tier": 0,
            "preferred_locale": "en-US",
        }

    def channel(self, chat: SimulatedChat) -> Json:
        """Return a channel object."""
        last = max(chat.messages, default=None)
        payload: Json = {
            "id": str(chat.id),
            "last_message_id": None if last is None else str(last),
            "flags": 0,
        }

        if chat.guild is None or chat.user is not None:
            recipients = [self.user(chat.user)] if chat.user else []
            return payload | {"type": DIRECT_CHANNEL, "recipients": recipients}

        payload |= {
            "guild_id": str(chat.guild.id),
            "name": chat.name,
            "nsfw": False,
            "rate_limit_per_user": 0,
        }

        if chat.parent is not None:
            return payload | self._thread(chat, chat.parent)

        return payload | {
            "type": TEXT_CHANNEL,
            "position": chat.guild.channels.index(chat),
            "parent_id": None,
            "topic": None,
            "permission_overwrites": [],
        }

    def _thread(self, chat: SimulatedChat, parent: SimulatedChat) -> Json:
        return {
            "type": PUBLIC_THREAD,
            "parent_id": str(parent.id),
            "owner_id": str((chat.owner or self.world.bot).id),
            "message_count": len(chat.messages),
            "total_message_sent": len(chat.messages),
            "member_count": 1,
            "thread_metadata": {
                "archived": False,
                "auto_archive_duration": 1440,
                "archive_timestamp": iso(chat.created_at),
                "create_timestamp": iso(chat.created_at),
                "locked": False,
            },
        }

    def attachment(self, chat: SimulatedChat, attachment: SimulatedAttachment) -> Json:
        """Return an attachment, with a type guessed from its name and without a size in pixels."""
        # A URL cannot hold a lone surrogate; `filename` keeps it.
        name = quote(attachment.filename, safe="", errors="replace")
        signature = f"ex={self.links:x}&is={self.links:x}&hm={attachment.id:x}"
        url = f"{self.origin}/attachments/{chat.id}/{attachment.id}/{name}?{signature}"
        payload: Json = {
            "id": str(attachment.id),
            "filename": attachment.filename,
            "size": len(attachment.content),
            "url": url,
            "proxy_url": url,
        }

        guessed, _ = mimetypes.guess_type(attachment.filename)

        return payload | {"content_type": guessed} if guessed else payload

    def is_readable(self, message: SimulatedMessage, *, has_intent: bool) -> bool:
        """Check the content intent and its documented exceptions."""
        return (
            has_intent
            or message.is_from_bot
            or message.chat.guild is None
            or self.world.bot in self.world.mentioned(message)
        )

    def message(self, message: SimulatedMessage, *, has_intent: bool, in_event: bool) -> Json:
        """Return a message, without content where the bot lacks access.

        With `in_event` it has the guild's id and the member.
        """
        is_readable = self.is_readable(message, has_intent=has_intent)
        payload = self._fields(message, is_readable=is_readable, in_event=in_event)

        if message.webhook is not None:
            payload["webhook_id"] = str(message.webhook.id)
            if message.webhook.id in self.world.own_webhooks:
                payload["application_id"] = str(self.world.application_id)

        if message.thread is not None:
            payload["thread"] = self.channel(message.thread)

        payload |= self.interaction_of(message)

        if is_readable:
            payload |= self._extras(message)
        if message.forwarded is not None:
            payload |= self._forward(message.forwarded)
        if message.reply_to is not None:
            payload |= self._reply(message.reply_to, has_intent=has_intent)

        guild = message.chat.guild
        if in_event and guild is not None and not message.is_ephemeral:
            payload["guild_id"] = str(guild.id)
            if message.webhook is None:
                author = self.world.account_of(message)
                payload["member"] = self.member(guild, author, with_user=False)

        return payload

    def _fields(self, message: SimulatedMessage, *, is_readable: bool, in_event: bool) -> Json:
        """Return the fields that every message has."""
        files = message.attachments if is_readable else []
        pings_all = any(name in message.text for name in ("@everyone", "@here"))

        return {
            "id": str(message.id),
            "channel_id": str(message.chat.id),
            "type": message.kind,
            "author": self.user(self.world.account_of(message)),
            "content": message.text if is_readable else "",
            "timestamp": iso(message.sent_at),
            "edited_timestamp": iso(message.edited_at),
            "tts": message.tts,
            "mention_everyone": message.chat.guild is not None and pings_all,
            "mentions": [
                self._mention(message, user, in_event=in_event)
                for user in self.world.mentioned(message)
            ],
            "mention_roles": [],
            "attachments": [self.attachment(message.chat, file) for file in files],
            "embeds": message.embeds if is_readable else [],
            "components": message.components if is_readable else [],
            "pinned": False,
            "flags": message.flags,
        }

    def _extras(self, message: SimulatedMessage) -> Json:
        extras: Json = {}
        if message.stickers:
            extras["sticker_items"] = [
                {"id": str(message.id + number), "name": name, "format_type": 1}
                for number, name in enumerate(message.stickers, 1)
            ]

        if message.poll is not None:
            extras["poll"] = message.poll

        return extras

    def _forward(self, original: SimulatedMessage) -> Json:
        """Return a forward: a snapshot of the content without its author."""
        whole = self.message(original, has_intent=True, in_event=False)
        kept = (
            "type",
            "content",
            "embeds",
            "attachments",
            "timestamp",
            "edited_timestamp",
            "flags",
            "mentions",
        )

        snapshot = {name: whole[name] for name in (*kept, "mention_roles", "components")}
        if "sticker_items" in whole:
            snapshot["sticker_items"] = whole["sticker_items"]

        reference: Json = {
            "type": 1,
            "message_id": str(original.id),
            "channel_id": str(original.chat.id),
        }

        if original.chat.guild is not None:
            reference["guild_id"] = str(original.chat.guild.id)

        return {"message_reference": reference, "message_snapshots": [{"message": snapshot}]}

    def _mention(self, message: SimulatedMessage, user: SimulatedUser, *, in_event: bool) -> Json:
        payload = self.user(user)
        guild = message.chat.guild
        if in_event and guild is not None and (user is self.world.bot or user in guild.members):
            payload["member"] = self.member(guild, user, with_user=False)
        return payload

    def _reply(self, target: SimulatedMessage, *, has_intent: bool) -> Json:
        reference: Json = {
            "type": 0,
            "message_id": str(target.id),
            "channel_id": str(target.chat.id),
        }

        if target.chat.guild is not None:
            reference["guild_id"] = str(target.chat.guild.id)

        shown = None
        if not target.is_deleted:
            shown = self.message(target, has_intent=has_intent, in_event=False)
            # A referenced message has no reference of its own.
            shown.pop("referenced_message", None)

        return {"message_reference": reference, "referenced_message": shown}


def shown_poll(asked: Json, *, now: float) -> Json:
    """Return a requested poll as shown to people: with numbered answers and its end."""
    answers = [
        {"answer_id": number, **answer}
        for number, answer in enumerate(asked.get("answers") or (), 1)
    ]
    return {
        "question": asked.get("question") or {"text": ""},
        "answers": answers,
        "expiry": iso(now + 3600 * float(asked.get("duration") or 24)),
        "allow_multiselect": bool(asked.get("allow_multiselect")),
        "layout_type": 1,
    }


def _role(role_id: int, name: str, permissions: str, *, position: int) -> Json:
    return {
        "id": str(role_id),
        "name": name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "icon": None,
        "unicode_emoji": None,
        "position": position,
        "permissions": permissions,
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }

"""Gateway events: name, intent, guild and payload.

Knows which intent each event requires, as documented. Must not know sessions or sockets: the
gateway decides which session receives an event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .entities import Json, SimulatedChat, SimulatedGuild, SimulatedMessage, SimulatedUser
from .payloads import Payloads

GUILDS = 1 << 0
GUILD_MEMBERS = 1 << 1
GUILD_PRESENCES = 1 << 8
GUILD_MESSAGES = 1 << 9
DIRECT_MESSAGES = 1 << 12
MESSAGE_CONTENT = 1 << 15


@dataclass(frozen=True)
class Event:
    """An event before it is rendered for a session."""

    name: str
    intent: int
    """The intent that a session needs to receive it; 0 for every session."""
    guild: SimulatedGuild | None
    """Decides the shard; None for direct chats, which belong to shard 0."""
    payload: Callable[[int], Json]
    """Takes the session's intents."""


class Events:
    """Builds the events of one world."""

    def __init__(self, payloads: Payloads) -> None:
        """Use this builder for the objects in events."""
        self._payloads = payloads

    def message_create(self, message: SimulatedMessage) -> Event:
        """Announce a message; only this event carries the nonce of the bot's own message."""
        nonce = {} if message.nonce is None else {"nonce": message.nonce}
        return self._about_message("MESSAGE_CREATE", message, nonce)

    def message_update(self, message: SimulatedMessage) -> Event:
        """Announce the full present state of a message, even after adding a link preview."""
        return self._about_message("MESSAGE_UPDATE", message, {})

    def _about_message(self, name: str, message: SimulatedMessage, more: Json) -> Event:
        def payload(intents: int) -> Json:
            has_intent = bool(intents & MESSAGE_CONTENT)
            return self._payloads.message(message, has_intent=has_intent, in_event=True) | more

        if message.is_ephemeral:
            # Documented: these need the intent for direct messages and have no guild_id.
            return Event(name, DIRECT_MESSAGES, None, payload)

        return Event(name, _message_intent(message.chat), message.chat.guild, payload)

    def message_delete(self, message: SimulatedMessage) -> Event:
        """Announce a deletion: the id and the place, without the content."""
        what = {"id": str(message.id)}
        if message.is_ephemeral:  # like its creation; Discord does not document its deletion
            payload = what | {"channel_id": str(message.chat.id)}
            return Event("MESSAGE_DELETE", DIRECT_MESSAGES, None, lambda _intents: payload)

        return self._about_chat("MESSAGE_DELETE", message.chat, what)

    def message_delete_bulk(self, messages: Sequence[SimulatedMessage]) -> Event:
        """Announce the deletion of several messages of one guild channel."""
        return self._about_chat(
            "MESSAGE_DELETE_BULK",
            messages[0].chat,
            {"ids": [str(message.id) for message in messages]},
        )

    def _about_chat(self, name: str, chat: SimulatedChat, what: Json) -> Event:
        where = {"channel_id": str(chat.id)}
        if chat.guild is not None:
            where["guild_id"] = str(chat.guild.id)
        return Event(name, _message_intent(chat), chat.guild, lambda _intents: what | where)

    def guild_create(self, guild: SimulatedGuild, *, is_new: bool = False) -> Event:
        """Announce a guild in its present state.

        Without the presences intent, the member list has the bot only (documented under "Request
        Guild Members"), so a client learns about others as they write. With `is_new` the bot has
        just been added, and the event lacks `unavailable`. Clients distinguish the two cases by
        that, although it is not documented.
        """

        def payload(intents: int) -> Json:
            everybody = self._payloads.members(guild)
            known = {} if is_new else {"unavailable": False}
            return (
                self._payloads.guild(guild)
                | known
                | {
                    "joined_at": self._payloads.member(guild, self._payloads.world.bot)[
                        "joined_at"
                    ],
                    "large": False,
                    "member_count": len(everybody),
                    "members": everybody if intents & GUILD_PRESENCES else everybody[:1],
                    "channels": [self._payloads.channel(chat) for chat in guild.channels],
                    "threads": [self._payloads.channel(chat) for chat in guild.threads],
                    "voice_states": [],
                    "presences": [],
                    "stage_instances": [],
                    "guild_scheduled_events": [],
                    "soundboard_sounds": [],
                }
            )

        return Event("GUILD_CREATE", GUILDS, guild, payload)

    def channel_create(self, chat: SimulatedChat) -> Event:
        """Announce a new text channel. Direct chats are not announced since API version 8."""
        return Event(
            "CHANNEL_CREATE", GUILDS, chat.guild, lambda _intents: self._payloads.channel(chat)
        )

    def thread_create(self, thread: SimulatedChat) -> Event:
        """Announce a new thread."""
        new = {"newly_created": True}
        return Event(
            "THREAD_CREATE",
            GUILDS,
            thread.guild,
            lambda _intents: self._payloads.channel(thread) | new,
        )

    def chat_delete(self, chat: SimulatedChat) -> list[Event]:
        """Remove a channel or thread and announce it; a channel's threads are removed silently."""
        if chat.guild is None:
            raise ValueError(f"{chat} cannot be deleted")

        shown, guild = self._payloads.channel(chat), chat.guild
        self._payloads.world.remove_chat(chat)

        if chat.parent is None:
            return [Event("CHANNEL_DELETE", GUILDS, guild, lambda _intents: shown)]

        payload = {name: shown[name] for name in ("id", "guild_id", "parent_id", "type")}

        return [Event("THREAD_DELETE", GUILDS, guild, lambda _intents: payload)]

    def guild_delete(self, guild: SimulatedGuild, *, is_outage: bool) -> Event:
        """Announce an outage of a guild, or that the bot is no longer a member."""
        payload: Json = {"id": str(guild.id)} | ({"unavailable": True} if is_outage else {})
        return Event("GUILD_DELETE", GUILDS, guild, lambda _intents: payload)

    def interaction_create(self, guild: SimulatedGuild | None, payload: Json) -> Event:
        """Announce an interaction, to sessions with any intents."""
        return Event("INTERACTION_CREATE", 0, guild, lambda _intents: payload)

    def member_add(self, guild: SimulatedGuild, user: SimulatedUser) -> Event:
        """Announce a new member of a guild."""
        payload = self._payloads.member(guild, user) | {"guild_id": str(guild.id)}
        return Event("GUILD_MEMBER_ADD", GUILD_MEMBERS, guild, lambda _intents: payload)


def _message_intent(chat: SimulatedChat) -> int:
    return DIRECT_MESSAGES if chat.guild is None else GUILD_MESSAGES

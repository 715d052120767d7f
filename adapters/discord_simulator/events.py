"""What the gateway tells: each event with its name, its intent, its guild and its payload.

Knows which intent asks for which event, as the documentation lists them. Must not know sessions or
sockets: whoever delivers an event asks it whether and in which shape a session with given intents
gets it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .payloads import Json, Payloads
from .world import SimulatedChat, SimulatedGuild, SimulatedMessage, SimulatedUser

GUILDS = 1 << 0
GUILD_MEMBERS = 1 << 1
GUILD_PRESENCES = 1 << 8
GUILD_MESSAGES = 1 << 9
DIRECT_MESSAGES = 1 << 12
MESSAGE_CONTENT = 1 << 15


@dataclass(frozen=True)
class Event:
    """Something that happened, not yet in the shape of any one session."""

    name: str
    intent: int
    """The one intent without which a session is not told; 0 for what every session is told."""
    guild: SimulatedGuild | None
    """Decides the shard; None is for direct chats, which shard 0 has."""
    payload: Callable[[int], Json]
    """Takes the intents of the session."""


class Events:
    """Make the events of one world."""

    def __init__(self, payloads: Payloads) -> None:
        """Take the builder of the objects that events carry."""
        self._payloads = payloads

    def message_create(self, message: SimulatedMessage) -> Event:
        """Tell of a message; the nonce of the bot's own one comes back here and in no other
        event.
        """
        nonce = {} if message.nonce is None else {"nonce": message.nonce}
        return self._about_message("MESSAGE_CREATE", message, nonce)

    def message_update(self, message: SimulatedMessage) -> Event:
        """Tell what a message is now, in full, whatever changed: its text, or only a link
        preview.
        """
        return self._about_message("MESSAGE_UPDATE", message, {})

    def _about_message(self, name: str, message: SimulatedMessage, more: Json) -> Event:
        def payload(intents: int) -> Json:
            has_intent = bool(intents & MESSAGE_CONTENT)
            return self._payloads.message(message, has_intent=has_intent, in_event=True) | more

        if message.is_ephemeral:
            # Documented: these come with the intent for direct messages, and name no guild,
            # wherever they are shown.
            return Event(name, DIRECT_MESSAGES, None, payload)
        return Event(name, _message_intent(message.chat), message.chat.guild, payload)

    def message_delete(self, message: SimulatedMessage) -> Event:
        """Tell that a message is gone: its id and place, nothing of what it said."""
        what = {"id": str(message.id)}
        if message.is_ephemeral:  # as in its creation; that of its deletion is not documented
            payload = what | {"channel_id": str(message.chat.id)}
            return Event("MESSAGE_DELETE", DIRECT_MESSAGES, None, lambda _intents: payload)
        return self._about_chat("MESSAGE_DELETE", message.chat, what)

    def message_delete_bulk(self, messages: Sequence[SimulatedMessage]) -> Event:
        """Tell that several messages of one guild channel went at once."""
        return self._about_chat(
            "MESSAGE_DELETE_BULK", messages[0].chat, {"ids": [str(one.id) for one in messages]}
        )

    def _about_chat(self, name: str, chat: SimulatedChat, what: Json) -> Event:
        where = {"channel_id": str(chat.id)}
        if chat.guild is not None:
            where["guild_id"] = str(chat.guild.id)
        return Event(name, _message_intent(chat), chat.guild, lambda _intents: what | where)

    def guild_create(self, guild: SimulatedGuild, *, is_new: bool = False) -> Event:
        """Show a guild as it is now.

        Without the presences intent the list of members holds the bot alone (documented under
        "Request Guild Members"), so a client knows the others only as they write. With `is_new` the
        bot has just been added: the event then says nothing of `unavailable`, by which clients tell
        the two apart (they rely on it; it is not documented).
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
        """Tell of a new text channel. Direct chats are never announced since version 8 of the
        API.
        """
        return Event(
            "CHANNEL_CREATE", GUILDS, chat.guild, lambda _intents: self._payloads.channel(chat)
        )

    def thread_create(self, thread: SimulatedChat) -> Event:
        """Tell of a new thread."""
        new = {"newly_created": True}
        return Event(
            "THREAD_CREATE",
            GUILDS,
            thread.guild,
            lambda _intents: self._payloads.channel(thread) | new,
        )

    def gone(self, chat: SimulatedChat) -> list[Event]:
        """Take a channel or a thread away, and tell of it; the threads of a channel go with it
        untold.
        """
        if chat.guild is None:
            raise ValueError(f"{chat} cannot be deleted")
        shown, guild = self._payloads.channel(chat), chat.guild
        self._payloads.world.remove_chat(chat)
        if chat.parent is None:
            return [Event("CHANNEL_DELETE", GUILDS, guild, lambda _intents: shown)]
        told = {name: shown[name] for name in ("id", "guild_id", "parent_id", "type")}
        return [Event("THREAD_DELETE", GUILDS, guild, lambda _intents: told)]

    def guild_delete(self, guild: SimulatedGuild, *, is_outage: bool) -> Event:
        """Tell that a guild cannot be reached for a while, or that the bot is no longer in it."""
        payload: Json = {"id": str(guild.id)} | ({"unavailable": True} if is_outage else {})
        return Event("GUILD_DELETE", GUILDS, guild, lambda _intents: payload)

    def interaction_create(self, guild: SimulatedGuild | None, payload: Json) -> Event:
        """Tell of something that somebody used, whatever the intents are."""
        return Event("INTERACTION_CREATE", 0, guild, lambda _intents: payload)

    def member_add(self, guild: SimulatedGuild, user: SimulatedUser) -> Event:
        """Tell that somebody is a member of a guild now."""
        payload = self._payloads.member(guild, user) | {"guild_id": str(guild.id)}
        return Event("GUILD_MEMBER_ADD", GUILD_MEMBERS, guild, lambda _intents: payload)


def _message_intent(chat: SimulatedChat) -> int:
    return DIRECT_MESSAGES if chat.guild is None else GUILD_MESSAGES

"""Interactions that people start, and the commands that the bot has registered.

Must not know the network or how a client is notified.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .entities import Json, SimulatedChat, SimulatedInteraction, SimulatedMessage, SimulatedUser
from .world import World

COMMAND, COMPONENT, AUTOCOMPLETE, FORM = 2, 3, 4, 5
"""Interaction types."""
CHAT_INPUT, USER_MENU, MESSAGE_MENU = 1, 2, 3
"""Command types."""
SUBCOMMAND, SUBCOMMAND_GROUP, USER, CHANNEL, ROLE, MENTIONABLE, ATTACHMENT = 1, 2, 6, 7, 8, 9, 11
"""Option types that are more than a plain value."""
BUTTON, TEXT_SELECT = 2, 3

FIRST_ANSWER_SECONDS = 3
"""Time limit of the first response (documented under "Interaction Callback")."""
TOKEN_SECONDS = 15 * 60
"""Time limit of followups."""


class Interactions:
    """The interactions of one world, and the commands that the bot has registered."""

    def __init__(self, world: World) -> None:
        """Start without interactions or commands."""
        self._world = world
        self._by_token: dict[str, SimulatedInteraction] = {}
        self.commands: dict[int | None, list[Json]] = {}
        """Commands by guild; None for global commands."""

    def by_token(self, token: str) -> SimulatedInteraction | None:
        """Return the interaction of a token, or None."""
        return self._by_token.get(token)

    def register(self, guild_id: int | None, commands: list[Json]) -> list[Json]:
        """Replace the commands of a guild, or the global ones."""
        own = {
            "application_id": str(self._world.application_id),
            "version": "1",
            "description": "",
            "type": CHAT_INPUT,
        }
        self.commands[guild_id] = [
            own | {"id": str(self._world.next_id())} | command for command in commands
        ]
        return self.commands[guild_id]

    def begin(
        self,
        kind: int,
        user: SimulatedUser,
        chat: SimulatedChat,
        data: Json,
        *,
        message: SimulatedMessage | None = None,
        opened_by: SimulatedInteraction | None = None,
    ) -> SimulatedInteraction:
        """Create an interaction."""
        now = self._world.clock()
        made = SimulatedInteraction(
            self._world.next_id(), kind, user, chat, data, now, message, opened_by=opened_by
        )
        self._by_token[made.token] = made

        return made

    def slash(self, chat: SimulatedChat, name: str, options: Mapping[str, Any]) -> Json:
        """Build the data of a slash command; "session link" is a subcommand.

        Values have the types that the bot has registered: a user, a chat, or (name, content) for a
        file.

        Raises:
            ValueError: The bot has not registered such a command or option.
        """
        words = name.split()
        command: Json = self._registered(chat, words[0], CHAT_INPUT)
        data: Json = {"id": command["id"], "name": words[0], "type": CHAT_INPUT}
        level, declared = data, command.get("options", [])

        for word in words[1:]:
            found = next(
                (
                    option
                    for option in declared
                    if option["name"] == word and option["type"] <= SUBCOMMAND_GROUP
                ),
                None,
            )
            if found is None:
                raise ValueError(f"the bot's slash command {words[0]!r} has no subcommand {word!r}")

            level["options"] = [{"name": word, "type": found["type"]}]
            level, declared = level["options"][0], found.get("options", [])

        resolved: Json = {}
        types = {option["name"]: option["type"] for option in declared}
        if unknown := set(options) - set(types):
            raise ValueError(f"the slash command {name!r} has no option {sorted(unknown)[0]!r}")

        if options:
            level["options"] = [
                self._option(key, types[key], value, resolved) for key, value in options.items()
            ]

        if resolved:
            data["resolved"] = resolved

        return data

    def _registered(self, chat: SimulatedChat, name: str, kind: int) -> Json:
        guild_id = None if chat.guild is None else chat.guild.id
        command: Json

        for command in (*self.commands.get(guild_id, ()), *self.commands.get(None, ())):
            if command["name"] == name and command.get("type", CHAT_INPUT) == kind:
                return command

        raise ValueError(
            f"the bot has registered no command {name!r} here; has it called tree.sync()?"
        )

    def _option(self, name: str, kind: int, value: Any, resolved: Json) -> Json:
        if isinstance(value, SimulatedUser):
            resolved.setdefault("users", {})[str(value.id)] = value
        elif isinstance(value, SimulatedChat):
            resolved.setdefault("channels", {})[str(value.id)] = value
        elif kind == ATTACHMENT:
            value = self._world.attachment(*value)
            resolved.setdefault("attachments", {})[str(value.id)] = value

        identified = kind in (USER, CHANNEL, ROLE, MENTIONABLE, ATTACHMENT)
        return {"name": name, "type": kind, "value": str(value.id) if identified else value}

    def menu(
        self, chat: SimulatedChat, name: str, target: SimulatedUser | SimulatedMessage
    ) -> Json:
        """Build the data of a context menu on a user or a message."""
        is_user = isinstance(target, SimulatedUser)
        kind = USER_MENU if is_user else MESSAGE_MENU
        command = self._registered(chat, name, kind)
        resolved = {"users" if is_user else "messages": {str(target.id): target}}

        return {
            "id": command["id"],
            "name": name,
            "type": kind,
            "target_id": str(target.id),
            "resolved": resolved,
        }


def custom_ids(components: list[Json]) -> dict[str, Json]:
    """Return all buttons and menus of a message's components by custom id."""
    found: dict[str, Json] = {}
    for component in components:
        if "custom_id" in component:
            found[component["custom_id"]] = component
        inner = [
            *component.get("components", ()),
            *filter(None, [component.get("accessory"), component.get("component")]),
        ]
        found |= custom_ids(inner)

    return found

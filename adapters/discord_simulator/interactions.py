"""Slash commands, menus, buttons and forms that people use, as plain data, and the commands that
the bot has registered.

Knows what was used by whom and what became of it. Must not know the network, or how a client is
told.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .world import SimulatedChat, SimulatedMessage, SimulatedUser, World

Json = dict[str, Any]

COMMAND, COMPONENT, AUTOCOMPLETE, FORM = 2, 3, 4, 5
"""The types of interactions."""
CHAT_INPUT, USER_MENU, MESSAGE_MENU = 1, 2, 3
"""The types of commands."""
SUBCOMMAND, SUBCOMMAND_GROUP, USER, CHANNEL, ROLE, MENTIONABLE, ATTACHMENT = 1, 2, 6, 7, 8, 9, 11
"""The types of options that are more than a value."""
BUTTON, TEXT_SELECT = 2, 3

FIRST_ANSWER_SECONDS = 3
"""How long the first answer may take (documented under "Interaction Callback")."""
TOKEN_SECONDS = 15 * 60
"""How long further answers may be given."""


@dataclass(eq=False)
class SimulatedInteraction:
    """Something that a person used, and what the bot made of it.

    Example:
        async def test_the_bot_answers_ping(on_discord):
            ann = on_discord.user("Ann")
            async with on_discord.started(bot):
                used = await on_discord.simulator.slash(ann, on_discord.direct_chat(ann), "ping")
                (answer,) = await on_discord.simulator.answered(used)
                assert answer.text == "pong"
    """

    id: int
    kind: int
    user: SimulatedUser
    chat: SimulatedChat
    data: Json
    created_at: float
    message: SimulatedMessage | None = None
    """The message whose button or menu was used; None elsewhere."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    answer_type: int | None = None
    """The type of the first answer; None before there is one."""
    is_ephemeral: bool = False
    """Whether the first answer was deferred for the person alone."""
    answers: list[SimulatedMessage] = field(default_factory=list)
    """What the bot said to it, ephemeral or not, oldest first; the first answer is deferred while
    it is empty.
    """
    form: Json | None = field(default=None, repr=False)
    """The form that the bot showed instead of an answer."""
    choices: list[Json] = field(default_factory=list, repr=False)
    """What the bot proposed while the person typed."""

    @property
    def original(self) -> SimulatedMessage | None:
        """The first answer, or the message of the button where that is changed instead."""
        return self.answers[0] if self.answers and self.answer_type != 7 else self.message


class Interactions:
    """All interactions of one world, and the commands that the bot has registered."""

    def __init__(self, world: World) -> None:
        """Begin with none."""
        self._world = world
        self._by_token: dict[str, SimulatedInteraction] = {}
        self.commands: dict[int | None, list[Json]] = {}
        """By guild; None is for commands that are global."""

    def by_token(self, token: str) -> SimulatedInteraction | None:
        """Find the interaction that a token belongs to."""
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
    ) -> SimulatedInteraction:
        """Let somebody use something."""
        made = SimulatedInteraction(
            self._world.next_id(), kind, user, chat, data, self._world.clock(), message
        )
        self._by_token[made.token] = made
        return made

    def slash(self, chat: SimulatedChat, name: str, options: Mapping[str, Any]) -> Json:
        """Make the data of a slash command: "session link" is a subcommand.

        Options are of the types that the bot has registered; a person, a chat, or a file as (name,
        content) where those are asked for. ValueError where the bot has registered no such command,
        or no such option.
        """
        words = name.split()
        command: Json = self._registered(chat, words[0], CHAT_INPUT)
        data: Json = {"id": command["id"], "name": words[0], "type": CHAT_INPUT}
        level, declared = data, command.get("options", [])
        for word in words[1:]:
            found = next(
                (
                    one
                    for one in declared
                    if one["name"] == word and one["type"] <= SUBCOMMAND_GROUP
                ),
                None,
            )
            if found is None:
                raise ValueError(f"the bot's slash command {words[0]!r} has no subcommand {word!r}")
            level["options"] = [{"name": word, "type": found["type"]}]
            level, declared = level["options"][0], found.get("options", [])
        resolved: Json = {}
        types = {one["name"]: one["type"] for one in declared}
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
        """Make the data of a context menu used on a person or a message."""
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
    """Find every button and menu in a message's components, by its custom id."""
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

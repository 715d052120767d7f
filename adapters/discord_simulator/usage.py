"""What people use in a simulated Discord: slash commands, menus, buttons, forms.

Knows interactions and their events. Must not know opcodes or routes.
"""

from __future__ import annotations

from typing import Any

from .interactions import (
    AUTOCOMPLETE,
    BUTTON,
    COMMAND,
    COMPONENT,
    FORM,
    TEXT_SELECT,
    SimulatedInteraction,
    custom_ids,
)
from .scene import Scene
from .world import SimulatedChat, SimulatedMessage, SimulatedUser


class Usage(Scene):
    """What is used by whom, and what the bot makes of it."""

    async def slash(
        self, user: SimulatedUser, chat: SimulatedChat, name: str, /, **options: Any
    ) -> SimulatedInteraction:
        """Let a person give a slash command that the bot has registered: "session link" is a
        subcommand.

        An option that asks for a person or a chat takes one; one that asks for a file takes its
        name and its content. ValueError if there is no such command or option, or the person is not
        in the chat.
        """
        return await self._use(COMMAND, user, chat, self._interactions.slash(chat, name, options))

    async def type_slash(
        self, user: SimulatedUser, chat: SimulatedChat, name: str, /, **options: Any
    ) -> SimulatedInteraction:
        """Let a person type the last option of a slash command, for which the bot may propose
        `choices`.
        """
        data = self._interactions.slash(chat, name, options)
        level = data
        while "options" in level:
            level = level["options"][-1]
        level["focused"] = True
        return await self._use(AUTOCOMPLETE, user, chat, data)

    async def menu(
        self,
        user: SimulatedUser,
        chat: SimulatedChat,
        name: str,
        target: SimulatedUser | SimulatedMessage,
    ) -> SimulatedInteraction:
        """Let a person choose a command of the bot's from the menu of a person or a message."""
        return await self._use(COMMAND, user, chat, self._interactions.menu(chat, name, target))

    async def press(
        self,
        user: SimulatedUser,
        message: SimulatedMessage,
        custom_id: str | None = None,
        *,
        values: list[str] | None = None,
    ) -> SimulatedInteraction:
        """Let a person press a button of the bot's, by default the first one; with `values`, choose
        them in a select.

        ValueError if the message has no such button.
        """
        there = custom_ids(message.components)
        if custom_id is None:
            custom_id = next(iter(there), None)
        if custom_id is None or custom_id not in there:
            raise ValueError(
                f"the message has no button {custom_id!r}: there are {', '.join(there) or 'none'}"
            )
        data: dict[str, Any] = {
            "custom_id": custom_id,
            "component_type": there[custom_id].get("type", BUTTON),
        }
        if values is not None:
            data |= {"component_type": there[custom_id].get("type", TEXT_SELECT), "values": values}
        return await self._use(COMPONENT, user, message.chat, data, message=message)

    async def submit(
        self, user: SimulatedUser, shown: SimulatedInteraction, **values: str
    ) -> SimulatedInteraction:
        """Let a person fill in the form that the bot showed, by the custom ids of its fields."""
        if shown.form is None:
            raise ValueError("the bot has shown no form there")
        rows = [
            {"type": 1, "components": [{"type": 4, "custom_id": custom_id, "value": value}]}
            for custom_id, value in values.items()
        ]
        data = {"custom_id": shown.form["custom_id"], "components": rows}
        return await self._use(FORM, user, shown.chat, data, message=shown.message)

    async def _use(
        self,
        kind: int,
        user: SimulatedUser,
        chat: SimulatedChat,
        data: dict[str, Any],
        *,
        message: SimulatedMessage | None = None,
    ) -> SimulatedInteraction:
        self._check_presence(user, chat)
        interaction = self._interactions.begin(kind, user, chat, data, message=message)
        await self.repeat_use(interaction)
        return interaction

    async def repeat_use(self, interaction: SimulatedInteraction) -> None:
        """Deliver an interaction, under the same id however often."""
        payload = self._interaction_payloads.event(interaction)
        await self._deliver(self._events.interaction_create(interaction.chat.guild, payload))

    async def answered(
        self,
        interaction: SimulatedInteraction,
        *,
        count: int = 1,
        timeout: float = 5,  # noqa: ASYNC109 - the same verb on every platform
    ) -> list[SimulatedMessage]:
        """Wait until the bot has answered so often, deferred answers once they are there; give all
        answers.
        """

        def find() -> list[SimulatedMessage] | None:
            there = [one for one in interaction.answers if not one.is_loading]
            return there if len(there) >= count else None

        try:
            return await self._bell.wait_for(find, seconds=timeout)
        except TimeoutError:
            told = [one.text for one in interaction.answers]
            raise TimeoutError(
                f"the bot gave no {count} answers within {timeout} s; there are {told}"
            ) from None

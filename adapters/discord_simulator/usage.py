"""Interactions that people start: slash commands, menus, buttons, forms.

Must not know opcodes or routes.
"""

from __future__ import annotations

from typing import Any

from .base import SimulatorBase
from .entities import Json, SimulatedChat, SimulatedInteraction, SimulatedMessage, SimulatedUser
from .interactions import AUTOCOMPLETE, BUTTON, COMMAND, COMPONENT, FORM, TEXT_SELECT, custom_ids


class Usage(SimulatorBase):
    """People who use commands, buttons and forms."""

    async def slash(
        self, user: SimulatedUser, chat: SimulatedChat, name: str, /, **options: Any
    ) -> SimulatedInteraction:
        """Give a registered slash command as a person; "session link" is a subcommand.

        A user or chat option takes a user or chat; a file option takes its name and content.

        Raises:
            ValueError: There is no such command or option, or the person is not in the chat.
        """
        return await self._use(COMMAND, user, chat, self._interactions.slash(chat, name, options))

    async def type_slash(
        self, user: SimulatedUser, chat: SimulatedChat, name: str, /, **options: Any
    ) -> SimulatedInteraction:
        """Type the last option of a slash command; the bot may suggest `choices`."""
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
        """Choose a command in the context menu of a user or a message."""
        return await self._use(COMMAND, user, chat, self._interactions.menu(chat, name, target))

    async def press(
        self,
        user: SimulatedUser,
        message: SimulatedMessage,
        custom_id: str | None = None,
        *,
        values: list[str] | None = None,
    ) -> SimulatedInteraction:
        """Press a button, by default the first; with `values`, choose options of a select.

        Raises:
            ValueError: The message has no such button.
        """
        there = custom_ids(message.components)
        if custom_id is None:
            custom_id = next(iter(there), None)

        if custom_id is None or custom_id not in there:
            raise ValueError(
                f"the message has no button {custom_id!r}; it has {', '.join(there) or 'none'}"
            )

        data: Json = {
            "custom_id": custom_id,
            "component_type": there[custom_id].get("type", BUTTON),
        }

        if values is not None:
            data |= {"component_type": there[custom_id].get("type", TEXT_SELECT), "values": values}

        return await self._use(COMPONENT, user, message.chat, data, message=message)

    async def submit(
        self, user: SimulatedUser, shown: SimulatedInteraction, **values: str
    ) -> SimulatedInteraction:
        """Submit the form that the bot showed, with values by the custom ids of its fields."""
        if shown.form is None:
            raise ValueError("the bot has not shown a form there")

        rows = [
            {"type": 1, "components": [{"type": 4, "custom_id": custom_id, "value": value}]}
            for custom_id, value in values.items()
        ]
        data = {"custom_id": shown.form["custom_id"], "components": rows}

        return await self._use(FORM, user, shown.chat, data, message=shown.message, opened_by=shown)

    async def _use(
        self,
        kind: int,
        user: SimulatedUser,
        chat: SimulatedChat,
        data: Json,
        *,
        message: SimulatedMessage | None = None,
        opened_by: SimulatedInteraction | None = None,
    ) -> SimulatedInteraction:
        self._check_presence(user, chat)
        interaction = self._interactions.begin(
            kind, user, chat, data, message=message, opened_by=opened_by
        )
        await self.repeat_use(interaction)
        return interaction

    async def repeat_use(self, interaction: SimulatedInteraction) -> None:
        """Deliver an interaction again, with the same id."""
        payload = self._interaction_payloads.event(interaction)
        await self._deliver(self._events.interaction_create(interaction.chat.guild, payload))

    async def answered(
        self,
        interaction: SimulatedInteraction,
        *,
        count: int = 1,
        timeout: float = 5,  # noqa: ASYNC109 - the same verb on every platform
    ) -> list[SimulatedMessage]:
        """Wait for `count` complete responses of the bot, and return all of them.

        Raises:
            TimeoutError: There are fewer after `timeout` seconds.
        """

        def find() -> list[SimulatedMessage] | None:
            there = [answer for answer in interaction.answers if not answer.is_loading]
            return there if len(there) >= count else None

        try:
            return await self._changes.wait_for(find, seconds=timeout)
        except TimeoutError:
            texts = [answer.text for answer in interaction.answers]
            raise TimeoutError(
                f"the bot did not respond {count} times within {timeout} s; responses: {texts}"
            ) from None

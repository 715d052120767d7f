"""Which handlers of an event still run, so that a task which they left behind is not taken for one
of them.

discord.py runs the handlers of an event by a function that is not public, and slash commands,
buttons and forms in tasks of their own, which it names.
"""

from __future__ import annotations

import asyncio
from typing import Any

import discord

from session_plugin_discord.answering import Answering, answering

INTERACTION_TASKS = (
    "CommandTree-invoker",
    "discord-ui-view-dispatch",
    "discord-ui-dynamic-item",
    "discord-ui-modal-dispatch",
)
"""How the names begin of the tasks in which discord.py handles interactions."""


class Handlers:
    """One client's handlers."""

    def __init__(self, client: discord.Client) -> None:
        """Watch nothing yet."""
        self._client: Any = client
        self._run: Any = None

    def watch(self) -> None:
        """Stand before the function that runs a handler; it is in all of discord.py 2."""
        self._run = self._client._run_event
        self._client._run_event = self._run_event

    def unwatch(self) -> None:
        """Put things back, unless somebody else stands there now."""
        if self._client.__dict__.get("_run_event") == self._run_event:
            del self._client._run_event

    async def _run_event(self, *handler: Any, **arguments: Any) -> None:
        current = answering.get()
        if current is None:
            return await self._run(*handler, **arguments)  # type: ignore[no-any-return]
        current.running += 1
        try:
            await self._run(*handler, **arguments)
        finally:
            current.running -= 1


def answers(current: Answering | None, channel_id: int) -> bool:
    """Tell whether what is sent to a channel now answers what was said there.

    It does while that is being handled, and, where the handlers left a task behind, until somebody
    else speaks there: a task that lives on may be answering that person.
    """
    if current is None or current.turn is None or current.channel_id != channel_id:
        return False
    return (
        current.running > 0
        or not current.turn.is_over
        or _handles_interaction(asyncio.current_task())
    )


def _handles_interaction(task: asyncio.Task[Any] | None) -> bool:
    return task is not None and task.get_name().startswith(INTERACTION_TASKS)

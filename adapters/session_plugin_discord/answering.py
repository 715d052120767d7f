"""What the handlers of one event answer, known wherever in them something is sent.

discord.py makes a task for each handler, and a task starts with a copy of the context it is made in. So a slot is put there
before each event is taken apart, and filled when it turns out to be a message or an interaction: a slash command's task is
made before anybody else hears of the interaction, and finds the slot filled all the same, since it runs later.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from session_plugin import Account


@dataclass(slots=True, eq=False)
class Answering:
    """What one event's handlers answer: nothing, until it is filled in.

    Args:
        channel_id: Where it was said.
        account: Who said it; None for nobody's user.
        arrival: Its way into the hub; None where nothing is recorded.
    """

    channel_id: int | None = None
    account: Account | None = None
    arrival: asyncio.Task[Any] | None = None


answering: ContextVar[Answering | None] = ContextVar("session_plugin_discord_answering", default=None)

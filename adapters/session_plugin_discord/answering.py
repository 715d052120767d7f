"""What the handlers of one event answer, known wherever in them something is sent.

discord.py makes a task for each handler, and a task starts with a copy of the context it is made
in. So a slot is put there before each event is taken apart, and filled when it turns out to be a
message or an interaction: a slash command's task is made before anybody else hears of the
interaction, and finds the slot filled all the same, since it runs later.

A task that a handler leaves behind keeps that slot for ever, whomever it answers by then: see
handlers.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from session_plugin import Account

T = TypeVar("T")


@dataclass(slots=True, eq=False, weakref_slot=True)
class Turn:
    """What one person says in a chat until somebody else speaks there."""

    account: Account | None
    is_over: bool = False


@dataclass(slots=True, eq=False)
class Answering:
    """What one event's handlers answer: nothing, until it is filled in.

    Args:
        channel_id: Where it was said.
        account: Who said it; None for nobody's user.
        arrival: Its way into the hub; None where nothing is recorded.
        waits: Whether what is sent waits for what was said to be stored; not where that is being
            recorded.
        turn: Its place in what is said there.
        running: How many of its handlers are running.
    """

    channel_id: int | None = None
    account: Account | None = None
    arrival: asyncio.Task[Any] | None = None
    waits: bool = True
    turn: Turn | None = None
    running: int = 0


answering: ContextVar[Answering | None] = ContextVar(
    "session_plugin_discord_answering", default=None
)


def apart(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start recording something: what the hooks send meanwhile, or later, answers nobody and waits
    for nothing.
    """
    context = copy_context()
    context.run(answering.set, Answering(waits=False))
    return asyncio.get_running_loop().create_task(work, context=context)

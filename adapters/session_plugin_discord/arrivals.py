"""Messages on their way into the hub, for those who wait for them: handlers that read, and
answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from session_plugin import SessionView
from session_plugin_discord.answering import Answering
from session_plugin_discord.remembered import Remembered

REMEMBERED = 2000
"""Messages and chats kept at hand; an older one is stored long since."""

Arrival = asyncio.Task[SessionView]


class Arrivals:
    """One bot's messages and interactions that are being recorded."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_source: Remembered[int, Arrival] = Remembered(REMEMBERED)
        self._latest: Remembered[int, Arrival] = Remembered(REMEMBERED)
        self._changes: Remembered[int, asyncio.Task[Any]] = Remembered(REMEMBERED)

    def add(self, source_id: int, channel_id: int, arrival: Arrival) -> None:
        """Note what is being recorded of a message or an interaction."""
        self._by_source[source_id] = arrival
        self._latest[channel_id] = arrival

    def change(self, source_ids: Iterable[int], change: asyncio.Task[Any]) -> None:
        """Note that messages are being edited or deleted, so that whoever reads their session from
        now on waits for that.
        """
        for source_id in source_ids:
            self._changes[source_id] = change
            arrival = self._by_source.get(source_id)
            if arrival is not None:
                arrival.add_done_callback(_read_in_turn)

    async def session_of(self, source_id: int) -> SessionView | None:
        """Give the session of a message or an interaction, once it is stored as it is now; None if
        it is not at hand.
        """
        arrival, change = self._by_source.get(source_id), self._changes.get(source_id)
        view = None if arrival is None else await asyncio.shield(arrival)
        if change is not None:
            await asyncio.wait({change})
        return view

    async def answerable(
        self, channel_id: int, current: Answering | None, *, seconds: float | None = None
    ) -> None:
        """Wait until what a handler answers is stored, and the newest that was said there: it may
        answer that.

        That takes no longer than the hub's patience, filters included, or than so many seconds.
        """
        if current is not None and not current.waits:
            return
        said = (None if current is None else current.arrival, self._latest.get(channel_id))
        under_way = {one for one in said if one is not None and not one.done()}
        if under_way:
            await asyncio.wait(under_way, timeout=seconds)


def _read_in_turn(arrival: Arrival) -> None:
    """Let a session be read after all that was handed in, for its message is not as it was
    stored.
    """
    if not arrival.cancelled():
        arrival.result().is_stored = False

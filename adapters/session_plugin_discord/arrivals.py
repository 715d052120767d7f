"""Messages on their way into the hub, for those who wait for them: handlers that read, and answers."""

from __future__ import annotations

import asyncio

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

    def add(self, source_id: int, channel_id: int, arrival: Arrival) -> None:
        """Note what is being recorded of a message or an interaction."""
        self._by_source[source_id] = arrival
        self._latest[channel_id] = arrival

    def of(self, source_id: int) -> Arrival | None:
        """Give the way into the hub of a message or an interaction, if it is still at hand."""
        return self._by_source.get(source_id)

    async def answerable(self, channel_id: int, current: Answering | None, *, seconds: float | None = None) -> None:
        """Wait until what a handler answers is stored, and the newest that was said there: it may answer that.

        That takes no longer than the hub's patience, filters included, or than so many seconds.
        """
        if current is not None and not current.waits:
            return
        said = (None if current is None else current.arrival, self._latest.get(channel_id))
        under_way = {one for one in said if one is not None and not one.done()}
        if under_way:
            await asyncio.wait(under_way, timeout=seconds)

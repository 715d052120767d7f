"""Events that are being recorded, for the handlers and answers that wait for them. Knows no hub."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from session_plugin import Account, SessionView
from session_plugin_discord.answering import Answering, answering
from session_plugin_discord.known_interactions import BoundedDict

CATCH_UP_TIMEOUT = 5.0
"""Seconds that reading a session waits for other events of its channel, each bounded by itself."""

Recording = asyncio.Task[SessionView]


class PendingEvents:
    """One bot's events that are being recorded, for handlers and answers that wait for them."""

    def __init__(self) -> None:
        """Start with none."""
        self._by_id: BoundedDict[int, Recording] = BoundedDict()
        self._latest: BoundedDict[int, Recording] = BoundedDict()
        self._latest_by: BoundedDict[tuple[int, Account | None], Recording] = BoundedDict()
        self._changes: BoundedDict[int, asyncio.Task[Any]] = BoundedDict()
        self._running: dict[int, set[asyncio.Task[Any]]] = {}

    def add(
        self, event_id: int, channel_id: int, account: Account | None, recording: Recording
    ) -> None:
        """Add a message or an interaction that is being recorded."""
        self._by_id[event_id] = recording
        self._latest[channel_id] = recording
        self._latest_by[channel_id, account] = recording
        self.add_work(channel_id, recording)

    def add_work(self, channel_id: int, work: asyncio.Task[Any]) -> None:
        """Add anything that is being recorded of a channel: reading a session waits for it."""
        running = self._running.setdefault(channel_id, set())
        running.add(work)

        def end(_: asyncio.Task[Any]) -> None:
            running.discard(work)
            if not running and self._running.get(channel_id) is running:
                del self._running[channel_id]

        work.add_done_callback(end)

    def add_change(
        self, channel_id: int, message_ids: Iterable[int], change: asyncio.Task[Any]
    ) -> None:
        """Add an edit or a deletion: reading the messages' sessions waits for it from now on."""
        self.add_work(channel_id, change)
        for message_id in message_ids:
            self._changes[message_id] = change
            recording = self._by_id.get(message_id)
            if recording is not None:
                recording.add_done_callback(_mark_as_changed)

    async def session_of(self, event_id: int) -> SessionView | None:
        """Return the session of a message or an interaction, once its present state is stored.

        None if it is not being recorded, or was recorded too long ago.
        """
        recording, change = self._by_id.get(event_id), self._changes.get(event_id)

        view = None if recording is None else await asyncio.shield(recording)
        if change is not None:
            await asyncio.wait({change})

        return view

    async def catch_up(self, view: SessionView) -> None:
        """Wait until all that Discord has reported of a view's chat so far is recorded.

        A handler may have seen more than the event that it answers: what it waited for with
        `wait_for`, for example. What a plugin reads while something is recorded waits for nothing.
        """
        current = answering.get()
        if current is not None and not current.waits_for_storage:
            return

        channel_id = int(view.chat.chat_id)
        if running := self._running.get(channel_id):
            await asyncio.wait(set(running), timeout=CATCH_UP_TIMEOUT)

        newest = self._latest_by.get((channel_id, view.account))
        if newest is not None and not _is_stored(newest):
            view.is_stored = False  # the hub raises if it cannot be stored now

    async def wait_until_stored(
        self, channel_id: int, current: Answering | None, *, seconds: float | None = None
    ) -> None:
        """Wait until the event that a handler answers is stored, and the newest in its channel.

        The handler may be answering the newest one. Each waits no longer than the hub's
        `store_patience`, filters included, or than `seconds`.
        """
        if current is not None and not current.waits_for_storage:
            return

        answered = None if current is None else current.recording
        both = (answered, self._latest.get(channel_id))
        running = {task for task in both if task is not None and not task.done()}
        if running:
            await asyncio.wait(running, timeout=seconds)


def _is_stored(recording: Recording) -> bool:
    """Check whether a recording is finished, and nothing of it waits for the database."""
    is_finished = recording.done() and not recording.cancelled()
    return is_finished and recording.result().is_stored


def _mark_as_changed(recording: Recording) -> None:
    """Make reading wait for what was queued later: the message is no longer as it was stored."""
    if not recording.cancelled():
        recording.result().is_stored = False

"""The input of a slash command: stored at once, or only when others see that it was used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class SlashInput:
    """What one slash command was given.

    In a group, Discord shows others that a command was used, and with what, above an answer that
    they can see. Whether an answer is ephemeral is only known from Discord's response: it makes
    answers ephemeral where a user may not use external apps.
    """

    def __init__(self, start: Callable[[], asyncio.Task[Any]], *, is_message: bool) -> None:
        """Record nothing yet.

        Args:
            start: Starts the task that records it.
            is_message: Whether it becomes a message of the session. If not, recording it only makes
                the link codes in it worthless.
        """
        self._start = start
        self._is_message = is_message
        self._recording: asyncio.Task[Any] | None = None
        self.is_queued = asyncio.Event()
        """Set when it is handed to the hub: what is recorded from then on comes after it."""

    @property
    def is_stored(self) -> bool:
        """Whether it is a message of the session, or is about to be."""
        return self._is_message and self._recording is not None

    def record(self) -> asyncio.Task[Any]:
        """Start recording it, once; return the recording."""
        if self._recording is None:
            self._recording = self._start()
        return self._recording

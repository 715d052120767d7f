"""Interactions that the bot may answer, as they are remembered: whose, their input, their answers.

Discord reports what belongs together within moments, so everything here is bounded in number.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from session_plugin import Account, Chat, MessageEvent
from session_plugin_discord.answering import Answering, as_error, is_error

MAX_RECENT = 2000
"""The size of each dictionary in memory: entries that belong together arrive within moments."""

K = TypeVar("K")
V = TypeVar("V")


class BoundedDict(OrderedDict[K, V]):
    """A dictionary of at most `size` entries; a new one removes the entry set longest ago."""

    def __init__(self, size: int = MAX_RECENT) -> None:
        """Start empty."""
        super().__init__()
        self._size = size

    def __setitem__(self, key: K, value: V) -> None:
        """Set an entry and make it the newest."""
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > self._size:
            self.popitem(last=False)


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


@dataclass(slots=True)
class OriginalResponse:
    """What is known of an interaction's original response, which is edited and deleted by name.

    Args:
        id: Its message id; None if it is unknown.
        is_loading: It was deferred and has not been filled in.
        is_withdrawn: It was deleted before it was filled in.
    """

    id: int | None = None
    is_loading: bool = False
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownInteraction:
    """An interaction that the bot may answer.

    Args:
        id: Its id. If its input is stored, this is also the message id.
        chat: Where it was used.
        account: Who used it; None for a user without an account.
        metadata: What is stored with each answer to it.
        is_session_command: It is one of the session commands, so no answer to it is stored.
        input: What a slash command was given; None for other interactions.
        original: What is known of its original response.
        answering: What its handlers answer, if they run in this process.
    """

    id: int
    chat: Chat
    account: Account | None
    metadata: dict[str, Any]
    is_session_command: bool
    input: SlashInput | None
    original: OriginalResponse
    answering: Answering | None = None

    def as_answer(self, event: MessageEvent) -> MessageEvent:
        """Return an answer to it as an aside, if it is a command that talks to no model."""
        if is_error(self.answering):
            return as_error(event)

        view = None if self.answering is None else self.answering.view()
        return event if view is None else view.as_answer(event)

    @property
    def is_stored(self) -> bool:
        """Whether its input is a message in the session."""
        return self.input is not None and self.input.is_stored

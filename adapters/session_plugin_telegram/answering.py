"""What the handlers of an update answer, and how long that is certain.

A task starts with a copy of the context variables of the task that created it, and keeps that copy
for life: a worker started for one person's question would answer everybody in that person's name.
So the person of an update is certain while the update's handlers run, and afterwards until another
account speaks in that chat.

Knows no hub and no requests.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from weakref import WeakValueDictionary, ref

from session_plugin import Account, Chat, SessionView

NON_BLOCKING = "non_blocking"
"""Part of the names that python-telegram-bot gives to the tasks of handlers that do not block.

If a later version names them differently, what such a handler sends after another account has
spoken is recorded without the person it answers.
"""


class Answering:
    """The update that is being answered.

    Attributes:
        update: The update.
        view: Its session; with the update's message as `event` once that is recorded.
    """

    def __init__(self, update: object, view: SessionView, speaker: _LastSpeaker) -> None:
        """Start answering, in the task that handles the update."""
        self.update = update
        self.view = view

        self._speaker = speaker
        self._changes = speaker.changes
        self._task = ref(_current_task())
        self._has_ended = False

    def end(self) -> None:
        """End the handling, if the current task did it: that task handles another update now."""
        if self._task() is _current_task():
            self._has_ended = True

    def is_certain(self) -> bool:
        """Return whether a message sent now certainly answers this update's person."""
        return self._changes == self._speaker.changes or self._is_handled()

    def _is_handled(self) -> bool:
        task = self._task()
        is_running = task is not None and not task.done() and not self._has_ended

        return is_running or NON_BLOCKING in _current_task().get_name()


answering: ContextVar[Answering | None] = ContextVar(
    "session_plugin_telegram_answering", default=None
)
"""The update that the current handler answers; set in the task that handles it."""


class Updates:
    """The updates of one bot, handled in sequence or concurrently."""

    def __init__(self) -> None:
        """Start without a speaker in any chat."""
        self._speakers: WeakValueDictionary[Chat, _LastSpeaker] = WeakValueDictionary()

    def begin(self, update: object, view: SessionView | None) -> None:
        """Set what the current task answers from now on: an update, or nothing if `view` is
        None.
        """
        if (previous := answering.get()) is not None:
            previous.end()

        if view is None:
            answering.set(None)
        else:
            answering.set(Answering(update, view, self._speaker_of(view)))

    def _speaker_of(self, view: SessionView) -> _LastSpeaker:
        speaker = self._speakers.setdefault(view.chat, _LastSpeaker(view.account))

        if speaker.account != view.account:
            speaker.account = view.account
            speaker.changes += 1

        return speaker


def answered_now() -> SessionView | None:
    """Return the session whose person is answered by what is sent now; None if not certain."""
    current = answering.get()
    return current.view if current is not None and current.is_certain() else None


class _LastSpeaker:
    """The account that spoke last in a chat, and how often another one has taken its place."""

    def __init__(self, account: Account | None) -> None:
        self.account = account
        self.changes = 0


def _current_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError(
            "no task is running: python-telegram-bot handles updates and sends requests in "
            "tasks, so await it in one"
        )

    return task

"""What the handlers of an update answer, and how long that is certain.

A task starts with a copy of the context variables of the task that created it, and keeps that copy
for life: a worker started for one person's question would answer everybody in that person's name.
So the person of an update is certain while the update's handlers run, and afterwards until another
account speaks in that chat.

Knows no hub and no requests.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from weakref import WeakValueDictionary, ref

from session_plugin import Account, Chat, SessionView

NON_BLOCKING = "non_blocking"
"""Part of the names that python-telegram-bot gives to the tasks of handlers that do not block.

If a later version names them differently, what such a handler sends after another account has
spoken is recorded without the person it answers.
"""


ERROR_HANDLER = "process_error"
"""Part of the names of the tasks of error handlers that do not block."""


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


_error: ContextVar[tuple[BaseException, bool] | None] = ContextVar(
    "session_plugin_telegram_error", default=None
)
"""The error whose handlers run in the current task, and whether they run while it is handled."""


def note_error(error: object) -> None:
    """Note that the current task calls error handlers, for an error of a handler or a job."""
    if isinstance(error, BaseException):
        _error.set((error, sys.exc_info()[1] is error))


def is_error() -> bool:
    """Check whether an error handler runs in the current task: what it sends is no conversation.

    python-telegram-bot calls error handlers where it handles the error. When that is over, the
    same task goes on with other handlers of the update. A handler that does not block, and one for
    an error of a job, has a task of its own.
    """
    noted = _error.get()
    if noted is None:
        return False

    error, is_handled_here = noted
    is_own_task = not is_handled_here or ERROR_HANDLER in _current_task().get_name()

    return is_own_task or error in _being_handled()


def _being_handled() -> Iterator[BaseException]:
    """Yield the error that is being handled, and those during whose handling it was raised."""
    error = sys.exc_info()[1]
    while error is not None:
        yield error
        error = error.__context__


class Updates:
    """The updates of one bot, handled in sequence or concurrently."""

    def __init__(self) -> None:
        """Start without a speaker in any chat."""
        self._speakers: WeakValueDictionary[Chat, _LastSpeaker] = WeakValueDictionary()

    def begin(self, update: object, view: SessionView | None) -> None:
        """Set what the current task answers from now on: an update, or nothing if `view` is
        None.
        """
        _error.set(None)
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

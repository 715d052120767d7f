"""What the handlers of one update answer, known wherever in them something is sent.

A task starts with a copy of the context it is made in, and keeps that for as long as it lives: a
worker that was started with one person's question would answer everybody in that person's name. So
whom an update's handlers answer is sure while they run, and afterwards until somebody else is heard
in that chat.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from weakref import WeakValueDictionary, ref

from session_plugin import Account, Chat, SessionView

A_HANDLERS_OWN = "non_blocking"
"""What python-telegram-bot has in the names of the tasks in which it runs handlers that do not
block. Should it call them otherwise one day, what they send after somebody else was heard is the
chat's only.
"""


class _Heard:
    """Who was heard last in a chat, and how often that was somebody else than before."""

    def __init__(self, account: Account | None) -> None:
        self.account = account
        self.changes = 0


class Answering:
    """What the handlers of one update answer.

    Attributes:
        update: The update.
        view: Its session; with what it says in it, once that is recorded.
    """

    def __init__(self, update: object, view: SessionView, heard: _Heard) -> None:
        """Begin to answer, in the task that handles the update."""
        self.update = update
        self.view = view
        self._heard = heard
        self._changes = heard.changes
        self._task = ref(_this_task())
        self._has_ended = False

    def end(self) -> None:
        """Tell that another update is handled from now on, if that is in the same task."""
        if self._task() is _this_task():
            self._has_ended = True

    def is_sure(self) -> bool:
        """Tell whether what is sent now answers this update's person, and surely nobody else."""
        return self._changes == self._heard.changes or self._is_handled()

    def _is_handled(self) -> bool:
        task = self._task()
        is_at_it = task is not None and not task.done() and not self._has_ended
        return is_at_it or A_HANDLERS_OWN in _this_task().get_name()


answering: ContextVar[Answering | None] = ContextVar(
    "session_plugin_telegram_answering", default=None
)
"""What the current handler answers, set for each update in the task that handles it."""


class Updates:
    """One bot's updates, one after another or several at once."""

    def __init__(self) -> None:
        """Begin with nobody heard."""
        self._heard: WeakValueDictionary[Chat, _Heard] = WeakValueDictionary()

    def begin(self, update: object, view: SessionView | None) -> None:
        """Note in the task that handles an update what is answered from now on; nothing, where
        there is no session.
        """
        if (before := answering.get()) is not None:
            before.end()
        answering.set(None if view is None else Answering(update, view, self._hear(view)))

    def _hear(self, view: SessionView) -> _Heard:
        heard = self._heard.setdefault(view.chat, _Heard(view.account))
        if heard.account != view.account:
            heard.account = view.account
            heard.changes += 1
        return heard


def answered_now() -> SessionView | None:
    """Give the session whose person is answered by what is sent now; None where that is not
    sure.
    """
    current = answering.get()
    return current.view if current is not None and current.is_sure() else None


def _this_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("python-telegram-bot handles updates and sends in tasks only")
    return task

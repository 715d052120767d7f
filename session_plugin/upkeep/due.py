"""Sessions that wait for a summary, so that none is written while a burst of messages lasts.

One is written in a pause: some time without a stored message, and nothing in the queue of writes.
Without a pause it is written once the session has grown far beyond its limit, or has waited long
enough. Knows event loops; knows no database, and not how a summary is made.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Awaitable, Callable, Container, Coroutine, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

PAUSE = 0.05
"""Seconds without a stored message that are a pause."""
LONGEST_WAIT = 5.0
"""Seconds after which a session waits for no pause any more."""
IDLE_LOOK = 1.0
"""Seconds for which a session that was looked at for nothing is not looked at again without a
pause, however much it grows: its summariser fails, or all of it are instructions.
"""
AT_ONCE = 16
"""Sessions handed over at a time."""
MOST_LOOKED_AT = 10_000


@dataclass(slots=True)
class Due:
    """A session that waits.

    Attributes:
        session_no: Which session.
        since: When it began to wait, by time.monotonic().
        is_renewal: Only what was withdrawn is to be made again.
        size: Tokens that it has grown by while it waited, as estimated.
    """

    session_no: int
    since: float
    is_renewal: bool
    size: int = 0


@dataclass(slots=True)
class _Queue:
    """What waits on one event loop: for a pause, and for nothing any more."""

    waiting: dict[int, Due] = field(default_factory=dict)
    urgent: dict[int, Due] = field(default_factory=dict)
    is_watched: bool = False
    is_worked_on: bool = False
    takes_all: bool = False
    is_hurried: bool = False
    stored: int = 0


class DueSessions:
    """One hub's sessions that wait for a summary, on each of its event loops."""

    def __init__(
        self,
        work: Callable[[list[Due]], Awaitable[None]],
        *,
        start: Callable[[Coroutine[Any, Any, Any]], object],
        busy: Container[int],
        is_changing: Callable[[int], bool],
        is_open: Callable[[], bool],
        is_idle: Callable[[], bool],
        most_size: int | None,
    ) -> None:
        """Hand sessions over to `work`, in a task that `start` runs.

        Those in `busy`, and those that are changing, are left alone until they are not. `is_open`
        tells whether the database is open, `is_idle` whether no write waits for it. A session that
        has grown by `most_size` tokens is urgent.
        """
        self._work = work
        self._start = start
        self._busy = busy
        self._is_changing = is_changing
        self._is_open = is_open
        self._is_idle = is_idle
        self._most_size = most_size
        self._stored = 0
        self._looked_at: dict[int, float] = {}
        self._queues: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue] = (
            weakref.WeakKeyDictionary()
        )

    def note_stored(self) -> None:
        """Note that a message was stored, so this is no pause."""
        self._stored += 1

    def add(
        self,
        session_no: int,
        *,
        is_renewal: bool = False,
        is_urgent: bool = False,
        size: int = 0,
    ) -> None:
        """Let a session wait on the running event loop; an urgent one waits for no pause."""
        loop = asyncio.get_running_loop()
        queue = self._queues.get(loop)
        if queue is None:
            queue = self._queues[loop] = _Queue()

        due = queue.urgent.get(session_no) or queue.waiting.get(session_no)
        if due is None:
            due = queue.waiting[session_no] = Due(session_no, time.monotonic(), is_renewal)

        due.is_renewal &= is_renewal
        due.size += size
        is_urgent |= self._most_size is not None and due.size >= self._most_size
        if is_urgent and session_no in queue.waiting and self._may_hurry(session_no):
            queue.urgent[session_no] = queue.waiting.pop(session_no)
            self._go_on(queue)

        if not queue.is_watched:
            queue.is_watched, queue.stored = True, self._stored
            loop.call_later(PAUSE, self._look, loop)

    def has(self, session_no: int) -> bool:
        """Check whether a session waits on the running event loop."""
        queue = self._queues.get(asyncio.get_running_loop())
        return queue is not None and (session_no in queue.urgent or session_no in queue.waiting)

    def pop(self, session_no: int) -> Due | None:
        """Return a session that waits on the running event loop, to be done now; None if it does
        not, or is busy.
        """
        queue = self._queues.get(asyncio.get_running_loop())
        if queue is None or session_no in self._busy:
            return None
        return queue.urgent.pop(session_no, None) or queue.waiting.pop(session_no, None)

    def note_idle_look(self, session_no: int) -> None:
        """Note that there was nothing to do for a session."""
        if len(self._looked_at) > MOST_LOOKED_AT:
            self._looked_at.clear()
        self._looked_at[session_no] = time.monotonic()

    def hurry(self) -> bool:
        """Let all that wait on the running event loop be done now; return False if none can be."""
        queue = self._queues.get(asyncio.get_running_loop())
        if queue is None:
            return False

        self._drop_if_closed(queue)
        if not any(self._in_order(queue, takes_all=True)):
            return False

        queue.is_hurried = True
        self._go_on(queue)

        return True

    def _may_hurry(self, session_no: int) -> bool:
        looked_at = self._looked_at.get(session_no, -IDLE_LOOK)
        return self._may_begin(session_no) and time.monotonic() - looked_at >= IDLE_LOOK

    def _may_begin(self, session_no: int) -> bool:
        return session_no not in self._busy and not self._is_changing(session_no)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin what may begin now, and look again later if anything is left."""
        queue = self._queues[loop]
        self._drop_if_closed(queue)
        if not (queue.waiting or queue.urgent):
            queue.is_watched = False
            return

        queue.takes_all = self._is_idle() and queue.stored == self._stored
        queue.stored = self._stored
        over = time.monotonic() - LONGEST_WAIT
        while (due := next(iter(queue.waiting.values()), None)) is not None and due.since <= over:
            queue.urgent[due.session_no] = queue.waiting.pop(due.session_no)

        if any(self._in_order(queue, takes_all=queue.takes_all)):
            self._go_on(queue)

        loop.call_later(PAUSE, self._look, loop)

    def _drop_if_closed(self, queue: _Queue) -> None:
        """Let nothing open a database that was closed; a session's next message lets it wait
        again.
        """
        if not self._is_open():
            queue.waiting.clear()
            queue.urgent.clear()

    def _go_on(self, queue: _Queue) -> None:
        if not queue.is_worked_on:
            queue.is_worked_on = True
            self._start(self._work_on(queue))

    async def _work_on(self, queue: _Queue) -> None:
        try:
            while some := self._take(queue):
                await self._work(some)
        except BaseException:  # without a database, the others would fail one after another
            queue.waiting.clear()
            queue.urgent.clear()
            raise
        finally:
            queue.is_worked_on = queue.is_hurried = False

    def _take(self, queue: _Queue) -> list[Due]:
        """Return what is to be done next, and let it wait no longer."""
        if queue.stored != self._stored:  # the pause is over
            queue.takes_all = False

        takes_all = queue.takes_all or queue.is_hurried
        some = list(islice(self._in_order(queue, takes_all=takes_all), AT_ONCE))
        for due in some:
            queue.urgent.pop(due.session_no, None)
            queue.waiting.pop(due.session_no, None)

        return some

    def _in_order(self, queue: _Queue, *, takes_all: bool) -> Iterator[Due]:
        """Yield what can be done now."""
        for due in chain(queue.urgent.values(), queue.waiting.values() if takes_all else ()):
            if self._may_begin(due.session_no):
                yield due

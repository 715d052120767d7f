"""How long what an author has written is waited for: a key store of their own, or a function that
returns the master key.

Python cannot interrupt a call that hangs, so each runs on a thread of its own, which is left alone
when its time is over, and ends with the process. Knows no key and no database.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Generic, ParamSpec, TypeVar

from session_plugin.encryption.stores import KeyStore
from session_plugin.errors import DatabaseUnavailable

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_CALL = 10.0
"""Seconds that a call may take: longer than a service is given that answers at all, and what the
writer, who is being forgotten and the end of the program wait at most.
"""
LONGEST_KEY = 0.1
"""Seconds more for each key of a call, for a service that is asked for one after another."""
LONGEST_REWRAP = 60.0
"""Seconds for all keys to be protected anew, or looked at; beyond that it goes on by itself, and
the next opening finds it done.
"""
MOST_HANGING = 32
"""Calls of one function that are over their time and have not returned. No other is begun then."""
LONGEST_PAUSE = 60.0
"""Seconds between tries whether a function that hangs answers again: a second at first, twice as
long after each.
"""


class Patient(Generic[P, T]):
    """A function that is given up after some seconds.

    While calls hang, others fail at once; now and then one is begun to see whether it is over. It
    is as soon as any of them returns.
    """

    def __init__(
        self,
        function: Callable[P, T],
        name: str,
        *,
        seconds: Callable[P, float],
        most: int = MOST_HANGING,
    ) -> None:
        """Call nothing yet.

        Args:
            function: The author's.
            name: What it is, for errors.
            seconds: Returns how long a call with its arguments may take.
            most: Calls that may hang. No other is begun then.
        """
        self._function = function
        self._name = name
        self._seconds = seconds
        self._most = most
        self._guard = threading.Lock()
        self._hanging: set[Future[T]] = set()
        self._has_answered = True
        self._tries_at = 0.0

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call it, and return or raise what it does.

        Raises:
            DatabaseUnavailable: it has not answered in time, or earlier calls hang.
        """
        seconds = self._seconds(*args, **kwargs)
        self._begin(seconds)
        call: Future[T] = Future()
        run = partial(contextvars.copy_context().run, self._function, *args, **kwargs)
        threading.Thread(
            target=self._run, args=(run, call), name="session_plugin-patience", daemon=True
        ).start()

        try:
            return call.result(seconds)
        except TimeoutError:
            with self._guard:
                if not call.done():
                    self._give_up(call)
                    raise self._unavailable(seconds) from None
            return call.result()  # it came just now, or is an error of the author's

    def _begin(self, seconds: float) -> None:
        """Check that a call may be begun."""
        with self._guard:
            now = time.monotonic()
            is_tried = self._has_answered or now >= self._tries_at
            if not is_tried or len(self._hanging) >= self._most:
                raise self._unavailable(seconds)
            self._tries_at = now + seconds

    def _give_up(self, call: Future[T]) -> None:
        self._hanging.add(call)
        self._has_answered = False
        self._tries_at = time.monotonic() + min(2.0 ** (len(self._hanging) - 1), LONGEST_PAUSE)

    def _run(self, run: Callable[[], T], call: Future[T]) -> None:
        try:
            tell = partial(call.set_result, run())
        except BaseException as error:
            tell = partial(call.set_exception, error)

        with self._guard:
            tell()
            self._hanging.discard(call)
            self._has_answered = True

    def _unavailable(self, seconds: float) -> DatabaseUnavailable:
        return DatabaseUnavailable(f"{self._name} has not answered within {seconds:.0f} s")


class PatientStore:
    """A key store of the author's own, whose calls have a time limit; its methods are those of
    `KeyStore`.
    """

    def __init__(self, store: KeyStore) -> None:
        """Ask it for nothing yet."""
        name = f"the key store {type(store).__name__}"
        self.create = Patient(store.create, name, seconds=_for_keys)
        self.unwrap = Patient(store.unwrap, name, seconds=_for_keys)
        self.destroy = Patient(store.destroy, name, seconds=_for_keys)
        self.rewrap = Patient(store.rewrap, name, seconds=lambda: LONGEST_REWRAP, most=1)


def patient_function(returns_master: Callable[[], T]) -> Patient[[], T]:
    """Return the function for a master key, with the same time limit."""
    name = "the function that returns the master key"
    return Patient(returns_master, name, seconds=lambda: LONGEST_CALL)


def _for_keys(key_ids: Sequence[bytes], /) -> float:
    return LONGEST_CALL + LONGEST_KEY * len(key_ids)

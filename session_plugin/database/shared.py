"""One engine for everybody in a hub: opened once, when it is first needed, from whatever thread or event loop."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path

from session_plugin.database.engine import Engine, open_engine


class SharedEngine:
    """An engine that opens when it is first asked for, and opens again when it is asked for after closing."""

    def __init__(self, database: str | Path) -> None:
        """Remember where; nothing is touched yet."""
        self._database = database
        self._guard = threading.Lock()
        self._opening: Future[Engine] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the engine can be had without waiting."""
        opening = self._opening
        return opening is not None and opening.done() and opening.exception() is None

    def future(self) -> Future[Engine]:
        """Give the engine as soon as it is open; all who ask share one opening, and a failed one is tried anew.

        The future raises DatabaseRefused if the database may not be used.
        """
        with self._guard:
            opening = self._opening
            if opening is not None and not (opening.done() and opening.exception() is not None):
                return opening
            self._opening = opening = Future()
        threading.Thread(target=self._open_into, args=(opening,), name="session_plugin-opening", daemon=True).start()
        return opening

    def close(self) -> None:
        """Carry out what waits and close, if it was ever opened."""
        with self._guard:
            opening, self._opening = self._opening, None
        if opening is not None and opening.exception() is None:
            opening.result().close()

    def _open_into(self, opening: Future[Engine]) -> None:
        try:
            opening.set_result(open_engine(self._database))
        except BaseException as error:
            opening.set_exception(error)

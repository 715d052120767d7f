"""Which engine serves a database, and one engine for everybody in a hub: opened once, when it is
first needed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from session_plugin.database.engine import Engine
from session_plugin.database.sqlite_file import MEMORY
from session_plugin.errors import DatabaseRefused, DatabaseUnavailable

POSTGRESQL = ("postgresql", "postgres")
"""How its URLs may begin."""


class SharedEngine:
    """An engine that opens when it is first asked for, and opens again when it is asked for after
    closing.
    """

    def __init__(self, database: str | Path) -> None:
        """Remember where, whatever the working directory will be; nothing is touched yet."""
        self._database = located(database)
        self._guard = threading.Lock()
        self._opening: Future[Engine] | None = None
        self.engine: Engine | None = None
        """The engine, where it can be had without waiting."""

    @property
    def database(self) -> str:
        """Where it is: a path, or a URL with its password."""
        return self._database

    @property
    def is_open(self) -> bool:
        """Whether the engine can be had without waiting."""
        return self.engine is not None

    def future(self) -> Future[Engine]:
        """Give the engine as soon as it is open; all who ask share one opening, and a failed one is
        tried anew.

        The future raises DatabaseRefused if the database may not be used.
        """
        with self._guard:
            opening = self._opening
            if opening is not None and not (opening.done() and opening.exception() is not None):
                return opening
            self._opening = opening = Future()
            # one who no longer waits must not cancel it for the others
            opening.set_running_or_notify_cancel()
        try:
            threading.Thread(
                target=self._open_into, args=(opening,), name="session_plugin-opening", daemon=True
            ).start()
        except (
            RuntimeError
        ) as error:  # there is none to be had just now; whoever waits must not wait for ever
            reason = DatabaseUnavailable(f"the database cannot be opened just now: {error}")
            reason.__cause__ = error
            opening.set_exception(reason)
        return opening

    def close(self) -> None:
        """Carry out what waits and close, if it was ever opened."""
        with self._guard:
            opening, self._opening, self.engine = self._opening, None, None
        if opening is not None and opening.exception() is None:
            opening.result().close()

    def _open_into(self, opening: Future[Engine]) -> None:
        try:
            engine = open_engine(self._database)
        except BaseException as error:
            opening.set_exception(error)
            return
        with self._guard:
            if self._opening is opening:
                self.engine = engine
        opening.set_result(engine)


def open_engine(database: str | Path, *, busy_timeout: float = 30.0) -> Engine:
    """Choose the engine for `database` and open it.

    Args:
        database: A path, `":memory:"`, or a `postgresql://` URL.
        busy_timeout: Seconds to wait for a lock that another process holds.

    Raises:
        DatabaseRefused: no engine serves this URL, what it needs is not installed, or the database
            may not be used.
        DatabaseUnavailable: the server cannot be reached.
    """
    engine = _engine_for(located(database), busy_timeout)
    engine.open()
    return engine


def _engine_for(where: str, busy_timeout: float) -> Engine:
    """Load the engine that serves a database; only the one that is chosen, and what it stands
    on.
    """
    if "://" not in where:
        from session_plugin.database.sqlite import SqliteEngine  # noqa: PLC0415 - see above

        return SqliteEngine(where, busy_timeout=busy_timeout)
    scheme = where.partition("://")[0]
    if scheme not in POSTGRESQL:
        raise DatabaseRefused(
            f"no engine serves {scheme}:// URLs; give the path of an SQLite file, or postgresql://..."
        )
    with needs_psycopg():
        from session_plugin.database.postgresql import PostgresqlEngine  # noqa: PLC0415 - see above
    return PostgresqlEngine(where, busy_timeout=busy_timeout)


@contextmanager
def needs_psycopg() -> Iterator[None]:
    """Say how to get the driver where it cannot be imported."""
    try:
        yield
    except ImportError as error:
        raise DatabaseRefused(
            f"postgresql:// needs psycopg, which cannot be imported ({error}): pip install "
            "'session-plugin[postgres]'"
        ) from error


def located(database: str | Path) -> str:
    """Give `database` as it is to be found from any working directory: a path absolute, anything
    else as it is.

    No shell has looked at a path from a file of settings, so a leading `~` is the home folder here,
    too.

    Raises:
        DatabaseRefused: it is a mistyped URL of PostgreSQL, which must not become a file of that
            name.
    """
    if not isinstance(database, str | os.PathLike):
        raise TypeError(
            f"a database is a path or a URL, not {type(database).__name__}: {database!r}"
        )
    where = os.fspath(database)
    if where == MEMORY or "://" in where:
        return where
    scheme, colon, _ = where.partition(":")
    if colon and scheme in POSTGRESQL:
        raise DatabaseRefused(
            f"{scheme}: without // is no URL; give the path of an SQLite file, or postgresql://..."
        )
    path = Path(where)
    return str((path.expanduser() if path.parts[:1] == ("~",) else path).absolute())

"""The typed handle on a database that a hub and its stores share.

It opens the engine when it is first needed, and again when it is needed after closing. Operations
are awaited on any event loop, or blocked on. Knows engines and event loops; knows no operation.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from session_plugin.database import opening
from session_plugin.database.engine import Engine, Purged, Tx
from session_plugin.database.reading import read
from session_plugin.errors import DatabaseUnavailable

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """One database: `await database.read(operation, *args)`, `await database.write(...)`.

    The arguments of an operation are checked by the type checker, and so is what is done with its
    result.
    """

    def __init__(
        self,
        database: str | Path,
        *,
        open_engine: Callable[[str | Path], Engine] = opening.open_engine,
    ) -> None:
        """Resolve the path now, whatever the working directory will be; nothing is opened yet."""
        self.path = opening.located(database)
        """The absolute path, or the URL with its password."""
        self.engine: Engine | None = None
        """The open engine; None where it has to be waited for."""
        self._guard = threading.Lock()
        self._opening: Future[Engine] | None = None
        self._on_use: Callable[[], None] = lambda: None
        self._on_open: Callable[[], Awaitable[None]] | None = None
        self._checks: tuple[Callable[[Engine], None], ...] = ()
        self._followed_up: Future[Engine] | None = None
        self._following_up: dict[
            tuple[asyncio.AbstractEventLoop, Future[Engine]], asyncio.Event
        ] = {}
        self._open_engine = open_engine

    def on_use(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the running event loop whenever the engine is asked for on one."""
        self._on_use = callback

    def on_open(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Await `callback` on the event loop for which the engine was opened, once for all that
        wait there.
        """
        self._on_open = callback

    def check_by(self, *checks: Callable[[Engine], None]) -> None:
        """Call each of `checks` with each engine that is opened; what one raises keeps anybody from
        using it.

        They are called on a thread that may block, in this order.
        """
        self._checks = checks

    @property
    def is_open(self) -> bool:
        """Whether the engine can be had without waiting."""
        return self.engine is not None

    @property
    def is_closed(self) -> bool:
        """Whether nothing is open, and nothing is being opened."""
        with self._guard:
            return self._opening is None or _has_failed(self._opening)

    def opened(self) -> Engine | None:
        """Return the engine, on an event loop, if it is open."""
        self._on_use()
        return self.engine

    async def open(self) -> Engine:
        """Return the engine, opened if need be.

        Raises:
            DatabaseRefused: the database may not be used.
            DatabaseUnavailable: it cannot be opened now, or was closed meanwhile.
        """
        self._on_use()
        if self.engine is not None:
            return self.engine

        pending = self._start_opening()
        engine = await asyncio.wrap_future(pending)
        if self._opening is not pending:  # to go on would open another one, behind who closed it
            raise DatabaseUnavailable("the database was closed while it was being opened")

        if self._on_open is not None:
            await self._follow_up(pending, self._on_open)

        return engine

    async def read(
        self, operation: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run an operation that only reads, in a snapshot, and return its result."""
        return await read(await self.open(), operation, *args, **kwargs)

    async def write(
        self, operation: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run an operation on the writer and return its result after the COMMIT."""
        return await asyncio.wrap_future((await self.open()).write(operation, *args, **kwargs))

    async def purge(self, *, is_rewritten: bool = False) -> Purged:
        """Erase the bytes of deleted rows; `Engine.purge` says what may come of it."""
        return await asyncio.wrap_future((await self.open()).purge(is_rewritten=is_rewritten))

    def block(self) -> Engine:
        """Return the engine, opened if need be, and block the calling thread meanwhile."""
        return self._start_opening().result()

    def close(self) -> None:
        """Carry out what waits and close, if the engine was ever opened."""
        with self._guard:
            opening_, self._opening, self.engine = self._opening, None, None
        if opening_ is not None and opening_.exception() is None:
            opening_.result().close()

    async def _follow_up(
        self, opened: Future[Engine], callback: Callable[[], Awaitable[None]]
    ) -> None:
        """Do what follows an opening, or wait for who does so. Then callers go on in their order.

        Where it fails, each caller tries it in turn.
        """
        key = (asyncio.get_running_loop(), opened)
        while self._followed_up is not opened:
            other = self._following_up.get(key)
            if other is not None:
                await other.wait()
                continue

            self._following_up[key] = done = asyncio.Event()
            try:
                await callback()
                self._followed_up = opened
            finally:
                del self._following_up[key]
                done.set()

    def _start_opening(self) -> Future[Engine]:
        """Open on a thread. All callers share one opening; a failed one is tried anew."""
        with self._guard:
            pending = self._opening
            if pending is not None and not _has_failed(pending):
                return pending
            self._opening = pending = Future()
            pending.set_running_or_notify_cancel()  # one caller must not cancel it for the others

        thread = threading.Thread(
            target=self._open_into, args=(pending,), name="session_plugin-opening", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # no thread can be started now; nobody must wait without end
            reason = DatabaseUnavailable(f"the database cannot be opened just now: {error}")
            reason.__cause__ = error
            pending.set_exception(reason)

        return pending

    def _open_into(self, pending: Future[Engine]) -> None:
        try:
            engine = self._open_engine(self.path)
            try:
                for check in self._checks:
                    check(engine)
            except BaseException:
                engine.close()
                raise
        except BaseException as error:
            pending.set_exception(error)
            return

        with self._guard:
            if self._opening is pending:
                self.engine = engine

        pending.set_result(engine)


def _has_failed(pending: Future[Engine]) -> bool:
    return pending.done() and pending.exception() is not None

"""Errors of psycopg as errors of this package. Knows no connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout

from session_plugin.errors import DatabaseLocked, DatabaseRefused, DatabaseUnavailable, SessionError

CONNECT_SECONDS = 10.0
"""Seconds to wait for a connection before the database counts as unreachable."""


@contextmanager
def as_our_errors(url: str) -> Iterator[None]:
    """Raise errors of the driver as errors of this package, by their SQLSTATE.

    Values from the database that the server quotes in its details are left out.
    """
    try:
        yield
    except (psycopg.Error, PoolTimeout, PoolClosed) as error:
        raise _translated(error, url) from error


def _translated(error: psycopg.Error, url: str) -> SessionError:
    kind: type[SessionError]
    match error:
        case errors.LockNotAvailable() | errors.DeadlockDetected() | errors.SerializationFailure():
            kind = DatabaseLocked
            text = f"other processes have locked {url} for too long; find out which, and try again"
        case errors.DiskFull() | errors.OutOfMemory():
            kind = DatabaseUnavailable
            text = f"{url} cannot be written: {_said(error)}; is the server's disk full?"

        case errors.ReadOnlySqlTransaction():  # at opening, such a server is refused
            kind = DatabaseUnavailable
            text = f"{url} has become read-only; waiting until it, or another host, takes writes"
        case errors.InsufficientPrivilege():
            kind = DatabaseRefused
            text = f"{url}: {_said(error)}; grant this role the right to its schema and tables"

        case PoolTimeout() | PoolClosed():
            kind = DatabaseUnavailable
            text = f"{url} cannot be reached: no connection can be made"
        case errors.ProgramLimitExceeded() | errors.QueryCanceled():  # caused by the statement
            kind = SessionError
            text = f"{url}: {_said(error)}"
        case psycopg.OperationalError() | psycopg.InterfaceError():
            kind = DatabaseUnavailable
            text = f"{url} cannot be reached at the moment: {_said(error)}"

        case _:
            kind = SessionError
            text = f"{url}: {_said(error)}"

    return kind(text)


def _said(error: psycopg.Error) -> str:
    """Return the server's message without its details, which may quote values."""
    return error.diag.message_primary or type(error).__name__

"""Run the inspector's server: on 127.0.0.1, until Ctrl+C, over a database opened for reading only.

Knows sockets and the audit; knows no page.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from session_plugin.checks import HOUR
from session_plugin.database.database import Database
from session_plugin.database.opening import open_engine
from session_plugin.encryption.keys import from_environment
from session_plugin.encryption.unlocking import Encryption
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import audit
from session_plugin.rules.policies import Policies

HOST = "127.0.0.1"
"""The only address that is served; there is no setting for another one."""
SHOWN = "text_shown"
"""What the audit says when an operator looks at what people wrote."""
CLOSING_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Served:
    """A running inspector.

    `url` contains the one-time token: the first browser that opens it gets in, nobody after it.
    """

    url: str
    port: int


def serve(
    database: str | Path,
    *,
    port: int = 0,
    show_text: bool = False,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve the pages on 127.0.0.1 until Ctrl+C or SIGTERM.

    Args:
        database: A path or a `postgresql://` URL; it has to be there already. If it is encrypted,
            its master key is in the environment's SESSION_KEY or the file of SESSION_KEY_FILE, and
            SESSION_KEY_STORE says where its key store is, if not next to it.
        port: 0 takes a free one.
        show_text: Show what people wrote; otherwise only how long it is. Each start with it is
            written to the audit, the only thing that is ever written.
        announce: Called with the line that has the URL; None prints it.

    Raises:
        ImportError: the extra `inspect` is not installed.
        DatabaseRefused: the database may not be used.
        DatabaseUnavailable: it cannot be opened now.
        OSError: the port is taken.
    """
    told = _print if announce is None else announce
    with suppress(KeyboardInterrupt):  # where an event loop takes no signals, as on Windows
        asyncio.run(_serve(database, port=port, show_text=show_text, announce=told))


async def _serve(
    database: str | Path, *, port: int, show_text: bool, announce: Callable[[str], None]
) -> None:
    ended = asyncio.Event()
    for wish in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError, RuntimeError, ValueError):
            asyncio.get_running_loop().add_signal_handler(wish, ended.set)

    async with serving(database, port=port, show_text=show_text) as served:
        announce(f"{served.url}\nOpen it once, in one browser. Ctrl+C ends it.")
        await ended.wait()


def _print(line: str) -> None:
    print(line, file=sys.stdout, flush=True)  # noqa: T201 - for a terminal


@asynccontextmanager
async def serving(
    database: str | Path, *, port: int = 0, show_text: bool = False
) -> AsyncIterator[Served]:
    """Serve the pages while the block runs.

    Args:
        database: As for `serve`.
        port: As for `serve`.
        show_text: As for `serve`.

    Raises:
        Exception: as for `serve`.
    """
    make_server = _server_maker()
    if not 0 <= port <= 65535:
        raise ValueError(f"port is a number from 0 to 65535, not {port}")

    opened = Database(database, open_engine=partial(open_engine, is_read_only=True))
    keys = from_environment()
    opened.check_by(Encryption(keys, database=opened.path, may_begin=False).unlock)
    try:
        await opened.open()
        with _listen(port) as listening:
            if show_text:
                await _note_in_audit(database)

            number, token = listening.getsockname()[1], secrets.token_urlsafe(32)
            server = make_server(opened, port=number, token=token, show_text=show_text)
            running = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                yield Served(f"http://{HOST}:{number}/?token={token}", number)
            finally:
                server.should_exit = True
                await running
    finally:
        opened.close()


def _server_maker() -> Callable[..., Any]:
    """Return what makes a server of the inspector's pages.

    Raises:
        ImportError: the extra is not installed.
    """
    try:
        import uvicorn  # noqa: PLC0415 - of an extra

        from session_plugin.inspector.application import application  # noqa: PLC0415 - as above
    except ImportError as error:
        raise ImportError(
            f"the inspector needs packages that cannot be imported ({error}): "
            "pip install 'session-plugin[inspect]'"
        ) from error

    class Server(uvicorn.Server):
        def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
            return nullcontext()

    def make(opened: Database, **settings: Any) -> Server:
        config = uvicorn.Config(
            application(opened, **settings),
            access_log=False,  # it would have the token in it
            log_level="warning",
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=CLOSING_SECONDS,
        )
        return Server(config)

    return make


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise OSError(f"port {port} on {HOST} cannot be used: {error.strerror}") from error

    return listening


async def _note_in_audit(database: str | Path) -> None:
    """Write down that an operator will see texts; the database was found fit before."""
    context = OperationContext(
        bot="",
        now=time.time(),
        policies=Policies(max_age=24 * HOUR),
        new_id=lambda: uuid.uuid4().hex,
    )
    writing = Database(database)
    try:
        await writing.write(audit.note, context, SHOWN)
    finally:
        writing.close()

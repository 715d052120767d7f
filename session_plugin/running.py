"""Several bots in one process, started together and ended together. Knows no platform."""

from __future__ import annotations

import asyncio
import inspect
import signal
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from session_plugin.logs import FieldLogger

logger = FieldLogger("session_plugin.running")


async def run_together(*bots: Coroutine[Any, Any, object]) -> None:
    """Run bots in this process until Ctrl-C or SIGTERM, or until one of them ends; end the others.

    A second Ctrl-C or SIGTERM does not wait for the bots to end.

    Args:
        bots: For each bot the coroutine that runs it and ends it when it is cancelled:
            `session_plugin_discord.run(bot, token)`, `session_plugin_telegram.run(application)`, or
            one of yours, for example a web server's.

    Raises:
        TypeError: one of them is not a coroutine, for example the bot itself.
        ValueError: there is none.
        Exception: what the bot that failed first raised. What others raise while they end is
            logged.

    Example:
        async def main() -> None:
            await run_together(
                session_plugin_discord.run(bot, token), session_plugin_telegram.run(application)
            )
    """
    _check(bots)
    tasks = [asyncio.create_task(bot) for bot in bots]
    stopped = asyncio.Event()
    stopping = asyncio.create_task(stopped.wait())

    try:
        with _signals(stopped.set):
            await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        failed = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    finally:
        await _end([*tasks, stopping])

    if first := next(filter(None, failed), None):
        raise first


def _check(bots: Sequence[Coroutine[Any, Any, object]]) -> None:
    """Raise unless there are coroutines, and nothing else."""
    if not bots:
        raise ValueError("there is no bot to run")

    wrong = [bot for bot in bots if not inspect.iscoroutine(bot)]
    if not wrong:
        return

    for bot in bots:
        if inspect.iscoroutine(bot):
            bot.close()  # nobody will await it
    kind = type(wrong[0])
    raise TypeError(
        f"run_together takes what runs each bot, not {kind.__module__}.{kind.__qualname__}: "
        "session_plugin_discord.run(bot, token), session_plugin_telegram.run(application)"
    )


@contextmanager
def _signals(stop: Callable[[], object]) -> Iterator[None]:
    """Call `stop` on Ctrl-C and SIGTERM during the block, where an event loop can.

    It cannot in other threads than the main one, and on Windows. There, asyncio.run answers Ctrl-C
    by cancelling what it runs.
    """
    loop = asyncio.get_running_loop()
    before: dict[signal.Signals, Any] = {}
    with suppress(NotImplementedError, RuntimeError, ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            loop.add_signal_handler(number, stop)
            before[number] = handler

    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait for them; log what they raise now."""
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)

    for task in running:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.error("a bot failed while it ended: %(error)s", error=type(error).__name__)

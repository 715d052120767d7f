"""Which event a handler answers, and whether that handler still runs. Knows no hub.

discord.py runs each handler in a task of its own, and a task starts with a copy of the context in
which it was created. So an empty `Answering` is put into a context variable before each event is
parsed, and is filled in when the event turns out to be a message or an interaction. discord.py
creates a slash command's task before it announces the interaction, but the task runs later and so
finds the object filled in.

A background task that a handler started keeps its `Answering` for ever, whatever it answers later.
`is_answer` decides when that still counts. discord.py runs the handlers of an event in a function
that is not public, and slash commands, buttons and forms in tasks of their own, which it names.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import discord

from session_plugin import Account, MessageEvent, SessionView

INTERACTION_TASKS = (
    "CommandTree-invoker",
    "discord-ui-view-dispatch",
    "discord-ui-dynamic-item",
    "discord-ui-modal-dispatch",
)
"""Prefixes of the names of the tasks in which discord.py handles interactions."""

ERROR_EVENTS = ("on_command_error", "on_error")
"""Events of discord.py whose handlers are about an error."""

CALLERS_OF_ERROR_HANDLERS = {
    ("discord.ui.view", "_scheduled_task"),
    ("discord.ui.modal", "_scheduled_task"),
    ("discord.app_commands.tree", "_call_context_menu"),
    ("discord.ext.tasks", "_loop"),
}
"""Functions of discord.py, by module and name, that call an error handler where they handle the
error: `on_error` of views and forms, and the error handlers of context menus and of loops.

If a later version names them differently, what these handlers send is conversation.
"""

T = TypeVar("T")


@dataclass(slots=True, eq=False, weakref_slot=True)
class Speaker:
    """The person who spoke last in a chat.

    Args:
        account: Who; None for an author without an account.
        is_last: False as soon as another person has spoken in the chat.
    """

    account: Account | None
    is_last: bool = True


@dataclass(slots=True, eq=False)
class Answering:
    """What the handlers of one event answer; empty until the event is known.

    Args:
        channel_id: Where the event happened.
        account: Who caused it; None for an author without an account.
        recording: The task that stores it; None if nothing of it is recorded.
        waits_for_storage: Whether sending waits until the event is stored. False while recording,
            where it would wait for itself.
        speaker: The last speaker in that channel, as of this event.
        running: The number of its handlers that are running.
        source: The context or the interaction that says whether its command has failed.
        has_failed: Whether a handler of errors ran for it that no event and no command has called.
    """

    channel_id: int | None = None
    account: Account | None = None
    recording: asyncio.Task[Any] | None = None
    waits_for_storage: bool = True
    speaker: Speaker | None = None
    running: int = 0
    source: Any = None
    has_failed: bool = False

    def view(self) -> SessionView | None:
        """Return the session of the event, once that is recorded."""
        recording = self.recording
        if recording is None or not recording.done() or recording.cancelled():
            return None

        return recording.result() if recording.exception() is None else None


answering: ContextVar[Answering | None] = ContextVar(
    "session_plugin_discord_answering", default=None
)


_handles_error: ContextVar[bool] = ContextVar("session_plugin_discord_error", default=False)
"""True in handlers of errors: what they send is no conversation."""


def is_error(current: Answering | None) -> bool:
    """Check whether what is sent now is about an error: of a command, or of another handler."""
    if current is not None:
        return current.has_failed or getattr(current.source, "command_failed", False) or _is_about()
    return _is_about()


def note_error(current: Answering | None) -> None:
    """Note if an error handler runs in this task, for what is recorded of it in another."""
    if current is not None and _handles_interaction(asyncio.current_task()):
        current.has_failed = current.has_failed or _is_about()


def _is_about() -> bool:
    return _handles_error.get() or any(map(_is_handled_by_library, _being_handled()))


def _being_handled() -> Iterator[BaseException]:
    """Yield the error that is being handled, and those during whose handling it was raised."""
    error = sys.exc_info()[1]
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # authors can set them in a circle
        seen.add(id(error))
        yield error
        error = error.__context__


def _is_handled_by_library(error: BaseException) -> bool:
    """Check that no code of the author's has caught an error: its traceback begins there."""
    if error.__traceback__ is None:
        return False

    frame = error.__traceback__.tb_frame
    return (frame.f_globals.get("__name__"), frame.f_code.co_name) in CALLERS_OF_ERROR_HANDLERS


def as_error(event: MessageEvent) -> MessageEvent:
    """Return what the bot says about an error as an aside."""
    return replace(event, is_aside=True)


def start_recording(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start a task that records something.

    Messages that plugins send from it answer nobody and wait for nothing.
    """
    context = copy_context()
    context.run(answering.set, Answering(waits_for_storage=False))

    return asyncio.get_running_loop().create_task(work, context=context)


def is_answer(current: Answering | None, channel_id: int) -> bool:
    """Check whether a message sent to a channel now answers the current event.

    It does while a handler of the event runs. Tasks that the handlers left running may serve
    somebody else by then, so for those it does only until another person speaks in the channel.
    """
    if current is None or current.speaker is None or current.channel_id != channel_id:
        return False

    return (
        current.running > 0
        or current.speaker.is_last
        or _handles_interaction(asyncio.current_task())
    )


def _handles_interaction(task: asyncio.Task[Any] | None) -> bool:
    return task is not None and task.get_name().startswith(INTERACTION_TASKS)


class HandlerCounter:
    """Counts the running handlers of each event of one client, in `Answering.running`."""

    def __init__(self, client: discord.Client) -> None:
        """Count nothing yet; see `attach`."""
        self._client: Any = client
        self._original: Any = None

    def attach(self) -> None:
        """Replace the client's function that runs a handler; it exists in all of discord.py 2."""
        self._original = self._client._run_event
        self._client._run_event = self._run_event

    def detach(self) -> None:
        """Restore the original function, unless somebody else has replaced ours meanwhile."""
        if self._client.__dict__.get("_run_event") == self._run_event:
            del self._client._run_event

    async def _run_event(
        self, handler: Callable[..., Any], name: str, *arguments: Any, **options: Any
    ) -> None:
        _handles_error.set(name in ERROR_EVENTS)
        current = answering.get()
        if current is None:
            await self._original(_noting_errors(handler), name, *arguments, **options)
            return

        current.running += 1
        try:
            await self._original(_noting_errors(handler), name, *arguments, **options)
        finally:
            current.running -= 1


def _noting_errors(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return a handler after whose failure `on_error`, in the same task, is known as such."""

    async def run(*arguments: Any, **options: Any) -> None:
        try:
            await handler(*arguments, **options)
        except Exception:
            _handles_error.set(True)
            raise

    return run

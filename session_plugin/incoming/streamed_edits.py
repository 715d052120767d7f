"""Edits of one message that follow each other quickly, as those of an answer that is streamed.

At most one edit a second and message is passed on. What comes in between is held, each edit in
place of the one before, until the second is over or somebody reads the chat. Knows event loops;
knows no database, and not how an edit is stored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from session_plugin.model import Chat, MessageEvent
from session_plugin.records.conversation.recording import RecordResult
from session_plugin.records.operation_context import OperationContext

PACE = 1.0
"""Seconds between two stored edits of one message."""
LONGEST = 60.0
"""Seconds after which a summary is made again although the message below it still changes."""

Grown = tuple[RecordResult, str]
"""What became of a message, and what is counted of it."""


def is_paced(event: MessageEvent) -> bool:
    """Check whether edits of a message are paced: no person wrote it, and it has an id."""
    return event.author is None and event.message_id is not None


@dataclass(slots=True, eq=False)
class HeldEdit:
    """The newest edit of a message that is not passed on yet."""

    context: OperationContext
    event: MessageEvent
    due: asyncio.Event = field(default_factory=asyncio.Event)
    is_dropped: bool = False


@dataclass(slots=True, eq=False)
class Stream:
    """One message that is being edited.

    Attributes:
        loop: The event loop on which it is edited.
        chat: Its chat.
        passed_at: When an edit of it was passed on last.
        settled_at: When its summaries were left alone for the last time.
        storing: The task that stores what was passed on last.
        held: The edit that waits.
        newest: The message as it was handed in last; None if that was dropped.
        session_nos: The sessions that it changed since `settled_at`.
        grown: The sessions that grew meanwhile, with the message that each grew by last.
    """

    loop: asyncio.AbstractEventLoop
    chat: Chat
    message_id: str
    passed_at: float
    settled_at: float
    storing: asyncio.Task[Any] | None = None
    held: HeldEdit | None = None
    newest: MessageEvent | None = None
    session_nos: set[int] = field(default_factory=set)
    grown: dict[int, Grown] = field(default_factory=dict)

    def take(self) -> HeldEdit | None:
        """Return the held edit, to pass it on now; None if it was dropped."""
        held, self.held = self.held, None
        self.passed_at = time.monotonic()

        return None if held is None or held.is_dropped else held

    def is_known(self, event: MessageEvent) -> bool:
        """Check whether an edit says what was handed in last, or is older than that."""
        newest = self.newest
        if newest is None:
            return False

        same_time = replace(event, edited_at=newest.edited_at, version=newest.version)

        return _is_older(event, newest) or same_time == newest

    def drop(self) -> None:
        """Drop the held edit: the message is removed, or changed by something newer."""
        self.newest = None
        if self.held is not None:
            self.held.is_dropped = True
            self.hurry()

    def is_busy(self) -> bool:
        """Check whether an edit is held, or is being stored."""
        return self.held is not None or self.is_storing()

    def is_storing(self) -> bool:
        """Check whether an edit that was passed on is not stored yet, or one is held."""
        return self.storing is not None and not self.storing.done()

    def hurry(self) -> None:
        """Let the held edit pass on at once; may be called on any thread."""
        held = self.held
        if held is not None:
            with suppress(RuntimeError):  # its event loop is closed
                self.loop.call_soon_threadsafe(held.due.set)


class StreamedEdits:
    """One hub's messages that are being edited, over all its event loops.

    While a message is edited, nothing is done about the summaries over it: the next edit would
    withdraw them again.
    """

    def __init__(
        self,
        *,
        on_change: Callable[[Iterable[int]], None],
        on_growth: Callable[[RecordResult, str], None],
    ) -> None:
        """Call `on_change` and `on_growth` of a session when its messages are left alone."""
        self._on_change = on_change
        self._on_growth = on_growth
        self._streams: dict[tuple[asyncio.AbstractEventLoop, Chat, str], Stream] = {}

    def begin(self, event: MessageEvent) -> tuple[Stream, bool]:
        """Return the stream of a message, and whether its edit may be passed on now."""
        assert event.message_id is not None
        loop, now = asyncio.get_running_loop(), time.monotonic()
        key = loop, event.chat, event.message_id

        stream = self._streams.get(key)
        if stream is not None:
            return stream, False

        self._forget_closed_loops()
        stream = self._streams[key] = Stream(loop, event.chat, event.message_id, now, now)
        stream.newest = event
        loop.call_later(PACE, self._look, stream)

        return stream, True

    def is_busy(self, chat: Chat) -> bool:
        """Check whether an edit of a chat's message is held, or is being stored."""
        return bool(self._streams) and any(stream.is_busy() for stream in self._of(chat))

    def drop(self, chat: Chat, message_ids: Iterable[object]) -> None:
        """Drop the held edits of messages: they are removed, or changed by something newer."""
        ids = set(message_ids)
        for stream in self._of(chat):
            if stream.message_id in ids:
                stream.drop()

    def drop_chat(self, chat: Chat) -> None:
        """Drop the held edits of a chat, or of the thread that it names."""
        for stream in list(self._streams.values()):
            if _is_in(stream.chat, chat):
                stream.drop()

    def hurry(self, chat: Chat) -> None:
        """Let the held edits of a chat pass on at once."""
        for stream in self._of(chat):
            stream.hurry()

    def hurry_all(self) -> None:
        """Let all held edits of the running event loop pass on at once."""
        for stream in self._on(asyncio.get_running_loop()):
            stream.hurry()

    def finish(self) -> None:
        """End all streams of the running event loop; held edits are stored by now."""
        for stream in self._on(asyncio.get_running_loop()):
            if not stream.is_busy():
                self._end(stream)

    def defers(self, result: RecordResult, counted: str) -> bool:
        """Check whether a session that grew is looked at later: one of its messages is edited."""
        if not self._streams or result.session_no is None:
            return False

        for stream in list(self._streams.values()):
            if result.session_no in stream.session_nos:
                stream.grown[result.session_no] = result, counted
                return True

        return False

    def changes(self, session_no: int) -> bool:
        """Check whether one of a session's messages is being edited."""
        return bool(self._streams) and any(
            session_no in stream.session_nos for stream in list(self._streams.values())
        )

    def _look(self, stream: Stream) -> None:
        """Pass on what is held, or end a stream that is over. Called once a second."""
        key = stream.loop, stream.chat, stream.message_id
        if self._streams.get(key) is not stream:
            return

        now = time.monotonic()
        left = stream.passed_at + PACE - now

        if stream.held is not None and left <= 0:
            stream.held.due.set()
        elif left <= 0 and not stream.is_busy():
            self._end(stream)
            return

        if now - stream.settled_at > LONGEST:
            self._settle(stream)

        stream.loop.call_later(left if left > 0 else PACE, self._look, stream)

    def _end(self, stream: Stream) -> None:
        self._streams.pop((stream.loop, stream.chat, stream.message_id), None)
        self._settle(stream)

    def _settle(self, stream: Stream) -> None:
        """Follow up what was left alone because a message was edited."""
        session_nos, stream.session_nos = stream.session_nos, set()
        grown, stream.grown = stream.grown, {}
        stream.settled_at = time.monotonic()

        self._on_change(session_nos)
        for result, counted in grown.values():
            self._on_growth(result, counted)

    def _of(self, chat: Chat) -> list[Stream]:
        return [stream for stream in list(self._streams.values()) if stream.chat == chat]

    def _on(self, loop: asyncio.AbstractEventLoop) -> list[Stream]:
        return [stream for stream in list(self._streams.values()) if stream.loop is loop]

    def _forget_closed_loops(self) -> None:
        for key in [key for key in list(self._streams) if key[0].is_closed()]:
            self._streams.pop(key, None)


def _is_older(event: MessageEvent, than: MessageEvent) -> bool:
    """Check whether an edit came before another; without times, the order of delivery decides."""
    if event.edited_at is None or than.edited_at is None:
        return False
    if event.edited_at != than.edited_at:
        return event.edited_at < than.edited_at

    return 0 < event.version < than.version


def _is_in(chat: Chat, whole: Chat) -> bool:
    """Check whether `whole` is a chat, or the chat that has it as a thread."""
    same = (chat.channel, chat.bot_id, chat.chat_id) == (
        whole.channel,
        whole.bot_id,
        whole.chat_id,
    )
    return same and whole.thread_id in ("", chat.thread_id)

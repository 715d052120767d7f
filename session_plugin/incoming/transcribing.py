"""Recordings whose words plugins transcribe, in the background once their message is stored.

Knows plugins and operations; knows no queue and no platform.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from session_plugin.errors import PluginError, SessionError
from session_plugin.logs import FieldLogger
from session_plugin.model import Chat, MessageEvent, SessionMessage
from session_plugin.parts import Attachment
from session_plugin.plugins.manager import Plugins
from session_plugin.records.conversation.recording import Recording

TRANSCRIBE_SECONDS = 60.0
"""How long a plugin may take for one recording."""
WAIT_SECONDS = 10.0
"""How long a model's context waits for the words of the message that is answered."""
CLOSING_SECONDS = 5.0
"""How long closing waits for plugins that transcribe."""
MOST_AT_ONCE, MOST_WAITING = 4, 200
"""Messages that are transcribed at a time on one event loop, and those that wait for it."""
KINDS = frozenset({"voice", "audio", "video", "videonote"})
"""Kinds of attachments that have sound, whatever their content type."""

Keep = Callable[[Recording, Mapping[str, str], int], Awaitable[int | None]]
"""Stores the words of a message's files; returns the number of the session that it changed."""
Key = tuple[Chat, int]

logger = FieldLogger("session_plugin.plugins")


class Transcribing:
    """One hub's recordings that are being transcribed, over all its event loops."""

    def __init__(
        self,
        plugins: Plugins,
        *,
        keep: Keep,
        burn_codes: Callable[[str], Awaitable[None]],
        start: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[None]],
        on_change: Callable[[Iterable[int]], None],
    ) -> None:
        """Ask `plugins`, and `keep` what they hear; `on_change` is told in which sessions."""
        self._plugins = plugins
        self._keep = keep
        self._burn_codes = burn_codes
        self._start = start
        self._on_change = on_change
        self._finished: dict[Key, Future[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            WeakKeyDictionary()
        )

    def is_wanted(self, event: MessageEvent) -> bool:
        """Check whether a person sent a recording, and a plugin might know its words."""
        return (
            event.role == "user"
            and self._plugins.has("session_transcribe")
            and any(map(_has_sound, event.attachments))
        )

    def begin(self, recording: Recording, message: SessionMessage) -> None:
        """Transcribe the recordings of a stored message in the background."""
        chat = recording.event.chat
        if len(self._finished) >= MOST_WAITING:
            logger.warning("too many recordings wait to be transcribed: one stays without words")
            return

        finished: Future[None] = Future()
        self._finished[chat, message.seq] = finished
        task = self._start(self._transcribe(recording, message))
        self._tasks.add(task)

        def end(_: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._finished.pop((chat, message.seq), None)
            finished.set_result(None)

        task.add_done_callback(end)

    async def wait_for(self, chat: Chat, seq: int) -> None:
        """Wait until a message is transcribed, but no longer than `WAIT_SECONDS`."""
        finished = self._finished.get((chat, seq))
        if finished is not None:
            await asyncio.wait({asyncio.wrap_future(finished)}, timeout=WAIT_SECONDS)

    async def finish(self) -> None:
        """Let what runs on this event loop end within some seconds, or give it up: the hub
        closes.
        """
        loop = asyncio.get_running_loop()
        tasks = [task for task in self._tasks if task.get_loop() is loop]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=CLOSING_SECONDS)
            for task in late:
                task.cancel()

    async def _transcribe(self, recording: Recording, message: SessionMessage) -> None:
        slot = self._slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(MOST_AT_ONCE))
        transcripts: dict[str, str] = {}
        async with slot:
            for attachment in recording.event.attachments:
                if attachment.id and _has_sound(attachment) and not attachment.transcript:
                    words = await self._words(attachment, message, recording.event)
                    if words:
                        transcripts[attachment.id] = words

        if not transcripts:
            return

        if recording.event.chat.kind == "group":
            await self._burn_codes("\n".join(transcripts.values()))
        session_no = await self._keep(recording, transcripts, message.seq)
        if session_no is not None:
            self._on_change((session_no,))

    async def _words(
        self, attachment: Attachment, message: SessionMessage, event: MessageEvent
    ) -> str | None:
        """Return the words of a recording as the filters leave them; None for none."""
        try:
            answer = await self._plugins.ask(
                "session_transcribe",
                check=_check_words,
                seconds=TRANSCRIBE_SECONDS,
                attachment=attachment,
                message=message,
            )
            if answer is None or not answer.value.strip():
                return None

            spoken = replace(event, text=answer.value, attachments=(), parts=())
            filtered = await self._plugins.filter(spoken)
        except (PluginError, SessionError):
            return None  # logged already

        return None if filtered is None else filtered.text


def _has_sound(attachment: Attachment) -> bool:
    return attachment.kind in KINDS or attachment.content_type.startswith(("audio/", "video/"))


def _check_words(answer: Any) -> None:
    """Raise TypeError if a plugin returned no text."""
    if not isinstance(answer, str):
        raise TypeError(f"session_transcribe returns text or None, not {type(answer).__name__}")

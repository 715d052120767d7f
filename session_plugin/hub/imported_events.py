"""Messages to import, read ahead in chunks, and the report on what became of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from session_plugin.model import Account, Chat, MessageEvent
from session_plugin.records.conversation.importing import ImportFate
from session_plugin.reports import ImportReport, Skipped

CHUNK = 500
"""Messages stored in one transaction, which takes some 20 ms; live messages wait no longer."""
MOST_SKIPPED = 100
"""Items that a report names; it counts all."""
MOST_REASONS = 100
"""Reasons that are counted apart: some have an id of the file in them."""
OTHER_REASONS = "something else"

Events = Iterable[MessageEvent | Skipped] | AsyncIterable[MessageEvent | Skipped]
"""What is imported; `Skipped` are items that a reader left out, and said why."""

REASONS: dict[ImportFate, str] = {
    "deleted": "it was deleted here",
    "unowned": "nobody knows whose direct chat it is",
    "private": "its author, or whom it answers, asked that nothing be stored",
    "forgotten": "it was said before its person was forgotten",
    "of_another": "it is of another account than the one whose direct chat it is in",
    "no_json": "its metadata cannot be stored as JSON",
    "other_kind": "its chat is known as one of the other kind, direct or group",
}


async def chunks(events: Events) -> AsyncGenerator[list[Any]]:
    """Yield what there is to import, in chunks; the next one is read while one is stored.

    An iterable is read on one thread, so that no file holds up the event loop.

    Raises:
        TypeError: it is no iterable.
    """
    if isinstance(events, AsyncIterable):
        async for chunk in _collected(aiter(events)):
            yield chunk
        return

    if isinstance(events, str | bytes) or not isinstance(events, Iterable):
        raise TypeError(f"events must be an iterable of messages, not {type(events).__name__}")

    loop = asyncio.get_running_loop()
    iterator = iter(events)
    with ThreadPoolExecutor(1, thread_name_prefix="session_plugin-import") as thread:
        following = loop.run_in_executor(thread, _take, iterator)
        try:
            while chunk := await following:
                following = loop.run_in_executor(thread, _take, iterator)
                yield chunk
        finally:
            # A generator has to be closed where it was read: its files may belong to that thread.
            following.cancel()
            close = getattr(iterator, "close", None)
            if close is not None:
                thread.submit(close)


def _take(iterator: Iterator[Any]) -> list[Any]:
    return list(islice(iterator, CHUNK))


async def _collected(iterator: AsyncIterator[Any]) -> AsyncIterator[list[Any]]:
    chunk: list[Any] = []
    async for event in iterator:
        chunk.append(event)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []

    if chunk:
        yield chunk


def size_of(events: Events) -> int | None:
    """Return how many there are, where that is known."""
    return len(events) if isinstance(events, Sized) else None


class Tally:
    """What became of the messages of an import."""

    def __init__(self) -> None:
        """Count from 0 on."""
        self.seen = self.stored = self.known = self.sessions = self.past_retention = 0
        self._skipped: list[Skipped] = []
        self._left_out: Counter[str] = Counter()
        self._authors: Counter[str] = Counter()
        self._chats: Counter[str] = Counter()

    def skip(self, skipped: Skipped) -> None:
        """Count an item that is left out."""
        reason = skipped.reason
        if reason not in self._left_out and len(self._left_out) >= MOST_REASONS:
            reason = OTHER_REASONS
        self._left_out[reason] += 1
        if len(self._skipped) < MOST_SKIPPED:
            self._skipped.append(skipped)

    def leave_out(self, event: MessageEvent, reason: str) -> None:
        """Count a message that is left out."""
        self.skip(Skipped(what="message", where=_where(event), reason=reason))

    def note(self, event: MessageEvent, fate: ImportFate, *, is_past_retention: bool) -> None:
        """Count what became of a message."""
        if fate == "duplicate":
            self.known += 1
        elif fate != "stored":
            self.leave_out(event, REASONS[fate])
        else:
            self.stored += 1
            self.past_retention += is_past_retention
            self._authors[_shown(event.author)] += 1
            self._chats[f"{event.chat.channel}:{event.chat.chat_id}"] += 1

    def report(self, *, is_dry_run: bool) -> ImportReport:
        """Return the counts as a report."""
        return ImportReport(
            users=sum(1 for author in self._authors if author),
            sessions=self.sessions,
            messages=self.stored,
            known_messages=self.known,
            past_retention=self.past_retention,
            skipped=tuple(self._skipped),
            left_out=dict(self._left_out),
            by_author=dict(self._authors),
            by_chat=dict(self._chats),
            is_dry_run=is_dry_run,
        )


def _shown(account: Account | None) -> str:
    return "" if account is None else f"{account.channel}:{account.channel_user_id}"


def _where(event: MessageEvent) -> str:
    chat: Chat = event.chat
    return f"{event.message_id or 'without an id'} in {chat.channel}:{chat.chat_id}"

"""Direct chats in files that do not say whom the bot answers: it is the person who writes there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from session_plugin.model import Account, MessageEvent
from session_plugin.reports import Skipped

MOST_WAITING = 10_000
"""Messages of the bot that are held until somebody writes in a direct chat."""


def answering(
    events: Iterable[MessageEvent | Skipped], person: Account | None = None
) -> Iterator[MessageEvent | Skipped]:
    """Yield the messages of one direct chat, the bot's as answers to the person in it.

    Args:
        events: The messages; those of the bot have no author.
        person: Who it is; None for the first who writes.
    """
    waiting: list[MessageEvent] = []
    for event in events:
        if isinstance(event, Skipped):
            yield event
            continue

        person = person or event.author
        if person is None:
            if len(waiting) == MOST_WAITING:
                yield _unowned(waiting.pop(0))
            waiting.append(event)
            continue

        for held in waiting:
            yield replace(held, answers=person)

        waiting = []
        yield event if event.author is not None else replace(event, answers=person)

    yield from map(_unowned, waiting)


def _unowned(event: MessageEvent) -> Skipped:
    return Skipped(
        what="message",
        where=event.message_id or "",
        reason="nobody writes in its chat, so nobody knows whom the bot answers",
    )

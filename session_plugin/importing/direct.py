"""Direct chats in files that do not say whom the bot answers: it is the person who writes there;
and of conversations in files that know no chats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from session_plugin.model import Account, Chat, MessageEvent
from session_plugin.reports import Skipped
from session_plugin.rules.imported_ids import imported_id

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


def chat_apart(source: str, key: str, account: Account, *, bot_id: str) -> Chat:
    """Return the direct chat with somebody that a conversation becomes whose file knows no chats.

    It is apart from the platform's own, so no number in it is taken for one of the platform's.

    Raises:
        ValueError: its id cannot be stored.
    """
    return Chat(account.channel, imported_id(source, key), "direct", bot_id=bot_id)


def _unowned(event: MessageEvent) -> Skipped:
    return Skipped(
        what="message",
        where=event.message_id or "",
        reason="nobody writes in its chat, so nobody knows whom the bot answers",
    )

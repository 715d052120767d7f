"""Which filters rest, where and until when, after they hung on a message. Knows times and whose a
message is; calls no hook.

A filter that hangs delays every message that it is asked about. So it is not asked for a while:
first about the chat of the message on which it hung, then about its person in all chats, and about
everybody only once it has hung on several people.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable

from session_plugin.model import MessageEvent

MEMORY_SECONDS = 600.0
"""For so long, hangs are counted against a person and against the filter itself."""
CHATS_OF_PERSON = 2
"""Chats in which a filter hangs on one person before it is not asked about them anywhere."""
PEOPLE = 3
"""People on whom a filter hangs before it is not asked at all."""
MOST_REMEMBERED = 1000
"""Hangs and rests remembered; more than a filter can have in that time."""

Place = tuple[Hashable, ...]


class Rests:
    """The rests of one hub's filters."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Count time by `clock`, in seconds."""
        self._clock = clock
        self._until: dict[tuple[str, Place], float] = {}
        self._hangs: deque[tuple[float, str, Place, Place]] = deque(maxlen=MOST_REMEMBERED)

    def clear(self) -> None:
        """Ask all filters about everything again."""
        self._until.clear()
        self._hangs.clear()

    def seconds_left(self, plugin: str, event: MessageEvent) -> float:
        """Return for how long a filter is not asked about messages like this one."""
        if not self._until:
            return 0.0

        until = (self._until.get((plugin, place), 0.0) for place in _places(event))
        return max(0.0, max(until) - self._clock())

    def note_hang(self, plugin: str, event: MessageEvent, *, seconds: float) -> str:
        """Let a filter that hung on a message rest for so long; return where it does."""
        now = self._clock()
        chat, person, everywhere = _places(event)
        self._hangs.append((now, plugin, chat, person))
        recent = [
            (hung_chat, hung_person)
            for at, name, hung_chat, hung_person in self._hangs
            if name == plugin and now - at < MEMORY_SECONDS
        ]

        place, where = chat, "in that chat"
        if len({one for _, one in recent}) >= PEOPLE:
            place, where = everywhere, "everywhere"
        elif len({one for one, who in recent if who == person}) >= CHATS_OF_PERSON:
            place, where = person, "for that person"

        self._until = {key: until for key, until in self._until.items() if until > now}
        self._until[plugin, chat] = self._until[plugin, place] = now + seconds

        return where


def _places(event: MessageEvent) -> tuple[Place, Place, Place]:
    """Return a message's chat, its person, and everywhere. Of nobody's messages, the chat stands
    for the person.
    """
    chat = ("chat", event.chat.channel, event.chat.bot_id, event.chat.chat_id)
    account = event.author or event.answers
    person = chat if account is None else ("person", account.channel, account.channel_user_id)

    return chat, person, ("everywhere",)

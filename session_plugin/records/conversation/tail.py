"""The newest messages of one session, in memory. Knows no database and no other session."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from session_plugin.model import Account, Chat, MessageEvent, SessionMessage
from session_plugin.records.message_rows import Columns, copied, from_columns, is_flat
from session_plugin.rules.numbers import FIRST

ChatKey = tuple[str, str, str]
"""A chat's channel, bot and id, without its thread."""
Entry = SessionMessage | tuple[Columns, Chat]
"""A message as it is copied for readers, or the columns from which it is made for each of them."""

BYTES_OF_MESSAGE = 1000
"""About what a message without content takes, as columns or as an object."""
BYTES_OF_CHARACTER, BYTES_OF_JSON = 4, 8
"""The most that Python takes for a byte of text, and about what it takes for one of JSON."""
CONTENT, METADATA, ATTACHMENTS, PARTS = 6, 7, 8, 12
"""Where columns of varying length stand among a message's columns."""


@dataclass(slots=True, eq=False)
class Tail:
    """The newest messages of a session, as of the last COMMIT.

    Args:
        session_no: The session.
        chats: The chats of its segments, as messages show them.
        depth: How many messages are wanted; up to twice as many are kept.
        last_activity: When somebody was last active in it, or before.
        is_whole: Whether it has no older message.
    """

    session_no: int
    chats: Mapping[Chat, Chat]
    depth: int
    last_activity: float
    is_whole: bool
    bytes: int = 0
    has_quotes: bool = False
    readers: set[tuple[str, ...]] = field(default_factory=set)
    """Who reads it, as `Tails` names them."""
    chat_keys: set[ChatKey] = field(default_factory=set)
    """The chats of its segments."""
    _entries: list[Entry] = field(default_factory=list)
    _seqs: list[int] = field(default_factory=list)
    _sizes: list[int] = field(default_factory=list)
    _people: dict[tuple[str, str], Account] = field(default_factory=dict)

    @property
    def newest_seq(self) -> int:
        """The number of the newest message."""
        return self._seqs[-1] if self._seqs else FIRST

    def add(self, columns: Columns, chat: Chat, received_at: float) -> None:
        """Add a newer message of one of its chats, and let go of old ones."""
        size = _size_of(columns)
        self._entries.append((columns, self.chats[chat]))
        self._seqs.append(columns[0])
        self._sizes.append(size)
        self.bytes += size
        self.last_activity = max(self.last_activity, received_at)
        self.has_quotes = self.has_quotes or _may_quote(columns)
        if len(self._seqs) > 2 * self.depth:
            self._let_go(len(self._seqs) - self.depth)

    def _let_go(self, count: int) -> None:
        self.bytes -= sum(self._sizes[:count])
        del self._entries[:count], self._seqs[:count], self._sizes[:count]
        self._people.clear()
        self.is_whole = False

    def newest(
        self, limit: int, before: MessageEvent | SessionMessage | int | None
    ) -> list[SessionMessage] | None:
        """Return copies of the newest messages before one, oldest first; None where they, or that
        one's place, are not all here.
        """
        end = self._end(before)
        if end is None or (end < limit and not self.is_whole):
            return None

        return [self._copy(index) for index in range(max(0, end - limit), end)]

    def _end(self, before: MessageEvent | SessionMessage | int | None) -> int | None:
        """Return how many messages are before one; None where that is not known."""
        if isinstance(before, SessionMessage):
            before = before.seq or None
        elif isinstance(before, MessageEvent):
            if before.message_id is not None:
                return self._place_of(before.chat, before.message_id)
            before = None

        if before is None:
            return len(self._seqs)

        return bisect_left(self._seqs, before)

    def _place_of(self, chat: Chat, message_id: str) -> int | None:
        for index in range(len(self._entries) - 1, -1, -1):
            entry = self._entries[index]
            if isinstance(entry, SessionMessage):
                known_id, known_chat = entry.message_id, entry.chat
            else:
                known_id, known_chat = entry[0][1], entry[1]
            if known_id == message_id and known_chat and chat_key(known_chat) == chat_key(chat):
                return index

        return None

    def _copy(self, index: int) -> SessionMessage:
        entry = self._entries[index]
        if isinstance(entry, SessionMessage):
            return copied(entry)

        message = from_columns(*entry, self._people)
        if is_flat(message):
            self._entries[index] = message
            return copied(message)

        return message


def tail_of(
    session_no: int,
    chats: Iterable[Chat],
    rows: list[tuple[Columns, Chat]],
    *,
    depth: int,
    last_activity: float,
    is_whole: bool,
) -> Tail:
    """Return the tail of a session whose newest messages were just read, oldest first."""
    places = {chat: chat for chat in chats}
    sizes = [_size_of(columns) for columns, _ in rows]

    return Tail(
        session_no,
        places,
        depth,
        last_activity,
        is_whole,
        bytes=sum(sizes),
        has_quotes=any(_may_quote(columns) for columns, _ in rows),
        chat_keys=set(map(chat_key, places)),
        _entries=[*rows],
        _seqs=[columns[0] for columns, _ in rows],
        _sizes=sizes,
    )


def chat_key(chat: Chat) -> ChatKey:
    """Return what names a chat, whatever its thread and title."""
    return chat.channel, chat.bot_id, chat.chat_id


def _may_quote(columns: Columns) -> bool:
    metadata = columns[METADATA]
    if isinstance(metadata, bytes):
        return b'"quote"' in metadata
    return metadata is not None  # somebody wrote the row by hand


def _size_of(columns: Columns) -> int:
    size = BYTES_OF_MESSAGE + BYTES_OF_CHARACTER * _length_of(columns[CONTENT])
    for place in (METADATA, ATTACHMENTS, PARTS):
        if columns[place] is not None:
            size += BYTES_OF_JSON * _length_of(columns[place])

    return size


def _length_of(cell: object) -> int:
    return len(cell) if isinstance(cell, bytes | str) else 0

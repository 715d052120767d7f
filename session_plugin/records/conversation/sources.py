"""Where the messages that a reader may see are, merged into one order, the newest first.

What may be seen is decided in histories.py; this only walks through it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import chain
from typing import Any, NamedTuple

from session_plugin.checks import is_storable
from session_plugin.database.engine import Row, Tx
from session_plugin.model import Account, SessionMessage
from session_plugin.records.conversation.histories import (
    ALL,
    PIECE,
    between,
    in_group,
    piece_in_groups,
    visible,
)
from session_plugin.records.conversation.sessions import Where, find_chat, find_scope
from session_plugin.records.message_rows import Columns
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people.accounts import current_user_id, find_account
from session_plugin.rules.numbers import FIRST
from session_plugin.rules.scopes import Scope, scope_of

BLOCK = 500
"""Messages fetched by one statement."""
UNREAD, READ = 0, 1
"""States of a source. Of two that may go on at the same number, the unread one comes first."""

Rows = Sequence[tuple[Any, ...]]
"""Rows of `segment_words`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An operator who reads what a person sees in their direct chats."""

    context: OperationContext
    who: Account | str
    name: str = ""
    direct_sees_groups: bool = False


Reader = Where | Person


def find_reader_scope(tx: Tx, reader: Reader) -> Scope | None:
    """Return the scope that somebody reads; None for nobody known."""
    if isinstance(reader, Where):
        return find_scope(tx, reader)

    user_id = user_id_of(tx, reader.who)
    if user_id is None:
        return None

    return scope_of(
        reader.context.bot,
        kind="direct",
        chat_no=0,
        thread_id="",
        peer_user_id=user_id,
        name=reader.name,
        direct_sees_groups=reader.direct_sees_groups,
    )


def user_id_of(tx: Tx, who: Account | str) -> str | None:
    """Return the user id that somebody goes by now; None for an account that nobody knows."""
    if isinstance(who, str):
        return current_user_id(tx, who) if is_storable(who) else None

    row = find_account(tx, who)
    return None if row is None else str(row["user_id"])


class Words(NamedTuple):
    """A row of `segment_words`."""

    seq: int
    content: bytes
    attachments: bytes | None
    role: str
    account_no: int | None
    channel: str | None
    sent_at: float


@dataclass(frozen=True, slots=True)
class Run:
    """Messages that come next: those of each source, newest first."""

    parts: Sequence[tuple[Source, Rows]] = ()

    def __len__(self) -> int:
        """Count them."""
        return sum(len(rows) for _, rows in self.parts)

    @property
    def rows(self) -> Rows:
        """All of them, newest first."""
        if len(self.parts) == 1:
            return self.parts[0][1]

        return sorted(chain.from_iterable(rows for _, rows in self.parts), key=_place)

    def only(self, chosen: Callable[[Rows], Rows]) -> Run:
        """Return those that are chosen among each source's."""
        return Run([(source, chosen(rows)) for source, rows in self.parts])

    def source_of(self, row: tuple[Any, ...]) -> Source:
        """Return where one of them is from."""
        for source, rows in self.parts:
            place = bisect_left(rows, _place(row), key=_place)
            if place < len(rows) and rows[place][0] == row[0]:
                return source

        raise LookupError(f"no source has the message {row[0]}")


class Source(ABC):
    """Messages in the order of their numbers.

    Attributes:
        key: What tells it from other sources, also in another snapshot.
        newest: No message of it has a greater number.
    """

    key: object
    newest: int

    @abstractmethod
    def read(self, tx: Tx, before: int) -> tuple[Rows, int | None]:
        """Return the next messages before a number as rows of `segment_words`, newest first; and
        before which number to go on, None at the end.
        """

    @abstractmethod
    def channel_of(self, seq: int) -> str:
        """Return the channel of the chat where one of its messages is."""

    @abstractmethod
    def message(self, tx: Tx, seq: int) -> SessionMessage:
        """Return one of its messages."""

    @abstractmethod
    def session_no(self, tx: Tx, message: SessionMessage) -> int:
        """Return the session of one of its messages."""


class SegmentSource(Source):
    """The messages of a segment."""

    def __init__(self, segment: Row) -> None:
        """Take a row of `segments_of_user` or `segments_of_group`."""
        self.segment = segment
        self.key = self.segment_no = int(segment["segment_no"])
        self.newest = int(segment["last_seq"])

    def read(self, tx: Tx, before: int) -> tuple[Rows, int | None]:
        """Return the next block."""
        rows = tx.tuples("segment_words", segment_no=self.segment_no, before=before, limit=BLOCK)
        return rows, rows[-1][0] if len(rows) == BLOCK else None

    def channel_of(self, seq: int) -> str:
        """Return the channel of its chat."""
        return str(self.segment["channel"])

    def message(self, tx: Tx, seq: int) -> SessionMessage:
        """Return one of its messages."""
        ((_, message),) = between(tx, self.segment, seq, seq)
        return message

    def session_no(self, tx: Tx, message: SessionMessage) -> int:
        """Return its session."""
        return int(self.segment["session_no"])


class _GroupsSource(Source):
    """What an account said in groups and was answered there."""

    def __init__(self, scope: Scope, account_no: int, *, since: float) -> None:
        self._scope = scope
        self._account_no = account_no
        self._since = since
        self._rows: dict[int, Columns] = {}
        self.key = ("groups", account_no)
        self.newest = ALL - 1

    def read(self, tx: Tx, before: int) -> tuple[Rows, int | None]:
        found, following = piece_in_groups(
            tx,
            self._scope,
            self._account_no,
            since=self._since,
            before=before,
            after=FIRST,
            limit=PIECE,
        )
        self._rows |= {row[6]: row for row in found}

        return [self._words(row) for row in found if not row[17]], following

    def _words(self, row: Columns) -> Words:
        _, _, role, _, channel, sent_at, content, _, attachments, *_ = row[6:]
        return Words(row[6], content, attachments, role, self._account_no, channel, sent_at)

    def channel_of(self, seq: int) -> str:
        return str(self._rows[seq][0])

    def message(self, tx: Tx, seq: int) -> SessionMessage:
        return in_group(self._rows[seq], {})

    def session_no(self, tx: Tx, message: SessionMessage) -> int:
        assert message.chat is not None
        chat = find_chat(tx, self._scope.bot, message.chat)
        assert chat is not None
        row = tx.one("message_by_seq", chat_no=chat["chat_no"], seq=message.seq)

        return int(row["session_no"])


def sources_of(tx: Tx, reader: Reader, scope: Scope) -> list[Source]:
    """Return where the messages that a reader may see are."""
    seen = visible(tx, reader.context, scope, include_previous=True)
    sources: list[Source] = [SegmentSource(segment) for segment in seen.segments]
    if scope.sees_groups:
        sources += [
            _GroupsSource(scope, row["account_no"], since=seen.since)
            for row in tx.all("accounts_of_user", user_id=scope.user_id)
        ]

    return sources


class Merged:
    """Several sources as one, newest first.

    A source is read only once nothing newer can be in another one.
    """

    def __init__(
        self, sources: Sequence[Source], *, before: int, exhausted: frozenset[object]
    ) -> None:
        """Begin before a number; `exhausted` are the keys of sources to leave out."""
        self._sources = sources
        self._exhausted = set(exhausted)
        self._blocks: dict[int, _Block] = {}
        self._heap = [
            (-min(source.newest, before - 1), UNREAD, number)
            for number, source in enumerate(sources)
            if source.key not in exhausted
        ]
        heapify(self._heap)

    @property
    def exhausted(self) -> frozenset[object]:
        """The keys of the sources in which nothing is left."""
        return frozenset(self._exhausted)

    @property
    def before(self) -> int:
        """The number before which all that is left is; `FIRST` where nothing is."""
        return 1 - self._heap[0][0] if self._heap else FIRST

    def next_run(self, tx: Tx) -> Run | None:
        """Return the next messages, or none of them where more had to be read first; None at the
        end.
        """
        if not self._heap:
            return None
        if self._heap[0][1] == UNREAD:
            place, _, number = heappop(self._heap)
            rows, following = self._sources[number].read(tx, 1 - place)
            self._put_back(number, _Block(rows, following))
            return Run()

        numbers, floor = self._take_read()
        parts: list[tuple[Source, Rows]] = []
        for number in numbers:
            block = self._blocks[number]
            end = bisect_right(block.rows, -floor, block.position, key=_place)
            parts.append((self._sources[number], block.rows[block.position : end]))
            block.position = end
            self._put_back(number, block)

        return Run(parts)

    def _take_read(self) -> tuple[list[int], int]:
        """Take the sources that come next and are read, and return down to which number each
        message of theirs is at hand.
        """
        numbers: list[int] = []
        floor = FIRST
        while self._heap and self._heap[0][1] == READ and -self._heap[0][0] >= floor:
            number = heappop(self._heap)[2]
            numbers.append(number)
            block = self._blocks[number]
            if block.following is not None:
                floor = max(floor, int(block.rows[-1][0]))

        if self._heap and self._heap[0][1] == UNREAD:
            floor = max(floor, 1 - self._heap[0][0])

        return numbers, floor

    def _put_back(self, number: int, block: _Block) -> None:
        """Queue a source where it goes on: with what is read, or where reading goes on."""
        if block.position < len(block.rows):
            self._blocks[number] = block
            heappush(self._heap, (_place(block.rows[block.position]), READ, number))
        elif block.following is not None:
            heappush(self._heap, (1 - block.following, UNREAD, number))
        else:
            self._exhausted.add(self._sources[number].key)


@dataclass(slots=True)
class _Block:
    """Rows that were read, how many of them were handed out, and where reading goes on."""

    rows: Rows
    following: int | None
    position: int = 0


def _place(row: tuple[Any, ...]) -> int:
    """Return where a row comes in ascending order: the newest first."""
    return -int(row[0])

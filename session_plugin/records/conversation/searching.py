"""Look through everything that a reader may see, from the newest message on.

There is no index of words: a second copy of them would have to be forgotten, too. All sources are
merged by sequence number, so a search can stop anywhere and go on later, and nothing is looked at
twice. Each call is one short snapshot.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import chain
from typing import Any, NamedTuple

from session_plugin.checks import is_storable
from session_plugin.database.engine import Row, Tx
from session_plugin.model import Account, SessionMessage
from session_plugin.records.cells import attachments_from_json, to_text
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
from session_plugin.rules.found import Hit
from session_plugin.rules.scopes import Scope, scope_of
from session_plugin.rules.searching import Query, places_in, words_of

SNAPSHOT_SECONDS = 0.05
"""The longest that one snapshot is held; other readers wait for the thread meanwhile."""
BLOCK = 500
"""Messages fetched by one statement."""
YIELD_AFTER = 250
"""Messages compared before other threads get a turn: an event loop must not wait for them."""
YIELD_SECONDS = 0.00005
UNREAD, READ = 0, 1
"""States of a source. Of two that may go on at the same number, the unread one comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An operator who reads what a person sees in their direct chats."""

    context: OperationContext
    who: Account | str
    name: str = ""
    direct_sees_groups: bool = False


Reader = Where | Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Where to look.

    Args:
        before: Only messages before this sequence number.
        limit: How many hits at most.
        exhausted: Sources in which nothing is left, as the piece before returned them.
    """

    before: int = ALL
    limit: int
    exhausted: frozenset[object] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What one snapshot brought.

    Args:
        hits: What matched, newest first.
        before: Messages before this number are still to be looked through; 0 where there is none.
        exhausted: Sources in which nothing is left.
    """

    hits: tuple[Hit, ...]
    before: int
    exhausted: frozenset[object] = frozenset()


def search(
    tx: Tx,
    reader: Reader,
    query: Query,
    request: Request,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Piece:
    """Return what matches among the messages before a number, as far as one snapshot gets.

    Args:
        tx: The transaction.
        reader: Who looks.
        query: For what.
        request: From where on, and for how many.
        clock: Returns seconds, for the length of the snapshot.
    """
    give_up_at = clock() + SNAPSHOT_SECONDS
    scope = find_reader_scope(tx, reader)
    if scope is None:
        return Piece(hits=(), before=0)

    is_wanted = _criteria(tx, reader, scope, query)
    merged = _Merged(
        sources_of(tx, reader, scope), before=request.before, exhausted=request.exhausted
    )
    session_ids: dict[int, str] = {}
    hits: list[Hit] = []
    compared = 0
    while (run := merged.next_run(tx)) is not None:
        for source, seq in _matching(run, query, is_wanted):
            if len(hits) == request.limit:  # there is one more
                before = hits[-1].message.seq
                return Piece(hits=tuple(hits), before=before, exhausted=merged.exhausted)
            hits.append(_hit(tx, source, seq, query, session_ids))

        compared += len(run.rows)
        if compared >= YIELD_AFTER:
            compared = 0
            time.sleep(YIELD_SECONDS)
        if clock() >= give_up_at and merged.before < request.before:  # each snapshot gets on
            break

    return Piece(hits=tuple(hits), before=merged.before, exhausted=merged.exhausted)


def find_reader_scope(tx: Tx, reader: Reader) -> Scope | None:
    """Return the scope that somebody reads; None for nobody known."""
    if isinstance(reader, Where):
        return find_scope(tx, reader)

    user_id = _user_id_of(tx, reader.who)
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


def _user_id_of(tx: Tx, who: Account | str) -> str | None:
    if isinstance(who, str):
        return current_user_id(tx, who) if is_storable(who) else None

    row = find_account(tx, who)
    return None if row is None else str(row["user_id"])


# What is wanted of a message besides its words


class _Words(NamedTuple):
    """A row of `segment_words`."""

    seq: int
    content: bytes
    attachments: bytes | None
    role: str
    account_no: int | None
    channel: str | None
    sent_at: float


Rows = Sequence[tuple[Any, ...]]
"""Rows of `segment_words`."""
Criterion = Callable[[_Words, str], bool]
"""Checks a message and its chat's channel."""


def _criteria(tx: Tx, reader: Reader, scope: Scope, query: Query) -> Criterion | None:
    """Return what checks all that is asked for besides words; None where that is nothing."""
    criteria = [_sent_by(_numbers(tx, reader, scope, who)) for who in query.senders if who != "bot"]
    roles = query.roles
    since, until = query.since, query.until
    if "bot" in query.senders:
        criteria.append(lambda row, _: row.role == "assistant")
    if roles is not None:
        criteria.append(lambda row, _: row.role in roles)
    if since is not None:
        criteria.append(lambda row, _: row.sent_at >= since)
    if until is not None:
        criteria.append(lambda row, _: row.sent_at < until)
    if query.channel is not None or query.family is not None:
        criteria.append(
            lambda row, channel: query.is_on(channel if row.channel is None else row.channel)
        )
    if not criteria:
        return None

    return lambda row, channel: all(criterion(row, channel) for criterion in criteria)


def _sent_by(numbers: frozenset[int]) -> Criterion:
    return lambda row, _: row.role == "user" and row.account_no in numbers


def _numbers(tx: Tx, reader: Reader, scope: Scope, who: object) -> frozenset[int]:
    """Return the accounts that a sender has: the reader's own, or the one that was named."""
    if isinstance(who, Account):
        row = find_account(tx, who)
        return frozenset(() if row is None else (int(row["account_no"]),))

    user_id = scope.user_id
    if user_id is None and isinstance(reader, Where) and reader.account is not None:
        user_id = _user_id_of(tx, reader.account)
    if user_id is None:
        return frozenset()

    return frozenset(int(row["account_no"]) for row in tx.all("accounts_of_user", user_id=user_id))


def _matching(
    run: _Run, query: Query, is_wanted: Criterion | None
) -> Iterator[tuple[_Source, int]]:
    """Yield the source and the number of each message of a run that matches."""
    matches = query.matches
    for columns in run.rows:
        if matches(_text_of(columns[1], columns[2])):
            row, source = _Words(*columns), run.source_of(columns)
            if is_wanted is None or is_wanted(row, source.channel_of(row.seq)):
                yield source, row.seq


def _text_of(content: object, attachments: object) -> str:
    text = to_text(content)
    return words_of(text, attachments_from_json(attachments)) if attachments else text


# Where messages come from


@dataclass(frozen=True, slots=True)
class _Run:
    """Messages that come next, newest first, and which of them are of which source."""

    rows: Rows
    parts: Sequence[tuple[_Source, Rows]]

    def source_of(self, row: tuple[Any, ...]) -> _Source:
        """Return where one of them is from."""
        for source, rows in self.parts:
            place = bisect_left(rows, _place(row), key=_place)
            if place < len(rows) and rows[place][0] == row[0]:
                return source

        raise LookupError(f"no source has the message {row[0]}")


class _Source:
    """Messages in the order of their numbers.

    Attributes:
        key: What tells it from other sources, also in another snapshot.
        newest: No message of it has a greater number.
    """

    key: object
    newest: int

    def read(self, tx: Tx, before: int) -> tuple[Rows, int | None]:
        """Return the next messages before a number as rows of `segment_words`, newest first; and
        before which number to go on, None at the end.
        """
        raise NotImplementedError

    def channel_of(self, seq: int) -> str:
        """Return the channel of the chat where one of its messages is."""
        raise NotImplementedError

    def message(self, tx: Tx, seq: int) -> SessionMessage:
        """Return one of its messages."""
        raise NotImplementedError

    def session_no(self, tx: Tx, message: SessionMessage) -> int:
        """Return the session of one of its messages."""
        raise NotImplementedError


class SegmentSource(_Source):
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


class _GroupsSource(_Source):
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
            after=0,
            limit=PIECE,
        )
        self._rows |= {row[6]: row for row in found}

        return [self._words(row) for row in found if not row[17]], following

    def _words(self, row: Columns) -> _Words:
        _, _, role, _, channel, sent_at, content, _, attachments, *_ = row[6:]
        return _Words(row[6], content, attachments, role, self._account_no, channel, sent_at)

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


def sources_of(tx: Tx, reader: Reader, scope: Scope) -> list[_Source]:
    """Return where the messages that a reader may see are."""
    seen = visible(tx, reader.context, scope, include_previous=True)
    sources: list[_Source] = [SegmentSource(segment) for segment in seen.segments]
    if scope.sees_groups:
        sources += [
            _GroupsSource(scope, row["account_no"], since=seen.since)
            for row in tx.all("accounts_of_user", user_id=scope.user_id)
        ]

    return sources


class _Merged:
    """Several sources as one, newest first.

    A source is read only once nothing newer can be in another one.
    """

    def __init__(
        self, sources: Sequence[_Source], *, before: int, exhausted: frozenset[object]
    ) -> None:
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
        """The number before which all that is left is; 0 where nothing is."""
        return 1 - self._heap[0][0] if self._heap else 0

    def next_run(self, tx: Tx) -> _Run | None:
        """Return the next messages, or none of them where more had to be read first; None at the
        end.
        """
        if not self._heap:
            return None
        if self._heap[0][1] == UNREAD:
            place, _, number = heappop(self._heap)
            rows, following = self._sources[number].read(tx, 1 - place)
            self._put_back(number, _Block(rows, following))
            return _Run([], [])

        numbers, floor = self._take_read()
        parts: list[tuple[_Source, Rows]] = []
        for number in numbers:
            block = self._blocks[number]
            end = bisect_right(block.rows, -floor, block.position, key=_place)
            parts.append((self._sources[number], block.rows[block.position : end]))
            block.position = end
            self._put_back(number, block)

        rows = parts[0][1]
        if len(parts) > 1:
            rows = sorted(chain.from_iterable(part for _, part in parts), key=_place)

        return _Run(rows, parts)

    def _take_read(self) -> tuple[list[int], int]:
        """Take the sources that come next and are read, and return down to which number each
        message of theirs is at hand.
        """
        numbers: list[int] = []
        floor = 0
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


def _hit(tx: Tx, source: _Source, seq: int, query: Query, session_ids: dict[int, str]) -> Hit:
    message = source.message(tx, seq)
    session_no = source.session_no(tx, message)
    if session_no not in session_ids:
        session_ids[session_no] = tx.one("session_id_of", session_no=session_no)["session_id"]

    return hit_of(message, session_ids[session_no], query)


def hit_of(message: SessionMessage, session_id: str, query: Query) -> Hit:
    """Return a message as a hit; spans beyond its text are in what came with it."""
    found = places_in(query, words_of(message.content, message.attachments))
    length = len(message.content)

    return Hit(
        message=message,
        session_id=session_id,
        spans=tuple((start, end) for start, end in found.spans if end <= length),
        closeness=found.closeness,
    )

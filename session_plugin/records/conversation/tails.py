"""The newest messages of the sessions that are read most, in memory between two COMMITs.

A reading fills a session's tail, the writer adds to it what it has committed, and whatever may
change it otherwise drops it. `newest` decides whether a reader can be served without the database.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from session_plugin.counters import Counter
from session_plugin.database.engine import Task, Tx
from session_plugin.database.remembering import Remembering
from session_plugin.model import Account, Chat, MessageEvent, SessionMessage
from session_plugin.records.conversation.histories import (
    chats_of,
    newest,
    newest_rows,
    read_history,
    seq_of,
)
from session_plugin.records.conversation.sessions import Where, find_scope, fresh_session
from session_plugin.records.conversation.tail import ChatKey, Tail, chat_key, tail_of
from session_plugin.records.conversation.touching import Added, Changed, changed_by, stores
from session_plugin.records.message_rows import from_columns

NAME = "session_tails"
"""The cache's name in metrics."""
LONGEST = 200
"""Messages for which the database is asked even if they were asked for before."""
MORE = 4
"""Messages read beyond those that are asked for, which most of the time are those before the one
that is answered.
"""
Reader = tuple[str, ...]
"""Who reads, in which chat and part of the scope. In a group all read the same."""


@dataclass(slots=True, eq=False)
class _Reading:
    """A reading that is to fill a tail, and what has been committed since it began."""

    added: list[Added] = field(default_factory=list)
    is_outdated: bool = False


class Tails(Remembering):
    """One hub's tails, over all its event loops."""

    def __init__(
        self, *, most_bytes: int, shortest_silence: float | None, counted: Counter
    ) -> None:
        """Start without any.

        Args:
            most_bytes: About how many bytes of memory they may take.
            shortest_silence: Seconds of silence after which a session may be over; None: it never
                is.
            counted: Counts readings that were served and that were not.
        """
        super().__init__()
        self._most_bytes = most_bytes
        self._silence = shortest_silence
        self._counted = counted
        self._bytes = 0
        self._tails: OrderedDict[int, Tail] = OrderedDict()  # the one that was read last is last
        self._of_reader: dict[Reader, Tail] = {}
        self._of_chat: dict[ChatKey, set[Tail]] = {}
        self._readings: set[_Reading] = set()

    @property
    def bytes(self) -> int:
        """About how many bytes they take."""
        return self._bytes

    def newest(
        self,
        reader: Reader,
        *,
        now: float,
        limit: int,
        before: MessageEvent | SessionMessage | int | None,
    ) -> list[SessionMessage] | None:
        """Return the newest messages of a reader's live session, as `read_history` would, or None
        where the database has to be asked.

        They are the reader's own. All that was handed in for the reader's chat must be stored.

        The database is asked
        - after anybody else has committed,
        - if the session may be over by the clock,
        - if it is not remembered, or not so far back.
        """
        found: list[SessionMessage] | None = None
        if self.is_usable:
            with self.guard:
                tail = self._of_reader.get(reader) if self.is_current() else None
                if tail is not None and not self._may_be_over(tail, now):
                    found = tail.newest(limit, before)
                    self._tails.move_to_end(tail.session_no)

        self._counted.add(NAME, "miss" if found is None else "hit")

        return found

    def _may_be_over(self, tail: Tail, now: float) -> bool:
        return self._silence is not None and now - tail.last_activity > self._silence

    def read_history(
        self,
        tx: Tx,
        where: Where,
        *,
        limit: int,
        before: MessageEvent | SessionMessage | int | None,
    ) -> list[SessionMessage]:
        """Return what `histories.read_history` does for the live session, and remember it."""
        if limit > LONGEST or not self.is_usable:
            return read_history(tx, where, limit=limit, before=before)

        reading = self._begin()
        try:
            scope = find_scope(tx, where)
            if scope is None:
                return []

            live, segments = fresh_session(tx, where.context, scope)
            if live is None:
                return []

            depth = limit + MORE
            chats = chats_of(segments)
            found = newest_rows(tx, segments, limit=depth)
            rows = [(columns, chats[segment["segment_no"]]) for columns, segment in found[::-1]]
            is_whole = len(rows) < depth
            tail = tail_of(
                live["session_no"],
                chats.values(),
                rows,
                depth=depth,
                last_activity=live["last_activity"],
                is_whole=is_whole,
            )
            self._remember(reading, tail, reader_of(where.chat, where.account, where.name))
        finally:
            self._end(reading)

        before_seq = seq_of(tx, where, before)
        if before_seq is not None:
            rows = [row for row in rows if row[0][0] < before_seq]
        if len(rows) < limit and not is_whole:
            return newest(tx, segments, limit=limit, before=before_seq)

        people: dict[tuple[str, str], Account] = {}

        return [from_columns(*row, people) for row in rows[max(0, len(rows) - limit) :]]

    def _begin(self) -> _Reading:
        """Collect what is committed from now on, before the snapshot of a reading is taken."""
        reading = _Reading()
        with self.guard:
            self.may_remember()
            self._readings.add(reading)

        return reading

    def _end(self, reading: _Reading) -> None:
        with self.guard:
            self._readings.discard(reading)

    def _remember(self, reading: _Reading, tail: Tail, reader: Reader) -> None:
        """Keep a tail that was read, with what was added to its session meanwhile.

        A reader in a chat where nothing was said in this session is not kept: whose that chat is
        may not be decided yet.
        """
        if reader[1:4] not in tail.chat_keys:
            return

        with self.guard:
            if not self.may_remember() or reading.is_outdated:
                return

            for added in reading.added:
                if added.session_no != tail.session_no or added.seq <= tail.newest_seq:
                    continue
                if added.chat not in tail.chats:
                    return
                tail.add(added.columns(), added.chat, added.row["received_at"])

            known = self._tails.get(tail.session_no)
            if known is not None and known.depth >= tail.depth:
                known.last_activity = max(known.last_activity, tail.last_activity)
                tail = known
            elif known is not None:
                tail.readers |= known.readers
                self._drop(known)

            tail.readers.add(reader)
            self._keep(tail)

    def _keep(self, tail: Tail) -> None:
        if tail.session_no not in self._tails:
            self._tails[tail.session_no] = tail
            self._bytes += tail.bytes
        for reader in tail.readers:
            other = self._of_reader.setdefault(reader, tail)
            if other is not tail:
                other.readers.discard(reader)
                self._of_reader[reader] = tail
        for key in tail.chat_keys:
            self._of_chat.setdefault(key, set()).add(tail)

        self._make_room()

    def _make_room(self) -> None:
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._tails.values())))

    def _drop(self, tail: Tail) -> None:
        del self._tails[tail.session_no]
        self._bytes -= tail.bytes
        for reader in tail.readers:
            del self._of_reader[reader]
        for key in tail.chat_keys:
            of_chat = self._of_chat[key]
            of_chat.discard(tail)
            if not of_chat:
                del self._of_chat[key]

    def drop_all(self) -> None:
        """Drop all tails. The guard is held."""
        self._bytes = 0
        self._tails.clear()
        self._of_reader.clear()
        self._of_chat.clear()
        for reading in self._readings:
            reading.is_outdated = True
            reading.added.clear()

    def surely_write(self, tasks: Sequence[Task]) -> bool:
        """Check that one of the tasks has stored a message."""
        return any(map(stores, tasks))

    def note(self, tasks: Sequence[Task]) -> None:
        """Add what was recorded, and drop what has changed otherwise. The guard is held."""
        for task in tasks:
            try:
                changed = changed_by(task)
            except LookupError:
                self.drop_all()
                return

            if isinstance(changed, Added):
                self._add(changed)
            elif changed is not None:
                self._change(changed)

    def _add(self, added: Added) -> None:
        for reading in self._readings:
            reading.added.append(added)

        tail = self._tails.get(added.session_no)
        if tail is None:
            return
        if added.chat not in tail.chats:
            self._drop(tail)
            return

        self._bytes -= tail.bytes
        tail.add(added.columns(), added.chat, added.row["received_at"])
        self._bytes += tail.bytes
        self._make_room()

    def _change(self, changed: Changed) -> None:
        for reading in self._readings:
            reading.is_outdated = True

        gone = {self._tails[number] for number in changed.session_nos if number in self._tails}
        gone |= self._of_chat.get(chat_key(changed.chat), set())
        if changed.changes_quotes:
            gone |= {tail for tail in self._tails.values() if tail.has_quotes}
        for tail in gone:
            self._drop(tail)


def reader_of(chat: Chat, account: Account | None, name: str) -> Reader:
    """Return what names a reader."""
    if account is None or chat.kind == "group":
        return chat.kind, chat.channel, chat.bot_id, chat.chat_id, chat.thread_id, name

    return (
        chat.kind,
        chat.channel,
        chat.bot_id,
        chat.chat_id,
        chat.thread_id,
        name,
        account.channel,
        account.channel_user_id,
    )

"""Look through everything that a reader may see, from the newest message on.

There is no index of words: a second copy of them would have to be forgotten, too. A search can stop
anywhere and go on later, and nothing is looked at twice. Each call is one short snapshot.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from session_plugin.database.engine import Tx
from session_plugin.model import Account, SessionMessage
from session_plugin.records.cells import attachments_from_json, to_text
from session_plugin.records.conversation.histories import ALL
from session_plugin.records.conversation.sessions import Where
from session_plugin.records.conversation.sources import (
    Merged,
    Reader,
    Rows,
    Run,
    Source,
    Words,
    find_reader_scope,
    sources_of,
    user_id_of,
)
from session_plugin.records.people.accounts import find_account
from session_plugin.rules.found import Hit
from session_plugin.rules.numbers import FIRST
from session_plugin.rules.scopes import Scope
from session_plugin.rules.searching import Query, places_in, searched_text

SNAPSHOT_SECONDS = 0.05
"""The longest that one snapshot is held; other readers wait for the thread meanwhile."""
YIELD_AFTER = 250
"""Messages compared before other threads get a turn: an event loop must not wait for them."""
YIELD_SECONDS = 0.00005


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
        before: Messages before this number are still to be looked through; `FIRST` where there is
            none.
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
        return Piece(hits=(), before=FIRST)

    is_wanted = criteria_of(tx, reader, scope, query)
    merged = Merged(
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
            hits.append(_hit_at(tx, source, seq, query, session_ids))

        compared += len(run)
        if compared >= YIELD_AFTER:
            compared = 0
            time.sleep(YIELD_SECONDS)
        if clock() >= give_up_at and merged.before < request.before:  # each snapshot gets on
            break

    return Piece(hits=tuple(hits), before=merged.before, exhausted=merged.exhausted)


# What is wanted of a message besides its words


Criterion = Callable[[Words, str], bool]
"""Checks a message and its chat's channel."""


def criteria_of(tx: Tx, reader: Reader, scope: Scope, query: Query) -> Criterion | None:
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
        user_id = user_id_of(tx, reader.account)
    if user_id is None:
        return frozenset()

    return frozenset(int(row["account_no"]) for row in tx.all("accounts_of_user", user_id=user_id))


def _matching(run: Run, query: Query, is_wanted: Criterion | None) -> Iterator[tuple[Source, int]]:
    """Yield the source and the number of each message of a run that matches."""
    matches = query.matches
    left = run.only(lambda rows: _left_to_compare(rows, query))
    for columns in left.rows:
        if matches(text_of(columns[1], columns[2])):
            row, source = Words(*columns), left.source_of(columns)
            if is_wanted is None or is_wanted(row, source.channel_of(row.seq)):
                yield source, row.seq


def _left_to_compare(rows: Rows, query: Query) -> Rows:
    """Return rows without those in plain ASCII, if none of these can match."""
    plain: list[bytes] = []
    others: list[tuple[Any, ...]] = []
    for row in rows:
        content = row[1]
        if row[2] is None and isinstance(content, bytes) and content.isascii():
            plain.append(content)
        else:
            others.append(row)

    return rows if query.may_be_in(b"\n".join(plain)) else others


def text_of(content: object, attachments: object) -> str:
    """Return what is searched of a message's cells."""
    text = to_text(content)
    return searched_text(text, attachments_from_json(attachments)) if attachments else text


def _hit_at(tx: Tx, source: Source, seq: int, query: Query, session_ids: dict[int, str]) -> Hit:
    message = source.message(tx, seq)
    session_no = source.session_no(tx, message)
    if session_no not in session_ids:
        session_ids[session_no] = session_id_of(tx, session_no)

    return hit_of(message, session_ids[session_no], query)


def session_id_of(tx: Tx, session_no: int) -> str:
    """Return the public id of a session."""
    return str(tx.one("session_id_of", session_no=session_no)["session_id"])


def hit_of(message: SessionMessage, session_id: str, query: Query) -> Hit:
    """Return a message as a hit; spans beyond its text are in what came with it."""
    found = places_in(query, searched_text(message.content, message.attachments))
    length = len(message.content)

    return Hit(
        message=message,
        session_id=session_id,
        spans=tuple((start, end) for start, end in found.spans if end <= length),
        closeness=found.closeness,
    )

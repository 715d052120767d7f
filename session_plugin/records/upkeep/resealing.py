"""Write older rows back as they read, piece by piece: sealed after encryption was turned on, plain
after it was turned off.

What stands between operations and statements seals and opens, so nothing here knows how. What is
sealed is never empty; where it reads as empty, its key is missing, and it is left as it is. A piece
holds the writer for some milliseconds. How far messages are is stored with them, in the same
transaction; the other tables are gone through from the start by each process.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from session_plugin.database.engine import Row, Tx, Value
from session_plugin.records.people import data_keys
from session_plugin.records.upkeep import encryption_state
from session_plugin.records.upkeep.encryption_state import BEFORE_ALL, State

Wanted = Literal["sealing", "opening"]
MOST_BYTES = 1_000_000
"""Of messages in one piece."""

PRIVATE = ("author_name", "content", "metadata", "attachments", "parts")


@dataclass(frozen=True, slots=True)
class Cell:
    """A column, what says of it whether it is sealed, and the statement that writes it."""

    column: str
    is_sealed: str
    write: str
    row: tuple[str, ...]
    """Columns that say which row it is."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table other than those of messages: how it is read, in which order, from where on."""

    read: str
    key: str
    first: int | str
    cells: tuple[Cell, ...]


TABLES = (
    Table(
        "accounts_to_reseal",
        "account_no",
        BEFORE_ALL,
        (
            Cell("display_name", "name_is_sealed", "reseal_name", ("account_no",)),
            Cell("labels", "labels_are_sealed", "reseal_labels", ("account_no",)),
        ),
    ),
    Table(
        "chats_to_reseal",
        "chat_no",
        BEFORE_ALL,
        (Cell("title", "title_is_sealed", "reseal_title", ("chat_no",)),),
    ),
    Table(
        "sessions_to_reseal",
        "session_no",
        BEFORE_ALL,
        (
            Cell("metadata", "metadata_is_sealed", "reseal_metadata", ("session_no",)),
            Cell("state", "state_is_sealed", "reseal_state_of_session", ("session_no",)),
        ),
    ),
    Table(
        "users_to_reseal",
        "user_id",
        "",
        (Cell("state", "state_is_sealed", "reseal_state_of_user", ("user_id",)),),
    ),
    Table(
        "summaries_to_reseal",
        "summary_no",
        BEFORE_ALL,
        (Cell("content", "content_is_sealed", "reseal_summary", ("summary_no", "session_no")),),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What came of a piece.

    Args:
        rows: How many rows were looked at; fewer than were asked for does not mean the end, none
            does.
        changed: How many cells or messages were written.
        last: The last row, to go on behind it.
        seconds: How long it took.
        is_wanted: Whether it was still to be done; another process may have turned encryption on or
            off, or have come to its end.
    """

    rows: int = 0
    changed: int = 0
    last: tuple[Any, ...] = ()
    seconds: float = 0.0
    is_wanted: bool = True


NOT_WANTED = Piece(is_wanted=False)


def _is_in(tx: Tx, wanted: State) -> bool:
    known = encryption_state.find(tx)
    return known is not None and known.state == wanted


def reseal_table(tx: Tx, wanted: Wanted, table: Table, after: int | str, *, limit: int) -> Piece:
    """Write back the next rows of a table behind a key."""
    began = time.perf_counter()
    if not _is_in(tx, wanted):
        return NOT_WANTED

    rows = tx.all(table.read, after=after, limit=limit)
    changed = 0
    for row in rows:
        for cell in table.cells:
            value = row[cell.column]
            if value and bool(row[cell.is_sealed]) is (wanted == "opening"):
                identity = {name: row[name] for name in cell.row}
                changed += tx.run(cell.write, **identity, **{cell.column: value})

    return Piece(
        rows=len(rows),
        changed=changed,
        last=(rows[-1][table.key],) if rows else (),
        seconds=time.perf_counter() - began,
    )


def reseal_messages(tx: Tx, wanted: Wanted, *, limit: int) -> Piece:
    """Write back the next messages behind those that are noted as done, and note these."""
    began = time.perf_counter()
    known = encryption_state.find(tx)
    if known is None or known.state != wanted:
        return NOT_WANTED

    rows = _up_to(
        MOST_BYTES,
        tx.all(
            "messages_to_reseal",
            segment_no=known.done_segment,
            seq=known.done_seq,
            limit=limit,
        ),
    )
    if not rows:
        return Piece(seconds=time.perf_counter() - began)

    written = [
        {name: row[name] for name in ("chat_no", "seq", "account_no", "reply_to", *PRIVATE)}
        for row in rows
        if bool(row["is_sealed"]) is (wanted == "opening") and any(row[name] for name in PRIVATE)
    ]
    if written:
        tx.run_many("reseal_messages", written)
    tx.run("note_resealed", segment_no=rows[-1]["segment_no"], seq=rows[-1]["seq"])

    return Piece(
        rows=len(rows),
        changed=len(written),
        last=(rows[-1]["segment_no"], rows[-1]["seq"]),
        seconds=time.perf_counter() - began,
    )


def _up_to(most: int, rows: Sequence[Row]) -> Sequence[Row]:
    """Return the first rows up to so many bytes; one at least."""
    size = 0
    for count, row in enumerate(rows):
        size += sum(len(row[name] or b"") for name in PRIVATE)
        if size > most:
            return rows[: count + 1]

    return rows


def reseal_vectors(tx: Tx, wanted: Wanted, after: tuple[int, int], *, limit: int) -> Piece:
    """Write back the next vectors behind a segment and a number; messages come before them."""
    began = time.perf_counter()
    if not _is_in(tx, wanted):
        return NOT_WANTED

    segment_no, seq = after
    rows = tx.tuples("vectors_to_reseal", segment_no=segment_no, seq=seq, limit=limit)
    written: list[Mapping[str, Value]] = [
        {"segment_no": its_segment, "seq": its_seq, "vector": vector}
        for its_seq, vector, its_segment, is_sealed in rows
        if vector and bool(is_sealed) is (wanted == "opening")
    ]
    if written:
        tx.run_many("reseal_vectors", written)

    return Piece(
        rows=len(rows),
        changed=len(written),
        last=(rows[-1][2], rows[-1][0]) if rows else (),
        seconds=time.perf_counter() - began,
    )


def count_plain(tx: Tx) -> int:
    """Return how many messages, and cells of other tables, are not sealed. It looks at each.

    Vectors come and go with messages and are not counted.
    """
    found: int = tx.one("count_plain_messages")["count"]
    return found + int(tx.one("count_plain_elsewhere")["count"])


def count_sealed(tx: Tx) -> int:
    """Return how many messages, vectors and cells of other tables are sealed. It looks at each."""
    names = ("count_sealed_messages", "count_sealed_vectors", "count_sealed_elsewhere")
    return sum(tx.one(name)["count"] for name in names)


def begin_again(tx: Tx, wanted: Wanted) -> None:
    """Go through all messages once more, if that is still wanted."""
    if _is_in(tx, wanted):
        encryption_state.turn(tx, wanted)


def finish_sealing(tx: Tx, *, now: float) -> bool:
    """Note that all is sealed, and that the file still has bytes of what was not. False if sealing
    is over, or was given up.
    """
    if not _is_in(tx, "sealing"):
        return False

    encryption_state.turn(tx, "sealed")
    tx.run("add_erasure", at=now)

    return True


def end(tx: Tx) -> bool:
    """End encryption; False if it was turned on again, or the key store still has to destroy keys.

    The other keys stay: a copy of the database needs them as long as it is kept.
    """
    if not _is_in(tx, "opening") or data_keys.to_destroy(tx):
        return False

    tx.run("end_encryption")
    return True

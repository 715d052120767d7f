"""The seam: what is written is sealed, and what is read is opened, between operations and engine.

`Sealing` wraps the transactions of one engine. An operation runs the same statements with the same
values as without encryption; columns.py says which of them are private.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from session_plugin.database.engine import Row, Tx, Value
from session_plugin.database.memory import Memory
from session_plugin.encryption import cells, names, quoted, vectors
from session_plugin.encryption.columns import (
    CELLS,
    LABELS,
    MESSAGES,
    NAME,
    OPENED,
    PRIVATE,
    SESSION_METADATA,
    SESSION_STATE,
    SUMMARY,
    TITLE,
    TUPLES,
    USER_STATE,
    VECTORS,
    Cell,
)
from session_plugin.encryption.opening import (
    WITHHELD,
    Opener,
    as_dict,
    message_place,
    quote_place,
)
from session_plugin.encryption.owners import Owner, Owners, owner_of_cell, owner_of_message
from session_plugin.encryption.ring import KeyRing
from session_plugin.errors import DatabaseRefused, DatabaseUnavailable
from session_plugin.logs import FieldLogger
from session_plugin.records.people import data_keys

logger = FieldLogger("session_plugin.encryption")

STATE_SECONDS = 10.0
"""After so long, at most, a process follows another one that has turned encryption on or off, and a
transaction drops keys that another one has destroyed.
"""
SEALS = ("sealing", "sealed")
"""States in which what is written is sealed."""


class Sealing:
    """Wraps the transactions of one engine.

    Whether what is written is sealed is what the database says, since another process may turn
    encryption on or off; what is sealed is opened all the same.

    Args:
        ring: The data keys.
        state: How far encryption is in the database.
        check_id: The key by which the store of the ring is known there.
        destroyed: The number of the newest key that was destroyed, before the ring had any.
        clock: Returns seconds.
    """

    def __init__(
        self,
        ring: KeyRing,
        *,
        state: str,
        check_id: bytes,
        destroyed: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Remember nothing yet."""
        self.ring = ring
        self._check_id = check_id
        self._clock = clock
        self._seals = state in SEALS
        self._asks_at = clock() + STATE_SECONDS
        self._destroyed = destroyed
        self._sign: int | None = None
        self._drops_at = clock() + STATE_SECONDS
        self.owners = Owners(ring)
        self.opener = Opener(ring)

    def wrap(self, tx: Tx) -> Tx:
        """Return a transaction that seals and opens."""
        return SealedTx(tx, self)

    def wrap_reading(self, tx: Tx) -> Tx:
        """Return a transaction that opens; keys that were destroyed are dropped before, unless that
        was looked at a while ago, as each transaction does that writes.
        """
        if self._clock() >= self._drops_at:
            self.drop_destroyed(tx)

        return SealedTx(tx, self)

    def begun(self, tx: Tx, sign: int | None) -> None:
        """Drop keys that were destroyed since the last transaction that wrote, if any may be."""
        if sign != self._sign:
            self.drop_destroyed(tx)
            self._sign = sign

        self._drops_at = self._clock() + STATE_SECONDS

    def drop_destroyed(self, tx: Tx) -> None:
        """Drop keys, here in memory, that another process has destroyed."""
        while (piece := data_keys.destroyed_after(tx, self._destroyed)).last is not None:
            self.ring.drop(piece.key_ids)
            self._destroyed = piece.last

        self._drops_at = self._clock() + STATE_SECONDS

    def seals(self, tx: Tx) -> bool:
        """Return whether what is written is sealed; asked of the database from time to time, with
        whose keys are whose, and of the key store whether it is there.

        Raises:
            DatabaseRefused: it was encrypted anew meanwhile, with another store of keys.
            DatabaseUnavailable: the key store is away, or another one.
        """
        if self._clock() < self._asks_at:
            return self._seals

        row = tx.first("encryption_state")
        if row is not None and bytes(row["check_id"]) != self._check_id:
            raise DatabaseRefused(
                "the database was encrypted anew while it was in use, with another store of keys; "
                "restart this process with that one"
            )

        self._seals = row is not None and row["state"] in SEALS
        self.owners.forget()
        if row is not None and not self.ring.look(self._check_id):
            raise DatabaseUnavailable(
                "the key store has lost its keys, or another one was put in its place"
            )
        self._asks_at = self._clock() + STATE_SECONDS  # until then it is asked each time

        return self._seals

    def ask_again(self) -> None:
        """Ask the database before anything is sealed next."""
        self._asks_at = self._clock()

    def rolled_back(self) -> None:
        """Forget what may have been looked up in a transaction that was undone."""
        self.owners.forget()

    def close(self) -> None:
        """Forget all keys and close their store."""
        self.owners.forget()
        self.ring.close()


class SealedTx:
    """Named statements whose private values are sealed in the database and plain here."""

    __slots__ = ("_opener", "_ring", "_sealing", "_tx")

    def __init__(self, tx: Tx, sealing: Sealing) -> None:
        """Wrap a transaction."""
        self._tx = tx
        self._sealing = sealing
        self._ring = sealing.ring
        self._opener = sealing.opener

    @property
    def memory(self) -> Memory | None:
        """What the engine remembers; it holds nothing that is sealed."""
        return self._tx.memory

    def first(self, query: str, /, **values: Value) -> Row | None:
        """Run a statement, and give its first row, opened."""
        add = _ADDING.get(query)
        if add is not None and self._sealing.seals(self._tx):
            return add(self, query, values)

        row = self._tx.first(query, **values)
        if row is None or query not in OPENED:
            return row
        return self._opened(query, [row], values)[0]

    def one(self, query: str, /, **values: Value) -> Row:
        """Run a statement that always has a row, and give it, opened."""
        row = self.first(query, **values)
        if row is None:
            raise LookupError(f"the statement {query} returned no row")
        return row

    def all(self, query: str, /, **values: Value) -> list[Row]:
        """Run a statement, and give all rows, opened."""
        look = _LOOKING.get(query)
        if look is not None:
            return look(self, [values])

        return self._opened(query, self._tx.all(query, **values), values)

    def tuples(self, query: str, /, **values: Value) -> list[tuple[Any, ...]]:
        """Run a statement, and give all rows as tuples, opened."""
        rows = self._tx.tuples(query, **values)
        if query in VECTORS:
            return vectors.opened(self._ring, rows)

        at = TUPLES.get(query)
        return rows if at is None else self._opener.tuples(rows, at)

    def at_once(self, query: str, /, **values: Value) -> list[tuple[Any, ...]] | None:
        """Run a statement in a snapshot of its own, and give its rows, opened."""
        rows = self._tx.at_once(query, **values)
        at = TUPLES.get(query)
        return rows if rows is None or at is None else self._opener.tuples(rows, at)

    def run(self, query: str, /, **values: Value) -> int:
        """Run a statement with its private values sealed."""
        if query in _CHANGING:
            return self._change_message(query, values)
        if query in _MOVING:
            return self._move_summaries(query, values)

        written = _WRITING.get(query)
        if written is not None and self._sealing.seals(self._tx):
            values = self._sealed_rows(written, [values])[0]

        return self._tx.run(query, **values)

    def all_many(self, query: str, rows: Sequence[Mapping[str, Value]], /) -> list[Row]:
        """Run a statement for rows whose private values are sealed, and give what it returns."""
        look = _LOOKING.get(query)
        if look is not None:
            return look(self, rows)

        add = _ADDING_MANY.get(query)
        if add is not None and self._sealing.seals(self._tx):
            return add(self, query, rows)

        return self._opened(query, self._tx.all_many(query, rows), {})

    def run_many(self, query: str, rows: Sequence[Mapping[str, Value]], /) -> int:
        """Run a statement for each of `rows`, with their private values sealed."""
        if query == "add_vectors":
            rows = vectors.sealed(self._tx, self._opener, self._ring, rows)
        elif query in ("add_messages", "reseal_messages") and self._sealing.seals(self._tx):
            rows = self._sealed_messages(rows)
        elif query == "set_summaries" and self._sealing.seals(self._tx):
            rows = self._only(SUMMARY, self._sealed_rows(SUMMARY, rows))
        elif query == "reseal_vectors" and self._sealing.seals(self._tx):
            rows = vectors.resealed(self._tx, self._ring, rows)

        return self._tx.run_many(query, rows)

    def alone(self) -> None:
        """Make sure that nobody else writes."""
        self._tx.alone()

    def _opened(self, query: str, rows: list[Row], values: Mapping[str, Value]) -> list[Row]:
        if not rows:
            return rows
        if query in MESSAGES:
            return self._opener.messages(rows)

        found = CELLS.get(query)
        return rows if found is None else self._opener.rows(rows, found, values)

    # What is written.

    def _sealed_messages(self, rows: Sequence[Mapping[str, Value]]) -> list[dict[str, Value]]:
        owners = [owner_of_message(row) for row in rows]
        quoting = self._owners_quoted(rows)
        keys = self._keys_of([*owners, *quoting.values()])
        return [
            self._sealed_message(
                row,
                keys[owner],
                quoted_by=keys[quoting[position]] if position in quoting else None,
            )
            for position, (row, owner) in enumerate(zip(rows, owners, strict=True))
        ]

    def _owners_quoted(self, rows: Sequence[Mapping[str, Value]]) -> dict[int, Owner]:
        """Return whose words some messages quote, by their positions, where that is another known
        account's than the one whose key the message has.
        """
        asked: list[dict[str, Value]] = []
        for position, row in enumerate(rows):
            metadata = row["metadata"]
            quote = quoted.quote_in(metadata) if isinstance(metadata, bytes) else None
            if quote is not None:
                noted = {**quote, "message_id": quote["message_id"] or row.get("reply_to")}
                asked.append({**noted, "position": position, "chat_no": row["chat_no"]})
        if not asked:
            return {}

        return {
            row["position"]: ("messages", row["chat_no"], row["account_no"], 0, "")
            for row in self._tx.all_many("accounts_quoted", asked)
            if row["account_no"] != rows[row["position"]]["account_no"]
            and row["account_no"] != row["peer_no"]
        }

    def _sealed_message(
        self, row: Mapping[str, Any], key_id: bytes, *, quoted_by: bytes | None = None
    ) -> dict[str, Value]:
        if not row["content"] and not any(row[name] for name in cells.PACKED):
            return dict(row)

        cipher = self._ring.get(key_id)
        assert cipher is not None, "it was made or looked up in this transaction"
        value = cells.pack(row) if quoted_by is None else self._packed_with_quote(row, quoted_by)
        cell = cells.seal(cipher, key_id, value, bound_to=message_place(row["seq"]))
        return {**row, **_NOTHING_BESIDES, "content": cell}

    def _packed_with_quote(self, row: Mapping[str, Any], key_id: bytes) -> bytes:
        cipher = self._ring.get(key_id)
        assert cipher is not None, "it was made or looked up in this transaction"
        private = {name: row[name] for name in PRIVATE["messages"]}
        quote = cells.pack(quoted.only_quote(private))
        sealed = cells.seal(cipher, key_id, quote, bound_to=quote_place(row["seq"]))
        return quoted.join(sealed, cells.pack(quoted.without_quote(private)))

    def _add_message(self, query: str, values: Mapping[str, Value]) -> Row:
        """Store a message whose number is drawn by the statement, then what it says."""
        added = self._tx.one(query, **{**values, **_NOTHING_BESIDES, "content": b""})
        row = {**values, "seq": added["seq"]}
        sealed = self._sealed_messages([row])[0]
        self._set_private(sealed)

        return added

    def _set_private(self, row: Mapping[str, Value]) -> None:
        names = ("chat_no", "seq", *PRIVATE["messages"])
        self._tx.run("set_private_columns", **{name: row[name] for name in names})

    def _change_message(self, query: str, values: Mapping[str, Value]) -> int:
        """Run a statement that changes some of a message's private columns, which are one cell.

        They are sealed with the key that the message has, also where new ones would not be sealed.
        A cell that does not open, because its key is away, stays unless all of it is replaced.
        """
        key = {"chat_no": values["chat_no"], "seq": values["seq"]}
        stored = self._tx.first("private_columns", **key)
        if stored is None:
            return self._tx.run(query, **values)

        is_sealed = cells.is_sealed(stored["content"])
        if not (is_sealed or self._sealing.seals(self._tx)):
            return self._tx.run(query, **values)

        private: Mapping[str, Any] = {}
        if is_sealed:
            opened = self._opener.columns_of(stored["content"], stored["seq"])
            if opened is None and "content" not in values:
                return 0
            private = WITHHELD if opened is None else opened

        changes = {name: values[name] for name in PRIVATE["messages"] if name in values}
        blank = {name: b"" if name == "content" else None for name in changes}
        changed = self._tx.run(query, **{**values, **blank})

        row = {**as_dict(stored), **private, **_CHANGING[query], **changes}
        if self._sealing.seals(self._tx):
            has_key = is_sealed and self._ring.get(cells.key_id_of(stored["content"])) is not None
            row = (
                self._sealed_again(row, cells.key_id_of(stored["content"]))
                if has_key
                else self._sealed_messages([row])[0]
            )
        self._set_private(row)

        return changed

    def _sealed_again(self, row: Mapping[str, Any], key_id: bytes) -> dict[str, Value]:
        """Return a message that is changed, sealed with the key that it has."""
        owner = self._owners_quoted([row]).get(0)
        quoted_by = None if owner is None else self._keys_of([owner])[owner]
        return self._sealed_message(row, key_id, quoted_by=quoted_by)

    def _sealed_rows(
        self, cell: Cell, rows: Sequence[Mapping[str, Value]]
    ) -> list[dict[str, Value]]:
        """Return the parameters of a statement for several rows, with the private one sealed."""
        identities = [[row[one] for one in cell.row] for row in rows]
        owners = [owner_of_cell(cell, row) for row in rows]
        keys = self._sealing.owners.keys_of(
            self._tx, [owner for owner, row in zip(owners, rows, strict=True) if row[cell.name]]
        )
        return [
            {**row, cell.name: self._seal(cell, row[cell.name], keys[owner], identity)}
            if row[cell.name]
            else dict(row)  # no name, or no metadata: there is nothing to seal
            for row, owner, identity in zip(rows, owners, identities, strict=True)
        ]

    def _keys_of(self, owners: Sequence[Owner]) -> Mapping[Owner, bytes]:
        return self._sealing.owners.keys_of(self._tx, owners)

    def _seal(
        self, cell: Cell, value: Any, key_id: bytes, identity: Iterable[object]
    ) -> bytes | str:
        cipher = self._ring.get(key_id)
        assert cipher is not None, "it was made or looked up in this transaction"
        bound_to = cells.place(cell.column, *identity)
        if isinstance(value, str):
            sealed = cells.seal(cipher, key_id, value.encode(), bound_to=bound_to)
            return cells.to_column_of_text(sealed)

        return cells.seal(cipher, key_id, value, bound_to=bound_to)

    def _add_account(self, query: str, values: Mapping[str, Value]) -> Row:
        added = self._tx.one(query, **{**values, "display_name": ""})
        self._set_later("name_accounts", NAME, [{**values, "account_no": added["account_no"]}])
        return added

    def _add_accounts(self, query: str, rows: Sequence[Mapping[str, Value]]) -> list[Row]:
        added = self._tx.all_many(query, [{**row, "display_name": ""} for row in rows])
        new = {row["user_id"]: row for row in rows}  # a new user has one account
        named = [{**new[row["user_id"]], "account_no": row["account_no"]} for row in added]
        self._set_later("name_accounts", NAME, named)
        return added

    def _add_chat(self, query: str, values: Mapping[str, Value]) -> Row:
        added = as_dict(self._tx.one(query, **{**values, "title": ""}))
        added["title"] = values["title"]
        self._set_later("title_chats", TITLE, [added])
        return added

    def _add_chats(self, query: str, rows: Sequence[Mapping[str, Value]]) -> list[Row]:
        added = self._tx.all_many(query, [{**row, "title": ""} for row in rows])
        new = {_CHAT_KEY(row): row for row in rows}
        titled = [{**new[_CHAT_KEY(row)], "chat_no": row["chat_no"]} for row in added]
        self._set_later("title_chats", TITLE, titled)
        return added

    def _set_later(self, query: str, cell: Cell, rows: Sequence[Mapping[str, Value]]) -> None:
        """Set a cell of rows that were just added without it, as their numbers are known now."""
        filled = [row for row in rows if row[cell.name]]
        if filled:
            self._tx.run_many(query, self._only(cell, self._sealed_rows(cell, filled)))

    @staticmethod
    def _only(cell: Cell, rows: Sequence[Mapping[str, Value]]) -> list[dict[str, Value]]:
        """Return of rows what a statement takes that sets this cell."""
        return [{name: row[name] for name in (cell.name, *cell.row)} for row in rows]

    def _add_summary(self, query: str, values: Mapping[str, Value]) -> Row:
        added = self._tx.one(query, **{**values, "content": b""})
        self._set_summaries([{**values, "summary_no": added["summary_no"]}])
        return added

    def _add_summaries(self, query: str, rows: Sequence[Mapping[str, Value]]) -> list[Row]:
        added = self._tx.all_many(query, [{**row, "content": b""} for row in rows])
        new = {row["session_no"]: row for row in rows}  # each session gets one
        self._set_summaries(
            [{**new[row["session_no"]], "summary_no": row["summary_no"]} for row in added]
        )
        return added

    def _set_summaries(self, rows: Sequence[Mapping[str, Value]]) -> None:
        self._set_later("set_summaries", SUMMARY, rows)

    def _move_summaries(self, query: str, values: Mapping[str, Value]) -> int:
        """Move summaries to another session, whose key they get."""
        moved = self._tx.run(query, **values)
        if self._sealing.seals(self._tx):
            self.reseal_summaries(values["session_no"])

        return moved

    def reseal_summaries(self, session_no: Value) -> None:
        """Seal the summaries of a session with its key of now; one that does not open stays."""
        rows = self.all("contents_of_summaries", session_no=session_no)
        self._set_summaries([row for row in map(as_dict, rows) if row["content"]])


_NOTHING_BESIDES: Mapping[str, None] = dict.fromkeys(cells.PACKED)
_CHAT_KEY = itemgetter("bot", "channel", "bot_id", "chat_id")

_CHANGING: Mapping[str, Mapping[str, Value]] = {
    "edit_message": {},
    "unquote": {},
    "keep_transcripts": {},
    "blank_forward": {"attachments": None, "parts": None},
}
"""Statements that change some of a message's private columns, and what they set by themselves."""
_MOVING = frozenset({"move_summaries", "move_summary"})
"""Statements that give summaries to another session."""
_WRITING: Mapping[str, Cell] = {
    "rename_account": NAME,
    "set_labels": LABELS,
    "retitle_chat": TITLE,
    "set_state_of_session": SESSION_STATE,
    "set_state_of_user": USER_STATE,
    "set_metadata": SESSION_METADATA,
    "reseal_name": NAME,
    "reseal_labels": LABELS,
    "reseal_title": TITLE,
    "reseal_state_of_session": SESSION_STATE,
    "reseal_metadata": SESSION_METADATA,
    "reseal_state_of_user": USER_STATE,
    "reseal_summary": SUMMARY,
}
"""Statements that write one cell of a row that is there."""
_ADDING: Mapping[str, Callable[[SealedTx, str, Mapping[str, Value]], Row]] = {
    "add_message": SealedTx._add_message,
    "add_account": SealedTx._add_account,
    "add_chat": SealedTx._add_chat,
    "add_summary": SealedTx._add_summary,
}
"""Statements that add a row."""
_ADDING_MANY: Mapping[str, Callable[[SealedTx, str, Sequence[Mapping[str, Value]]], list[Row]]] = {
    "add_accounts": SealedTx._add_accounts,
    "add_chats": SealedTx._add_chats,
    "add_summaries": SealedTx._add_summaries,
}
"""Statements that add rows."""
_LOOKING: Mapping[str, Callable[[Tx, Sequence[Mapping[str, Value]]], list[Row]]] = {
    "accounts_of_name": names.accounts_of_name,
    "users_by_name": names.users_by_name,
    "people_like": names.people_like,
}
"""Statements that look for names."""

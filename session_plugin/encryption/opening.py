"""Opening what was read: the rows of a statement, with plain values in place of sealed cells.

A cell that does not open costs itself: its message is withheld, a name or a state is empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from session_plugin.database.engine import Row, Value
from session_plugin.encryption import cells, quoted
from session_plugin.encryption.cells import Cipher, Unpacked
from session_plugin.encryption.columns import TITLE, Cell, Positions
from session_plugin.encryption.ring import KeyRing
from session_plugin.errors import SessionError
from session_plugin.logs import FieldLogger

logger = FieldLogger("session_plugin.encryption")

_COLUMNS = (*cells.PACKED, "content")
_NOTHING: Unpacked = (None, None, None, None, b"")

WITHHELD: Mapping[str, Any] = {**dict(zip(_COLUMNS, _NOTHING, strict=True)), "withheld": 1}
"""What reads in place of a message that does not open."""


class Opener:
    """Opens cells with the keys of a ring."""

    def __init__(self, ring: KeyRing) -> None:
        """Open nothing yet."""
        self._ring = ring

    def messages(self, rows: list[Row]) -> list[Row]:
        """Return rows with private columns of messages, opened."""
        self._ring.fetch(cells.key_ids_of([row["content"] for row in rows]))
        return [self.message(row) for row in rows]

    def message(self, row: Row) -> Row:
        """Return a row with private columns of a message, opened; withheld if it does not open."""
        cell = row["content"]
        if not cells.is_sealed(cell):
            return row

        columns = as_dict(row)
        opened: Mapping[str, Any] = self.columns_of(cell, row["seq"]) or WITHHELD
        columns |= {name: value for name, value in opened.items() if name in columns}

        return columns

    def tuples(self, rows: list[tuple[Any, ...]], at: Positions) -> list[tuple[Any, ...]]:
        """Return messages that are read by position, opened: written out, as it is a hot path."""
        mark, key_id = cells.MARK, cells.KEY_ID
        seq, content = at.seq, at.content
        wanted = {
            cell[key_id]
            for row in rows
            if isinstance(cell := row[content], bytes) and cell[:1] == mark
        }
        if at.title is not None:
            wanted |= cells.key_ids_of(row[at.title] for row in rows)
        if not wanted:
            return rows

        ciphers = self._ring.all_of(wanted)
        if at.title is not None and at.chat_no is not None:
            rows = self._titled(rows, at.title, at.chat_no)

        author_name, metadata, attachments, parts, withheld = at.of_message
        opened = []
        for row in rows:
            cell = row[content]
            if isinstance(cell, bytes) and cell[:1] == mark:
                columns = [*row, None]  # takes the columns that the statement does not have
                unpacked = self._unpacked(ciphers[cell[key_id]], cell, row[seq])
                if unpacked is None:
                    unpacked = _NOTHING
                    columns[withheld] = 1
                (
                    columns[author_name],
                    columns[metadata],
                    columns[attachments],
                    columns[parts],
                    columns[content],
                ) = unpacked
                columns.pop()
                opened.append(tuple(columns))
            else:
                opened.append(row)

        return opened

    def _titled(
        self, rows: list[tuple[Any, ...]], title: int, chat_no: int
    ) -> list[tuple[Any, ...]]:
        """Return rows with the titles of chats opened, each once."""
        sealed = {(row[title], row[chat_no]) for row in rows if cells.is_sealed(row[title])}
        if not sealed:
            return rows

        opened = {(cell, chat): self._open_cell(TITLE, cell, (chat,)) for cell, chat in sealed}
        return [
            (*row[:title], opened.get((row[title], row[chat_no]), row[title]), *row[title + 1 :])
            for row in rows
        ]

    def columns_of(self, cell: bytes, seq: int) -> dict[str, Any] | None:
        """Return a message's private columns; None if its cell does not open."""
        unpacked = self._unpacked(self._ring.get(cells.key_id_of(cell)), cell, seq)
        return None if unpacked is None else dict(zip(_COLUMNS, unpacked, strict=True))

    def _unpacked(self, cipher: Cipher | None, cell: bytes, seq: int) -> Unpacked | None:
        """Return a message's private columns; None if its cell does not open."""
        if cipher is None:
            logger.info("message %(seq)d is withheld: its key is gone", seq=seq)
            return None
        try:
            value = cells.unseal(cipher, cell, bound_to=message_place(seq))
            if value[0] != cells.WITH_QUOTE:
                return cells.unpack(value)

            quote, packed = quoted.part(value)
            return self._with_quote(cells.unpack(packed), quote, seq)
        except SessionError:  # the key store cannot be asked for the key of a quote
            raise
        except Exception:  # whatever the library raises, and what a changed cell unpacks to
            logger.warning("message %(seq)d cannot be opened and is withheld", seq=seq)
            return None

    def _with_quote(self, columns: Unpacked, quote: bytes, seq: int) -> Unpacked:
        """Return a message with what it quotes; without it, if the key of who said it is gone."""
        cipher = self._ring.get(cells.key_id_of(quote))
        if cipher is None:
            return columns

        opened = cells.unseal(cipher, quote, bound_to=quote_place(seq))
        return quoted.with_quote(columns, cells.unpack(opened))

    def rows(
        self, rows: list[Row], found: Sequence[Cell], values: Mapping[str, Value]
    ) -> list[Row]:
        """Return rows with these cells opened; `values` are what their statement was given."""
        filled = [value for row in rows for cell in found if (value := row[cell.name])]
        wanted = cells.key_ids_of(filled) if filled else None
        if not wanted:
            return rows

        self._ring.fetch(wanted)
        return [self._row(row, found, values) for row in rows]

    def _row(self, row: Row, found: Sequence[Cell], values: Mapping[str, Value]) -> Row:
        columns = as_dict(row)
        for cell in found:
            sealed = columns[cell.name]
            if cells.is_sealed(sealed):
                identity = [columns[one] if one in columns else values[one] for one in cell.row]
                columns[cell.name] = self._open_cell(cell, sealed, identity)

        return columns

    def _open_cell(
        self, cell: Cell, sealed: bytes | str, identity: Sequence[Any]
    ) -> bytes | str | None:
        """Return what is in a cell; of one that does not open, what an empty one would be."""
        is_text = isinstance(sealed, str)
        raw = cells.from_column_of_text(sealed) if isinstance(sealed, str) else sealed
        cipher = self._ring.get(cells.key_id_of(raw))
        try:
            if cipher is not None:
                value = cells.unseal(cipher, raw, bound_to=cells.place(cell.column, *identity))
                return value.decode() if is_text else value
        except Exception:  # whatever the library raises
            logger.warning(
                "%(column)s of %(row)s cannot be opened and reads as empty",
                column=cell.column,
                row=", ".join(map(str, identity)),
            )

        return "" if is_text else None


def as_dict(row: Row) -> dict[str, Any]:
    """Return a row as what can be changed; the rows of both drivers are mappings."""
    return dict(row)  # type: ignore[call-overload,no-any-return]


def message_place(seq: Any) -> bytes:
    """Return what the cell of a message is bound to."""
    return b"messages.content:%d" % seq


def quote_place(seq: Any) -> bytes:
    """Return what the cell of a message's quote is bound to."""
    return b"messages.quote:%d" % seq

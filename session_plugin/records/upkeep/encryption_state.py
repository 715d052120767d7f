"""Whether the cells of a database are sealed, and how far that has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from session_plugin.database.engine import Tx

State = Literal["sealing", "sealed", "opening"]
"""Older rows are being sealed; all are; all are being opened again, for encryption to end."""
BEFORE_ALL = -(2**63)
"""Less than any number; what is imported is numbered below zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionState:
    """What a database says of its encryption.

    Args:
        state: How far it has come.
        check_id: The id of a key in the store of its keys.
        check_cell: What that key has sealed.
        done_segment: Up to where older messages have been sealed, or opened: a segment ...
        done_seq: ... and the number of a message in it.
    """

    state: State
    check_id: bytes
    check_cell: bytes
    done_segment: int
    done_seq: int


def find(tx: Tx) -> EncryptionState | None:
    """Return how far the encryption of a database has come; None where nothing is sealed."""
    row = tx.first("encryption_state")
    if row is None:
        return None

    assert row["state"] in get_args(State), "nothing else is ever stored"
    return EncryptionState(
        state=row["state"],
        check_id=bytes(row["check_id"]),
        check_cell=bytes(row["check_cell"]),
        done_segment=row["done_segment"],
        done_seq=row["done_seq"],
    )


def begin(tx: Tx, *, check_id: bytes, check_cell: bytes) -> EncryptionState:
    """Note that what is written from now on is sealed; return what the first process has noted."""
    is_empty = tx.first("anything_private") is None
    tx.run(
        "begin_encryption",
        state="sealed" if is_empty else "sealing",
        check_id=check_id,
        check_cell=check_cell,
        before_all=BEFORE_ALL,
    )
    begun = find(tx)
    assert begun is not None

    return begun


def turn(tx: Tx, state: State) -> None:
    """Let older rows be sealed, or opened again, from the first one on."""
    tx.run("set_encryption_state", state=state, before_all=BEFORE_ALL)

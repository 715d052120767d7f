"""Which secret the hashes in the database were made with, so that another one is noticed.

Only a fingerprint of the secret is stored, which is a keyed hash itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from session_plugin.database.engine import Tx
from session_plugin.records.operation_context import OperationContext


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretUse:
    """The fingerprint of the secret, None if none was used, and how many hashes rest on it."""

    fingerprint: bytes | None
    accounts: int = 0
    messages: int = 0
    codes: int = 0


def find(tx: Tx, *, now: float) -> SecretUse:
    """Return what rests on the secret that was used so far."""
    row = tx.first("secret_fingerprint")
    if row is None:
        return SecretUse(fingerprint=None)

    counts = tx.one("count_secret_hashes", now=now)

    return SecretUse(
        fingerprint=bytes(row["fingerprint"]),
        accounts=counts["accounts"],
        messages=counts["messages"],
        codes=counts["codes"],
    )


def note(tx: Tx, context: OperationContext) -> None:
    """Remember the secret with which this operation has made a hash."""
    fingerprint = None if context.secret_fingerprint is None else context.secret_fingerprint()
    if fingerprint is not None:
        tx.run("add_secret_fingerprint", fingerprint=fingerprint)


def drop_fingerprint(tx: Tx) -> None:
    """Forget which secret was used: nothing rests on it any more."""
    tx.run("drop_secret_fingerprint")


def drop_hashes(tx: Tx) -> SecretUse:
    """Delete all hashes whose secret is lost, and return how many there were."""
    lost = find(tx, now=0.0)
    tx.run("drop_forgotten")
    tx.run("drop_all_forgotten_messages")
    tx.run("drop_unredeemed_link_requests")
    drop_fingerprint(tx)

    return lost

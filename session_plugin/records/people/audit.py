"""What was done about who somebody is: which step, when, by whose account. Never a code, never a
word of what was said.
"""

from __future__ import annotations

from session_plugin.database.engine import Tx
from session_plugin.records.operation_context import OperationContext

PIECE = 200
"""Entries removed in one transaction."""


def drop_old(tx: Tx, *, before: float) -> int:
    """Remove some entries from before that; return how many."""
    return tx.run("drop_old_audit", before=before, limit=PIECE)


def note(
    tx: Tx,
    context: OperationContext,
    action: str,
    *,
    actor_no: int | None = None,
    user_id: str | None = None,
    other_user_id: str | None = None,
) -> None:
    """Write one step down."""
    tx.run(
        "add_audit",
        at=context.known_now,
        action=action,
        actor_no=actor_no,
        user_id=user_id,
        other_user_id=other_user_id,
    )

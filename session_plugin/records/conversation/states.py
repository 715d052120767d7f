"""The small JSON state that a bot's author keeps with a session, or with a person.

Every change goes from one version to the next: a caller who read an older one changes nothing, and
reads again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from session_plugin.database.engine import Tx
from session_plugin.model import Account
from session_plugin.records.cells import from_json, to_json
from session_plugin.records.conversation.sessions import Where, live_session_no
from session_plugin.records.people.accounts import find_account


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is kept with whom, in which version."""

    session_no: int | None = None
    user_id: str | None = None
    values: dict[str, Any]
    version: int


Find = Callable[[Tx, Where], State | None]
"""Finds a state from where somebody is; None where there is nothing it could be kept with."""


def of_session(tx: Tx, where: Where) -> State | None:
    """Return the state of a reader's live session."""
    session_no = live_session_no(tx, where)
    if session_no is None:
        return None

    row = tx.one("state_of_session", session_no=session_no)

    return State(
        session_no=session_no, values=from_json(row["state"]), version=row["state_version"]
    )


def of_user(tx: Tx, where: Where) -> State | None:
    """Return the state of the person that a reader is."""
    account: Account | None = where.account
    row = None if account is None else find_account(tx, account)
    if row is None:
        return None

    user = tx.one("state_of_user", user_id=row["user_id"])

    return State(
        user_id=row["user_id"], values=from_json(user["state"]), version=user["state_version"]
    )


def put(tx: Tx, state: State) -> bool:
    """Keep a state, unless somebody changed it since its version was read."""
    values = to_json(state.values)
    if state.session_no is not None:
        changed = tx.run(
            "set_state_of_session", session_no=state.session_no, state=values, version=state.version
        )
    else:
        changed = tx.run(
            "set_state_of_user", user_id=state.user_id, state=values, version=state.version
        )

    return changed == 1

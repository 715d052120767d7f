"""Looking for people by their names, which no statement can do where these are sealed.

Each look-up takes and returns what the statement of its name does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from session_plugin.database.engine import Row, Tx, Value

MOST_NAMESAKES = 32
"""Accounts of one name, as the statement has them."""
PIECE = 500
"""Accounts that are looked through at once."""


def accounts_of_name(tx: Tx, asked: Sequence[Mapping[str, Value]]) -> list[Row]:
    """Return the accounts that go by each of several names on their channels, the first seen."""
    wanted = {(one["name"], one["channel"]) for one in asked}
    found: dict[tuple[Any, Any], list[Row]] = {}
    for row in _accounts_with_names(tx):
        key = (row["display_name"], row["channel"])
        its = found.setdefault(key, []) if key in wanted else None
        if its is not None and len(its) < MOST_NAMESAKES:
            its.append(
                {
                    "name": row["display_name"],
                    "account_no": row["account_no"],
                    "channel": row["channel"],
                    "channel_user_id": row["channel_user_id"],
                }
            )

    return [row for its in found.values() for row in its]


def users_by_name(tx: Tx, asked: Sequence[Mapping[str, Value]]) -> list[Row]:
    """Return the users with an account of a name."""
    (values,) = asked
    user_ids = sorted(
        {
            row["user_id"]
            for row in _accounts_with_names(tx)
            if row["display_name"] == values["name"]
        }
    )
    return [{"user_id": user_id} for user_id in user_ids[: _number(values["limit"])]]


def _accounts_with_names(tx: Tx) -> Iterable[Row]:
    after = 0
    while rows := tx.all("accounts_with_names", after=after, limit=PIECE):
        yield from rows
        after = rows[-1]["account_no"]


def people_like(tx: Tx, asked: Sequence[Mapping[str, Value]]) -> list[Row]:
    """Return accounts by what an operator knows of them: an id, or a piece of the name."""
    (values,) = asked
    limit, before = _number(values["limit"]), values["before"]
    text = str(values["text"])
    found: list[Row] = []
    while len(found) < limit and (rows := tx.all("accounts_before", before=before, limit=PIECE)):
        found += [
            {"account_no": row["account_no"], "user_id": row["user_id"]}
            for row in rows
            if text in (row["channel_user_id"], row["user_id"], row["home_user_id"])
            or text.lower() in row["display_name"].lower()
        ]
        before = rows[-1]["account_no"]

    return found[:limit]


def _number(value: Value) -> int:
    assert isinstance(value, int)
    return value

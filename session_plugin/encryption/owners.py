"""Whose data key a cell is sealed with: found, or made where there is none yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from session_plugin.database.engine import Tx, Value
from session_plugin.encryption.columns import LABELS, NAME, SUMMARY, TITLE, USER_STATE, Cell
from session_plugin.encryption.ring import KeyRing

Owner = tuple[str, int, int, int, str]
"""Whose a data key is, as the columns of `data_keys` say it: its kind and four of them."""
OWNER = itemgetter("kind", "chat_no", "account_no", "session_no", "user_id")
MOST_OWNERS = 50_000
"""Owners whose key is remembered. Beyond that all are forgotten and looked up again."""
STABLE = frozenset({"messages", "account"})
"""Kinds of owners that keep their key until they are gone, and whose numbers never come again."""


class Owners:
    """The keys of owners. Those of the stable ones are remembered, as the writer knows them: what
    is committed once stays so until they are gone.
    """

    def __init__(self, ring: KeyRing) -> None:
        """Remember nothing yet."""
        self._ring = ring
        self._known: dict[Owner, bytes] = {}

    def forget(self) -> None:
        """Forget what may have been looked up in a transaction that was undone."""
        self._known.clear()

    def keys_of(self, tx: Tx, owners: Sequence[Owner]) -> Mapping[Owner, bytes]:
        """Return a key for each owner; made, and noted as theirs, for those that have none."""
        known = self._known
        unknown = [owner for owner in dict.fromkeys(owners) if owner not in known]
        if not unknown:
            return known

        if len(known) + len(unknown) > MOST_OWNERS:
            known.clear()
            unknown = list(dict.fromkeys(owners))

        found = [
            (OWNER(row), bytes(row["key_id"]))
            for row in tx.all_many("keys_of_owners", [_columns_of(one) for one in unknown])
        ]
        self._ring.fetch([key_id for _, key_id in found])
        usable = {owner: key_id for owner, key_id in found if self._ring.get(key_id) is not None}
        without = [owner for owner in unknown if owner not in usable]
        if without:
            made = dict(zip(without, self._ring.make(len(without)), strict=True))
            tx.run_many(
                "add_data_keys",
                [{**_columns_of(owner), "key_id": key_id} for owner, key_id in made.items()],
            )
            usable |= made

        known.update((owner, usable[owner]) for owner in unknown if owner[0] in STABLE)
        return usable | {owner: known[owner] for owner in owners if owner in known}


def owner_of_message(row: Mapping[str, Any]) -> Owner:
    """Return whose key a message is sealed with: in a group its person's."""
    return ("messages", row["chat_no"], row["account_no"] or 0, 0, "")


def owner_of_cell(cell: Cell, row: Mapping[str, Any]) -> Owner:
    """Return whose key another cell is sealed with."""
    if cell is TITLE:
        return ("chat", row["chat_no"], 0, 0, "")
    if cell in (NAME, LABELS):
        return ("account", 0, row["account_no"], 0, "")
    if cell is USER_STATE:
        return ("user", 0, 0, 0, row["user_id"])
    return ("summaries" if cell is SUMMARY else "session", 0, 0, row["session_no"], "")


def _columns_of(owner: Owner) -> dict[str, Value]:
    kind, chat_no, account_no, session_no, user_id = owner
    return {
        "kind": kind,
        "chat_no": chat_no,
        "account_no": account_no,
        "session_no": session_no,
        "user_id": user_id,
    }

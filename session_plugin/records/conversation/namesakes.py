"""People of a group who go by the same name, in the order in which they first spoke there.

So each has the same number in every context of a session, no matter who is in its window. Derived
from the messages; nothing is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from session_plugin.database.engine import Row, Tx
from session_plugin.model import Account, SessionMessage
from session_plugin.records.people.accounts import find_account


def namesakes_in(
    tx: Tx, segments: Sequence[Row], messages: Iterable[SessionMessage]
) -> tuple[tuple[Account, str], ...]:
    """Return those who share a name with somebody in a group's session, with that name, in order.

    These are people who spoke in the session, in these messages or before. Without two of one name
    it costs one look-up by all names.

    Args:
        tx: The transaction.
        segments: The session's segments.
        messages: What is shown of it.
    """
    known: dict[tuple[str, str], dict[Account, int | None]] = {}
    for message in messages:
        if message.role == "user" and message.person is not None and message.author_name:
            name = (message.author_name, message.person.channel)
            known.setdefault(name, {})[message.person] = None

    asked = [{"name": name, "channel": channel} for name, channel in known]
    for row in tx.all_many("accounts_of_name", asked) if asked and segments else ():
        account = Account(row["channel"], row["channel_user_id"])
        known[row["name"], account.channel][account] = row["account_no"]

    names = {
        account_no: (account, name)
        for (name, _), accounts in known.items()
        if len(accounts) > 1
        for account, noted in accounts.items()
        if (account_no := _number_of(tx, account) if noted is None else noted) is not None
    }
    spoke = _first_words(tx, segments, names) if names else {}

    return tuple(names[account_no] for account_no in sorted(spoke, key=spoke.__getitem__))


def _number_of(tx: Tx, account: Account) -> int | None:
    """Return the number of an account that goes by another name elsewhere."""
    row = find_account(tx, account)
    return None if row is None else int(row["account_no"])


def _first_words(tx: Tx, segments: Sequence[Row], accounts: Iterable[int]) -> dict[int, int]:
    """Return when accounts first spoke in a session; those that did not are left out."""
    asked = [
        {"account_no": account_no, "segment_no": segment["segment_no"], "from_seq": first}
        for segment in segments
        if (first := tx.one("first_seq", segment_no=segment["segment_no"])["seq"]) is not None
        for account_no in accounts
    ]

    spoke: dict[int, int] = {}
    for row in tx.all_many("first_words", asked):
        account_no, seq = row["account_no"], row["seq"]
        if seq is not None:
            spoke[account_no] = min(spoke.get(account_no, seq), seq)

    return spoke

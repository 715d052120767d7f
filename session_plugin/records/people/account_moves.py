"""An account gets another id on its platform, and stays whose it is.

The row stays the same, so everything that refers to it by number goes along: history, links,
notices, privacy, and which old messages are ignored. Only what names the id in words is changed
here.
"""

from __future__ import annotations

from session_plugin.database.engine import Tx
from session_plugin.errors import AccountTaken
from session_plugin.model import STORE_CHANNEL, Account, IdentityEvent, SessionIdentity
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import audit, forgotten
from session_plugin.records.people.accounts import (
    find_account,
    identity_of_account,
)
from session_plugin.records.results import IdentityChanged, Result


def move_account(
    tx: Tx, context: OperationContext, old: Account, new: Account
) -> Result[SessionIdentity | None]:
    """Let an account go by another id; return whose it is.

    Where `old` is not known, nothing is done: doing it again changes nothing more.

    Raises:
        ValueError: the two are not on one platform's channel.
        AccountTaken: somebody has the new id already.
    """
    if old.channel != new.channel or old.channel == STORE_CHANNEL:
        raise ValueError(
            "an account moves to another id on the same platform's channel, not from "
            f"{old.channel!r} to {new.channel!r}"
        )

    row = find_account(tx, old)
    if row is None or old == new:
        return Result(identity_of_account(tx, new))

    if find_account(tx, new) is not None:
        raise AccountTaken(
            f"the new id on {new.channel} belongs to an account already, so nothing was moved; if "
            "both are one person's, they can link them with a code"
        )

    _move_row(tx, row["account_no"], old, new.channel_user_id)
    known = forgotten.find(tx, context, new)
    if known is not None:
        forgotten.raise_to(tx, new, known["sent_until"])

    user_id = row["user_id"]
    audit.note(tx, context, "moved", actor_no=row["account_no"], user_id=user_id)
    event = IdentityEvent(
        change="moved",
        account=new,
        user_id=user_id,
        display_name=row["display_name"],
        previous_account=old,
    )

    return Result(identity_of_account(tx, new), (IdentityChanged(event),))


def _move_row(tx: Tx, account_no: int, old: Account, new_id: str) -> None:
    channel, old_id = old.channel, old.channel_user_id
    tx.run("move_account", account_no=account_no, channel_user_id=new_id)
    tx.run(
        "move_direct_chats",
        account_no=account_no,
        chat_id=new_id,
        channel=channel,
        previous_id=old_id,
    )
    tx.run(
        "move_quoted_chats",
        account_no=account_no,
        chat_id=new_id,
        channel=channel,
        previous_id=old_id,
    )
    tx.run("move_attempts", channel_user_id=new_id, channel=channel, previous_id=old_id)

    for quote in tx.all("quotes_of_id", channel=channel, previous_id=old_id):
        tx.run(
            "move_quote",
            chat_no=quote["chat_no"],
            segment_no=quote["segment_no"],
            seq=quote["seq"],
            quoted_person=new_id,
        )

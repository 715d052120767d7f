"""The people of what is imported: who they are, and who stays out.

Names never decide who somebody is, nothing is linked, and nobody is renamed by an old file.
"""

from __future__ import annotations

from dataclasses import dataclass

from session_plugin.database.engine import Tx
from session_plugin.model import Account, MessageEvent
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import forgotten
from session_plugin.records.people.accounts import (
    Person,
    current_user_id,
    find_account,
    get_or_create_account,
)
from session_plugin.rules.admission import Fate


@dataclass(slots=True)
class _Standing:
    """What is known of an account: itself, if it is; whether it asked for privacy; since when it is
    forgotten.
    """

    person: Person | None
    is_private: bool | None
    """None where that is its user's to say, who is not known yet."""
    forgotten_at: float | None


class ImportedPeople:
    """The accounts that one transaction meets, each looked up once."""

    def __init__(self, tx: Tx, context: OperationContext, *, lets_forgotten_return: bool) -> None:
        """Look up accounts in this transaction."""
        self._tx = tx
        self._context = context
        self._lets_forgotten_return = lets_forgotten_return
        self._standings: dict[Account, _Standing] = {}
        self._is_any_message_known = forgotten.is_any_message_known(tx)

    def kept_out(self, account: Account, user_id: str | None, sent_at: float) -> Fate | None:
        """Return why nothing of an account that was sent then is stored; None if it may be.

        Args:
            account: Who is concerned.
            user_id: Whose it is, if it is new and a plugin knows.
            sent_at: When the message was sent.
        """
        standing = self._standing(account)
        is_private = standing.is_private
        if is_private is None:
            is_private = user_id is not None and self._is_private_user(user_id)
        if is_private:
            return "private"

        is_gone = standing.forgotten_at is not None and sent_at < standing.forgotten_at
        return "forgotten" if is_gone and not self._lets_forgotten_return else None

    def is_known_again(self, event: MessageEvent, *, replied_to: Account | None) -> bool:
        """Check whether a message is one of those that were forgotten, or were not stored because
        their person asked for that; or whether it answers one of these.
        """
        if self._lets_forgotten_return or not self._is_any_message_known:
            return False

        answered = event.reply_to if event.role != "user" and replied_to is None else None
        return any(
            forgotten.is_known_again(self._tx, self._context, event.chat, message_id)
            for message_id in (event.message_id, answered)
        )

    def get_or_create(self, account: Account, name: str, user_id: str | None) -> Person:
        """Return an account as it is known; one that is new is shown under `name`."""
        standing = self._standing(account)
        if standing.person is None:
            standing.person, _ = get_or_create_account(
                self._tx, self._context, account, display_name=name, user_id=user_id
            )

        return standing.person

    def _standing(self, account: Account) -> _Standing:
        known = self._standings.get(account)
        if known is None:
            known = self._standings[account] = self._look_up(account)
        return known

    def _look_up(self, account: Account) -> _Standing:
        gone = forgotten.find(self._tx, self._context, account)
        forgotten_at = None if gone is None else max(gone["at"], gone["sent_until"])
        row = find_account(self._tx, account)
        if row is None:
            return _Standing(None, None, forgotten_at)

        person = Person(row["account_no"], row["user_id"], account)
        is_private = self._tx.first("is_private_user", user_id=person.user_id) is not None

        return _Standing(person, is_private, forgotten_at)

    def _is_private_user(self, user_id: str) -> bool:
        current = current_user_id(self._tx, user_id)
        return self._tx.first("is_private_user", user_id=current) is not None

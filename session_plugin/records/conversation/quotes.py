"""What a message quotes goes the way of the message that it is from.

When a message is stored, its quote is left out where rules/admission.py says so. When the quoted
message changes or ceases to be, the quote is removed from what is stored, and the summaries over it
are withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property

from session_plugin.context.marks import is_forward, text_of_quote
from session_plugin.database.engine import Row, Tx, Value
from session_plugin.model import Account, Chat, MessageEvent
from session_plugin.records.cells import from_json, to_bytes, to_json, to_text
from session_plugin.records.conversation.sessions import find_chat
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import forgotten
from session_plugin.records.people.accounts import person_of
from session_plugin.records.upkeep.summaries import WithdrawReason, withdraw
from session_plugin.rules.admission import keeps_quote
from session_plugin.rules.quotes import (
    Quote,
    is_part_of,
    quote_of,
    without_quote,
)


def admitted(tx: Tx, context: OperationContext, event: MessageEvent) -> MessageEvent:
    """Return a message as it may be stored: without its quote, where that may not be."""
    quote = quote_of(event)
    if quote is None or keeps_quote(QuoteFacts(tx, context, event.chat, quote)):
        return event
    return without_quote(event)


def note(tx: Tx, event: MessageEvent, *, chat_no: int, segment_no: int, seq: int) -> None:
    """Note what a stored message quotes, so that it can follow it."""
    quote = quote_of(event)
    if quote is None:
        return

    tx.run(
        "add_quote",
        segment_no=segment_no,
        seq=seq,
        chat_no=chat_no,
        quoted_id=quote.message_id,
        quoted_chat=quote.chat_id,
        quoted_person=quote.person,
    )


def renote(tx: Tx, event: MessageEvent, *, chat_no: int, segment_no: int, seq: int) -> None:
    """Note what a message quotes now that it was edited."""
    tx.run("drop_quote", segment_no=segment_no, seq=seq)
    note(tx, event, chat_no=chat_no, segment_no=segment_no, seq=seq)


class QuoteFacts:
    """What the database knows about what is quoted: the facts of rules/admission.py."""

    def __init__(self, tx: Tx, context: OperationContext, chat: Chat, quote: Quote) -> None:
        """Look nothing up yet; `chat` is where the quoting message is."""
        self._tx = tx
        self._context = context
        self._chat = replace(chat, chat_id=quote.chat_id)
        self._quote = quote

    @property
    def is_deleted(self) -> bool:
        """Whether the quoted message was deleted."""
        key = self._key
        return key is not None and self._tx.first("tombstone", **key) is not None

    @property
    def is_private(self) -> bool:
        """Whether somebody who asked that nothing be stored wrote it, or was answered by it."""
        numbers = (
            None if self._stored is None else self._stored["account_no"],
            None if self._chat_row is None else self._chat_row["peer_no"],
        )
        accounts = [person_of(self._tx, number).account for number in numbers if number is not None]
        if self._person is not None:
            accounts.append(self._person)

        return any(self._asked_for_privacy(account) for account in accounts)

    @property
    def is_forgotten(self) -> bool:
        """Whether it was forgotten, or was not stored because its person asked for that."""
        message_id, context = self._quote.message_id, self._context
        if message_id is not None and forgotten.is_known_again(
            self._tx, context, self._chat, message_id
        ):
            return True
        if self._stored is not None or self._person is None:
            return False

        return forgotten.find(self._tx, context, self._person) is not None

    @property
    def is_changed(self) -> bool:
        """Whether the quoted message is stored and does not say this, but was edited, filtered or
        withheld.
        """
        if self._stored is None:
            return False

        return not is_part_of(self._quote.text, to_text(self._stored["content"]))

    @property
    def _person(self) -> Account | None:
        person = self._quote.person
        return None if person is None else Account(self._chat.channel, person)

    @cached_property
    def _chat_row(self) -> Row | None:
        return find_chat(self._tx, self._context.bot, self._chat)

    @property
    def _key(self) -> dict[str, Value] | None:
        if self._chat_row is None or self._quote.message_id is None:
            return None
        return {"chat_no": self._chat_row["chat_no"], "message_id": self._quote.message_id}

    @cached_property
    def _stored(self) -> Row | None:
        key = self._key
        return None if key is None else self._tx.first("message_by_key", **key)

    def _asked_for_privacy(self, account: Account) -> bool:
        standing = self._tx.first(
            "standing_of_account", channel=account.channel, channel_user_id=account.channel_user_id
        )
        return standing is not None and bool(standing["private"])


def follow_removal(
    tx: Tx, segment_no: int, ranges: Sequence[tuple[int, int]], *, reason: WithdrawReason
) -> None:
    """Remove the quotes of messages that are about to be removed, and forget what those quote."""
    rows: list[dict[str, Value]] = [
        {"segment_no": segment_no, "from_seq": from_seq, "to_seq": to_seq}
        for from_seq, to_seq in ranges
    ]
    tx.run_many("drop_quotes", rows)
    _remove(tx, tx.all_many("quotes_of_ranges", rows), reason=reason)


def follow_deletion(tx: Tx, chat_no: int, message_id: str) -> None:
    """Remove the quotes of a deleted message that is not stored."""
    quoting = tx.all("quotes_of_message", chat_no=chat_no, message_id=message_id)
    _remove(tx, quoting, reason="deleted")


def follow_edit(
    tx: Tx, chat_no: int, message_id: str, content: str, *, reason: WithdrawReason = "edited"
) -> None:
    """Remove those quotes of a message that are not part of what it says now."""
    quoting = tx.all("quotes_of_message", chat_no=chat_no, message_id=message_id)
    untrue = [
        row for row in quoting if not is_part_of(text_of_quote(from_json(row["metadata"])), content)
    ]
    _remove(tx, untrue, reason=reason)


def follow_forgetting(tx: Tx, account: Account) -> None:
    """Remove the quotes of somebody, also of messages that were never stored."""
    quoting = tx.all(
        "quotes_of_person", channel=account.channel, channel_user_id=account.channel_user_id
    )
    _remove(tx, quoting, reason="forgotten")


def _remove(tx: Tx, quoting: Iterable[Row], *, reason: WithdrawReason) -> None:
    """Remove the quotes from messages; quotes of these go with what they lose."""
    for row in quoting:
        segment_no, seq, metadata = row["segment_no"], row["seq"], from_json(row["metadata"])
        tx.run("drop_quote", segment_no=segment_no, seq=seq)
        if is_forward(metadata):
            tx.run(
                "blank_forward",
                chat_no=row["chat_no"],
                seq=seq,
                content=to_bytes(""),
                metadata=to_json({"forwarded": True}),
            )
        else:
            metadata.pop("quote", None)
            tx.run("unquote", chat_no=row["chat_no"], seq=seq, metadata=to_json(metadata))

        withdraw(tx, segment_no, [(seq, seq)], reason=reason)
        if is_forward(metadata) and row["message_id"] is not None:
            follow_edit(tx, row["chat_no"], row["message_id"], "", reason=reason)

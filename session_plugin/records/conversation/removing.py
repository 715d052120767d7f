"""How messages cease to be: one function removes them, whatever the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from session_plugin.database.engine import Row, Tx, Value
from session_plugin.model import Chat
from session_plugin.records.conversation import quotes
from session_plugin.records.conversation.sessions import find_chat, get_or_create_chat
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.results import MessagesDeleted, Result
from session_plugin.records.upkeep.summaries import WithdrawReason, withdraw
from session_plugin.rules.numbers import FIRST

AT_ONCE = 200
"""Messages of a chat removed in one transaction, which takes a few milliseconds."""
MessageKey = str | int
"""How a message of a chat is named: its platform's id, or its `seq` where no platform gave one."""
ALL_OF_IT = (FIRST, 2**63 - 1)
"""The range of all messages of a segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """How many messages were removed, and from which sessions."""

    count: int
    session_nos: tuple[int, ...]


def remove_messages(
    tx: Tx, segment_no: int, ranges: Iterable[tuple[int, int]], *, reason: WithdrawReason
) -> int:
    """Remove ranges of a segment's messages from history, archive, summaries and counters, and
    their words from where they are quoted.

    Args:
        tx: The transaction.
        segment_no: The segment.
        ranges: First and last sequence numbers, both included; ranges may not overlap.
        reason: Why; noted with the summaries that covered the messages.

    Returns: How many messages there were.
    """
    ranges = list(ranges)
    withdraw(tx, segment_no, ranges, reason=reason)
    rows: list[dict[str, Value]] = [
        {"segment_no": segment_no, "from_seq": from_seq, "to_seq": to_seq}
        for from_seq, to_seq in ranges
    ]
    counts = tx.all_many("count_ranges", rows)
    count = sum(int(row["count"]) for row in counts)
    if not count:
        return 0

    quotes.follow_removal(tx, segment_no, ranges, reason=reason)
    tx.run_many("remove_messages", rows)
    tx.run(
        "uncount_messages",
        segment_no=segment_no,
        count=count,
        live=sum(row["live"] for row in counts),
    )

    return count


def delete(
    tx: Tx, context: OperationContext, chat: Chat, keys: Sequence[MessageKey]
) -> Result[Removed]:
    """Remove messages, and remember of those with an id that they are deleted."""
    chat_no = get_or_create_chat(tx, context.bot, chat)["chat_no"]
    rows = []
    for key in dict.fromkeys(keys):
        if isinstance(key, int):
            row = tx.first("message_by_seq", chat_no=chat_no, seq=key)
        else:
            row = tx.first("message_by_key", chat_no=chat_no, message_id=key)
            tx.run(
                "add_tombstone",
                chat_no=chat_no,
                message_id=key,
                at=context.known_now,
                account_no=None if row is None else row["account_no"],
            )
            if row is None:
                quotes.follow_deletion(tx, chat_no, key)

        if row is not None:
            rows.append(row)

    return _removed(tx, chat, rows)


def delete_from_chat(tx: Tx, context: OperationContext, chat: Chat) -> Result[Removed]:
    """Remove up to `AT_ONCE` messages of a chat, or of its thread; a count of 0 at the end."""
    row = find_chat(tx, context.bot, chat)
    if row is None:
        return Result(Removed(count=0, session_nos=()))

    rows = tx.all(
        "messages_of_chat", chat_no=row["chat_no"], thread_id=chat.thread_id, limit=AT_ONCE
    )

    return _removed(tx, chat, rows)


def _removed(tx: Tx, chat: Chat, rows: Sequence[Row]) -> Result[Removed]:
    """Remove the messages of some rows, and announce them by session."""
    seqs: defaultdict[int, list[int]] = defaultdict(list)
    gone: defaultdict[int, list[str]] = defaultdict(list)
    for row in rows:
        seqs[row["segment_no"]].append(row["seq"])
        message_id = row["message_id"]
        gone[row["session_no"]].extend([] if message_id is None else [message_id])

    for segment_no, found in seqs.items():
        remove_messages(tx, segment_no, [(seq, seq) for seq in found], reason="deleted")

    announcements = tuple(
        MessagesDeleted(chat, tuple(ids), session_no) for session_no, ids in gone.items()
    )

    return Result(Removed(count=len(rows), session_nos=tuple(gone)), announcements)

"""What is left of an account that was forgotten: keyed hashes, by which its old messages are known
when they come again.

What was sent before the newest message that was kept is old. Of that very instant, which may be a
whole second, and of what was deleted about then, each message has a hash of its own: whatever else
was sent then is new. So has each message of a time that has not come yet, such as one imported from
a phone whose clock was wrong: otherwise everything until then would be old. The time of forgetting
itself decides nothing about when something was sent, for a platform's clock is not ours, and what
somebody writes right afterwards begins anew; but what was handed in before it, and is stored only
now, is old.

So has each message that went of a group: what the bot answered there comes again, when the bot
edits it, without telling whom it answers. And so has what was not kept of somebody who asked for
that: it stays out when they ask no longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from session_plugin.checks import DAY
from session_plugin.database.engine import Row, Tx, Value
from session_plugin.model import Account, Chat, MessageEvent
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import secret_use

NEVER = -1e300
"""Before any message."""
SKEW = 600.0
"""Seconds by which a platform's clock and ours may differ."""
KEPT = 365 * DAY
"""How long single messages are remembered; a bot may edit what it said long ago."""
PIECE = 200
"""Of those, how many are removed in one transaction."""


def leave(tx: Tx, context: OperationContext, row: Row) -> None:
    """Remember of an account, whose row this is, which messages must not come back, and that it
    rests if it does.

    It is about to be removed.
    """
    if context.keyed_hash is None:
        return

    account_no = row["account_no"]
    latest = context.known_now + SKEW
    newest = tx.one("newest_of_account", account_no=account_no, latest=latest)["at"]
    known = [at for at in (newest, row["forgotten_until"]) if at is not None]
    sent_until = max(known, default=NEVER)
    hashed = account_hash(context, Account(row["channel"], row["channel_user_id"]))
    tx.run(
        "add_forgotten",
        account_hash=hashed,
        sent_until=sent_until,
        at=context.now,
        left_at=row["left_at"],
    )
    secret_use.note(tx, context)
    messages = tx.all(
        "messages_to_know_again", account_no=account_no, sent_at=sent_until, since=sent_until - SKEW
    )
    _keep_out(
        tx,
        context,
        (
            context.keyed_hash("message", *(message[name] for name in _OF_MESSAGE))
            for message in messages
        ),
    )


_OF_MESSAGE = ("bot", "channel", "bot_id", "chat_id", "message_id")


def keep_out(tx: Tx, context: OperationContext, event: MessageEvent, account: Account) -> None:
    """Remember of a message that was not kept that it is not to be when it comes again, whatever
    becomes of its account.
    """
    if event.message_id is not None and context.keyed_hash is not None:
        raise_to(tx, account, NEVER)
        secret_use.note(tx, context)
        _keep_out(tx, context, (_message_hash(context, event.chat, event.message_id),))


def raise_to(tx: Tx, account: Account, sent_until: float) -> None:
    """Let an account have a watermark no lower than that; one that has one is never taken for
    ordinary.
    """
    key = {"channel": account.channel, "channel_user_id": account.channel_user_id}
    tx.run("raise_forgotten_until", **key, sent_until=sent_until)


def _keep_out(tx: Tx, context: OperationContext, hashes: Iterable[bytes]) -> None:
    tx.run_many(
        "add_forgotten_messages",
        [{"message_hash": message_hash, "at": context.known_now} for message_hash in hashes],
    )


def drop_old(tx: Tx, context: OperationContext) -> int:
    """Remove some of the messages that no platform delivers any more; return how many."""
    return tx.run("drop_forgotten_messages", before=context.now - KEPT, limit=PIECE)


def find(tx: Tx, context: OperationContext, account: Account) -> Row | None:
    """Find what is left of an account; None if it was not forgotten."""
    if context.keyed_hash is None or tx.first("anybody_forgotten") is None:
        return None
    return tx.first("forgotten_account", account_hash=account_hash(context, account))


def is_known_again(tx: Tx, context: OperationContext, chat: Chat, message_id: str | None) -> bool:
    """Check whether a message is one of those that have a hash of their own, no matter whose it is
    said to be now.
    """
    if message_id is None or context.keyed_hash is None or not is_any_message_known(tx):
        return False

    message_hash = _message_hash(context, chat, message_id)
    return tx.first("forgotten_message", message_hash=message_hash) is not None


def traced(
    tx: Tx, messages: Mapping[int, tuple[OperationContext, MessageEvent, Account]]
) -> set[int]:
    """Return which of some messages may have been forgotten: something is left of their accounts,
    or they have a hash of their own.

    Args:
        tx: The transaction.
        messages: By their positions, when each was handed in, and whose it is.
    """
    if tx.first("anybody_forgotten") is None and not is_any_message_known(tx):
        return set()

    rows: list[Mapping[str, Value]] = [
        {
            "position": position,
            "account_hash": account_hash(context, account),
            "message_hash": None
            if event.message_id is None
            else _message_hash(context, event.chat, event.message_id),
        }
        for position, (context, event, account) in messages.items()
        if context.keyed_hash is not None
    ]

    return {row["position"] for row in tx.all_many("forgotten_among", rows)}


def is_any_message_known(tx: Tx) -> bool:
    """Check whether any single message is remembered; usually none is."""
    return tx.first("any_forgotten_message") is not None


def account_hash(context: OperationContext, account: Account) -> bytes:
    """Return by what an account is known again without being kept."""
    assert context.keyed_hash is not None
    return context.keyed_hash("account", account.channel, account.channel_user_id)


def _message_hash(context: OperationContext, chat: Chat, message_id: str) -> bytes:
    assert context.keyed_hash is not None
    return context.keyed_hash(
        "message", context.bot, chat.channel, chat.bot_id, chat.chat_id, message_id
    )

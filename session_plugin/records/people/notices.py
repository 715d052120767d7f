"""Notices: what a person is to be told on their own platform, kept until somebody has told them.

Whichever process serves the bot that they talk with takes a notice, delivers it and drops it. One
that cannot be delivered is shown to them at their next command.
"""

from __future__ import annotations

from dataclasses import dataclass

from session_plugin.checks import DAY
from session_plugin.database.engine import Row, Tx
from session_plugin.model import Account, Chat, Notice, NoticeKind
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people.accounts import find_account, to_account
from session_plugin.records.people.link_requests import mark_shown, pending

KEPT = 30 * DAY
"""Seconds after which a notice is stale, unless it is about something that lapses before."""
TAKEN = 60.0
"""Seconds after which a notice is delivered by another process, if the one that took it has not
said what became of it.
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A notice to deliver, to whom, and in which chat."""

    notice_no: int
    account: Account
    chat: Chat


def post(
    tx: Tx,
    context: OperationContext,
    kind: NoticeKind,
    account_no: int,
    *,
    about_no: int,
    expires_at: float | None = None,
) -> None:
    """Leave a notice for an account, to be delivered in the direct chat in which it was last
    active.
    """
    chat = tx.first("direct_chat_of_account", account_no=account_no, bot=context.bot)
    tx.run(
        "add_notice",
        account_no=account_no,
        chat_no=None if chat is None else chat["chat_no"],
        kind=kind,
        about_no=about_no,
        expires_at=context.now + KEPT if expires_at is None else expires_at,
    )


def drop_old(tx: Tx, context: OperationContext) -> None:
    """Drop the notices that are stale."""
    tx.run("drop_old_notices", before=context.now)


def due(tx: Tx, context: OperationContext) -> list[Due]:
    """Return the notices that wait for one of this bot's adapters, oldest first."""
    rows = tx.all("due_notices", bot=context.bot, now=context.now, taken_before=context.now - TAKEN)
    return [
        Due(
            row["notice_no"],
            Account(row["account_channel"], row["account_id"]),
            Chat(
                row["channel"],
                row["chat_id"],
                row["chat_kind"],
                bot_id=row["bot_id"],
                title=row["title"],
            ),
        )
        for row in rows
    ]


def take(tx: Tx, context: OperationContext, notice_no: int) -> Notice | None:
    """Take a notice upon oneself; None if somebody else has, or if it has lapsed."""
    if (
        tx.run(
            "take_notice", notice_no=notice_no, now=context.now, taken_before=context.now - TAKEN
        )
        == 0
    ):
        return None

    return _read(tx, context, tx.one("notice_by_no", notice_no=notice_no))


def settle(tx: Tx, context: OperationContext, notice_no: int, delivered: Notice | None) -> None:
    """Note what became of a notice that was taken: as delivered, and so it is gone; or None, and it
    waits for a command.
    """
    if delivered is None:
        tx.run("fail_notice", notice_no=notice_no, now=context.now)
    else:
        _drop(tx, context, notice_no, delivered)


def collect(tx: Tx, context: OperationContext, account: Account) -> tuple[Notice, ...]:
    """Take all that waits for an account, to show it at a command."""
    row = find_account(tx, account)
    if row is None:
        return ()

    waiting = tx.all(
        "notices_of_account",
        account_no=row["account_no"],
        now=context.now,
        taken_before=context.now - TAKEN,
    )
    found = [_read(tx, context, notice) for notice in waiting]
    for notice, notified in zip(waiting, found, strict=True):
        _drop(tx, context, notice["notice_no"], notified)

    return tuple(notice for notice in found if notice is not None)


def has_any(tx: Tx, context: OperationContext, account: Account) -> bool:
    """Check whether anything waits for an account, without writing."""
    row = find_account(tx, account)
    waiting = {"now": context.now, "taken_before": context.now - TAKEN}
    return row is not None and bool(
        tx.all("notices_of_account", account_no=row["account_no"], **waiting)
    )


def _drop(tx: Tx, context: OperationContext, notice_no: int, notified: Notice | None) -> None:
    if notified is not None and notified.preview is not None:
        mark_shown(tx, context, notified.preview)
    tx.run("drop_notice", notice_no=notice_no)


def _read(tx: Tx, context: OperationContext, row: Row) -> Notice | None:
    """Return a notice as it is to be told now; None where there is nothing to ask any more, or
    somebody else to ask about.
    """
    about = tx.one("account_by_no", account_no=row["about_no"])
    preview = None
    if row["kind"] == "link_redeemed":
        asker = to_account(tx.one("account_by_no", account_no=row["account_no"]))
        preview = pending(tx, context, asker)
        if preview is None or preview.redeemer != to_account(about) or preview.is_confirmed:
            return None

    return Notice(
        kind=row["kind"],
        account=to_account(about),
        account_name=about["display_name"],
        preview=preview,
    )

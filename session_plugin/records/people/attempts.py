"""Codes asked for and wrong ones typed, counted in the database, so that neither a restart nor
another process helps.

Nor does being forgotten: what is counted of an account goes on under its keyed hash until it
matters no more.
"""

from __future__ import annotations

from collections.abc import Iterable

from session_plugin.database.engine import Row, Tx
from session_plugin.errors import ExportRefused, ForgetRefused
from session_plugin.model import Account
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import forgotten
from session_plugin.rules import requests
from session_plugin.rules.codes import (
    ALARM_ON_CHANNEL,
    CODES_OF_ACCOUNT,
    LONGEST_MEMORY,
    WRONG_BY_ACCOUNT,
    Limit,
)

ASKED, WRONG, FORGET = "asked", "wrong", "forget"
FORGETTING, EXPORT = "forgetting requested", "export requested"


def note(tx: Tx, context: OperationContext, account: Account, kind: str) -> None:
    """Count an attempt. Upkeep drops those that matter no more, by a clock that can be right."""
    tx.run(
        "add_attempt",
        channel=account.channel,
        channel_user_id=account.channel_user_id,
        kind=kind,
        at=context.now,
    )


def drop_old(tx: Tx, context: OperationContext) -> None:
    """Drop the attempts that matter no more."""
    tx.run(
        "drop_old_attempts",
        before=context.now - LONGEST_MEMORY,
        forgetting=FORGETTING,
        export=EXPORT,
        requests_before=context.now - requests.LONGEST_MEMORY,
    )


def has_asked_enough(tx: Tx, context: OperationContext, account: Account) -> bool:
    """Check whether an account has had all the codes it gets for now."""
    return CODES_OF_ACCOUNT.is_reached(
        _of_account(tx, context, account, ASKED, CODES_OF_ACCOUNT), context.now
    )


def is_locked(tx: Tx, context: OperationContext, account: Account) -> bool:
    """Check whether an account has typed too many wrong codes to type another now."""
    return WRONG_BY_ACCOUNT.is_reached(
        _of_account(tx, context, account, WRONG, WRONG_BY_ACCOUNT), context.now
    )


def raises_alarm(tx: Tx, context: OperationContext, channel: str) -> bool:
    """Check whether the wrong code noted last is the one that makes them many on a channel."""
    counted = tx.one(
        "count_on_channel",
        channel=channel,
        kind=WRONG,
        since=context.now - ALARM_ON_CHANNEL.within,
        limit=ALARM_ON_CHANNEL.most + 1,
    )
    return int(counted["count"]) == ALARM_ON_CHANNEL.most


def request_forgetting(tx: Tx, context: OperationContext, account: Account) -> None:
    """Note that an account is asked whether its person wants to be forgotten.

    Raises:
        ForgetRefused: it was asked too often today.
    """
    limit = requests.FORGETS_OF_ACCOUNT
    times = _of_account(tx, context, account, FORGETTING, limit)
    if reason := requests.asked_enough(times, limit, now=context.now):
        raise ForgetRefused(reason)

    note(tx, context, account, FORGETTING)
    note(tx, context, account, FORGET)


def request_export(tx: Tx, context: OperationContext, account: Account) -> None:
    """Note that an account asks for an export.

    Raises:
        ExportRefused: it has had too many today.
    """
    limit = requests.EXPORTS_OF_ACCOUNT
    times = _of_account(tx, context, account, EXPORT, limit)
    if reason := requests.asked_enough(times, limit, now=context.now):
        raise ExportRefused(reason)

    note(tx, context, account, EXPORT)


def was_asked_to_be_forgotten(
    tx: Tx, context: OperationContext, account: Account, *, within: float
) -> bool:
    """Check whether an account has been asked lately whether it wants to be forgotten."""
    limit = Limit(1, within=within)
    return limit.is_reached(_of_account(tx, context, account, FORGET, limit), context.now)


def withdraw_questions(tx: Tx, accounts: Iterable[Row]) -> None:
    """Take back the question whether these want to be forgotten: what they were told would go is
    not what would.
    """
    for row in accounts:
        _settle_question(tx, row["channel"], row["channel_user_id"])


def hide(tx: Tx, context: OperationContext, account: Account) -> int:
    """Take an account's id from what is counted of it; tell how much there was. A question it was
    asked is settled.
    """
    key = {"channel": account.channel, "channel_user_id": account.channel_user_id}
    settled = _settle_question(tx, **key)
    return settled + tx.run("hide_attempts", **key, hidden=_hidden(context, account))


def _settle_question(tx: Tx, channel: str, channel_user_id: str) -> int:
    return tx.run(
        "drop_attempts_of_kind", channel=channel, channel_user_id=channel_user_id, kind=FORGET
    )


def _of_account(
    tx: Tx, context: OperationContext, account: Account, kind: str, limit: Limit
) -> list[float]:
    since = context.now - limit.memory
    key = {
        "channel": account.channel,
        "channel_user_id": account.channel_user_id,
        "hidden": _hidden(context, account),
    }
    rows = tx.all("attempts_of_account", **key, kind=kind, since=since)
    # later than that, they were counted before a clock was set back, and would lock without end
    return [row["at"] for row in rows if row["at"] <= context.now + limit.memory]


def _hidden(context: OperationContext, account: Account) -> str:
    return "" if context.keyed_hash is None else forgotten.account_hash(context, account).hex()

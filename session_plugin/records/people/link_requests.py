"""Link requests that wait for a yes: who asked, who typed the code, what would join, and whether
the asker has seen it.
"""

from __future__ import annotations

from session_plugin.database.engine import Row, Tx
from session_plugin.model import Account, LinkPreview
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import audit
from session_plugin.records.people.accounts import find_account, platform_accounts
from session_plugin.rules.codes import CODE_SECONDS, is_live


def pending_row(tx: Tx, context: OperationContext, account: Account) -> Row | None:
    """Find the redeemed request that waits for this account's yes."""
    asker = find_account(tx, account)
    row = None if asker is None else tx.first("link_request_of", asker_no=asker["account_no"])
    if row is None or row["redeemer_no"] is None:
        return None
    return row if is_live(row["expires_at"], now=context.now) else None


def pending(tx: Tx, context: OperationContext, account: Account) -> LinkPreview | None:
    """Return the redeemed request that waits for this account's yes; None if there is none."""
    row = pending_row(tx, context, account)
    return None if row is None else preview_of(tx, row)


def preview_of(tx: Tx, row: Row) -> LinkPreview:
    """Return a request as both sides are shown it, with what would be one conversation."""
    user_ids = sorted({row["asker_user_id"], row["redeemer_user_id"]})
    counts = [tx.one("count_of_user", user_id=user_id) for user_id in user_ids]
    accounts = sum(len(platform_accounts(tx, user_id)) for user_id in user_ids)
    return LinkPreview(
        asker=Account(row["asker_channel"], row["asker_id"]),
        asker_name=row["asker_name"],
        redeemer=Account(row["redeemer_channel"], row["redeemer_id"]),
        redeemer_name=row["redeemer_name"],
        expires_at=row["expires_at"],
        is_shown=row["shown"] == accounts,
        accounts=accounts,
        sessions=sum(count["sessions"] for count in counts),
        messages=sum(count["messages"] for count in counts),
    )


def is_same(waiting: LinkPreview, shown: LinkPreview) -> bool:
    """Check whether a yes would link just those who were shown."""
    return (waiting.redeemer, waiting.accounts) == (shown.redeemer, shown.accounts)


def mark_shown(tx: Tx, context: OperationContext, shown: LinkPreview) -> None:
    """Note what the asker has been shown, so that nobody need tell them again; not if a yes would
    link others by now.
    """
    row = pending_row(tx, context, shown.asker)
    if row is None:
        return
    if is_same(preview_of(tx, row), shown):
        tx.run("show_link_request", request_no=row["request_no"], accounts=shown.accounts)
        tx.run("drop_notices_of_kind", account_no=row["asker_no"], kind="link_redeemed")


def is_any_live(tx: Tx, context: OperationContext) -> bool:
    """Check whether any code can still be typed, by the clock of any process."""
    return tx.first("any_live_code", since=context.now - CODE_SECONDS) is not None


def is_any_of(tx: Tx, hashes: frozenset[bytes]) -> bool:
    """Check whether one of these is a code that was given out."""
    return bool(_requests_of(tx, hashes))


def burn(tx: Tx, context: OperationContext, hashes: frozenset[bytes]) -> int:
    """Make codes worthless that others have seen; return how many of them were codes."""
    burnt = _requests_of(tx, hashes)
    for row in burnt:
        tx.run("drop_link_request", asker_no=row["asker_no"])
        audit.note(
            tx, context, "code_burnt", actor_no=row["asker_no"], user_id=row["asker_user_id"]
        )
    return len(burnt)


def _requests_of(tx: Tx, hashes: frozenset[bytes]) -> list[Row]:
    rows = [{"code_hash": code_hash} for code_hash in sorted(hashes)]
    return tx.all_many("link_requests_by_codes", rows)

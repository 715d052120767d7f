"""Link requests under way: who asked, who typed the code, what would join, and how far each side
is with saying yes.

An account has one at a time, as the asker or as the redeemer.
"""

from __future__ import annotations

from session_plugin.database.engine import Row, Tx
from session_plugin.model import Account, LinkPreview
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import audit
from session_plugin.records.people.accounts import find_account, platform_accounts
from session_plugin.rules.codes import CODE_SECONDS, is_live
from session_plugin.rules.linking import CONFIRMED, SHOWN


def pending_row(tx: Tx, context: OperationContext, account: Account) -> Row | None:
    """Find the redeemed request of which this account is a side."""
    side = find_account(tx, account)
    row = None if side is None else tx.first("link_request_of", account_no=side["account_no"])
    if row is None or row["redeemer_no"] is None:
        return None

    return row if is_live(row["expires_at"], now=context.now) else None


def pending(tx: Tx, context: OperationContext, account: Account) -> LinkPreview | None:
    """Return the redeemed request of which this account is a side; None if there is none."""
    row = pending_row(tx, context, account)
    return None if row is None else preview_of(tx, row, account)


def preview_of(tx: Tx, row: Row, account: Account) -> LinkPreview:
    """Return a request as one of its sides is shown it, with what would be one conversation."""
    user_ids = sorted({row["asker_user_id"], row["redeemer_user_id"]})
    counts = [tx.one("count_of_user", user_id=user_id) for user_id in user_ids]
    numbers = sorted(
        one["account_no"] for user_id in user_ids for one in platform_accounts(tx, user_id)
    )
    would_link = " ".join(map(str, numbers))

    asker = Account(row["asker_channel"], row["asker_id"])
    steps = (row["asker_step"], row["redeemer_step"])
    own, other = steps if account == asker else reversed(steps)
    if row["would_link"] != would_link:  # nobody was shown, or has confirmed, what it is now
        own = other = 0

    return LinkPreview(
        asker=asker,
        asker_name=row["asker_name"],
        redeemer=Account(row["redeemer_channel"], row["redeemer_id"]),
        redeemer_name=row["redeemer_name"],
        expires_at=row["expires_at"],
        side="asker" if account == asker else "redeemer",
        is_shown=own >= SHOWN,
        is_confirmed=own >= CONFIRMED,
        is_other_confirmed=other >= CONFIRMED,
        accounts=len(numbers),
        sessions=sum(count["sessions"] for count in counts),
        messages=sum(count["messages"] for count in counts),
        would_link=would_link,
    )


def is_same(waiting: LinkPreview, shown: LinkPreview) -> bool:
    """Check whether a yes would link just those who were shown."""
    return (waiting.asker, waiting.redeemer, waiting.would_link) == (
        shown.asker,
        shown.redeemer,
        shown.would_link,
    )


def mark_shown(tx: Tx, context: OperationContext, shown: LinkPreview) -> None:
    """Note what a side has been shown, so that nobody need tell it again; not if a yes would link
    others by now.
    """
    row = pending_row(tx, context, shown.account)
    if row is None:
        return
    if is_same(preview := preview_of(tx, row, shown.account), shown):
        note_step(tx, row, preview, SHOWN)


def note_step(tx: Tx, row: Row, preview: LinkPreview, step: int) -> None:
    """Note that a side was shown a request as it is now, or has confirmed it."""
    is_current = row["would_link"] == preview.would_link
    steps = {side: row[f"{side}_step"] if is_current else 0 for side in ("asker", "redeemer")}
    steps[preview.side] = max(steps[preview.side], step)
    tx.run(
        "set_link_steps",
        request_no=row["request_no"],
        would_link=preview.would_link,
        asker_step=steps["asker"],
        redeemer_step=steps["redeemer"],
    )
    if preview.side == "asker":
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

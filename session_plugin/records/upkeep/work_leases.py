"""Leases: work that several processes might do at once, and one should."""

from __future__ import annotations

from dataclasses import dataclass

from session_plugin.database.engine import Tx

LONGEST = 3600.0
"""Seconds that any lease may last; one that ends later was taken before a clock was set back, and
counts for nothing.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who wants to do what, from now for so many seconds.

    Whoever dies meanwhile keeps the others waiting no longer than that.
    """

    name: str
    holder: str
    now: float
    seconds: float


def take(tx: Tx, claim: Claim) -> bool:
    """Take a lease, or take it for longer; False while somebody else has it."""
    until = claim.now + min(claim.seconds, LONGEST)
    latest = claim.now + LONGEST
    return (
        tx.run(
            "take_work_lease",
            name=claim.name,
            holder=claim.holder,
            until=until,
            now=claim.now,
            latest=latest,
        )
        == 1
    )


def is_anothers(tx: Tx, claim: Claim) -> bool:
    """Tell whether somebody else has a lease, so that taking it would fail."""
    latest = claim.now + LONGEST
    return (
        tx.first(
            "work_lease_of_another",
            name=claim.name,
            holder=claim.holder,
            now=claim.now,
            latest=latest,
        )
        is not None
    )


def release(tx: Tx, claim: Claim) -> None:
    """Give a lease back before it ends; harmless where somebody else has it by now."""
    tx.run("release_work_lease", name=claim.name, holder=claim.holder)

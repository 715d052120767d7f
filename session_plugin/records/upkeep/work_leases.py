"""Work leases: one process at a time does work that several could do."""

from __future__ import annotations

from dataclasses import dataclass

from session_plugin.database.engine import Tx

LONGEST = 3600.0
"""Seconds that any lease may last; one that ends later was taken before a clock was set back, and
counts for nothing.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLease:
    """Which work, for whom, from `now` for so many seconds.

    If its holder dies, the others wait no longer than that.
    """

    name: str
    holder: str
    now: float
    seconds: float


def take(tx: Tx, lease: WorkLease) -> bool:
    """Take a lease, or extend it. Return False while another process holds it."""
    until = lease.now + min(lease.seconds, LONGEST)
    latest = lease.now + LONGEST
    return (
        tx.run(
            "take_work_lease",
            name=lease.name,
            holder=lease.holder,
            until=until,
            now=lease.now,
            latest=latest,
        )
        == 1
    )


def is_held_elsewhere(tx: Tx, lease: WorkLease) -> bool:
    """Check whether another process holds a lease."""
    latest = lease.now + LONGEST
    return (
        tx.first(
            "work_lease_of_another",
            name=lease.name,
            holder=lease.holder,
            now=lease.now,
            latest=latest,
        )
        is not None
    )


def release(tx: Tx, lease: WorkLease) -> None:
    """End a lease early; without effect where another process holds it by now."""
    tx.run("release_work_lease", name=lease.name, holder=lease.holder)

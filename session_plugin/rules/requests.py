"""How often people may ask for what is much work: to be forgotten, and for an export."""

from __future__ import annotations

import math

from session_plugin.checks import DAY, HOUR
from session_plugin.rules.codes import Limit

FORGETS_OF_ACCOUNT = Limit(3, within=DAY)
EXPORTS_OF_ACCOUNT = Limit(3, within=DAY)
LONGEST_MEMORY = max(limit.memory for limit in (FORGETS_OF_ACCOUNT, EXPORTS_OF_ACCOUNT))


def asked_enough(times: list[float], limit: Limit, *, now: float) -> str:
    """Return what is said to somebody who has asked too often; empty if they have not."""
    if not limit.is_reached(times, now):
        return ""

    counted = sorted(at for at in times if now - at < limit.within)
    again_at = counted[-limit.most] + limit.within
    hours = max(1, math.ceil((again_at - now) / HOUR))

    return (
        f"You have asked for this {limit.most} times within 24 hours, which is as often as I do "
        f"it. Please ask again in {hours} hour{'' if hours == 1 else 's'}."
    )

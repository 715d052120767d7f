"""Which settings make sense, and the units that people think in."""

from __future__ import annotations

import math

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
"""In seconds, as all durations are inside."""


def check_number(name: str, value: float, *, at_least: float = 0) -> None:
    """Refuse a setting that is no finite number of at least `at_least` (ValueError)."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < at_least:
        raise ValueError(f"{name} is a number, {at_least:g} or more, not {value!r}")

"""Which settings make sense, and the units that people think in."""

from __future__ import annotations

import math
from collections.abc import Iterable

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
"""In seconds, as all durations are inside."""


def check_number(name: str, value: float, *, at_least: float = 0) -> None:
    """Refuse a setting that is no finite number of at least `at_least` (ValueError)."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < at_least:
        raise ValueError(f"{name} is a number, {at_least:g} or more, not {value!r}")


def check_functions(**settings: object) -> None:
    """Refuse a setting that cannot be called (TypeError); None is no answer, and will do."""
    for name, value in settings.items():
        if value is not None and not callable(value):
            raise TypeError(f"{name} is a function, not {type(value).__name__}: {value!r}")


def check_list(name: str, value: object, *, of: str) -> None:
    """Refuse one thing in place of several (TypeError)."""
    if not isinstance(value, Iterable) or isinstance(value, str):
        raise TypeError(f"{name} is a list of {of}, not {type(value).__name__}: write {name}=[...]")

"""Checks of ids, text, times and settings; each error names the argument and its value.

Imports the standard library only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
"""In seconds, the unit of every duration inside the package."""

LATEST = 253_402_300_800.0
"""The end of the year 9999 in seconds since 1970; Python and databases show no later time."""

LONGEST_ID = 512
"""Bytes of UTF-8. A PostgreSQL index entry holds 2,704, and the key of a chat is four ids."""

_SURROGATE = re.compile("[\\ud800-\\udfff]")


def check_id(what: str, value: str) -> None:
    """Check that `value` is non-empty text that can be stored as an id.

    Raises:
        TypeError: `value` is not text; for a numeric id, pass `str(id)`.
        ValueError: it is empty, contains NUL or a lone surrogate, or exceeds 512 bytes.
    """
    if value and is_storable(value):  # the usual case, several times for each message
        return

    check_text(what, value)
    if not value:
        raise ValueError(f"{what} must not be empty: {value!r}")

    check_storable(what, value)


def check_storable(what: str, value: str) -> None:
    """Check that `value` is text that can be stored as an id; it may be empty.

    Raises:
        TypeError: `value` is not text.
        ValueError: it contains NUL or a lone surrogate, or exceeds 512 bytes.
    """
    if is_storable(value):
        return

    check_text(what, value)
    if len(value.encode("utf-8", "surrogatepass")) > LONGEST_ID:
        raise ValueError(f"{what} is longer than {LONGEST_ID} bytes: {value[:40]!r}...")

    raise ValueError(f"{what} contains a NUL or a lone surrogate: {value!r}")


def are_plain(*values: str) -> bool:
    """Return whether all values are ASCII text that can be stored as ids, as nearly all are.

    Cheaper than to check each; if it is False, some of them may be storable all the same.
    """
    try:
        joined = "".join(values)
    except TypeError:
        return False

    return joined.isascii() and "\0" not in joined and len(joined) <= LONGEST_ID


def is_storable(value: object) -> bool:
    """Return whether `value` can be stored as an id; one that cannot is in no database."""
    if not isinstance(value, str) or "\0" in value or len(value) > LONGEST_ID:
        return False

    return value.isascii() or (
        _SURROGATE.search(value) is None and len(value.encode()) <= LONGEST_ID
    )


def check_text(what: str, value: str) -> None:
    """Raise TypeError if `value` is not text; any text passes."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be text, not {type(value).__name__}: {value!r}")


def check_mapping(what: str, value: object) -> None:
    """Raise TypeError if `value` is not a mapping."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{what} must be a mapping, not {type(value).__name__}")


def check_time(what: str, value: float) -> None:
    """Raise ValueError if `value` is not a time in seconds since 1970, up to the year 9999."""
    if not isinstance(value, int | float) or not -LATEST <= value <= LATEST:
        raise ValueError(f"{what} is not a time in seconds since 1970: {value!r}")


def check_number(name: str, value: float, *, at_least: float = 0) -> None:
    """Raise ValueError if a setting is not a finite number of at least `at_least`."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < at_least:
        raise ValueError(f"{name} must be a number of at least {at_least:g}, not {value!r}")


def check_count(what: str, value: int) -> None:
    """Raise ValueError if `value` is not a whole number from 0 to 2**63 - 1."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number or not 0 <= value < 2**63:
        raise ValueError(f"{what} must be a whole number from 0 to 2**63 - 1, not {value!r}")


def check_seq(what: str, value: int) -> None:
    """Raise ValueError if `value` is not a whole number that a message can have as its `seq`."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number or not -(2**63) <= value < 2**63:
        raise ValueError(f"{what} must be the seq of a message, not {value!r}")


def check_functions(**settings: object) -> None:
    """Raise TypeError if a setting is neither callable nor None."""
    for name, value in settings.items():
        if value is not None and not callable(value):
            raise TypeError(f"{name} must be a function, not {type(value).__name__}: {value!r}")


def check_list(name: str, value: object, *, of: str) -> None:
    """Raise TypeError if a setting is a single item where a list of `of` is expected."""
    if not isinstance(value, Iterable) or isinstance(value, str):
        raise TypeError(
            f"{name} must be a list of {of}, not {type(value).__name__}: write {name}=[...]"
        )

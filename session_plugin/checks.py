"""What may be an id, a text, a time or a setting, and the errors that name what may not. Imports
the standard library only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
"""In seconds, as all durations are inside."""
_SURROGATE = re.compile("[\\ud800-\\udfff]")
LATEST = 253_402_300_800.0
"""The end of the year 9999, beyond which neither Python nor a database can show a time."""
LONGEST_ID = 512
"""Bytes of UTF-8: an entry of PostgreSQL's indexes holds 2,704, and the key of a chat is four ids.
"""


def check_id(what: str, value: str) -> None:
    """Refuse an id that is not non-empty text without NUL and lone surrogates, or too long.

    Raises:
        TypeError: `value` is not text; platforms with numeric ids pass `str(id)`.
        ValueError: it is empty, has a NUL or a lone surrogate, or is longer than 512 bytes.
    """
    if value and is_storable(
        value
    ):  # nearly always, and many times a message: the rest is for the words of the error
        return
    check_text(what, value)
    if not value:
        raise ValueError(f"{what} is empty: {value!r}")
    check_storable(what, value)


def check_storable(what: str, value: str) -> None:
    """Refuse text that may be empty but has a NUL or a lone surrogate, or is longer than 512 bytes
    (ValueError).
    """
    if not is_storable(value):
        check_text(what, value)
        if len(value.encode("utf-8", "surrogatepass")) > LONGEST_ID:
            raise ValueError(f"{what} is longer than {LONGEST_ID} bytes: {value[:40]!r}...")
        raise ValueError(f"{what} has a NUL or a lone surrogate: {value!r}")


def is_storable(value: object) -> bool:
    """Tell whether something can be an id in a database at all; nobody has one that cannot."""
    if not isinstance(value, str) or "\0" in value or len(value) > LONGEST_ID:
        return False
    return value.isascii() or (
        _SURROGATE.search(value) is None and len(value.encode()) <= LONGEST_ID
    )


def check_text(what: str, value: str) -> None:
    """Refuse what is not text at all (TypeError); any text will do."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is text, not {type(value).__name__}: {value!r}")


def check_mapping(what: str, value: object) -> None:
    """Refuse what is no mapping (TypeError)."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{what} is a mapping, not {type(value).__name__}")


def check_time(what: str, value: float) -> None:
    """Refuse what is no time in seconds that a calendar knows (ValueError)."""
    if not isinstance(value, int | float) or not -LATEST <= value <= LATEST:
        raise ValueError(f"{what} is not a time in seconds since 1970: {value!r}")


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

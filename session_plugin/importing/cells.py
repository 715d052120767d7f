"""Values of files that others wrote: of any type, or missing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from session_plugin.checks import LATEST, check_text

_DIGITS = re.compile(r"-?[0-9]+")
_BEYOND = 2**63
"""No id and no size is as large."""
_WRITING_DIRECTION = dict.fromkeys(
    (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
)


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> Sequence[Any]:
    """Return a list; an empty one for anything else."""
    return value if isinstance(value, list) else ()


def text(value: Any) -> str:
    """Return text, or a number as text; "" for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def name(value: Any) -> str:
    """Return a name without the characters that change the direction of writing."""
    return text(value).translate(_WRITING_DIRECTION)


def number(value: Any) -> int | None:
    """Return a whole number of up to 64 bits, also one written in ASCII digits; None for anything
    else.
    """
    if isinstance(value, str) and _DIGITS.fullmatch(value) is None:
        return None  # `int` takes underscores, spaces and the digits of every script

    try:
        whole = None if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None

    if whole is None or abs(whole) >= _BEYOND or (isinstance(value, float) and whole != value):
        return None

    return whole


def iso_time(value: Any, zone: tzinfo | None = None) -> float | None:
    """Return the seconds since 1970 of an ISO time; None for anything else.

    Args:
        value: The time.
        zone: What its zone is if it names none; None reads no such time.
    """
    if not isinstance(value, str):
        return None

    try:
        read = datetime.fromisoformat(value)
        if read.tzinfo is None:
            if zone is None:
                return None
            read = read.replace(tzinfo=zone)
        seconds = read.timestamp()
    except (ValueError, OverflowError):
        return None

    return seconds if abs(seconds) <= LATEST else None


def check_ids(**ids: str | None) -> None:
    """Raise TypeError for an id of a caller that is a number: it would be nobody's."""
    for what, value in ids.items():
        if value is not None:
            check_text(what, value)


def zone_named(value: str | None) -> tzinfo | None:
    """Return a time zone by its IANA name; None for none.

    Raises:
        ValueError: there is none of that name.
    """
    if value is None:
        return None
    if value == "UTC":
        return UTC

    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"unknown time zone {value!r}: use a name from the IANA database, like Europe/Vienna"
        ) from error

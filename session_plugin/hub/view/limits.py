"""Limits as callers give them."""

from __future__ import annotations

from session_plugin.records.conversation.histories import ALL


def checked_limit(name: str, limit: int | None, *, at_least: int = 0) -> int:
    """Return a limit as a database takes it, and takes it with one more; None is for all.

    Raises:
        ValueError: it is no whole number of at least `at_least`.
    """
    if limit is None:
        return ALL - 1
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < at_least:
        raise ValueError(f"{name} is a whole number, {at_least} or more, not {limit!r}")

    return min(limit, ALL - 1)

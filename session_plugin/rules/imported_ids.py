"""The ids of imported messages whose file does not know the platform's.

They are in a namespace of their own, so that none is ever taken for one of the platform.
"""

from __future__ import annotations

NAMESPACE = "import:"


def imported_id(source: str, key: object) -> str:
    """Return the id of a message by who or what numbered it, and its number there."""
    return f"{NAMESPACE}{source}:{key}"


def is_imported_id(message_id: str | None) -> bool:
    """Check whether an id is one of these."""
    return message_id is not None and message_id.startswith(NAMESPACE)


def source_of(message_id: str) -> str:
    """Return what the ids of one source begin with."""
    return message_id.rpartition(":")[0]

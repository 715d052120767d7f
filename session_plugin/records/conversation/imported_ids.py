"""Imported messages that a platform delivers after all, under its own ids.

A file that numbers messages in its own way leaves the time, the role and the words to know them by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from session_plugin.checks import DAY
from session_plugin.database.engine import Row, Tx
from session_plugin.model import MessageEvent
from session_plugin.records.cells import to_bytes
from session_plugin.rules.imported_ids import is_imported_id, source_of
from session_plugin.rules.numbers import number_at

SECOND = 1.0
"""Platforms and files give times to the second."""


def take_platform_id(tx: Tx, chat: Row, event: MessageEvent) -> bool:
    """Give an imported message the id under which its platform delivers it now.

    It is known by its second, its role and its words; an edited one by the first two, if no other
    has these. Return False if none was imported.
    """
    until = chat["imported_until"]
    if until is None or until + SECOND <= event.sent_at or is_imported_id(event.message_id):
        return False

    second = int(event.sent_at // SECOND)
    rows = tx.all(
        "imported_then",
        chat_no=chat["chat_no"],
        from_no=number_at(second),
        to_no=number_at(second + SECOND),
    )
    rows = [row for row in rows if row["role"] == event.role and is_imported_id(row["message_id"])]
    content = to_bytes(event.text)
    same = [row for row in rows if row["content"] == content]
    if not same and event.edited_at is not None and len(rows) == 1:
        same = rows
    if not same:
        return False

    tx.run(
        "take_platform_id",
        chat_no=chat["chat_no"],
        seq=same[0]["seq"],
        message_id=event.message_id,
    )

    return True


class SaidMeanwhile:
    """What is stored of a chat under other ids than those of one import."""

    def __init__(self, tx: Tx, chat_no: int, events: Sequence[MessageEvent]) -> None:
        """Look for what was said within the time of `events`, which are of this chat."""
        times = [event.sent_at for event in events]
        rows = tx.all(
            "said_meanwhile",
            chat_no=chat_no,
            active_from=min(times) - DAY,
            from_time=min(times) // SECOND,
            to_time=max(times) // SECOND + SECOND,
        )
        sources = {source_of(event.message_id) for event in events if event.message_id is not None}
        others = [
            row
            for row in rows
            if row["message_id"] is None or source_of(row["message_id"]) not in sources
        ]
        self._left = Counter(_key(row["sent_at"], row["role"], row["content"]) for row in others)
        self._edited = Counter(
            _key(row["sent_at"], row["role"], None)
            for row in others
            if row["edited_at"] is not None
        )

    def has(self, event: MessageEvent) -> bool:
        """Check whether a message is among it; each stored one answers for one message."""
        key = _key(event.sent_at, event.role, to_bytes(event.text))
        if self._left[key]:
            self._left[key] -= 1
            return True

        edited = _key(event.sent_at, event.role, None)
        if self._edited[edited]:
            self._edited[edited] -= 1
            return True

        return False


def _key(sent_at: float, role: str, content: bytes | None) -> tuple[int, str, bytes | None]:
    return int(sent_at // SECOND), role, None if content is None else bytes(content)

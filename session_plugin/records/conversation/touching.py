"""What operations change of what a session's history shows. Knows operations; runs none.

Here is all that is known of it: an operation that is not listed may change any session.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from session_plugin.database.engine import Task
from session_plugin.model import Account, Chat
from session_plugin.records.conversation import asides, editing, model_runs, removing, states
from session_plugin.records.conversation.bulk import RECORD
from session_plugin.records.conversation.sessions import CLAIM_ANNOUNCEMENTS, start_new
from session_plugin.records.message_rows import Columns, to_columns
from session_plugin.records.people import data_keys
from session_plugin.records.results import Announcement, IdentityChanged
from session_plugin.records.upkeep import resealing, summaries, vectors, work_leases


class Added(NamedTuple):
    """A message is new in its session, and nothing else of any history has changed."""

    session_no: int
    seq: int
    chat: Chat
    row: Mapping[str, Any]
    person: Account | None

    def columns(self) -> Columns:
        """Return the message's columns as they would be read."""
        return to_columns(self.row, seq=self.seq, person=self.person)


@dataclass(frozen=True, slots=True)
class Changed:
    """What else has changed: some sessions, and all that a chat is part of."""

    session_nos: frozenset[int]
    chat: Chat
    changes_quotes: bool
    """Whether messages that quote another one may have changed, in whatever session."""


UNCHANGED: frozenset[object] = frozenset(
    {
        CLAIM_ANNOUNCEMENTS,
        data_keys.note_destroyed,
        data_keys.renew_all,
        data_keys.sweep,
        resealing.begin_again,
        resealing.end,
        resealing.finish_sealing,
        resealing.reseal_messages,
        resealing.reseal_table,
        resealing.reseal_vectors,
        states.put,
        summaries.PUT,
        summaries.clear,
        vectors.store,
        work_leases.take,
        work_leases.release,
    }
)
"""Operations that change no message, no chat, no account, and no session's beginning or end."""

CHATS: Mapping[object, Callable[[Task], Chat]] = {
    RECORD: lambda task: task.argument.event.chat,
    editing.edit: lambda task: task.args[0].event.chat,
    removing.delete: lambda task: task.args[1],
    asides.take_in: lambda task: task.args[1],
    model_runs.set_turn: lambda task: task.args[1],
    start_new: lambda task: task.args[0].chat,
}
"""Operations that change one chat and the sessions that they announce; and which chat."""
CHANGES_QUOTES: frozenset[object] = frozenset({editing.edit, removing.delete})
"""Those of them after which quotes of a message are removed."""


def stores(task: Task) -> bool:
    """Check whether a task that was run has stored a message."""
    return task.operation is RECORD and task.error is None and task.result.value.fate == "stored"


def changed_by(task: Task) -> Added | Changed | None:
    """Return what a committed task has changed.

    Raises:
        LookupError: it may have changed anything.
    """
    operation, result = task.operation, task.result
    if task.error is not None or operation in UNCHANGED:
        return None

    chat = CHATS[operation](task)
    announcements: tuple[Announcement, ...] = getattr(result, "announcements", ())
    if operation is RECORD and len(announcements) == 1 and result.value.row is not None:
        value = result.value
        return Added(value.session_no, value.seq, chat, value.row, value.person)

    session_nos = frozenset(
        one.session_no for one in announcements if not isinstance(one, IdentityChanged)
    )

    return Changed(session_nos, chat, changes_quotes=operation in CHANGES_QUOTES)

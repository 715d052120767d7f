"""What a model, or a caller of SessionStore, gets to see: the summary and the messages that it does
not stand for.
"""

from __future__ import annotations

from functools import partial

from session_plugin.database.engine import Tx
from session_plugin.model import Session, SessionMessage, Summary
from session_plugin.records.conversation.histories import newest, own_messages_in_groups
from session_plugin.records.conversation.sessions import (
    Where,
    find_scope,
    fresh_session,
    session_data,
)
from session_plugin.records.upkeep.summaries import current_summary


def read_context(
    tx: Tx, where: Where, *, limit: int | None
) -> tuple[Summary | None, list[SessionMessage]]:
    """Return the summary of a reader's live session and the newest messages that it does not stand
    for.
    """
    scope = find_scope(tx, where)
    if scope is None:
        return None, []
    live, segments = fresh_session(tx, where.context, scope)
    if live is None:
        return None, []
    groups = partial(own_messages_in_groups, tx, scope, since=live["started_at"])
    messages = newest(tx, segments, limit=limit, only_live=True, besides=groups)
    return current_summary(tx, live["session_no"]), messages


def session_with_messages(tx: Tx, session_no: int) -> tuple[Session, Summary | None]:
    """Return a session with its unconsolidated messages, and the summary that stands in front of
    them.
    """
    session = session_data(tx, session_no)
    if session is None:
        raise LookupError(f"there is no session number {session_no}")
    segments = tx.all("segments_of_session", session_no=session_no)
    session.messages = newest(tx, segments, limit=None, only_live=True)
    return session, current_summary(tx, session_no)

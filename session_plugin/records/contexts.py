"""What a model, or a caller of SessionStore, gets to see: the summary and the messages that it does not stand for."""

from __future__ import annotations

from session_plugin.database.engine import Tx
from session_plugin.model import Session, SessionMessage, Summary
from session_plugin.records.histories import newest
from session_plugin.records.sessions import Where, live_session_no, session_data
from session_plugin.records.summaries import current_summary


def read_context(tx: Tx, argument: tuple[Where, int | None]) -> tuple[Summary | None, list[SessionMessage]]:
    """Give the summary of a reader's live session and the newest messages that it does not stand for."""
    where, limit = argument
    session_no = live_session_no(tx, where)
    if session_no is None:
        return None, []
    segments = tx.all("segments_of_session", session_no=session_no)
    return current_summary(tx, session_no), newest(tx, segments, limit=limit, only_live=True)


def session_with_messages(tx: Tx, session_no: int) -> tuple[Session, Summary | None]:
    """Give a session with its unconsolidated messages, and the summary that stands in front of them."""
    session = session_data(tx, session_no)
    if session is None:
        raise LookupError(f"there is no session number {session_no}")
    segments = tx.all("segments_of_session", session_no=session_no)
    session.messages = newest(tx, segments, limit=None, only_live=True)
    return session, current_summary(tx, session_no)

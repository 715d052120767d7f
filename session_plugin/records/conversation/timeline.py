"""One session as an operator looks at it: its messages over all chats, its summaries with their
ranges, and as whom it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from session_plugin.database.engine import Row, Tx
from session_plugin.model import Account, Chat, Session, SessionMessage, SummaryPart
from session_plugin.records.cells import to_text
from session_plugin.records.conversation.histories import between, newest
from session_plugin.records.conversation.sessions import session_data, session_no_of, to_chat
from session_plugin.records.upkeep.summaries import current_summary
from session_plugin.rules.overview import KnownSummary, Timeline

MOST_SUMMARIES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRead:
    """What a session is read as: its data, and in which chat as whose account.

    `chat` is None where nothing was ever said in it.
    """

    session: Session
    chat: Chat | None
    account: Account | None


def find_session(tx: Tx, session_id: str) -> SessionRead | None:
    """Return how a session is read; None if there is none with this id."""
    session_no = session_no_of(tx, session_id)
    return None if session_no is None else _read(tx, session_no, _segments(tx, session_no))


def read_timeline(
    tx: Tx, session_id: str, *, before: int | None = None, limit: int
) -> Timeline | None:
    """Return the messages of a session before a number; None if there is no such session."""
    session_no = session_no_of(tx, session_id)
    if session_no is None:
        return None

    session = session_data(tx, session_no)
    if session is None:
        return None

    segments = _segments(tx, session_no)
    found = newest(tx, segments, limit=limit + 1, before=before)
    messages = found[-limit:]
    joined = tx.first("session_joined_into", session_no=session_no)

    return Timeline(
        session=session,
        chats=tuple(to_chat(segment, segment["thread_id"]) for segment in segments),
        joined_into=None if joined is None else joined["session_id"],
        summary=current_summary(tx, session_no),
        summaries=_summaries(tx, session_no),
        messages=tuple(messages),
        older=messages[0].seq if len(found) > limit else None,
    )


def find_in_session(tx: Tx, session_id: str, seq: int) -> SessionMessage | None:
    """Return one message of a session by its number."""
    session_no = session_no_of(tx, session_id)
    segments = () if session_no is None else _segments(tx, session_no)
    for segment in segments:
        for _, message in between(tx, segment, seq, seq):
            return message

    return None


def _segments(tx: Tx, session_no: int) -> list[Row]:
    return tx.all("segments_of_session", session_no=session_no)


def _read(tx: Tx, session_no: int, segments: Sequence[Row]) -> SessionRead | None:
    session = session_data(tx, session_no)
    if session is None:
        return None

    chat, account = session.chat, None
    newest_first = sorted(segments, key=lambda segment: segment["last_activity"], reverse=True)
    if chat is None and newest_first:
        home = newest_first[0]
        chat, account = to_chat(home, home["thread_id"]), _account(tx, home["peer_no"])

    return SessionRead(session=session, chat=chat, account=account)


def _account(tx: Tx, account_no: int | None) -> Account | None:
    row = None if account_no is None else tx.first("account_by_no", account_no=account_no)
    return None if row is None else Account(row["channel"], row["channel_user_id"])


def _summaries(tx: Tx, session_no: int) -> tuple[KnownSummary, ...]:
    rows = tx.all("summaries_in_timeline", session_no=session_no, limit=MOST_SUMMARIES)
    return tuple(
        KnownSummary(
            number=row["summary_no"],
            text=None if row["content"] is None else to_text(row["content"]),
            made_by=row["made_by"],
            made_at=row["made_at"],
            superseded_by=row["superseded_by"],
            withdrawn_because=row["withdrawn_because"],
            parts=tuple(
                SummaryPart(
                    chat=to_chat(part, part["thread_id"]),
                    from_seq=part["from_seq"],
                    to_seq=part["to_seq"],
                )
                for part in tx.all("parts_of_summary", summary_no=row["summary_no"])
            ),
        )
        for row in rows
    )

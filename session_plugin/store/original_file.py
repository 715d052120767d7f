"""Read a database of the original SessionStore, as it really is: identity in each session,
summaries as late system rows, cells that hold anything. Its program keeps the conversations of
webhooks in a table of their own, alone in a file or beside the others. A copy of the file is read.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from session_plugin.checks import LATEST, is_storable
from session_plugin.database.foreign import copy_opened
from session_plugin.database.queries import load_queries
from session_plugin.errors import DatabaseRefused
from session_plugin.model import ROLES, Account
from session_plugin.reports import Skipped

MESSAGES_AT_ONCE = 200
SUMMARY_HEADING = "Session history summary:"
TABLES = ("sessions", "session_messages")
SESSION_COLUMNS = {
    "session_id",
    "user_id",
    "display_name",
    "channel_ids",
    "created_at",
    "last_activity",
    "metadata",
}
CHANNEL_TABLE = "channel_sessions"
CHANNEL_COLUMNS = {"sender_id", "channel_type", "conversation_history", "created_at", "updated_at"}
MESSAGE_COLUMNS = {"id", "session_id", "role", "content", "channel", "timestamp", "metadata"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalMessage:
    """One row of `session_messages`, or one entry of a `conversation_history`.

    `key` tells it from the others of its session, also when the file is read again.
    """

    key: str
    role: str
    content: str
    channel: str
    timestamp: float
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalSession:
    """One row of `sessions`, or of `channel_sessions`: there, `account` says whose it is.

    `is_newest`: the user has no session that was active later. `summaries` are those that its store
    put in place of rows that it deleted, without their heading.
    """

    session_id: str
    user_id: str
    display_name: str
    channel_ids: dict[str, str]
    created_at: float
    last_activity: float
    metadata: dict[str, Any]
    is_newest: bool
    summaries: tuple[tuple[float, str], ...]
    account: Account | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A session and some of its messages, in order; the last piece of a session has no
    `has_more`.
    """

    session: OriginalSession
    messages: tuple[OriginalMessage, ...]
    has_more: bool


@dataclass(slots=True)
class Original:
    """An original database, open for reading. `skipped` grows with what could not be read, and
    why.
    """

    path: Path
    skipped: list[Skipped] = field(default_factory=list)
    _opened: ExitStack = field(default_factory=ExitStack)
    _connection: sqlite3.Connection | None = None
    _tables: frozenset[str] = frozenset()

    def open(self) -> None:
        """Copy the file and open the copy.

        Raises:
            DatabaseRefused: there is no such file, it is damaged, or not one of the original's.
        """
        if not self.path.is_file():
            raise DatabaseRefused(
                f"{self.path} is no file; give the path of the original's sessions.db"
            )

        try:
            self._connection = self._opened.enter_context(copy_opened(self.path))
            self._check()
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise DatabaseRefused(
                f"{self.path} cannot be read: {error}; it was left as it is. Stop the program "
                "that writes it, or recover "
                "what can be read with sqlite3's .recover into a new file."
            ) from error
        except DatabaseRefused:
            self.close()
            raise

    def close(self) -> None:
        """Close and remove the copy."""
        self._opened.close()

    def count(self) -> int:
        """Count the messages, summaries among them."""
        total = 0
        if "sessions" in self._tables:
            (row,) = self._rows("original_count")
            total += int(row["count"])

        if CHANNEL_TABLE in self._tables:
            rows = self._rows("original_channel_sessions")
            total += sum(len(_history(row) or ()) for row in rows)

        return total

    def pieces(self) -> Iterator[Piece]:
        """Return everything in pieces: sessions as they began, each one's messages as they were
        stored.
        """
        if "sessions" in self._tables:
            yield from self._pieces_of_sessions()
        if CHANNEL_TABLE in self._tables:
            yield from self._pieces_of_channels()

    def _pieces_of_sessions(self) -> Iterator[Piece]:
        for row in self._rows("original_orphans"):
            self._skip("message", row["id"], f"there is no session {row['session_id']!r}")

        newest = {row["user_id"]: row["session_id"] for row in self._rows("original_newest")}
        for row in self._rows("original_sessions"):
            session = self._session(row, newest)
            if session is not None:
                yield from self._pieces_of(session)

    def _pieces_of_channels(self) -> Iterator[Piece]:
        """Return the conversations of webhooks: the newest entries of each, in one piece."""
        users = set()
        if "sessions" in self._tables:
            users = {row["user_id"] for row in self._rows("original_newest")}

        for row in self._rows("original_channel_sessions"):
            session = self._channel_session(row, users)
            if session is not None:
                messages = tuple(self._entries(row, session))
                yield Piece(session=session, messages=messages, has_more=False)

    def _channel_session(self, row: sqlite3.Row, users: set[Any]) -> OriginalSession | None:
        channel, sender = row["channel_type"], row["sender_id"]
        where = f"{CHANNEL_TABLE} {channel} {sender}"
        user_id = f"{channel}:{sender}"
        session_id = f"{CHANNEL_TABLE}:{user_id}"
        if not (_is_label(channel, sender) and is_storable(session_id)):
            self._skip("session", where, "its channel_type or sender_id cannot be an id")
            return None

        created_at = self._moment(row, "created_at", where)
        last_activity = self._moment(row, "updated_at", where)
        extra = ("preferred_notification_channel", "pending_response")
        values = dict(row)

        return OriginalSession(
            session_id=session_id,
            user_id=user_id,
            display_name="",
            channel_ids={},
            created_at=created_at or last_activity or 0.0,
            last_activity=last_activity or created_at or 0.0,
            metadata={name: _text(values[name]) for name in extra if values.get(name)},
            is_newest=user_id not in users,
            summaries=(),
            account=Account(channel, sender),
        )

    def _entries(self, row: sqlite3.Row, session: OriginalSession) -> Iterator[OriginalMessage]:
        """Return a conversation's entries, all as old as the newest: the file says no more.

        The file keeps the newest ones only, so their places change; equal ones are counted.
        """
        where = f"{CHANNEL_TABLE} {row['channel_type']} {row['sender_id']}"
        entries = _history(row)
        if entries is None:
            self._skip("cell", where, "its conversation_history is not a JSON list")
            return

        seen: Counter[str] = Counter()
        for entry in entries:
            role = entry.get("role") if isinstance(entry, dict) else None
            content = entry.get("content") if isinstance(entry, dict) else None
            if not (isinstance(role, str) and role in ROLES and isinstance(content, str)):
                self._skip("message", where, f"an entry has the role {role!r}, or no text")
                continue

            said = f"{role} {content}"
            seen[said] += 1
            yield OriginalMessage(
                key=f"{seen[said]} {_hash(said)}",
                role=role,
                content=content,
                channel=row["channel_type"],
                timestamp=session.last_activity,
                metadata={},
            )

    def _moment(self, row: sqlite3.Row, column: str, where: str) -> float | None:
        """Return a time that SQLite wrote as text, in UTC."""
        try:
            moment = datetime.fromisoformat(_text(row[column]))
        except ValueError:
            return self._time(row, column, where, None)

        zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return zoned.timestamp()

    def _pieces_of(self, session: OriginalSession) -> Iterator[Piece]:
        waiting: list[OriginalMessage] = []
        at = session.created_at
        for row in self._rows("original_messages", session_id=session.session_id):
            if _is_summary(row):
                continue

            message = self._message(row, at)
            if message is None:
                continue

            if len(waiting) == MESSAGES_AT_ONCE:
                yield Piece(session=session, messages=tuple(waiting), has_more=True)
                waiting = []

            waiting.append(message)
            at = message.timestamp

        yield Piece(session=session, messages=tuple(waiting), has_more=False)

    def _session(self, row: sqlite3.Row, newest: dict[Any, Any]) -> OriginalSession | None:
        session_id, user_id = row["session_id"], row["user_id"]
        for what, value in (("session_id", session_id), ("user_id", user_id)):
            if not isinstance(value, str) or not value or not is_storable(value):
                count = sum(1 for _ in self._rows("original_messages", session_id=session_id))
                self._skip(
                    "session",
                    session_id,
                    f"its {what} is {value!r}; its {count} messages are skipped with it",
                )
                return None

        created_at = self._time(row, "created_at", session_id, None)
        last_activity = self._time(row, "last_activity", session_id, created_at)

        return OriginalSession(
            session_id=session_id,
            user_id=user_id,
            display_name=_text(row["display_name"]),
            channel_ids={
                k: v
                for k, v in self._json(row, "channel_ids", session_id).items()
                if _is_label(k, v)
            },
            created_at=created_at if created_at is not None else last_activity or 0.0,
            last_activity=last_activity if last_activity is not None else created_at or 0.0,
            metadata=self._json(row, "metadata", session_id),
            is_newest=newest.get(user_id) == session_id,
            summaries=tuple(self._summaries(session_id)),
        )

    def _summaries(self, session_id: str) -> Iterator[tuple[float, str]]:
        for row in self._rows("original_messages", session_id=session_id):
            if _is_summary(row):
                text = _text(row["content"]).removeprefix(SUMMARY_HEADING).strip()
                if text:
                    yield self._time(row, "timestamp", row["id"], 0.0) or 0.0, text

    def _message(self, row: sqlite3.Row, before: float) -> OriginalMessage | None:
        role = _text(row["role"])
        if role not in ROLES:
            self._skip(
                "message", row["id"], f"its role is {role!r}; there are {', '.join(sorted(ROLES))}"
            )
            return None

        content = _text(row["content"])
        timestamp = self._time(row, "timestamp", row["id"], before) or 0.0

        return OriginalMessage(
            key=f"{row['id']} {_hash(f'{role} {timestamp!r} {content}')}",
            role=role,
            content=content,
            channel=_text(row["channel"]),
            timestamp=timestamp,
            metadata=self._json(row, "metadata", row["id"]),
        )

    def _time(
        self, row: sqlite3.Row, column: str, where: object, instead: float | None
    ) -> float | None:
        value = row[column]
        if isinstance(value, int | float) and math.isfinite(value) and -LATEST <= value <= LATEST:
            return float(value)
        self._skip("cell", where, f"its {column} is {value!r}, which is no time")
        return instead

    def _json(self, row: sqlite3.Row, column: str, where: object) -> dict[str, Any]:
        cell = row[column]
        if cell is None or cell in ("", b""):
            return {}

        try:
            values = json.loads(_text(cell))
        except (ValueError, RecursionError):
            values = None

        if isinstance(values, dict):
            return values

        self._skip("cell", where, f"its {column} is not a JSON object")

        return {}

    def _skip(self, what: str, where: object, reason: str) -> None:
        self.skipped.append(Skipped(what=what, where=_text(where), reason=reason))

    def _rows(self, query: str, **values: object) -> Iterator[sqlite3.Row]:
        assert self._connection is not None
        return self._connection.execute(load_queries("sqlite")[query], values)

    def _check(self) -> None:
        (row,) = self._rows("original_check")
        if row["finding"] != "ok":
            raise sqlite3.DatabaseError(row["finding"])

        columns = {
            table: {row["name"] for row in self._rows("original_columns", table=table)}
            for table in (*TABLES, CHANNEL_TABLE)
        }
        tables = set()
        if (
            columns["sessions"] >= SESSION_COLUMNS
            and columns["session_messages"] >= MESSAGE_COLUMNS
        ):
            tables |= set(TABLES)

        if columns[CHANNEL_TABLE] >= CHANNEL_COLUMNS:
            tables.add(CHANNEL_TABLE)
        elif columns[CHANNEL_TABLE]:
            self._skip("table", CHANNEL_TABLE, "it has other columns than are known")

        self._tables = frozenset(tables)
        if not tables:
            raise DatabaseRefused(
                f"{self.path} was not written by the original SessionStore; it was left as it is."
            )


def _is_summary(row: sqlite3.Row) -> bool:
    """Check for a summary of the store's own. What an author says as system has a channel, or other
    metadata.
    """
    return (
        row["role"] == "system"
        and not row["channel"]
        and _text(row["content"]).startswith(SUMMARY_HEADING)
    )


def _history(row: sqlite3.Row) -> list[Any] | None:
    """Return the entries of a conversation; None where the cell holds none."""
    try:
        entries = json.loads(_text(row["conversation_history"]) or "[]")
    except (ValueError, RecursionError):
        return None

    return entries if isinstance(entries, list) else None


def _hash(said: str) -> str:
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _is_label(channel: object, channel_user_id: object) -> bool:
    return all(
        isinstance(part, str) and part and is_storable(part) for part in (channel, channel_user_id)
    )


def _text(cell: object) -> str:
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    return "" if cell is None else str(cell)

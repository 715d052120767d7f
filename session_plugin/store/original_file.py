"""Read a database of the original SessionStore, as it really is: identity in each session,
summaries as late system rows, cells that hold anything. The file itself is never opened for
writing, nor anything made beside it: a copy is read.
"""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from session_plugin.checks import LATEST, is_storable
from session_plugin.database.queries import load_queries
from session_plugin.database.sqlite_file import connect
from session_plugin.errors import DatabaseRefused
from session_plugin.model import ROLES
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
MESSAGE_COLUMNS = {"id", "session_id", "role", "content", "channel", "timestamp", "metadata"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalMessage:
    """One row of `session_messages`."""

    number: int
    role: str
    content: str
    channel: str
    timestamp: float
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalSession:
    """One row of `sessions`.

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
    _folder: tempfile.TemporaryDirectory[str] | None = None
    _connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Copy the file and open the copy.

        Raises:
            DatabaseRefused: there is no such file, it is damaged, or not one of the original's.
        """
        if not self.path.is_file():
            raise DatabaseRefused(
                f"{self.path} is no file; give the path of the original's sessions.db"
            )
        self._folder = tempfile.TemporaryDirectory(prefix="session_plugin-")
        copy = Path(self._folder.name) / "sessions.db"
        try:
            for suffix in ("", "-journal", "-wal"):
                with suppress(FileNotFoundError):
                    shutil.copyfile(f"{self.path}{suffix}", f"{copy}{suffix}")
            self._connection = connect(str(copy), busy_timeout=5.0)
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
        if self._connection is not None:
            self._connection.close()
        if self._folder is not None:
            self._folder.cleanup()

    def count(self) -> int:
        """Count the messages, summaries among them."""
        (row,) = self._rows("original_count")
        return int(row["count"])

    def pieces(self) -> Iterator[Piece]:
        """Return everything in pieces: sessions as they began, each one's messages as they were
        stored.
        """
        for row in self._rows("original_orphans"):
            self._skip("message", row["id"], f"there is no session {row['session_id']!r}")
        newest = {row["user_id"]: row["session_id"] for row in self._rows("original_newest")}
        for row in self._rows("original_sessions"):
            session = self._session(row, newest)
            if session is not None:
                yield from self._pieces_of(session)

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
                count = len(self._rows("original_messages", session_id=session_id))
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
        return OriginalMessage(
            number=row["id"],
            role=role,
            content=_text(row["content"]),
            channel=_text(row["channel"]),
            timestamp=self._time(row, "timestamp", row["id"], before) or 0.0,
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

    def _rows(self, query: str, **values: object) -> list[sqlite3.Row]:
        assert self._connection is not None
        return self._connection.execute(load_queries("sqlite")[query], values).fetchall()

    def _check(self) -> None:
        (row,) = self._rows("original_check")
        if row["finding"] != "ok":
            raise sqlite3.DatabaseError(row["finding"])
        columns = {
            table: {row["name"] for row in self._rows("original_columns", table=table)}
            for table in TABLES
        }
        if not (
            columns["sessions"] >= SESSION_COLUMNS
            and columns["session_messages"] >= MESSAGE_COLUMNS
        ):
            raise DatabaseRefused(
                f"{self.path} was not written by the original SessionStore; it was left as it is."
            )


def _is_summary(row: sqlite3.Row) -> bool:
    """Tell the store's own summaries from what an author says as system: theirs have a channel, or
    other metadata.
    """
    return (
        row["role"] == "system"
        and not row["channel"]
        and _text(row["content"]).startswith(SUMMARY_HEADING)
    )


def _is_label(channel: object, channel_user_id: object) -> bool:
    return all(
        isinstance(part, str) and part and is_storable(part) for part in (channel, channel_user_id)
    )


def _text(cell: object) -> str:
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    return "" if cell is None else str(cell)

"""Handing over what is known of a person: the same set that forgetting removes, as plain values, and nothing about others.

Each line is one JSON object with a `kind`. Times are in seconds since 1970, ids are text, what is not known is null.

| kind | fields |
|---|---|
| export | schema (1), made_at, user_id, state (what your code keeps with the person); always the first line |
| merged_user | user_id, state: an id that was this person's before a link, and goes back with its account when that ends |
| account | channel, id, name, is_private, labels |
| chat | channel, bot, bot_id, chat_id, title: a direct chat |
| session | session_id, bot, scope_name, started_at, start_reason, ended_at, end_reason, metadata, state: of direct chats |
| message | channel, bot, bot_id, chat_id, chat_kind, thread_id, session_id, message_id, role, name, text, sent_at, received_at, edited_at, reply_to, attachments, metadata, is_withheld |
| summary | session_id, text, made_at, made_by |
| link_request | role (asker or redeemer), expires_at |
| notice | notice (what it says), expires_at |
| attempt | channel, attempt (code asked for, wrong code, ...), at |
| audit | action, at |

Messages are everything that was said in direct chats, and of groups the person's own words and the bot's answers to them.
"""  # noqa: E501 - a table's row is one line

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from session_plugin.database.engine import Row, Tx
from session_plugin.model import Account
from session_plugin.records.cells import from_json, to_text
from session_plugin.records.message_rows import to_export
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import audit
from session_plugin.records.people.forgetting import find_user
from session_plugin.records.results import Result

SCHEMA = 1
PAGE = 500
"""Messages read in one snapshot."""
ExportLine = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Where to go on: after message `after` of a direct chat's segment or an account's words in
    groups, if still `who`'s.
    """

    who: Account | str
    segment_no: int | None
    account_no: int | None
    after: int = 0


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of a person but for messages, and where those are."""

    lines: tuple[ExportLine, ...]
    pages: tuple[Page, ...]


def begin(tx: Tx, context: OperationContext, who: Account | str) -> Result[Person | None]:
    """Read all but the messages of a person; None for nobody known. That it was handed over is
    written down.
    """
    user_id = find_user(tx, who)
    if user_id is None:
        return Result(None)
    audit.note(tx, context, "exported", user_id=user_id)
    accounts = tx.all("accounts_of_user", user_id=user_id)
    state = from_json(tx.one("state_of_user", user_id=user_id)["state"])
    header = {
        "kind": "export",
        "schema": SCHEMA,
        "made_at": context.now,
        "user_id": user_id,
        "state": state,
    }
    lines = [header, *map(_account, accounts)]
    for kind, query in _QUERIES.items():
        lines += [_line(kind, row, columns) for row, columns in _rows(tx, query, user_id)]
    pages = [
        Page(who, row["segment_no"], None) for row in tx.all("segments_of_person", user_id=user_id)
    ]
    pages += [Page(who, None, row["account_no"]) for row in accounts]
    return Result(Person(tuple(lines), tuple(pages)))


_QUERIES = {
    "merged_user": ("export_merged_users", ("user_id", "state")),
    "chat": ("export_chats", ("channel", "bot", "bot_id", "chat_id", "title")),
    "session": (
        "export_sessions",
        (
            "session_id",
            "bot",
            "scope_name",
            "started_at",
            "start_reason",
            "ended_at",
            "end_reason",
            "metadata",
            "state",
        ),
    ),
    "summary": ("export_summaries", ("session_id", "text", "made_at", "made_by")),
    "link_request": ("export_link_requests", ("role", "expires_at")),
    "notice": ("export_notices", ("notice", "expires_at")),
    "attempt": ("export_attempts", ("channel", "attempt", "at")),
    "audit": ("export_audit", ("action", "at")),
}


def _rows(
    tx: Tx, query: tuple[str, tuple[str, ...]], user_id: str
) -> Iterator[tuple[Row, tuple[str, ...]]]:
    name, columns = query
    for row in tx.all(name, user_id=user_id):
        yield row, columns


def _line(kind: str, row: Row, columns: tuple[str, ...]) -> ExportLine:
    values = {column: row[column] for column in columns}
    for column in ("metadata", "state"):
        if column in values:
            values[column] = from_json(values[column])
    if "text" in values:
        values["text"] = to_text(values["text"])
    return {"kind": kind, **values}


def _account(row: Row) -> ExportLine:
    return {
        "kind": "account",
        "channel": row["channel"],
        "id": row["channel_user_id"],
        "name": row["display_name"],
        "is_private": bool(row["private"]),
        "labels": from_json(row["labels"]),
    }


def read_page(tx: Tx, page: Page) -> tuple[list[ExportLine], Page | None]:
    """Read some of a person's messages, oldest first, and tell where to go on; None where that was
    all.

    An account that has left them since the export began takes its messages along.
    """
    place = {"user_id": find_user(tx, page.who), "after": page.after, "limit": PAGE}
    if page.segment_no is not None:
        rows = tx.all("export_segment", segment_no=page.segment_no, **place)
    else:
        rows = tx.all("export_words_in_groups", account_no=page.account_no, **place)
    following = replace(page, after=rows[-1]["seq"]) if len(rows) == PAGE else None
    return [to_export(row) for row in rows], following

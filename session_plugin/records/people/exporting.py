"""Handing over what is known of a person: the same set that forgetting removes, as plain values, and nothing about others.

Each line is one JSON object with a `kind`. Times are in seconds since 1970, ids are text, what is not known is null.

| kind | fields |
|---|---|
| export | schema (1), made_at, user_id, state (what your code keeps with the person); always the first line |
| merged_user | user_id, state: an id that was this person's before a link, and goes back with its account when that ends |
| account | channel, id, name, is_private, labels |
| chat | channel, bot, bot_id, chat_id, title: a direct chat |
| session | session_id, bot, scope_name, started_at, start_reason, ended_at, end_reason, metadata, state: of direct chats |
| message | channel, bot, bot_id, chat_id, chat_kind, thread_id, session_id, message_id, role, account (the person's, who wrote it or is answered), name, text, sent_at, received_at, edited_at, reply_to, attachments, metadata, is_withheld, parts, turn, is_aside |
| summary | session_id, text, made_at, made_by |
| link_request | role (asker or redeemer), expires_at |
| notice | notice (what it says), expires_at |
| attempt | channel, attempt (code asked for, wrong code, ...), at |
| audit | action, at |

Messages are everything that was said in direct chats, and of groups the person's own words and the bot's answers to them.
"""  # noqa: E501 - a table's row is one line

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from session_plugin.database.engine import Row, Tx
from session_plugin.model import Account
from session_plugin.records.cells import from_json, to_text
from session_plugin.records.message_rows import to_export
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import audit
from session_plugin.records.people.forgetting import find_user
from session_plugin.records.people.joining import refuse_newly_linked
from session_plugin.rules.numbers import FIRST

SCHEMA = 1
PAGE = 100
"""Rows read in one snapshot, which takes a few milliseconds: in memory, readers hold the writer."""
ExportLine = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Where to go on: after row `after` of a kind, or of the messages of a direct chat's segment or
    of an account's words in groups, if still `who`'s.
    """

    who: Account | str
    kind: str
    segment_no: int | None = None
    account_no: int | None = None
    after: int = FIRST


@dataclass(frozen=True, slots=True)
class Person:
    """The first lines about a person, and where the rest is."""

    lines: tuple[ExportLine, ...]
    pages: tuple[Page, ...]


def note(tx: Tx, context: OperationContext, who: Account | str) -> bool:
    """Write down that a person's data is handed over; False for nobody known.

    Raises:
        LinkedRecently: `who` is an account, and a link of the last day has brought what is not its
            to hand over.
    """
    refuse_newly_linked(tx, context, who)
    user_id = find_user(tx, who)
    if user_id is not None:
        audit.note(tx, context, "exported", user_id=user_id)

    return user_id is not None


def begin(tx: Tx, context: OperationContext, who: Account | str) -> Person | None:
    """Read who somebody is, and where all else about them is; None for nobody known."""
    user_id = find_user(tx, who)
    if user_id is None:
        return None

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
    for kind, (query, columns) in _FEW.items():
        lines += [_line(kind, row, columns) for row in tx.all(query, user_id=user_id)]

    pages = [Page(who, kind) for kind in _MANY]
    pages += [
        Page(who, "message", segment_no=row["segment_no"])
        for row in tx.all("segments_of_person", user_id=user_id)
    ]
    pages += [Page(who, "message", account_no=row["account_no"]) for row in accounts]

    return Person(tuple(lines), tuple(pages))


_FEW = {
    "merged_user": ("export_merged_users", ("user_id", "state")),
    "attempt": ("export_attempts", ("channel", "attempt", "at")),
}
"""Kinds of which there are a few only: accounts are linked by hand, attempts are limited."""

_MANY = {
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
    "audit": ("export_audit", ("action", "at")),
}
"""Kinds that are read page by page."""


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
    """Read some of what is stored about a person, oldest first, and tell where to go on; None where
    that was all.

    An account that has left them since the export began takes its rows along.
    """
    place = {"user_id": find_user(tx, page.who), "after": page.after, "limit": PAGE}
    if page.segment_no is not None:
        rows = tx.all("export_segment", segment_no=page.segment_no, **place)
    elif page.account_no is not None:
        rows = tx.all("export_words_in_groups", account_no=page.account_no, **place)
    else:
        rows = tx.all(_MANY[page.kind][0], **place)

    following = replace(page, after=rows[-1]["seq"]) if len(rows) == PAGE else None
    if page.kind == "message":
        return [to_export(row) for row in rows], following

    columns = _MANY[page.kind][1]
    lines = [_line(page.kind, row, columns) for row in rows if not _is_unreadable(page, row)]

    return lines, following


def _is_unreadable(page: Page, row: Row) -> bool:
    """Check whether it is a summary that reads as none, as its key is gone."""
    return page.kind == "summary" and row["text"] is None

"""The database of openai-agents' `SQLiteSession`.

A session there has an id of its author's choice and no people; whose it is, the caller says.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC
from pathlib import Path
from typing import Any

from session_plugin.database.foreign import copy_opened
from session_plugin.errors import FileRefused
from session_plugin.importing.authors import account_of as account_named
from session_plugin.importing.cells import check_ids, iso_time, items, mapping, text
from session_plugin.importing.direct import chat_apart
from session_plugin.model import Account, Chat, MessageEvent, Role
from session_plugin.parts import Attachment, Part
from session_plugin.providers import responses
from session_plugin.reports import Skipped
from session_plugin.rules.imported_ids import imported_id

SOURCE = "openai-agents"

Item = MessageEvent | Skipped


def read_openai_agents(
    path: str | Path,
    *,
    account_of: Callable[[str], Account | None],
    bot_id: str = "",
    messages_table: str = "agent_messages",
) -> Iterator[Item]:
    """Yield the messages of all sessions, and what is left out.

    The database is copied first, with its log, so that it stays as it is.

    Args:
        path: The SQLite file.
        account_of: Returns whose a session is; None leaves it out.
        bot_id: The bot's own account on those people's channel.
        messages_table: The table, where the author has named it otherwise.

    Raises:
        FileRefused: the file is no such database.
        TypeError: `account_of` returned something else, or an id is a number.
    """
    check_ids(bot_id=bot_id)
    with ExitStack() as opened:
        try:
            connection = opened.enter_context(copy_opened(path))
            rows = _rows(connection, messages_table)
        except OSError as error:
            raise FileRefused(f"{path} cannot be read: {error.strerror or error}") from error
        except sqlite3.Error as error:
            raise FileRefused(
                f"{path} is no database of openai-agents' SQLiteSession: {error}"
            ) from error

        yield from _events(rows, account_of=account_of, bot_id=bot_id)


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[sqlite3.Row]:
    """Return the rows of all sessions; the order is `id`, as times are to the second."""
    quoted = '"' + table.replace('"', '""') + '"'
    # The table's name is the author's to choose, and is quoted.
    return connection.execute(
        f"SELECT id, session_id, message_data, created_at FROM {quoted} ORDER BY id"  # noqa: S608
    )


def _events(
    rows: Iterator[sqlite3.Row],
    *,
    account_of: Callable[[str], Account | None],
    bot_id: str,
) -> Iterator[Item]:
    homes: dict[str, tuple[Chat, Account] | str] = {}
    turns: dict[str, str] = {}
    while True:
        try:
            row = next(rows, None)
        except sqlite3.Error as error:
            yield Skipped(
                what="file",
                where="agent_messages",
                reason=f"the database is broken; nothing after this was read: {error}",
            )
            return

        if row is None:
            return

        number, session_id, data, created_at = row
        session_id = str(session_id)
        if session_id not in homes:
            homes[session_id] = _home(session_id, account_of, bot_id)

        home = homes[session_id]
        if isinstance(home, str):
            yield Skipped(what="message", where=f"row {number}", reason=home)
            continue

        try:
            event = to_event(number, data, _time(created_at), *home, turn=turns.get(session_id))
        except (TypeError, ValueError) as error:
            yield Skipped(what="message", where=f"row {number}", reason=str(error))
            continue

        if event.role == "user":
            turns[session_id] = imported_id(SOURCE, number)
        yield event


def _home(
    session_id: str, account_of: Callable[[str], Account | None], bot_id: str
) -> tuple[Chat, Account] | str:
    """Return the direct chat that a session becomes, and whose it is; or why there is none."""
    account = account_named(session_id, account_of, argument="account_of")
    if account is None:
        return "account_of names nobody for its session"

    try:
        return chat_apart(SOURCE, session_id, account, bot_id=bot_id), account
    except ValueError as error:
        return f"its session cannot be stored: {error}"


def _time(created_at: Any) -> float:
    time = iso_time(created_at, UTC)
    if time is None:
        raise ValueError("its created_at is no time")
    return time


def to_event(
    number: int, data: Any, sent_at: float, chat: Chat, account: Account, *, turn: str | None
) -> MessageEvent:
    """Return an item as a message; `turn` names the run that it is of, if it is no person's.

    Raises:
        ValueError: the item says nothing that can be stored; the error says why.
    """
    try:
        item = json.loads(data)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError("it is no JSON") from error

    role, said, attachments, parts = _read(mapping(item))
    is_persons = role == "user"

    return MessageEvent(
        chat=chat,
        message_id=imported_id(SOURCE, number),
        role=role,
        text=said,
        sent_at=sent_at,
        author=account if is_persons else None,
        answers=None if is_persons else account,
        attachments=attachments,
        parts=parts,
        turn=None if is_persons else turn,
    )


def _read(item: Mapping[str, Any]) -> tuple[Role, str, tuple[Attachment, ...], tuple[Part, ...]]:
    """Return an item's role, words, files and parts: the one place that knows its shapes."""
    type_ = text(item.get("type")) or "message"
    if type_ == "message":
        role = text(item.get("role"))
        if role not in ("user", "assistant", "system", "developer"):
            raise ValueError(f"its role is {role!r}")

        said, attachments = _content(item.get("content"))
        if not (said or attachments):
            raise ValueError("it says nothing")
        return _ROLES[role], said, attachments, ()

    calls = responses.read(item) if type_ in _OF_TOOLS else None
    if calls:
        return calls[0].role, "", (), calls[0].parts
    if "__enc__" in item:
        raise ValueError("it is encrypted; decrypt the session first")

    raise ValueError(f"an item of the type {type_} is for the model alone")


_OF_TOOLS = frozenset(
    {"function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output"}
)
_ROLES: dict[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "developer",
}


def _content(content: Any) -> tuple[str, tuple[Attachment, ...]]:
    if isinstance(content, str):
        return content, ()

    words: list[str] = []
    files: list[Attachment] = []
    for part in map(mapping, items(content)):
        type_ = text(part.get("type"))
        if type_ in ("input_text", "output_text"):
            words.append(text(part.get("text")))
        elif type_ == "refusal":
            words.append(text(part.get("refusal")))
        elif type_ in ("input_image", "input_file"):
            files.append(
                Attachment(
                    id=text(part.get("file_id")),
                    kind=type_.removeprefix("input_"),
                    filename=text(part.get("filename")),
                )
            )

    return "\n".join(word for word in words if word), tuple(files)

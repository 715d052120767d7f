"""What `/export` and `SessionHub.export` hand to a person: JSON lines.

The person's account in each chat stands in the lines of its messages (`account`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from session_plugin.errors import FileRefused
from session_plugin.importing.cells import items, mapping, text
from session_plugin.importing.opening import lines_of
from session_plugin.model import Account, Chat, MessageEvent
from session_plugin.parts import Attachment
from session_plugin.parts.as_json import from_dict
from session_plugin.reports import Skipped
from session_plugin.rules.imported_ids import imported_id

SCHEMA = 1
SOURCE = "export"

Item = MessageEvent | Skipped


def read_export(*paths: str | Path, of: Collection[Account] | None = None) -> Iterator[Item]:
    """Yield the messages of one export, and what is left out of it.

    Args:
        paths: Its files, in their order.
        of: The accounts of the person who brings it. Only what they and the bot said in their
            direct chats is taken from it then. None believes every line.

    Raises:
        FileRefused: the first file does not begin as an export does, or one cannot be read.
    """
    is_first = True
    for path in paths:
        for number, line, is_whole in lines_of(path, errors="surrogateescape"):
            if is_first:
                _check_head(path, line)
                is_first = False
                continue
            if not line.strip():
                continue

            item = _read(line, of) if is_whole else "it is too long"
            if isinstance(item, str):
                where = f"{Path(path).name}, line {number}"
                yield Skipped(what="line", where=where, reason=item)
            elif item is not None:
                yield item

    if is_first:
        raise FileRefused("there is no export in an empty file")


def _check_head(path: str | Path, line: str) -> None:
    head = _object(line)
    if head is None or head.get("kind") != "export":
        raise FileRefused(
            f"{path} is no export of session_plugin: its first line should be of the kind export. "
            "If it is one of several files, give all of them, in their order."
        )
    if head.get("schema") != SCHEMA:
        raise FileRefused(
            f"{path} is an export of schema {head.get('schema')!r}; this version reads {SCHEMA}"
        )


def _object(line: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None

    return found if isinstance(found, Mapping) else None


def _read(line: str, of: Collection[Account] | None) -> MessageEvent | str | None:
    """Return the message of a line, or why there is none; None for what is no message."""
    found = _object(line)
    kind = None if found is None else found.get("kind")
    if found is None or not isinstance(kind, str):
        return "it is no JSON, or is cut off" if found is None else "it does not say what it is"
    if kind != "message":
        return None
    if found.get("is_withheld"):
        return "its content was never stored"

    try:
        event = _to_event(found)
    except KeyError as error:
        return f"it cannot be stored: it has no {error}"
    except (TypeError, ValueError):
        return "it cannot be stored: a value of it is of another type, or too long"

    return event if of is None else _only_of(event, of)


def _only_of(event: MessageEvent, of: Collection[Account]) -> MessageEvent | str:
    """Return a message of a person's direct chats, or why it is none: files can be forged."""
    if event.chat.kind != "direct" or (event.author or event.answers) not in of:
        return "it is not in a direct chat of the person who brings it"
    if event.role in ("system", "developer"):
        return "it is an instruction, which nobody brings"

    return event


def _to_event(found: Mapping[str, Any]) -> MessageEvent:
    place = found["channel"], found["chat_id"], found["chat_kind"]
    chat = Chat(*place, bot_id=found["bot_id"], thread_id=found["thread_id"])
    account = None if found.get("account") is None else Account(chat.channel, found["account"])
    is_persons = found["role"] == "user"
    attachments = tuple(Attachment(**mapping(one)) for one in items(found.get("attachments")))

    return MessageEvent(
        chat=chat,
        message_id=found["message_id"] or _own_id(found),
        role=found["role"],
        text=text(found["text"]),
        sent_at=found["sent_at"],
        author=account if is_persons else None,
        author_name=text(found.get("name")),
        answers=None if is_persons else account,
        reply_to=found.get("reply_to"),
        attachments=attachments,
        metadata=mapping(found.get("metadata")),
        edited_at=found.get("edited_at"),
        parts=tuple(from_dict(one) for one in items(found.get("parts"))),
        turn=found.get("turn"),
        is_aside=found.get("is_aside") is True,
    )


def _own_id(found: Mapping[str, Any]) -> str:
    """Return an id for what no platform gave one: the same whenever it is imported."""
    said = json.dumps([found["received_at"], found["role"], found["text"]])
    return imported_id(SOURCE, hashlib.sha256(said.encode()).hexdigest()[:32])

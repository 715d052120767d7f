"""Commands that only look: status, people, sessions, show, search."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from session_plugin.cli.output import (
    one_line,
    print_json,
    print_lines,
    print_table,
    print_values,
    progress_bar,
    when,
)
from session_plugin.cli.setup import (
    Json,
    Limit,
    Person,
    ShowText,
    account_text,
    find_person,
    find_session,
    run,
)
from session_plugin.hub.operator import OperatorHub
from session_plugin.model import Chat, Session, SessionMessage
from session_plugin.reports import EncryptionStatus
from session_plugin.rules.found import Found
from session_plugin.rules.overview import KnownPerson, Timeline


def status(ctx: typer.Context, as_json: Json = False) -> None:
    """Show how much is stored, and what fails.

    What waits in the bot's memory, and how its plugins do, only the bot itself knows:
    `await hub.status()` there.
    """
    found = run(ctx, lambda hub: hub.status())
    shown = {
        name: value
        for name, value in _of(found).items()
        if name not in {"waiting", "dropped", "postponed", "plugins"}
    }
    if as_json:
        print_json(shown)
        return

    for name in ("oldest_message_at", "clock_doubted_since"):
        shown[name] = when(shown[name])
    shown["encryption"] = _encryption_text(found.encryption)

    print_values(
        {
            name.replace("_", " "): len(value) if isinstance(value, tuple) else value
            for name, value in shown.items()
        }
    )


def _encryption_text(found: EncryptionStatus | None) -> str:
    if found is None:
        return "none"

    text = f"{found.state}, {found.sealed_messages} of {found.messages} messages, {found.keys} keys"
    return f"{text}, {found.keys_to_destroy} to destroy" if found.keys_to_destroy else text


def _of(found: Any) -> dict[str, Any]:
    return {name: getattr(found, name) for name in type(found).__slots__}


def people(
    ctx: typer.Context,
    who: Annotated[
        str | None, typer.Argument(metavar="PERSON", help="A user id, channel:id, or a name.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List people and their accounts.

    Newest activity first; with PERSON, all who may be meant.
    """

    async def find(hub: OperatorHub) -> list[KnownPerson]:
        if who is None:
            return await hub.people(limit=limit)
        return await hub.find_people(who) or [await find_person(hub, who)]

    found = run(ctx, find)
    if as_json:
        print_json([person_json(person) for person in found])
        return

    print_table(
        ("user id", "accounts", "sessions", "messages", "last activity"),
        [
            (
                person.identity.user_id,
                _accounts(person),
                person.sessions,
                person.messages,
                when(person.last_activity),
            )
            for person in found
        ],
    )


def _accounts(person: KnownPerson) -> str:
    shown = ", ".join(f"{account_text(one.account)} {one.name!r}" for one in person.accounts)
    return f"{shown} (private)" if person.identity.is_private else shown


def person_json(person: KnownPerson) -> dict[str, Any]:
    """Return a person as the JSON of commands shows them."""
    return {
        "user_id": person.identity.user_id,
        "accounts": [
            {
                "channel": one.account.channel,
                "id": one.account.channel_user_id,
                "name": one.name,
            }
            for one in person.accounts
        ],
        "is_private": person.identity.is_private,
        "created_at": person.created_at,
        "sessions": person.sessions,
        "messages": person.messages,
        "last_activity": person.last_activity,
    }


def sessions(
    ctx: typer.Context,
    who: Annotated[
        str | None, typer.Argument(metavar="PERSON", help="A user id, channel:id, or a name.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List sessions, of all or of one person.

    Newest activity first.
    """

    async def find(hub: OperatorHub) -> list[Session]:
        if who is None:
            return await hub.sessions(limit=limit)
        person = await find_person(hub, who)
        return await hub.sessions(person.identity.user_id, limit=limit)

    found = run(ctx, find)
    if as_json:
        print_json([session_json(session) for session in found])
        return

    print_table(
        ("session id", "of", "messages", "began", "last activity", "ended"),
        [
            (
                session.session_id,
                _owner(session),
                session.message_count,
                when(session.created_at),
                when(session.last_activity),
                f"{when(session.ended_at)} {session.end_reason or ''}",
            )
            for session in found
        ],
    )


def _owner(session: Session) -> str:
    if session.chat is not None:
        return f"group {_place(session.chat)} {session.chat.title!r}"

    assert session.identity is not None
    return f"{session.identity.user_id} {session.identity.display_name!r}"


def _place(chat: Chat) -> str:
    return f"{chat.channel}:{chat.chat_id}" + (f"/{chat.thread_id}" if chat.thread_id else "")


def session_json(session: Session) -> dict[str, Any]:
    """Return a session as the JSON of commands shows it."""
    return {
        "session_id": session.session_id,
        "user_id": None if session.identity is None else session.identity.user_id,
        "chat": None if session.chat is None else _chat_json(session.chat),
        "scope_name": session.scope_name,
        "messages": session.message_count,
        "started_at": session.created_at,
        "start_reason": session.start_reason,
        "last_activity": session.last_activity,
        "ended_at": session.ended_at,
        "end_reason": session.end_reason,
        "is_pinned": session.is_pinned,
    }


def _chat_json(chat: Chat) -> dict[str, str]:
    return {
        "channel": chat.channel,
        "chat_id": chat.chat_id,
        "thread_id": chat.thread_id,
        "kind": chat.kind,
        "title": chat.title,
    }


def show(
    ctx: typer.Context,
    *,
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help="A session id; or a person, for their newest."),
    ],
    show_text: ShowText = False,
    limit: Limit = 50,
    before: Annotated[
        int | None, typer.Option(metavar="SEQ", help="Only what came before this number.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a session over all channels.

    A timeline, with the summary that stands in front of it and the messages that it stands for.
    """

    async def find(hub: OperatorHub) -> Timeline:
        session = await find_session(hub, target)
        if show_text:
            user_id = None if session.identity is None else session.identity.user_id
            await hub.note_texts_shown(user_id)
        return await hub.timeline(session.session_id, limit=limit, before=before)

    found = run(ctx, find)
    if as_json:
        print_json(_timeline_json(found, show_text=show_text))
        return

    session = found.session
    print_lines(
        f"session {session.session_id} of {one_line(_owner(session))}",
        f"began {when(session.created_at)} ({session.start_reason}), "
        + ("live" if session.is_live else f"ended {when(session.ended_at)} ({session.end_reason})"),
    )
    if found.joined_into is not None:
        print_lines(f"it goes on in session {found.joined_into}")
    if found.summary is not None:
        ranges = ", ".join(
            f"{_place(part.chat)} {part.from_seq} to {part.to_seq}" for part in found.summary.parts
        )
        print_lines(f"summary by {one_line(found.summary.made_by)} for {one_line(ranges)}")
        print_lines(*_text(found.summary.text, is_shown=show_text))
    if found.older is not None:
        print_lines(f"older messages: --before {found.older}")

    for message in found.messages:
        print_lines(_head(message), *_text(message.content, is_shown=show_text))


def _head(message: SessionMessage) -> str:
    place = message.channel if message.chat is None else _place(message.chat)
    marks = [
        name
        for name, is_marked in (
            ("withheld", message.is_withheld),
            ("aside", message.is_aside),
            ("edited", message.edited_at is not None),
            (f"{len(message.attachments)} attachments", bool(message.attachments)),
        )
        if is_marked
    ]
    who = f"{message.role} {message.author_name}".strip()
    marked = f" [{', '.join(marks)}]" if marks else ""
    return one_line(f"{message.seq}  {when(message.timestamp)}  {place}  {who}{marked}")


def _text(text: str, *, is_shown: bool) -> list[str]:
    if not is_shown:
        return [f"    {len(text)} characters"]
    return [f"    {one_line(line)}" for line in text.splitlines()]


def _timeline_json(found: Timeline, *, show_text: bool) -> dict[str, Any]:
    summary = found.summary
    return {
        "session": session_json(found.session),
        "joined_into": found.joined_into,
        "summary": None
        if summary is None
        else {
            "made_by": summary.made_by,
            "made_at": summary.made_at,
            "text": summary.text if show_text else None,
            "parts": [
                {"chat": _chat_json(one.chat), "from_seq": one.from_seq, "to_seq": one.to_seq}
                for one in summary.parts
            ],
        },
        "has_older": found.older is not None,
        "messages": [_message_json(one, show_text=show_text) for one in found.messages],
    }


def _message_json(message: SessionMessage, *, show_text: bool) -> dict[str, Any]:
    return {
        "seq": message.seq,
        "sent_at": message.timestamp,
        "chat": None if message.chat is None else _chat_json(message.chat),
        "role": message.role,
        "name": message.author_name,
        "account": None if message.person is None else account_text(message.person),
        "characters": len(message.content),
        "text": message.content if show_text else None,
        "attachments": len(message.attachments),
        "is_withheld": message.is_withheld,
        "is_aside": message.is_aside,
        "edited_at": message.edited_at,
    }


def search(
    ctx: typer.Context,
    *,
    who: Person,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="As in the command /search.")],
    show_text: ShowText = False,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many at most.")] = 10,
    before: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Where an earlier search stopped.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Search what a person can see.

    That is what is said in their direct chats. A plugin for meaning works in the bot only; here
    words are found.
    """

    async def find(hub: OperatorHub) -> Found:
        person = await find_person(hub, who)
        user_id = person.identity.user_id
        found = await hub.search(user_id, text, limit=limit, before=before)
        if show_text and found.hits:
            await hub.note_texts_shown(user_id)
        return found

    with progress_bar():
        found = run(ctx, find)

    if as_json:
        hits = [
            {
                "session_id": hit.session_id,
                "closeness": hit.closeness,
                "message": _message_json(hit.message, show_text=show_text),
            }
            for hit in found.hits
        ]
        print_json({"hits": hits, "cursor": found.cursor, "is_complete": found.is_complete})
        return

    for hit in found.hits:
        print_lines(
            f"{_head(hit.message)}  (session {hit.session_id})",
            *_text(hit.message.content, is_shown=show_text),
        )
    if not found.hits:
        print_lines("nothing was found")
    if found.cursor is not None:
        print_lines(f"more: --before {found.cursor}")

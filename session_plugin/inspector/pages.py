"""What each page says: the request's arguments, read and checked, and what is stored about them.

Knows queries and records; knows no HTML.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from session_plugin.checks import DAY, HOUR
from session_plugin.context.explaining import explain
from session_plugin.context.fitting import fit
from session_plugin.context.tokens import estimate_tokens
from session_plugin.context.turns import ModelContext
from session_plugin.database.database import Database
from session_plugin.hub.looking import Search, to_cursor, to_query
from session_plugin.inspector.showing import bars, day_of
from session_plugin.model import SessionMessage
from session_plugin.parts import TextPart
from session_plugin.parts.as_json import to_dict
from session_plugin.records.conversation import timeline
from session_plugin.records.conversation.context_reading import ContextRequest
from session_plugin.records.conversation.contexts import read_context
from session_plugin.records.conversation.histories import ALL
from session_plugin.records.conversation.sessions import Where
from session_plugin.records.conversation.sources import Person, Reader
from session_plugin.records.conversation.timeline import SessionRead
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import overview
from session_plugin.records.upkeep import status, traffic
from session_plugin.rules.overview import Page, Timeline
from session_plugin.rules.policies import Policies

PAGE = 50
"""Items on a page."""
LONG_PAGE = 100
"""Messages on a page."""
DAYS = 30
USUAL_THRESHOLD = 100
"""Messages after which a hub consolidates unless its author says otherwise."""
MOST_MESSAGES, MOST_TOKENS = 2_000, 1_000_000

Values = dict[str, Any]


class Absent(Exception):
    """What a page is about is not stored."""


class Refused(Exception):
    """What is asked for is not shown."""


def link(path: str, **arguments: object) -> str:
    """Return the address of a page. Ids are any text, so they are arguments, never paths."""
    given = {name: str(value) for name, value in arguments.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


class Pages:
    """Reads what pages show."""

    def __init__(
        self, database: Database, *, show_text: bool, clock: Callable[[], float] = time.time
    ) -> None:
        """Read from a database that is opened for reading only."""
        self._read = database.read
        self._database = database
        self._show_text = show_text
        self._clock = clock

    async def people(self, request: Request) -> Values:
        """Return people, newest first, or those who are looked for."""
        like, before = request.query_params.get("like", "").strip(), _before(request)
        page = await self._read(overview.people_like, like, before=before, limit=PAGE)

        return {
            "people": page.items,
            "like": like,
            "older": _following("/", page, like=like),
            "link": link,
        }

    async def person(self, request: Request) -> Values:
        """Return a person: accounts, merged ids, sessions."""
        user_id = request.query_params.get("id", "")
        found = await self._read(overview.person, user_id)
        if found is None:
            raise Absent("Nobody with this id is known.")

        current = found.identity.user_id
        skip = _whole(request, "skip", least=0, most=ALL - PAGE) or 0
        sessions = await self._read(overview.sessions_of, current, limit=PAGE + 1, skip=skip)
        has_older = len(sessions) > PAGE
        return {
            "person": found,
            "sessions": sessions[:PAGE],
            "older": link("/person", id=current, skip=skip + PAGE) if has_older else None,
            "link": link,
        }

    async def groups(self, request: Request) -> Values:
        """Return groups, newest first."""
        page = await self._read(overview.groups, before=_before(request), limit=PAGE)
        return {"groups": page.items, "older": _following("/groups", page), "link": link}

    async def group(self, request: Request) -> Values:
        """Return a group's sessions."""
        chat_no = _whole(request, "no", least=1, most=ALL) or 0
        found = await self._read(overview.group, chat_no)
        if found is None:
            raise Absent("There is no such group.")

        sessions = await self._read(
            overview.sessions_in_chat, chat_no, before=_before(request), limit=PAGE
        )
        return {
            "group": found,
            "sessions": sessions.items,
            "older": _following("/group", sessions, no=chat_no),
            "link": link,
        }

    async def session(self, request: Request) -> Values:
        """Return a session's messages over all chats, and its summaries."""
        session_id = request.query_params.get("id", "")
        found = await self._read(
            timeline.read_timeline, session_id, before=_optional_before(request), limit=LONG_PAGE
        )
        if found is None:
            raise Absent("There is no session with this id.")

        older = None if found.older is None else link("/session", id=session_id, before=found.older)
        return {
            "timeline": found,
            "session": found.session,
            "rows": _rows(found),
            "is_newest": _optional_before(request) is None,
            "older": older,
            "link": link,
        }

    async def message(self, request: Request) -> Values:
        """Return one message as a whole."""
        session_id = request.query_params.get("session", "")
        seq = _whole(request, "no", least=-(2**53), most=ALL) or 0
        found = await self._read(timeline.find_in_session, session_id, seq)
        if found is None:
            raise Absent("There is no such message in this session; it may have been deleted.")

        beside = [to_dict(part) for part in found.parts if not isinstance(part, TextPart)]
        return {
            "message": found,
            "parts": _as_json(beside) if beside else "",
            "session_id": session_id,
            "link": link,
        }

    async def model(self, request: Request) -> Values:
        """Return what a model is given of a session, and why each message is in or out."""
        session_id = request.query_params.get("id", "")
        read = await self._session(session_id)
        asked = _asked(request)
        page = await self._read(
            timeline.read_timeline, session_id, before=_optional_before(request), limit=LONG_PAGE
        )
        if page is None:
            raise Absent("There is no session with this id.")

        values: Values = {
            "session": read.session,
            "asked": asked,
            "entries": [],
            "explained": [],
            "given": None,
            "older": None,
            "link": link,
        }
        if read.session.ended_at is not None or read.chat is None:
            return values

        where = self._where(read, now=read.session.last_activity)
        material = await self._read(read_context, where, asked)
        given = await fit(material, max_tokens=asked.max_tokens, count=_count)
        values["given"] = given
        values["entries"] = _entries(given)
        values["explained"] = explain(
            page.messages,
            material=material,
            given=given,
            max_messages=asked.max_messages,
            include_asides=asked.include_asides,
        )
        if page.older is not None:
            values["older"] = link(
                "/model",
                id=session_id,
                before=page.older,
                messages=asked.max_messages,
                tokens=asked.max_tokens,
                asides="yes" if asked.include_asides else "",
            )

        return values

    async def search(self, request: Request) -> Values:
        """Return what is found of what a person or a group sees."""
        given = request.query_params
        words, session_id, user_id = given.get("words", ""), given.get("session", ""), ""
        bot = given.get("bot", "")
        values: Values = {
            "words": words,
            "session_id": session_id,
            "user_id": given.get("user", "").strip(),
            "bot": bot,
            "bots": await self._read(traffic.bots),
            "found": None,
            "older": None,
            "link": link,
        }
        user_id = values["user_id"]
        if not self._show_text or not words.strip() or not (session_id or user_id):
            return values

        reader: Reader
        if session_id:
            read = await self._session(session_id)
            if read.chat is None:
                return values
            reader = self._where(read, now=self._clock())
        else:
            if await self._read(overview.person, user_id) is None:
                raise Absent("Nobody with this id is known.")
            reader = Person(context=self._context(bot, self._clock()), who=user_id)

        query = to_query(words, limit=PAGE, since=None, until=None, who=None, channel=None)
        search = Search(read=self._read, reader=reader, query=query)
        found = await search.found(to_cursor(given.get("before")), limit=PAGE)
        values["found"] = found
        if found.cursor is not None:
            values["older"] = link(
                "/search",
                words=words,
                session=session_id,
                user=user_id,
                bot=bot,
                before=found.cursor,
            )

        return values

    async def links(self, request: Request) -> Values:
        """Return open links, linked accounts, and the audit."""
        linked = _whole(request, "linked", least=1, most=ALL) or ALL
        accounts = await self._read(overview.linked_accounts, before=linked, limit=PAGE)
        entries = await self._read(overview.audit_entries, before=_before(request), limit=PAGE)

        more = None
        if accounts.following is not None:
            more = link("/links", linked=accounts.following)
        return {
            "open_links": await self._read(overview.open_links, now=self._clock()),
            "accounts": accounts.items,
            "more_accounts": more,
            "entries": entries.items,
            "older": _following("/links", entries),
            "link": link,
        }

    async def health(self, request: Request) -> Values:
        """Return totals of each bot, what waits, and the messages of each day."""
        now = self._clock()
        counts = [
            (
                bot,
                await self._read(status.count_people, bot, now=now),
                await self._read(status.count_messages, bot, threshold=USUAL_THRESHOLD),
            )
            for bot in await self._read(traffic.bots)
        ]
        waiting = await self._read(traffic.count_waiting, now=now)
        counted = await self._read(traffic.messages_by_day, now=now, days=DAYS)

        today = int(now // DAY)
        by_day = [
            (day_of(day), counted.by_day.get(day, 0)) for day in range(today - DAYS + 1, today + 1)
        ]
        waits = [
            (name.replace("_", " "), getattr(waiting, name)) for name in type(waiting).__slots__
        ]
        engine = await self._database.open()

        return {
            "database": engine.url,
            "counts": counts,
            "by_day": by_day,
            "days_chart": bars(by_day, name=f"Messages received on each of the last {DAYS} days"),
            "is_whole": counted.is_whole,
            "most": traffic.MOST_COUNTED,
            "waits": waits,
            "waits_chart": bars(waits, name="What waits to be done"),
            "link": link,
        }

    async def _session(self, session_id: str) -> SessionRead:
        read = await self._read(timeline.find_session, session_id)
        if read is None:
            raise Absent("There is no session with this id.")
        return read

    def _where(self, read: SessionRead, *, now: float) -> Where:
        assert read.chat is not None

        return Where(
            context=self._context(read.session.bot, now),
            chat=read.chat,
            account=read.account,
            name=read.session.scope_name,
        )

    def _context(self, bot: str, now: float) -> OperationContext:
        return OperationContext(
            bot=bot,
            now=now,
            policies=Policies(max_age=24 * HOUR),
            new_id=lambda: uuid.uuid4().hex,
        )


def _rows(found: Timeline) -> list[tuple[SessionMessage, list[int]]]:
    """Return each message with the numbers of the summaries that stand for it."""
    current = [one for one in found.summaries if one.superseded_by is None]
    return [
        (message, [summary.number for summary in current if summary.covers(message)])
        for message in found.messages
    ]


def _asked(request: Request) -> ContextRequest:
    """Return what a bot would ask for; 40 messages unless the page says otherwise."""
    messages = _whole(request, "messages", least=1, most=MOST_MESSAGES)
    tokens = _whole(request, "tokens", least=1, most=MOST_TOKENS)
    if messages is None and tokens is None:
        messages = 40

    return ContextRequest(
        max_messages=messages,
        max_tokens=tokens,
        include_asides=request.query_params.get("asides") == "yes",
    )


def _entries(given: ModelContext) -> list[tuple[str, str]]:
    """Return the role and the content of each entry in the form of chat completions."""
    entries: list[tuple[str, str]] = []
    for entry in given.as_openai():
        said = dict(entry)
        content, calls = said.get("content"), said.get("tool_calls")
        text = content if isinstance(content, str) else _as_json(content or [])
        entries.append((str(said["role"]), f"{text}\n{_as_json(calls)}" if calls else text))

    return entries


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)


async def _count(texts: Sequence[str]) -> list[int]:
    return [estimate_tokens(text) for text in texts]


def _following(path: str, page: Page[Any], **arguments: object) -> str | None:
    """Return the address of the next page; None at the end."""
    return None if page.following is None else link(path, **arguments, before=page.following)


def _before(request: Request) -> int:
    before = _optional_before(request)
    return ALL if before is None else before


def _optional_before(request: Request) -> int | None:
    return _whole(request, "before", least=-(2**53), most=ALL)


def _whole(request: Request, name: str, *, least: int, most: int) -> int | None:
    """Return a whole number of the query; None if it is not given.

    Raises:
        ValueError: it is no number, or too small or great.
    """
    given = request.query_params.get(name, "").strip()
    if not given:
        return None

    try:
        number = int(given)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise ValueError(f"{name} is a whole number from {least} to {most}.")

    return number

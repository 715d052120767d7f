"""What an operator reads of people, sessions, links and traffic, and why a model is given what."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from session_plugin import SessionHub
from session_plugin.context import explaining
from session_plugin.context.explaining import explain
from session_plugin.context.fitting import Material, fit
from session_plugin.context.tokens import estimate_tokens
from session_plugin.context.turns import ModelContext
from session_plugin.database.database import Database
from session_plugin.database.opening import open_engine
from session_plugin.model import SessionMessage
from session_plugin.parts import ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from session_plugin.records.conversation import timeline
from session_plugin.records.conversation.context_reading import ContextRequest
from session_plugin.records.conversation.contexts import read_context
from session_plugin.records.conversation.histories import ALL
from session_plugin.records.conversation.sessions import Where
from session_plugin.records.people import overview
from session_plugin.records.upkeep import traffic
from session_plugin.testing import Clock, Talk

READ_ONLY = partial(open_engine, is_read_only=True)


@pytest.fixture
async def reading(database: str, hub: SessionHub, talk: Talk) -> Any:
    """The database, opened for reading only; somebody has spoken in it."""
    await hub.record(talk.said(talk.account("first"), "hi", author_name="First of all"))
    opened = Database(database, open_engine=READ_ONLY)
    yield opened
    opened.close()


async def test_people_come_newest_first_each_once_over_the_pages(
    hub: SessionHub, talk: Talk, reading: Database, link: Callable[..., Any]
) -> None:
    ann, ann_too = talk.account("ann"), talk.account("ann", channel="telegram")
    for account in (ann, talk.account("bob"), ann_too):
        await hub.record(talk.said(account, "hi"))
    await link(hub, ann, ann_too)

    seen: list[str] = []
    before: int | None = ALL
    while before is not None:
        page = await reading.read(overview.people_like, before=before, limit=1)
        seen += [person.accounts[0].channel_user_id for person in page.items]
        before = page.following

    assert seen == ["ann-on-discord", "bob-on-discord", "first-on-discord"]


@pytest.mark.parametrize(
    ("like", "found"),
    [("first-on-discord", 1), ("OF ALL", 1), ("o_ a%", 0), ("nobody", 0), ("\ud800", 0)],
)
async def test_people_are_found_by_id_or_a_piece_of_their_name(
    reading: Database, like: str, found: int
) -> None:
    page = await reading.read(overview.people_like, like, limit=9)
    assert len(page.items) == found


async def test_a_linked_person_is_read_with_the_home_of_each_account(
    hub: SessionHub, talk: Talk, reading: Database, link: Callable[..., Any], clock: Clock
) -> None:
    ann, ann_too = talk.account("ann"), talk.account("ann", channel="telegram")
    await hub.record(talk.said(ann, "hi"))
    clock.advance(seconds=1)  # the older id survives
    await hub.record(talk.said(ann_too, "hi"))
    was = (await hub.identity_of(ann_too)).user_id  # type: ignore[union-attr]
    await link(hub, ann, ann_too)

    person = await reading.read(overview.person, was)

    assert person is not None
    assert person.merged == (was,)
    assert [(one.account, one.is_linked) for one in person.accounts] == [
        (ann, False),
        (ann_too, True),
    ]
    linked = await reading.read(overview.linked_accounts, limit=9)
    assert [one.account for one in linked.items] == [ann_too]
    audit = await reading.read(overview.audit_entries, limit=9)
    assert audit.items[0].action == "linked"
    assert {entry.actor for entry in audit.items} == {ann, ann_too}


async def test_an_open_link_names_both_sides_and_how_far_they_are(
    hub: SessionHub, talk: Talk, reading: Database, clock: Clock
) -> None:
    ann, bob = talk.account("ann"), talk.account("bob")
    for account in (ann, bob):
        await hub.record(talk.said(account, "hi"))
    code = await hub.request_link(ann)

    (asked,) = await reading.read(overview.open_links, now=clock())
    assert (asked.asker, asked.redeemer) == (ann, None)

    await hub.redeem_link(bob, code.code)
    (redeemed,) = await reading.read(overview.open_links, now=clock())
    assert (redeemed.redeemer, redeemed.redeemer_step) == (bob, 0)


async def test_a_timeline_merges_chats_and_goes_on_page_by_page(
    hub: SessionHub, talk: Talk, reading: Database, link: Callable[..., Any]
) -> None:
    ann, ann_too = talk.account("ann"), talk.account("ann", channel="telegram")
    await hub.record(talk.said(ann, "0"))
    await hub.record(talk.said(ann_too, "1"))
    await link(hub, ann, ann_too)
    for number in range(2, 7):
        recorded = await hub.record(talk.said((ann, ann_too)[number % 2], str(number)))
    session_id = (await recorded.session.info()).session_id

    pages: list[list[str]] = []
    before: int | None = None
    while True:
        page = await reading.read(timeline.read_timeline, session_id, before=before, limit=3)
        assert page is not None
        pages.append([message.content for message in page.messages])
        before = page.older
        if before is None:
            break

    assert pages == [["4", "5", "6"], ["1", "2", "3"], ["0"]]
    assert {chat.channel for chat in page.chats} == {"discord", "telegram"}


async def test_a_timeline_has_summaries_with_what_they_stand_for(
    new_hub: Callable[..., SessionHub], talk: Talk, reading: Database
) -> None:
    hub = new_hub(consolidation_threshold=4)
    ann = talk.account("ann")
    for number in range(5):
        recorded = await hub.record(talk.said(ann, f"text {number}"))
    await hub.settle()
    session_id = (await recorded.session.info()).session_id

    page = await reading.read(timeline.read_timeline, session_id, limit=9)

    assert page is not None
    (summary,) = page.summaries
    assert [summary.covers(message) for message in page.messages].count(True) >= 2
    assert summary.covers(page.messages[0])
    assert not summary.covers(page.messages[-1])
    first = page.messages[0]
    found = await reading.read(timeline.find_in_session, session_id, first.seq)
    assert found is not None
    assert found.content == "text 0"
    await hub.delete(talk.direct(ann), [first.message_id or ""])
    again = await reading.read(timeline.read_timeline, session_id, limit=9)
    assert again is not None
    assert {one.withdrawn_because for one in again.summaries} >= {"deleted"}


async def test_messages_are_counted_by_the_day_they_came(
    hub: SessionHub, talk: Talk, reading: Database, clock: Clock
) -> None:
    today = int(clock() // 86400)
    clock.now = (today + 1) * 86400 - 0.25  # the last moment of a day still belongs to it
    await hub.record(talk.said(talk.account("ann"), "hi"))
    clock.advance(seconds=1)
    await hub.record(talk.said(talk.account("ann"), "hi"))

    counted = await reading.read(traffic.messages_by_day, now=clock(), days=7)

    assert dict(counted.by_day) == {today: 2, today + 1: 1}
    assert counted.is_whole


async def test_what_waits_is_counted(
    hub: SessionHub, talk: Talk, reading: Database, clock: Clock
) -> None:
    before = await reading.read(traffic.count_waiting, now=clock())
    await hub.request_link(talk.account("first"))
    after = await reading.read(traffic.count_waiting, now=clock())

    assert (before.link_requests, after.link_requests) == (0, 1)
    assert await reading.read(traffic.bots) == [""]


# Why a model is given what; which database it is read from does not matter


ON_SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


async def count(texts: Any) -> list[int]:
    return [estimate_tokens(text) for text in texts]


class Explain:
    """Explain the session that an account is in."""

    def __init__(self, hub: SessionHub, reading: Database) -> None:
        self._hub, self._reading = hub, reading

    async def __call__(self, where: Where, session_id: str, **request: Any) -> list[Any]:
        asked = ContextRequest(**request)
        material = await self._reading.read(read_context, where, asked)
        given = await fit(material, max_tokens=asked.max_tokens, count=count)
        page = await self._reading.read(timeline.read_timeline, session_id, limit=100)
        assert page is not None
        return explain(
            page.messages,
            material=material,
            given=given,
            max_messages=asked.max_messages,
            include_asides=asked.include_asides,
        )


@pytest.fixture
def why(hub: SessionHub, reading: Database, talk: Talk) -> Callable[..., Any]:
    """Explain what a model is given of ann's session: texts with their reasons."""

    async def answer(**request: Any) -> dict[str, tuple[str, ...]]:
        ann = talk.account("ann")
        view = hub.session_of(talk.direct(ann), ann)
        info = await view.info()
        where = Where(context=hub._parts.context(), chat=talk.direct(ann), account=ann)
        found = await Explain(hub, reading)(where, info.session_id, **request)
        return {
            one.message.content: (one.reason, *one.notes)
            if one.is_given
            else ("out", one.reason, *one.notes)
            for one in found
        }

    return answer


@ON_SQLITE
async def test_asides_and_the_window_keep_messages_out(
    hub: SessionHub, talk: Talk, why: Callable[..., Any]
) -> None:
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "old"))
    await hub.record(talk.said(ann, "/help", is_aside=True))
    for number in range(6):
        await hub.record(talk.said(ann, f"new {number}"))

    found = await why(max_messages=2)

    assert found["old"] == ("out", explaining.OUTSIDE_WINDOW)
    assert found["/help"] == ("out", explaining.ASIDE)
    assert found["new 5"] == (explaining.NEWEST,)
    asides = await why(include_asides=True)
    assert asides["/help"] == (explaining.NEWEST,)


@ON_SQLITE
async def test_a_budget_keeps_the_oldest_out_and_cuts_the_newest(
    hub: SessionHub, talk: Talk, why: Callable[..., Any]
) -> None:
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "old " * 50))
    await hub.record(talk.said(ann, "new " * 50))

    assert (await why(max_tokens=90))["old " * 50] == ("out", explaining.NO_ROOM)
    cut = await why(max_tokens=20)
    assert cut["new " * 50] == (explaining.NEWEST, explaining.CUT)


@ON_SQLITE
async def test_the_summary_stands_for_what_it_covers(
    new_hub: Callable[..., SessionHub], hub: SessionHub, talk: Talk, why: Callable[..., Any]
) -> None:
    ann = talk.account("ann")
    for number in range(8):
        recorded = await hub.record(talk.said(ann, f"text {number}"))
    short = new_hub(consolidation_threshold=4)
    await short.consolidate((await recorded.session.info()).session_id)

    found = await why()

    assert found["text 0"] == ("out", explaining.SUMMARISED)
    assert found["text 7"] == (explaining.NEWEST,)


@ON_SQLITE
async def test_instructions_are_given_once(
    hub: SessionHub, talk: Talk, why: Callable[..., Any]
) -> None:
    ann = talk.account("ann")
    for text in ("Be kind.", "Be kind. ", "hello"):
        role = "user" if text == "hello" else "system"
        details = {} if role == "user" else {"author": None, "answers": ann}
        await hub.record(talk.said(ann, text, role=role, **details))

    assert (await why())["Be kind."] == (explaining.INSTRUCTION,)


def called(call_id: str, seq: int) -> SessionMessage:
    call = ToolCallPart(id=call_id, name="look", arguments={})
    return SessionMessage(role="assistant", content="", parts=(call,), seq=seq)


def test_calls_and_results_without_each_other_are_told_apart() -> None:
    result = ToolResultPart(call_id="a", parts=(TextPart(text="12"),))
    orphan = ToolResultPart(call_id="z", parts=(TextPart(text="13"),))
    thought = ReasoningPart(payload={"t": 1}, provider="openai")
    said = (
        called("a", 1),
        SessionMessage(role="tool", content="12", parts=(result,), seq=2),
        called("b", 3),
        SessionMessage(role="tool", content="13", parts=(orphan,), seq=4),
        SessionMessage(
            role="assistant", content="12.", parts=(thought, TextPart(text="12.")), seq=5
        ),
        SessionMessage(role="user", content="", is_withheld=True, seq=6),
    )
    given = ModelContext(summary=None, messages=said)

    found = explain(said, material=Material(context=given), given=given)

    assert [(one.is_given, one.notes) for one in found] == [
        (True, ()),
        (True, ()),
        (False, ()),
        (True, (explaining.ORPHAN,)),
        (True, (explaining.REASONING,)),
        (True, (explaining.WITHHELD,)),
    ]
    assert found[2].reason == explaining.LONE_CALL
    rendered = [entry.exchanges for entry in given._entries(None) if entry.exchanges]
    assert len(rendered) == 1

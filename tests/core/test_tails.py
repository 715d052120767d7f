"""The newest messages of a session that is read often come from memory, and are those that the
database would give.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import subprocess
import textwrap
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from session_plugin import Attachment, Chat, DatabaseUnavailable, SessionHub
from session_plugin.model import SessionMessage
from session_plugin.parts import RawPart, ToolCallPart
from session_plugin.records.conversation import histories
from session_plugin.records.conversation.tails import LONGEST, Tails

pytestmark = pytest.mark.skipif(os.name != "posix", reason="on Windows nothing is remembered")

OpenHub = Callable[..., Any]
SECRET = "what only the tests' hubs know"


@pytest.fixture
async def open_hub(tmp_path: Path, clock: Callable[[], float]) -> AsyncIterator[OpenHub]:
    """Open hubs on one file; each remembers for itself."""
    async with AsyncExitStack() as stack:

        async def opened(**settings: Any) -> SessionHub:
            given = {"clock": clock, "secret": SECRET, "upkeep_minutes": None, **settings}
            hub = SessionHub(tmp_path / "hot.db", **given)
            return await stack.enter_async_context(hub)

        yield opened


@pytest.fixture
async def hub(open_hub: OpenHub) -> SessionHub:
    return await open_hub()


def served(hub: SessionHub) -> int:
    """Return how many readings came from memory."""
    return int(hub._parts.counters.caches.values().get(("session_tails", "hit"), 0))


async def stored(view: Any, *, limit: int = 20, before: Any = None) -> list[SessionMessage]:
    """Return what the database gives a view."""
    where = await view._where()
    place = view._place("before", before)
    read = view._parts.database.read
    return await read(histories.read_history, where, limit=limit, before=place)


async def hot(view: Any, **request: Any) -> list[SessionMessage]:
    """Return what comes from memory, and check that it does and is what the database gives."""
    hub = view._parts
    await hub.announcer.finish()  # that a start is claimed may be committed just now
    before = hub.counters.caches.values().get(("session_tails", "hit"), 0)
    messages = await view.history(**request)
    assert hub.counters.caches.values().get(("session_tails", "hit"), 0) == before + 1
    expected = await stored(view, **{"limit": 20, **request})
    assert messages == expected
    assert list(map(repr, messages)) == list(map(repr, expected))
    return messages


async def is_cold(view: Any, **request: Any) -> bool:
    """Check that a reading asks the database."""
    counters = view._parts.counters.caches
    before = counters.values().get(("session_tails", "hit"), 0)
    messages = await view.history(**request)
    expected = await stored(view, **{"limit": 20, **request})
    assert list(map(repr, messages)) == list(map(repr, expected))
    return counters.values().get(("session_tails", "hit"), 0) == before


async def talked(hub: SessionHub, talk: Any, who: Any, count: int = 30, **details: Any) -> Any:
    """Let somebody say something again and again, and read it once; return the last view."""
    for number in range(count):
        recorded = await hub.record(talk.said(who, f"{number} by {who}", **details))
    await recorded.session.history()
    return recorded.session


async def test_a_hot_session_is_read_from_memory_as_it_is_stored(hub, talk):
    ann = talk.account("ann")
    view = await talked(hub, talk, ann, author_name="Ann")
    assert len(await hot(view)) == 20
    assert len(await hot(view, limit=7)) == 7
    assert await hot(view, limit=0) == []


async def test_the_writer_adds_what_it_has_stored(hub, talk):
    ann = talk.account("ann")
    await talked(hub, talk, ann)
    for number in range(100):
        asked = talk.said(ann, f"question {number}")
        view = (await hub.record(asked)).session
        assert asked.text not in [one.content for one in await hot(view, before=asked)]
        await hub.record(talk.answered(ann, f"answer {number}"))
        assert (await hot(view))[-1].content == f"answer {number}"


async def test_all_of_a_message_comes_back(hub, talk):
    ann = talk.account("ann")
    await talked(hub, talk, ann, author_name="A\0n")
    said = talk.said(
        ann,
        "\ud800 and \0",
        author_name="A\0n",
        sent_at=7,
        reply_to="m1",
        metadata={"poll": {"choices": [1, 2]}, "when": 1.5, "none": None},
        attachments=(Attachment(id="1", size=3, transcript="words"),),
        is_aside=True,
    )
    view = (await hub.record(said)).session
    called = ToolCallPart(id="1", name="weather", arguments={"cities": ["Oslo"]})
    raw = RawPart(provider="openai", payload={"type": "search", "of": [1]}, text="searched")
    answer = replace(talk.answered(ann, "well"), parts=(called, raw), turn="run")
    await hub.record(answer)
    assert [one.content for one in (await hot(view))[-2:]] == ["\ud800 and \0", "well"]


async def test_what_was_read_is_the_readers_own(hub, talk):
    ann = talk.account("ann")
    await talked(hub, talk, ann)
    nested = {"poll": {"choices": [1]}}
    said = talk.said(ann, "x", metadata=nested)
    view = (await hub.record(said)).session
    nested["poll"]["choices"].append(2)
    await hub.record(talk.said(ann, "y", metadata={"flat": 1}))
    called = ToolCallPart(id="1", name="n", arguments={"of": [1]})
    await hub.record(replace(talk.answered(ann, "z"), parts=(called,)))
    for _ in range(3):
        *_, first, second, third = await hot(view)
        first.metadata["poll"]["choices"].clear()
        second.metadata["flat"] = second.content = "spoilt"
        third.parts[-1].arguments["of"].append("spoilt")
        second.seq = 0


async def test_before_is_where_the_database_has_it(hub, talk):
    ann, bob = talk.account("ann"), talk.account("bob")
    other = talk.said(bob, "elsewhere")
    await hub.record(other)
    view = await talked(hub, talk, ann)
    messages = await hot(view)
    assert len(await hot(view, limit=5, before=messages[-3])) == 5
    named = talk.said(ann, "x")
    await hub.record(named)
    await hub.record(talk.said(ann, "y"))
    assert (await hot(view, before=named))[-1] == messages[-1]
    assert len(await hot(view, before=replace(named, message_id=None))) == 20
    assert await is_cold(view, before=messages[2])
    assert await is_cold(view, before=other)
    assert await is_cold(view, before=replace(named, message_id="never seen"))


async def test_a_message_of_the_same_id_in_another_chat_of_the_session_is_another(hub, talk, link):
    ann, too = talk.account("ann"), talk.account("ann", channel="telegram")
    await hub.record(talk.said(ann, "1"))
    await hub.record(talk.said(too, "2"))
    await link(hub, ann, too)
    await hub.record(replace(talk.said(too, "3"), message_id="same"))
    view = (await hub.record(replace(talk.said(ann, "4"), message_id="same"))).session
    await view.history()
    there = replace(talk.said(too, ""), message_id="same")
    assert [one.content for one in await hot(view, before=there)] == ["1", "2"]
    assert [one.content for one in await hot(view)] == ["1", "2", "3", "4"]


async def test_more_than_is_remembered_is_read_and_then_remembered(hub, talk):
    ann = talk.account("ann")
    view = await talked(hub, talk, ann, 60)
    assert await is_cold(view, limit=50)
    assert len(await hot(view, limit=50)) == 50
    assert await is_cold(view, limit=LONGEST + 1)
    assert await is_cold(view, limit=LONGEST + 1)


async def test_all_of_a_short_session_is_remembered_until_it_is_long(hub, talk):
    ann = talk.account("ann")
    view = await talked(hub, talk, ann, 3)
    assert len(await hot(view, limit=None)) == 3
    for number in range(100):
        await hub.record(talk.said(ann, f"more {number}"))
    assert len(await view.history(limit=None)) == 103
    assert len(await hot(view)) == 20


async def test_in_a_group_all_read_the_same_tail(hub, talk):
    lobby = talk.group(title="Lobby")
    for name in ("ann", "bob", "eve"):
        said = talk.said(lobby, name, author=talk.account(name), author_name=name)
        view = (await hub.record(said)).session
        await view.history()
        assert [one.content for one in await hot(view)][-1] == name
    for name in ("ann", "bob", "eve"):
        assert len(await hot(hub.session_of(talk.group(), talk.account(name)))) == 3
    assert await is_cold(hub.session_of(talk.group(thread_id="7"), None))
    assert await is_cold(hub.session_of(talk.direct(talk.account("ann")), talk.account("bob")))


async def test_a_hot_direct_chat_shows_nothing_to_anybody_else(hub, talk):
    ann, bob = talk.account("ann"), talk.account("bob")
    await talked(hub, talk, bob, 3)
    view = await talked(hub, talk, ann, 3)
    await hot(view)
    for _ in range(2):
        assert await hub.session_of(talk.direct(ann), bob).history() == []
        assert await hub.session_of(talk.direct(ann), talk.account("eve")).history() == []
    assert len(await hub.session_of(talk.direct(ann), None).history()) == 3


async def test_a_direct_chat_that_is_nobodys_yet_is_not_taken_for_its_first_readers(hub, talk):
    ann, bob = talk.account("ann"), talk.account("bob")
    await talked(hub, talk, ann, 3)
    room = Chat("discord", "new-room")
    view = hub.session_of(room, ann)
    assert len(await view.history()) == len(await view.history()) == 3
    await talked(hub, talk, bob, 3)
    await hub.record(talk.said(room, "bob's", author=bob))
    assert await view.history() == []


async def test_a_chats_new_title_is_shown(hub, talk):
    ann = talk.account("ann")
    for title in ("Lobby", "Hall"):
        lobby = talk.group(title=title)
        view = (await hub.record(talk.said(lobby, "hi", author=ann))).session
        await view.history()
        assert {one.chat.title for one in await hot(view)} == {title}


async def test_another_hubs_commit_is_seen_at_the_next_reading(hub, open_hub, talk):
    ann = talk.account("ann")
    view = await talked(hub, talk, ann)
    other = await open_hub()
    await view.history()
    await hot(view)
    await other.record(talk.said(ann, "by the other"))
    assert (await view.history())[-1].content == "by the other"
    assert (await hot(view))[-1].content == "by the other"


async def test_a_session_that_may_be_over_is_looked_up(hub, talk, clock):
    ann = talk.account("ann")
    view = await talked(hub, talk, ann)
    clock.advance(hours=24)
    await hot(view)
    await hub.record(talk.said(ann, "still here"))
    clock.advance(hours=24)
    assert (await hot(view))[-1].content == "still here"
    clock.advance(seconds=1)
    assert await is_cold(view)
    assert await view.history() == []
    new = (await hub.record(talk.said(ann, "new"))).session
    assert [one.content for one in await new.history()] == ["new"]
    assert [one.content for one in await hot(view)] == ["new"]


async def test_a_new_session_begins_empty(hub, talk):
    ann = talk.account("ann")
    view = await talked(hub, talk, ann)
    await view.start_new()
    assert await view.history() == []
    await hub.record(talk.said(ann, "new"))
    assert [one.content for one in await view.history()] == ["new"]
    assert len(await hot(view)) == 1


async def test_links_are_seen_at_once_and_so_are_their_ends(hub, talk, link):
    ann, too = talk.account("ann"), talk.account("ann", channel="telegram")
    here, there = await talked(hub, talk, ann, 3), await talked(hub, talk, too, 3)
    await link(hub, ann, too)
    assert len(await here.history()) == len(await there.history()) == 6
    for view in (here, there):
        assert len(await hot(view)) == 6
    await hub.record(talk.said(too, "7"))
    assert len(await hot(here)) == 7
    await hub.unlink(too)
    assert len(await here.history()) == 3
    assert len(await hot(here)) == 3


async def test_edits_and_deletions_are_seen_and_other_sessions_stay_hot(hub, talk):
    ann, bob = talk.account("ann"), talk.account("bob")
    said = talk.said(ann, "x")
    await hub.record(said)
    view, other = await talked(hub, talk, ann, 3), await talked(hub, talk, bob, 3)
    await hub.edit(replace(said, text="changed", edited_at=1.0))
    assert await is_cold(view)
    assert (await hot(view))[0].content == "changed"
    await hot(other)
    await hub.delete(said.chat, [said.message_id])
    assert await is_cold(view)
    assert len(await hot(view)) == 3
    await hot(other)


@pytest.mark.parametrize("change", ["edit", "delete"])
async def test_a_quote_goes_from_another_session_too(hub, talk, change):
    lobby = talk.group()
    ann, bob = talk.account("ann"), talk.account("bob")
    said = talk.said(lobby, "a secret", author=ann)
    await hub.record(said)
    quote = {"text": "a secret", "message_id": said.message_id, "chat_id": lobby.chat_id}
    view = (await hub.record(talk.said(bob, "look", metadata={"quote": quote}))).session
    await view.history()
    assert "quote" in (await hot(view))[0].metadata
    if change == "edit":
        await hub.edit(replace(said, text="nothing", edited_at=1.0))
    else:
        await hub.delete(lobby, [said.message_id])
    assert "quote" not in (await view.history())[0].metadata


async def test_a_command_that_turns_out_to_be_conversation_is_seen(hub, talk):
    ann = talk.account("ann")
    await talked(hub, talk, ann)
    said = talk.said(ann, "/ask", is_aside=True)
    view = (await hub.record(said)).session
    assert (await hot(view))[-1].is_aside
    await view.for_model()
    assert not (await view.history())[-1].is_aside


async def test_a_summary_leaves_a_hot_session_hot(open_hub, talk):
    hub = await open_hub(consolidation_threshold=4)
    ann = talk.account("ann")
    view = await talked(hub, talk, ann, 5)
    await hub.settle()
    await hub.record(talk.said(ann, "x"))
    await hub.settle()
    assert (await view.for_model()).summary is not None
    await hot(view)


async def test_what_waits_for_the_database_is_waited_for(open_hub, talk, hold, tmp_path):
    hub = await open_hub(store_patience=0.2)
    ann = talk.account("ann")
    view = await talked(hub, talk, ann)
    await hot(view)
    with hold(tmp_path / "hot.db"):
        recorded = await hub.record(talk.said(ann, "waits"))
        assert not recorded.is_stored
        with pytest.raises(DatabaseUnavailable):
            await recorded.session.history()
        with pytest.raises(DatabaseUnavailable):
            await hub.session_of(talk.direct(ann), ann).history()
    while (await view.history())[-1].content != "waits":
        await asyncio.sleep(0.01)


async def test_an_edit_that_is_held_is_stored_before_reading(hub, talk):
    ann = talk.account("ann")
    await talked(hub, talk, ann)
    answer = talk.answered(ann, "I")
    view = (await hub.record(answer)).session
    for number, text in enumerate(("I think", "I think so", "I think so, yes")):
        await hub.edit(replace(answer, text=text, edited_at=float(number)))
    assert (await view.history())[-1].content == "I think so, yes"


async def test_a_held_message_is_shown_on_its_own_view_only(hub, talk):
    lobby, ann = talk.group(), talk.account("ann")
    await hub.record(talk.said(lobby, "hi", author=ann))
    held = hub.hold(talk.said(lobby, "/secret", author=ann))
    for _ in range(2):
        assert [one.content for one in await held.session.history()] == ["hi", "/secret"]
    assert [one.content for one in await hot(hub.session_of(lobby, ann))] == ["hi"]


async def test_who_sees_groups_or_earlier_sessions_asks_the_database(open_hub, talk):
    hub = await open_hub(direct_sees_groups=True)
    ann = talk.account("ann")
    view = await talked(hub, talk, ann, 3)
    await hub.record(talk.said(talk.group(), "in the lobby", author=ann))
    assert (await view.history())[-1].content == "in the lobby"
    assert len(await view.history(include_previous=True)) == 4
    assert served(hub) == 0
    lobby = hub.session_of(talk.group(), ann)
    await lobby.history()
    assert len(await hot(lobby)) == 1
    assert len(await lobby.history(include_previous=True)) == served(hub) == 1


@pytest.mark.parametrize("how", ["reading", "upkeep"])
async def test_nothing_of_a_forgotten_person_stays_in_another_process(open_hub, talk, how):
    """Another hub here is to the first one what another process is."""
    hub, other = await open_hub(), await open_hub()
    ann, bob = talk.account("ann"), talk.account("bob")
    word = "known-to-ann-alone"
    view = (await hub.record(talk.said(ann, word))).session
    await view.history()
    await hot(view)
    assert word in remembered(hub)
    await other.forget(ann)
    if how == "reading":
        await hub.session_of(talk.direct(bob), bob).history()
    else:
        await hub._parts.rounds._work()
    assert remembered(hub) == ""


async def test_forgetting_empties_this_processs_memory(hub, talk):
    ann = talk.account("ann")
    view = (await hub.record(talk.said(ann, "known-to-ann-alone"))).session
    await view.history()
    await hot(view)
    await hub.forget(ann)
    assert remembered(hub) == ""
    assert await view.history() == []


async def test_closing_a_hub_frees_all(tmp_path, talk):
    hub = SessionHub(tmp_path / "hot.db", secret=SECRET)
    view = (await hub.record(talk.said(talk.account("ann"), "hi"))).session
    await view.history()
    assert remembered(hub)
    await hub.close()
    assert remembered(hub) == ""
    assert [one.content for one in await view.history()] == ["hi"]
    assert [one.content for one in await hot(view)] == ["hi"]
    await hub.close()


def remembered(hub: SessionHub) -> str:
    """Return all texts that a hub's tails hold, found by the garbage collector."""
    gc.collect()
    tails, seen, texts = hub._parts.tails, set[int](), list[str]()
    left: list[Any] = [tails._tails, tails._of_reader, tails._of_chat, tails._readings]
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, type):
            continue
        seen.add(id(one))
        if isinstance(one, str | bytes):
            texts.append(one if isinstance(one, str) else one.decode("utf-8", "replace"))
        left += gc.get_referents(one)

    return " ".join(texts)


async def test_memory_is_bounded_and_what_was_read_longest_ago_goes_first(open_hub, talk):
    hub = await open_hub(cache_bytes=100_000)
    people = [talk.account(f"person-{number}") for number in range(30)]
    views = []
    for who in people:
        views.append(await talked(hub, talk, who, 5))
        await hot(views[0])
        assert 0 < hub._parts.tails.bytes <= 100_000
    assert await is_cold(views[1])
    await hot(views[-1])

    await hot(views[0])
    for number in range(40):
        await hub.record(talk.said(people[0], f"{number}" * 1000))
        assert hub._parts.tails.bytes <= 100_000
    assert await is_cold(views[0])


async def test_the_estimate_is_no_less_than_what_is_taken(open_hub, talk):
    hub = await open_hub(cache_bytes=2**24)
    views = [
        await talked(hub, talk, talk.account(f"{number}"), 20, metadata={"guild_id": "1" * 18})
        for number in range(20)
    ]
    drop_all(hub)
    gc.collect()
    tracemalloc.start()
    for view in views:
        await view.history()
        await hot(view)
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert 0.3 * hub._parts.tails.bytes < taken < 1.2 * hub._parts.tails.bytes


async def test_without_memory_everything_is_read(open_hub, talk):
    hub = await open_hub(cache_bytes=0)
    view = await talked(hub, talk, talk.account("ann"))
    assert await is_cold(view)
    assert await is_cold(view)


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "16", None])
def test_a_number_of_bytes_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="cache_bytes"):
        SessionHub(":memory:", cache_bytes=wrong)


async def test_what_is_committed_while_a_tail_is_read_is_in_it(hub, talk, monkeypatch):
    ann = talk.account("ann")
    view = (await hub.record(talk.said(ann, "1"))).session
    between(hub, monkeypatch, lambda: hub.record(talk.said(ann, "2")))
    assert [one.content for one in await view.history()] == ["1"]
    assert [one.content for one in await hot(view)] == ["1", "2"]


async def test_what_is_changed_while_a_tail_is_read_is_not_remembered(
    hub, open_hub, talk, monkeypatch
):
    ann = talk.account("ann")
    other = await open_hub()
    said = talk.said(ann, "1")
    view = (await hub.record(said)).session
    changes = [
        lambda: hub.edit(replace(said, text="2", edited_at=1.0)),
        lambda: hub.set_private(talk.account("bob"), is_private=True),
        lambda: other.record(talk.said(ann, "3")),
        lambda: hub.delete(said.chat, [said.message_id]),
    ]
    for change in changes:
        drop_all(hub)
        with monkeypatch.context() as patch:
            between(hub, patch, change)
            await view.history()
        assert await is_cold(view)


def drop_all(hub: SessionHub) -> None:
    with hub._parts.tails.guard:
        hub._parts.tails.drop_all()


def between(hub: SessionHub, monkeypatch: pytest.MonkeyPatch, change: Callable[[], Any]) -> None:
    """Let something be committed once between a reading's snapshot and what is remembered of it."""
    loop, remember, left = asyncio.get_running_loop(), Tails._remember, [change]

    def remember_later(tails: Tails, *args: Any) -> None:
        if tails is hub._parts.tails and left:
            asyncio.run_coroutine_threadsafe(left.pop()(), loop).result(10)
        remember(tails, *args)

    monkeypatch.setattr(Tails, "_remember", remember_later)


async def test_after_a_fork_the_child_serves_nothing(hub, talk):
    await talked(hub, talk, talk.account("ann"))
    with hub._parts.tails.guard:  # the thread that held it is not in the child
        child = os.fork()
        if not child:
            os._exit(hub._parts.tails.is_usable)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


async def test_a_log_that_was_deleted_ends_nothing_that_reading_promises(hub, talk, tmp_path):
    ann = talk.account("ann")
    view = await talked(hub, talk, ann)
    for end in ("-wal", "-shm"):
        (tmp_path / f"hot.db{end}").unlink()
    assert len(await view.history()) == 20
    with pytest.raises(DatabaseUnavailable):
        await hub.set_private(ann, is_private=True)
    assert len(await view.history()) == 20


PEER = """
    import asyncio, random, sys
    from session_plugin import Account, Chat, LinkedRecently, LinkRefused, MessageEvent, SessionHub
    from session_plugin.testing import Clock

    ACCOUNTS = [Account(channel, name) for channel in ("discord", "telegram") for name in "12"]
    clock = Clock()

    def chat_of(who, kind):
        return Chat(who.channel, "lobby", "group") if kind else Chat(who.channel, "dm-" + who.channel_user_id)

    async def step(hub, chance, prefix):
        who, kind = chance.choice(ACCOUNTS), chance.random() < 0.4
        chat, what = chat_of(who, kind), chance.random()
        message_id = f"{prefix}-{chance.randrange(40)}"
        event = MessageEvent(chat=chat, message_id=message_id, role="user", text=f"{chance.random()}",
            sent_at=clock(), author=who, metadata={"deep": {"in": [chance.randrange(9)]}} if what < 0.2 else {})
        if what < 0.6:
            await hub.record(event)
        elif what < 0.75:
            await hub.edit(event)
        elif what < 0.85:
            await hub.delete(chat, [message_id])
        elif what < 0.88:
            await hub.session_of(chat, who).start_new()
        elif what < 0.9:
            one, other = chance.sample(ACCOUNTS, 2)
            code = await hub.request_link(one)
            await hub.redeem_link(other, code.code)
            await hub.confirm_link(other)
            await hub.confirm_link(one)
        elif what < 0.92:
            await hub.unlink(who)
        elif what < 0.93:
            await hub.forget(who)
        elif what < 0.95:
            await hub.set_private(who, chance.random() < 0.3)
        elif what < 0.97:
            clock.advance(hours=chance.choice((1, 25)))
        else:
            info = await hub.session_of(chat, who).info()
            if info is not None:
                await hub.consolidate(info.session_id)

    async def tried(hub, chance, prefix):
        try:
            await step(hub, chance, prefix)
        except (LinkedRecently, LinkRefused):
            pass

    async def main():
        async with SessionHub(sys.argv[1], clock=clock, secret="what only the tests' hubs know", upkeep_minutes=None) as hub:
            print("ready", flush=True)
            for line in sys.stdin:
                seed, clock.now = int(line.split()[0]), float(line.split()[1])
                await tried(hub, random.Random(seed), "theirs")
                await hub.settle()
                print(clock.now, flush=True)

    if __name__ == "__main__":
        asyncio.run(main())
"""


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_two_processes_do_memory_says_what_the_database_does(
    open_hub: OpenHub,
    tmp_path: Path,
    clock: Any,
    seed: int,
    spawn: Callable[..., subprocess.Popen[str]],
) -> None:
    hub = await open_hub()
    peer = spawn(PEER, tmp_path / "hot.db")
    assert peer.stdin is not None
    assert peer.stdout is not None
    assert peer.stdout.readline() == "ready\n"
    ours: dict[str, Any] = {"__name__": "peer"}
    exec(textwrap.dedent(PEER), ours)  # the same steps, by this process's hub
    ours["clock"], chance = clock, random.Random(seed)

    for number in range(150):
        if chance.random() < 0.3:
            peer.stdin.write(f"{seed * 1000 + number} {clock.now}\n")
            peer.stdin.flush()
            clock.now = float(await asyncio.to_thread(peer.stdout.readline))
        else:
            await ours["tried"](hub, chance, chance.choice(("ours", "theirs")))
            await hub.settle()

        for who in chance.sample(ours["ACCOUNTS"], 2):
            for chat in (ours["chat_of"](who, False), ours["chat_of"](who, True)):
                view = hub.session_of(chat, who)
                for _ in range(2):
                    messages = await view.history(limit=5)
                    expected = await stored(view, limit=5)
                    assert list(map(repr, messages)) == list(map(repr, expected))
                    for message in messages:  # it is the reader's own
                        message.metadata.setdefault("deep", {}).setdefault("in", []).append(0)
                if messages:
                    place = messages[-1]
                    found = await view.history(limit=3, before=place)
                    assert found == await stored(view, limit=3, before=place)

    assert served(hub) > 100

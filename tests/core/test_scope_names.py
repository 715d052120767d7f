"""Parts of a scope, kept apart by name; and what people see of groups from their direct chats."""

import asyncio
import time
from dataclasses import replace

import pytest

from session_plugin import hookimpl
from session_plugin.records.conversation import histories


class ByTag:
    """Words that begin with #work belong to the part `work`, everywhere."""

    @hookimpl
    def session_resolve_scope(self, event):
        return "work" if event.text.startswith("#work") else None


@pytest.fixture
def ann(talk):
    return talk.account("ann")


@pytest.fixture
def ann_too(talk):
    return talk.account("ann", channel="telegram")


async def read(view):
    return [message.content for message in await view.history(limit=None)]


async def test_parts_of_a_scope_are_kept_apart(new_hub, talk, ann):
    hub = new_hub(ByTag())
    work = (await hub.record(talk.said(ann, "#work one"))).session
    other = (await hub.record(talk.said(ann, "two"))).session
    assert (await read(work), await read(other)) == (["#work one"], ["two"])
    assert ((await work.info()).scope_name, (await other.info()).scope_name) == ("work", "")
    assert [m.content for m in (await other.for_model()).messages] == ["two"]


@pytest.mark.parametrize(
    ("name", "error"), [("\0", ValueError), ("\ud800", ValueError), (5, TypeError)]
)
async def test_a_name_that_no_part_can_have_is_refused(hub, talk, ann, name, error):
    with pytest.raises(error, match="scope_name"):
        await hub.record(talk.said(ann, "one"), scope_name=name)
    assert (await hub.record(talk.said(ann, "two"), scope_name="work")).is_stored


async def test_earlier_sessions_of_a_part_are_its_own(new_hub, talk, ann, clock):
    hub = new_hub(ByTag())
    await hub.record(talk.said(ann, "#work long ago"))
    await hub.record(talk.said(ann, "long ago"))
    clock.advance(days=2)
    view = (await hub.record(talk.said(ann, "#work today"))).session
    history = await view.history(limit=None, include_previous=True)
    assert [message.content for message in history] == ["#work long ago", "#work today"]
    assert len(await view.previous()) == 1


async def test_what_is_added_to_a_view_belongs_to_its_part(new_hub, talk, ann):
    hub = new_hub(ByTag())
    view = (await hub.record(talk.said(ann, "#work one"))).session
    await view.add("tool", "a result")
    assert await read(view) == ["#work one", "a result"]


async def test_a_new_session_is_begun_in_its_part_only(new_hub, talk, ann):
    hub = new_hub(ByTag())
    work = (await hub.record(talk.said(ann, "#work one"))).session
    other = (await hub.record(talk.said(ann, "two"))).session
    await work.start_new()
    assert (await read(work), await read(other)) == ([], ["two"])


async def test_a_name_never_joins_two_people_or_two_groups(new_hub, talk, ann):
    hub, bob = new_hub(ByTag()), talk.account("bob")
    views = [
        (await hub.record(talk.said(ann, "#work of ann"))).session,
        (await hub.record(talk.said(bob, "#work of bob"))).session,
        (await hub.record(talk.said(talk.group("one"), "#work in one"))).session,
        (await hub.record(talk.said(talk.group("two"), "#work in two"))).session,
        (
            await hub.record(talk.said(talk.group("two", thread_id="7"), "#work in its topic"))
        ).session,
    ]
    told = ["#work of ann", "#work of bob", "#work in one", "#work in two", "#work in its topic"]
    assert [await read(view) for view in views] == [[one] for one in told]


async def test_linking_and_unlinking_keep_each_part_together_and_apart(
    new_hub, talk, link, ann, ann_too
):
    hub = new_hub(ByTag())
    views = {}
    for account in (ann, ann_too):
        for text in (f"#work of {account.channel}", f"of {account.channel}"):
            views[text] = (await hub.record(talk.said(account, text))).session
    await link(hub, ann, ann_too)
    assert await read(views["of discord"]) == ["of discord", "of telegram"]
    assert await read(views["#work of telegram"]) == ["#work of discord", "#work of telegram"]
    await hub.unlink(ann)
    assert [await read(view) for view in views.values()] == [[text] for text in views]


async def test_parts_of_a_group_move_with_it(new_hub, talk):
    hub = new_hub(ByTag())
    old, new = talk.group("old"), talk.group("new")
    for chat in (old, new):
        await hub.record(talk.said(chat, f"#work in {chat.chat_id}"))
        await hub.record(talk.said(chat, f"in {chat.chat_id}"))
    await hub.move_chat(old, new)
    work = (await hub.record(talk.said(new, "#work after"))).session
    assert await read(work) == ["#work in old", "#work in new", "#work after"]
    assert await read(hub.session_of(new, None)) == ["in old", "in new"]


class Failing:
    """Fails for as long as somebody wants it to."""

    def __init__(self, answer):
        self.answer, self.is_failing = answer, False

    @hookimpl
    def session_resolve_scope(self, event):
        if not self.is_failing:
            return "work" if event.text.startswith("#work") else None
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


no_answer = pytest.mark.parametrize(
    "answer", [OSError(), 5, "a\0b", "\ud800"], ids=["raises", "type", "NUL", "surrogate"]
)


@no_answer
async def test_while_a_plugin_fails_each_message_has_a_part_that_only_its_handler_reads(
    new_hub, talk, ann, answer, caplog
):
    plugin, lobby = Failing(answer), talk.group()
    hub = new_hub(plugin)
    work = (await hub.record(talk.said(lobby, "#work one", author=ann))).session
    other = (await hub.record(talk.said(lobby, "two", author=ann))).session
    plugin.is_failing = True
    event = talk.said(lobby, "#work three", author=ann)
    views = [
        (await hub.record(event)).session,
        (await hub.record(talk.said(lobby, "four"))).session,
    ]
    await views[0].add("tool", "a result about #work")
    await views[0].set_state(step="address")
    for is_failing in (True, False):
        plugin.is_failing = is_failing
        await hub.edit(
            replace(event, text="#work three, in other words", edited_at=2.0 + (not is_failing))
        )
        assert [await read(view) for view in (work, other)] == [["#work one"], ["two"]]
        assert await read(views[0]) == ["#work three, in other words", "a result about #work"]
        assert await read(views[1]) == ["four"]
    assert await views[1].state() == {}
    assert (await views[0].info()).scope_name.startswith("unresolved:")
    assert "no plugin says which part" in caplog.text


async def test_nobody_names_a_part_in_place_of_a_plugin_that_fails(new_hub, talk, ann):
    hub, first = new_hub(ByTag()), Failing(OSError())
    hub.register(first, "asked first")
    first.is_failing = True
    view = (await hub.record(talk.said(ann, "#work one"))).session
    assert (await view.info()).scope_name not in ("work", "")


async def test_the_plugins_are_asked_once_for_a_message(new_hub, talk, ann):
    asked = []

    class Counts:
        @hookimpl
        def session_resolve_scope(self, event):
            asked.append(event.text)

    view = (await new_hub(Counts()).record(talk.said(ann, "hello"))).session
    await view.history()
    await view.info()
    assert asked == ["hello"]


class ByAuthor:
    """Everybody has a part of their own, in groups as well."""

    @hookimpl
    def session_resolve_scope(self, event):
        who = event.author or event.answers
        return None if who is None else who.channel_user_id


async def test_without_a_message_a_view_reads_where_its_accounts_next_message_would_be(
    new_hub, talk, ann
):
    hub, bob, lobby = new_hub(ByAuthor()), talk.account("bob"), talk.group()
    for text, author in (("of ann", ann), ("of bob", bob)):
        await hub.record(talk.said(lobby, text, author=author))
    views = [hub.session_of(lobby, account) for account in (ann, bob, None)]
    assert [await read(view) for view in views] == [["of ann"], ["of bob"], []]
    assert [view.event for view in views] == [None, None, None]
    await views[0].start_new()
    assert [await read(view) for view in views] == [[], ["of bob"], []]


# Groups, seen from a direct chat


@pytest.fixture
def wide(new_hub):
    return new_hub(direct_sees_groups=True)


async def in_the_lobby(hub, talk, ann):
    lobby = talk.group()
    await hub.record(talk.said(ann, "to the bot"))
    await hub.record(talk.said(lobby, "of ann", author=ann))
    await hub.record(talk.said(lobby, "of bob", author=talk.account("bob")))
    await hub.record(talk.answered(lobby, "to ann", answers=ann))
    await hub.record(talk.answered(lobby, "to all"))
    return lobby


async def test_by_default_nothing_of_a_group_is_seen_from_a_direct_chat(hub, talk, texts, ann):
    await in_the_lobby(hub, talk, ann)
    assert await texts(hub, ann, include_previous=True) == ["to the bot"]


async def test_where_the_author_wants_it_people_see_their_own_words_in_groups(
    wide, talk, texts, ann
):
    lobby = await in_the_lobby(wide, talk, ann)
    await wide.record(talk.said(ann, "after"))
    assert await texts(wide, ann) == ["to the bot", "of ann", "to ann", "after"]
    assert await texts(wide, ann, limit=2) == ["to ann", "after"]
    assert await texts(wide, ann, include_previous=True) == [
        "to the bot",
        "of ann",
        "to ann",
        "after",
    ]
    conversation = await wide.session_of(talk.direct(ann), ann).for_model()
    assert [message.content for message in conversation.messages] == [
        "to the bot",
        "of ann",
        "to ann",
        "after",
    ]
    seen = (await wide.session_of(talk.direct(ann), ann).history(limit=3))[0]
    assert (seen.chat, seen.person) == (lobby, ann)


@pytest.mark.parametrize("piece", [1, 3, 100])
async def test_the_newest_of_what_is_seen_are_its_end_however_it_is_looked_through(
    wide, talk, texts, link, ann, ann_too, clock, monkeypatch, piece
):
    monkeypatch.setattr(histories, "PIECE", piece)
    lobby = talk.group()
    await link(wide, ann, ann_too)
    for day in ("1", "2"):
        for number, place in enumerate("ddggtgdgggtdddgt"):
            text = f"{day}.{number}"
            where = {"d": ann, "t": ann_too, "g": lobby}[place]
            author = ann_too if where is ann_too or number % 2 else ann
            await wide.record(talk.said(where, text, author=ann if where is ann else author))
        clock.advance(days=2)
    clock.advance(days=-2)
    for request, first in (({}, 16), ({"include_previous": True}, 0)):
        everything = [f"{day}.{number}" for day in "12" for number in range(16)][first:]
        for limit in range(1, 33):
            assert await texts(wide, ann, limit=limit, **request) == everything[-limit:]
    view = wide.session_of(talk.direct(ann), ann)
    whole = await view.history(limit=None, include_previous=True)
    for number, message in enumerate(whole):
        before = await view.history(limit=5, before=message, include_previous=True)
        assert before == whole[max(0, number - 5) : number]


async def test_what_somebody_said_in_groups_costs_the_same_however_much_there_is(wide, talk, ann):
    """A factor of 4 is far from the 20 that going through all of it would cost."""
    view, lobby = (await wide.record(talk.said(ann, "hi"))).session, talk.group()

    async def cost() -> float:
        costs = []
        for _ in range(15):
            started = time.perf_counter()
            await view.history()
            costs.append(time.perf_counter() - started)
        return min(costs)

    async def say(count: int) -> None:
        await asyncio.gather(
            *(wide.record(talk.said(lobby, "x" * 100, author=ann)) for _ in range(count))
        )

    await say(200)
    before = await cost()
    await say(8000)
    assert await cost() < 4 * before


async def test_a_group_sees_nothing_of_a_direct_chat_even_so(wide, talk, texts, ann):
    lobby = await in_the_lobby(wide, talk, ann)
    assert await texts(wide, lobby) == ["of ann", "of bob", "to ann", "to all"]


async def test_somebody_else_sees_none_of_it_even_so(wide, talk, texts, ann):
    await in_the_lobby(wide, talk, ann)
    assert await texts(wide, talk.account("bob")) == ["of bob"]


async def test_what_was_said_in_groups_before_this_session_is_not_in_it(
    wide, talk, texts, ann, clock
):
    await in_the_lobby(wide, talk, ann)
    clock.advance(days=2)
    await wide.record(talk.said(ann, "today"))
    assert await texts(wide, ann) == ["today"]

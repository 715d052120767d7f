"""The leak matrix: what each reader sees from each place, by every way of reading, before and after
people join and part.

Two people with an account on each platform, two groups, a thread, a topic. Every place has words of
everybody in it, each with a mark that occurs nowhere else. A mark that shows up where it was not
said, and by no rule is to be seen, is a leak.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import pytest

from session_plugin import (
    Account,
    Chat,
    Found,
    Hit,
    LinkedRecently,
    MessageEvent,
    SessionHub,
    hookimpl,
)

ANN, ANN_TOO = (
    Account("discord", "ann"),
    Account("telegram", "ann"),
)  # one id on two platforms is two people
BOB, BOB_TOO = Account("discord", "bob"), Account("telegram", "bob")
PEOPLE = (ANN, ANN_TOO, BOB, BOB_TOO)
DIRECT = {
    f"direct-{one.channel}-{one.channel_user_id}": (
        Chat(one.channel, f"dm-{one.channel_user_id}"),
        (one,),
    )
    for one in PEOPLE
}
GROUPS = {
    "group-discord": (Chat("discord", "lobby", "group"), (ANN, BOB)),
    "thread-discord": (Chat("discord", "thread-of-lobby", "group"), (ANN, BOB)),
    "group-telegram": (Chat("telegram", "den", "group"), (ANN_TOO, BOB_TOO)),
    "topic-telegram": (Chat("telegram", "den", "group", thread_id="7"), (ANN_TOO, BOB_TOO)),
}
PLACES = DIRECT | GROUPS
MARK = re.compile(r"<([a-z-]+)\|([a-z-]+)\|(\d+)>")


def mark(place: str, who: str, number: int) -> str:
    return f"<{place}|{who}|{number}>"


def places_in(value: object) -> set[str]:
    """Give the places of all marks in a value, whatever it is."""
    return {place for place, _, _ in MARK.findall(value if isinstance(value, str) else repr(value))}


async def search_to_the_end(
    search: Callable[..., Awaitable[Found]], words: str, *, limit: int
) -> list[Hit]:
    """Return the hits of all pages: a slow machine returns what half a second has found."""
    found = await search(words, limit=limit)
    hits = list(found.hits)
    while not found.is_complete:
        found = await search(words, limit=limit, before=found.cursor)
        hits += found.hits
    return hits


class Listener:
    """A plugin that notes what it is given about which session: the marks, and whose identity came
    along.
    """

    def __init__(self) -> None:
        self.heard: list[tuple[str, set[str]]] = []

    def note(self, session, *given: object) -> None:
        where = (
            "direct" if session.chat is None else f"{session.chat.chat_id}/{session.chat.thread_id}"
        )
        people = (
            () if session.identity is None else tuple(sorted(map(repr, session.identity.accounts)))
        )
        self.heard.append((f"{where} {people}", places_in(repr(given))))

    @hookimpl
    def session_on_message(self, event, session):
        self.note(session, event, session)

    @hookimpl
    def session_summarize(self, session, messages, previous):
        self.note(session, messages, previous)
        return " ".join(message.content for message in messages) + (previous or "")

    @hookimpl
    def session_on_consolidate(self, session, summary):
        self.note(session, session, summary)

    @hookimpl
    def session_on_end(self, session, reason):
        self.note(session, session)


class World:
    """The people, talking; and what each of them is with whom."""

    def __init__(self, hub: SessionHub, listener: Listener) -> None:
        self.hub, self.listener = hub, listener
        self.numbers = iter(range(1, 10_000))
        self.linked: list[set[Account]] = [{one} for one in PEOPLE]

    async def talk(self, rounds: int) -> None:
        for _ in range(rounds):
            for place, (chat, present) in PLACES.items():
                for who in present:
                    await self.say(place, chat, who)
        await self.hub.settle()

    async def say(self, place: str, chat: Chat, who: Account) -> None:
        number = next(self.numbers)
        name = f"{who.channel}-{who.channel_user_id}"
        said = {"chat": chat, "sent_at": float(number)}
        await self.hub.record(
            MessageEvent(
                message_id=f"{number}",
                role="user",
                text=mark(place, name, number),
                author=who,
                author_name=name,
                **said,
            )
        )
        answer = mark(place, f"to-{name}", number)
        await self.hub.record(
            MessageEvent(
                message_id=f"a{number}", role="assistant", text=answer, answers=who, **said
            )
        )

    async def link(self, one: Account, other: Account) -> None:
        await self.hub.redeem_link(other, (await self.hub.request_link(one)).code)
        await self.hub.confirm_link(other)
        await self.hub.confirm_link(one)
        self.linked = [person for person in self.linked if not person & {one, other}] + [
            {one, other}
        ]

    async def unlink(self, one: Account) -> None:
        await self.hub.unlink(one)
        (person,) = (person for person in self.linked if one in person)
        person.remove(one)
        self.linked.append({one})

    def allowed(self, place: str, reader: Account | None) -> set[str]:
        """Where what somebody sees from a place may come from."""
        if place in GROUPS:
            return {place}
        if reader is None:
            return set()
        (owner,) = PLACES[place][1]
        (person,) = (person for person in self.linked if owner in person)
        return (
            {name for name, (_, (of,)) in DIRECT.items() if of in person}
            if reader in person
            else set()
        )

    async def check(self) -> int:
        """Read from every place as everybody, in every way; give how many cells were looked at."""
        cells = 0
        for place, (chat, _) in PLACES.items():
            for reader in PEOPLE:
                allowed = self.allowed(place, reader)
                for way, seen in (await self.readings(chat, reader)).items():
                    assert seen <= allowed, f"{way} from {place} as {reader}"
                    cells += 1
                readings = await self.readings(chat, reader)
                assert readings["history of all sessions"] == readings["search"] == allowed
        for reader in PEOPLE:
            cells += await self.check_export(reader)
            cells += await self.check_operators_search(reader)
        self.check_hooks()
        return cells

    async def readings(self, chat: Chat, reader: Account) -> dict[str, set[str]]:
        view = self.hub.session_of(chat, reader)
        conversation = await view.for_model()
        return {
            "history": places_in(await view.history(limit=None)),
            "history of all sessions": places_in(
                await view.history(limit=None, include_previous=True)
            ),
            "search": places_in(await search_to_the_end(view.search, "|", limit=1000)),
            "search, page by page": places_in(
                await search_to_the_end(view.search, "| -to-", limit=3)
            ),
            "for_model, messages": places_in(conversation.messages),
            "for_model, summary": places_in(repr(conversation.summary)),
            "for_model, as OpenAI takes it": places_in(json.dumps(conversation.as_openai())),
            "info": places_in(repr(await view.info())),
            "previous": places_in(repr(await view.previous())),
            "identity": places_in(repr(await view.identity())),
        }

    async def check_operators_search(self, reader: Account) -> int:
        (person,) = (person for person in self.linked if reader in person)
        found = await search_to_the_end(partial(self.hub.search, reader), "|", limit=1000)
        assert places_in(found) == {name for name, (_, (of,)) in DIRECT.items() if of in person}
        return len(PLACES)

    async def check_export(self, reader: Account) -> int:
        (person,) = (person for person in self.linked if reader in person)
        own = {name for name, (_, (of,)) in DIRECT.items() if of in person}
        who: Account | str = reader
        try:
            await anext(self.hub.export(reader))
        except LinkedRecently:  # for a day only by the operator's word
            assert len(person) > 1
            identity = await self.hub.identity_of(reader)
            assert identity is not None
            who = identity.user_id
        lines = [json.dumps(line) async for line in self.hub.export(who)]
        names = {
            f"{prefix}{one.channel}-{one.channel_user_id}"
            for one in person
            for prefix in ("", "to-")
        }
        for place, who, _ in MARK.findall("\n".join(lines)):
            assert place in own or (place in GROUPS and who in names), (place, who, reader)
        return len(PLACES)

    def check_hooks(self) -> None:
        """What a hook is given about one session is of one scope."""
        for about, places in self.listener.heard:
            groups = places & set(GROUPS)
            assert len(groups) <= 1, about
            assert not groups or places == groups, about


@pytest.fixture
def world(new_hub):
    listener = Listener()
    return World(new_hub(listener, consolidation_threshold=4), listener)


async def test_no_mark_shows_up_where_it_was_not_said(world):
    await world.talk(1)
    cells = await world.check()
    await world.talk(3)  # now every session is consolidated
    cells += await world.check()
    await world.link(ANN, ANN_TOO)
    cells += await world.check()
    await world.talk(3)
    cells += await world.check()
    await world.link(BOB_TOO, BOB)
    await world.talk(1)
    cells += await world.check()
    await world.unlink(ANN)
    await world.hub.settle()
    cells += await world.check()
    await world.talk(3)
    cells += await world.check()
    assert cells > 9 * len(PLACES) * len(PEOPLE)


async def test_nor_over_sessions_that_end(world, clock):
    await world.talk(2)
    await world.link(ANN, ANN_TOO)
    await world.talk(2)
    clock.advance(days=2)
    await world.talk(1)
    await world.check()
    await world.unlink(ANN_TOO)
    clock.advance(days=2)
    await world.talk(1)
    await world.check()


async def test_nor_when_everybody_talks_at_once(world):
    async def talk(place: str, chat: Chat, present: Iterable[Account]) -> None:
        for _ in range(5):
            await asyncio.gather(*(world.say(place, chat, who) for who in present))

    await asyncio.gather(*(talk(place, chat, present) for place, (chat, present) in PLACES.items()))
    await world.hub.settle()
    await world.check()
    for chat, present in GROUPS.values():
        for message in await world.hub.session_of(chat, present[0]).history(limit=None):
            (who,) = (name for _, name, _ in MARK.findall(message.content))
            assert f"{message.person.channel}-{message.person.channel_user_id}" == who.removeprefix(
                "to-"
            )


async def test_nor_for_a_reader_in_somebody_elses_direct_chat(world):
    await world.talk(2)
    for place, (chat, (owner,)) in DIRECT.items():
        for reader in PEOPLE:
            seen = places_in(await world.hub.session_of(chat, reader).history(limit=None))
            assert seen == ({place} if reader == owner else set())


async def test_nor_by_the_blocking_store(world):
    await world.talk(3)
    await world.link(ANN, ANN_TOO)
    await world.talk(1)
    store = world.hub.store()
    for reader in PEOPLE:
        user_id = (await world.hub.identity_of(reader)).user_id
        session = await asyncio.to_thread(store.get_or_create, user_id)
        (person,) = (person for person in world.linked if reader in person)
        assert places_in(repr(session)) <= {
            name for name, (_, (of,)) in DIRECT.items() if of in person
        }


async def test_a_person_who_was_forgotten_shows_up_nowhere(world):
    await world.talk(3)
    await world.link(ANN, ANN_TOO)
    await world.talk(1)
    await world.hub.forget((await world.hub.identity_of(ANN)).user_id)
    await world.hub.settle()
    for chat, _ in PLACES.values():
        for reader in PEOPLE:
            view = world.hub.session_of(chat, reader)
            read = repr(
                [
                    await view.history(limit=None, include_previous=True),
                    await search_to_the_end(view.search, "|", limit=1000),
                    await view.for_model(),
                    await view.info(),
                ]
            )
            assert "-ann|" not in read
            assert "'ann'" not in read.replace(repr(ANN), "").replace(repr(ANN_TOO), "")
    lines = [json.dumps(line) async for line in world.hub.export(BOB)]
    assert not any("-ann|" in line for line in lines)


async def test_where_the_author_wants_it_direct_chats_show_ones_own_words_in_groups_and_no_more(
    new_hub,
):
    listener = Listener()
    world = World(new_hub(listener, consolidation_threshold=4, direct_sees_groups=True), listener)
    await world.talk(3)
    await world.link(ANN, ANN_TOO)
    await world.talk(2)
    for place, (chat, (owner,)) in DIRECT.items():
        for reader in PEOPLE:
            (person,) = (person for person in world.linked if owner in person)
            names = {
                f"{prefix}{one.channel}-{one.channel_user_id}"
                for one in person
                for prefix in ("", "to-")
            }
            view = world.hub.session_of(chat, reader)
            seen = MARK.findall(
                repr([await view.history(limit=None), await view.for_model(), await view.info()])
            )
            found = MARK.findall(repr(await search_to_the_end(view.search, "|", limit=1000)))
            assert set(seen) <= set(found)
            seen += found
            assert bool(seen) == (reader in person), (place, reader)
            for of, who, _ in seen:
                assert who in names, (of, who, reader)
    for place, (chat, _) in GROUPS.items():
        assert places_in(await world.hub.session_of(chat, ANN).history(limit=None)) == {place}

"""Fixtures for hub tests: people and what they say, hubs over a real file, plugins that write down
what they are told.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from session_plugin import Account, Chat, MessageEvent, SessionHub, SessionView, hookimpl
from session_plugin.testing import EventLog, Talk

SECRET = "what only the tests' hubs know"


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def event_log() -> EventLog:
    return EventLog()


@pytest.fixture
def new_event_log() -> type[EventLog]:
    return EventLog


@pytest.fixture
def new_databases(backend: Any) -> Iterator[Callable[[], str]]:
    """Give as many databases as a test wants, on each backend in turn; nothing is in any of them
    yet.
    """
    with ExitStack() as stack:
        yield lambda: str(stack.enter_context(backend.new()))


@pytest.fixture
async def new_hub(
    database: str, clock: Callable[[], float]
) -> AsyncIterator[Callable[..., SessionHub]]:
    """Make hubs on the test's database and clock; they are closed when the test is over."""
    made: list[SessionHub] = []

    def make(*plugins: object, path: str | Path = database, **settings: Any) -> SessionHub:
        hub = SessionHub(
            path,
            **{
                "plugins": plugins,
                "load_entry_points": False,
                "clock": clock,
                "secret": SECRET,
                **settings,
            },
        )
        made.append(hub)
        return hub

    yield make
    for hub in made:
        await hub.close()


@pytest.fixture
def hub(new_hub: Callable[..., SessionHub]) -> SessionHub:
    return new_hub()


@pytest.fixture
def link() -> Callable[..., Any]:
    """Link two accounts as people do: a code on the first, typed on the second, a look and a yes on
    each.
    """

    async def linked(hub: SessionHub, asker: Account, redeemer: Account) -> Any:
        code = await hub.request_link(asker)
        preview = await hub.redeem_link(redeemer, code.code)
        assert await hub.confirm_link(redeemer, shown=preview) is None
        return await hub.confirm_link(asker, shown=preview)

    return linked


@pytest.fixture
def old_link(link: Callable[..., Any], clock: Any) -> Callable[..., Any]:
    """Link two accounts, and let so much time pass that either speaks for both."""

    async def linked(hub: SessionHub, asker: Account, redeemer: Account) -> Any:
        identity = await link(hub, asker, redeemer)
        clock.advance(hours=24, seconds=1)
        return identity

    return linked


@pytest.fixture
def texts() -> Callable[..., Any]:
    """Read all that is in the session that somebody sees in a chat."""

    async def read(hub: SessionHub, where: Account | Chat, **request: Any) -> list[str]:
        account = where if isinstance(where, Account) else None
        chat = Talk().direct(where) if isinstance(where, Account) else where
        history = await hub.session_of(chat, account).history(**{"limit": None, **request})
        return [message.content for message in history]

    return read


class ByTag:
    """Words that begin with #work belong to the part `work`, everywhere."""

    @hookimpl
    def session_resolve_scope(self, event: MessageEvent) -> str | None:
        return "work" if event.text.startswith("#work") else None


class World:
    """People and groups that do at random what is done in a chat."""

    def __init__(self, talk: Talk, link: Callable[..., Any], clock: Any, seed: int) -> None:
        self.talk, self.link, self.clock = talk, link, clock
        self.random = random.Random(seed)
        self.plugin = ByTag()
        self.people = [
            talk.account(name, channel=channel)
            for channel in ("discord", "telegram")
            for name in ("ann", "bob", "cleo")
        ]
        self.groups = [
            talk.group("lobby"),
            talk.group("lobby", thread_id="topic"),
            talk.group("old", channel="telegram"),
        ]
        self.moved = [self.groups[2]]
        self.views: list[SessionView] = []
        self.often = {
            "says": 60,
            "answers": 20,
            "edits": 8,
            "deletes": 8,
            "waits": 6,
            "links": 4,
            "instructs": 3,
            "begins": 3,
            "moves": 2,
            "forgets": 1,
        }

    async def step(self, hub: SessionHub) -> None:
        self.hub = hub
        (does,) = self.random.choices(list(self.often), list(self.often.values()))
        await getattr(self, does)()
        await self.hub.settle()

    def place(self) -> tuple[Chat, Account]:
        who = self.random.choice(self.people)
        return self.random.choice([self.talk.direct(who), *self.groups]), who

    async def says(self) -> None:
        chat, who = self.place()
        text = self.random.choice(["#work a plan", "hello", "é\0 and \ud800"])
        recorded = await self.hub.record(
            self.talk.said(
                chat,
                text,
                author=who,
                message_id=str(self.random.randrange(300)),
                author_name=self.random.choice(["", "Ann"]),
                reply_to=self.random.choice([None, str(self.random.randrange(300))]),
                is_aside=self.random.random() < 0.2,
            )
        )
        self.views.append(recorded.session)

    async def answers(self) -> None:
        chat, who = self.place()
        await self.hub.record(self.talk.answered(chat, "an answer", answers=who, message_id=None))

    async def edits(self) -> None:
        chat, _ = self.place()
        number = str(self.random.randrange(300))
        await self.hub.edit(self.talk.said(chat, "changed", message_id=number, edited_at=2.0))

    async def deletes(self) -> None:
        chat, _ = self.place()
        await self.hub.delete(chat, [str(self.random.randrange(300))])

    async def instructs(self) -> None:
        if self.views:
            await self.random.choice(self.views).add("system", "be kind")

    async def begins(self) -> None:
        if self.views:
            await self.random.choice(self.views).start_new()

    async def waits(self) -> None:
        self.clock.advance(hours=self.random.choice([1, 1, 30]))

    async def links(self) -> None:
        asker, redeemer = self.random.choice(self.people[:3]), self.random.choice(self.people[3:])
        known = [await self.hub.identity_of(one) for one in (asker, redeemer)]
        if None not in known and known[0].user_id != known[1].user_id:
            await self.link(self.hub, asker, redeemer)
            self.clock.advance(hours=25)

    async def moves(self) -> None:
        new = self.talk.group(f"new{len(self.moved)}", channel="telegram")
        await self.hub.move_chat(self.groups[2], new)
        self.groups[2] = new
        self.moved.append(new)

    async def forgets(self) -> None:
        await self.hub.forget(self.random.choice(self.people))


@pytest.fixture
def new_world(talk: Talk, link: Callable[..., Any], clock: Any) -> Callable[[int], World]:
    """Make people and groups that do the same at each run, by a number."""
    return lambda seed: World(talk, link, clock, seed)

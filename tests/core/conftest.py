"""Fixtures for hub tests: people and what they say, hubs over a real file, plugins that write down
what they are told.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from session_plugin import Account, Chat, SessionHub
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

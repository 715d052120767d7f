"""A PostgreSQL server that is slow, or cut off: bots answer as before, and what was said meanwhile
is stored in order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from session_plugin import DatabaseUnavailable, SessionHub, SessionMessage
from session_plugin.testing import Driver, Turn
from session_plugin.testing.contract.patience import first_answer

SLOW = """
    CREATE FUNCTION wait_long() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(5); RETURN NULL; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON messages FOR EACH STATEMENT EXECUTE FUNCTION wait_long()
"""


class Wire:
    """A way to a server that can be cut and mended."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._ends: set[asyncio.StreamWriter] = set()
        self._is_cut = False

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        self._is_cut = True
        for end in list(self._ends):
            end.transport.abort()

    def mend(self) -> None:
        self._is_cut = False

    async def stop(self) -> None:
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(*self._target)
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        try:
            while data := await reader.read(65536):
                writer.write(data)
        except OSError:
            pass
        finally:
            self._ends.discard(writer)
            writer.transport.abort()


@pytest.fixture(params=["on_discord", "on_telegram"])
def driver(request: pytest.FixtureRequest) -> Driver:
    found: Driver = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def url(postgresql: Any) -> Iterator[str]:
    """Give a database of the test's own."""
    with postgresql.new() as database:
        yield database


@pytest.fixture
async def wire(url: str) -> AsyncIterator[Wire]:
    address = urlsplit(url)
    wire = Wire(address.hostname or "127.0.0.1", address.port or 5432)
    yield wire
    await wire.stop()


async def recall(turn: Turn) -> None:
    try:
        await turn.session.history()
        await turn.say(f"{turn.text}, remembered")
    except DatabaseUnavailable:
        await turn.say(f"{turn.text}, not remembered")


def said(history: list[SessionMessage], role: str) -> list[str]:
    return [one.content for one in history if one.role == role]


async def test_bots_answer_while_the_server_is_cut_off_and_all_is_stored_once_it_is_back(
    driver: Driver, url: str, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    address = urlsplit(url)
    led = url.replace(f"{address.hostname}:{address.port}", f"127.0.0.1:{await wire.start()}")
    hub = SessionHub(led, load_entry_points=False, store_patience=0.5)
    ann = driver.user("Ann")
    dm = driver.direct_chat(ann)
    texts = [str(number) for number in range(20)]
    async with driver.running(hub, recall):
        first = await first_answer(driver, hub, ann, dm)
        caplog.clear()
        wire.cut()
        for text in texts:
            assert await driver.ask(ann, dm, text) == f"{text}, not remembered"
        wire.mend()
        history = await driver.history(hub, dm, count=42)
        assert await driver.ask(ann, dm, "after") == "after, remembered"
    assert said(history, "user") == ["first", *texts]
    assert said(history, "assistant") == [
        first,
        *(f"{text}, not remembered" for text in texts),
    ]
    ours = (one for one in caplog.records if one.name.startswith("session_plugin"))
    assert len([one for one in ours if one.levelno >= logging.WARNING]) == 1


async def test_bots_answer_while_the_server_takes_five_seconds_for_a_message(
    driver: Driver, postgresql: Any, url: str
) -> None:
    hub = SessionHub(url, load_entry_points=False, store_patience=0.5)
    ann = driver.user("Ann")
    dm = driver.direct_chat(ann)
    texts = [str(number) for number in range(5)]
    async with driver.running(hub, recall):
        await driver.ask(ann, dm, "before")
        await driver.history(hub, dm, count=2)
        await asyncio.to_thread(postgresql.rows, url, SLOW)
        for text in texts:
            assert await driver.ask(ann, dm, text) == f"{text}, not remembered"
        await asyncio.to_thread(postgresql.rows, url, "DROP TRIGGER slow ON messages")
        history = await driver.history(hub, dm, count=12)
    assert said(history, "user") == ["before", *texts]
    assert said(history, "assistant") == [
        "before, remembered",
        *(f"{text}, not remembered" for text in texts),
    ]

"""What a message and a reading cost once everything about them is known: statements, and on a
server round trips. They stand in one table, so that they do not creep back.
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from operator import sub
from typing import Any

import pytest

from session_plugin import SessionHub
from session_plugin.testing import Talk

MOST = {
    # look-ups, statements that write, others (BEGIN, COMMIT, PRAGMA), round trips to a server
    ("sqlite", "message"): (1, 2, 3, 0),
    ("sqlite", "answer"): (1, 2, 3, 0),
    ("sqlite", "hundred_messages"): (1, 200, 3, 0),
    ("sqlite", "last_twenty"): (0, 0, 0, 0),
    ("postgresql", "message"): (1, 3, 2, 3),
    ("postgresql", "answer"): (1, 3, 2, 3),
    ("postgresql", "hundred_messages"): (1, 3, 2, 3),
    ("postgresql", "last_twenty"): (1, 0, 0, 1),
}
"""The most that each may cost. What gets cheaper lowers its row; nothing raises one in passing."""
TRIES = 3
"""The cheapest counts: now and then, a hub looks for notices meanwhile."""
PEOPLE = 100

LOOK_UPS = ("SELECT", "WITH", "VALUES")
WRITES = ("INSERT", "UPDATE", "DELETE")


class Costs:
    """Statements by kind, and round trips."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._found: Counter[str] = Counter()

    def clear(self) -> None:
        with self._guard:
            self._found.clear()

    def note(self, statement: str) -> None:
        """Count a statement by what it does; one that writes may begin with what it looks up."""
        words = statement.upper().split()
        if not words or words[0] == "--":  # a pool's look whether anybody is there; a trigger
            return
        does = {word for word in words if word in WRITES} if words[0] == "WITH" else {words[0]}
        is_write = not does.isdisjoint(WRITES)
        kind = "write" if is_write else "look-up" if words[0] in LOOK_UPS else "other"
        with self._guard:
            self._found[kind] += 1

    def note_round_trip(self) -> None:
        with self._guard:
            self._found["round trip"] += 1

    def row(self) -> tuple[int, ...]:
        return tuple(self._found[kind] for kind in ("look-up", "write", "other", "round trip"))


class Relay:
    """Passes on what a client and a PostgreSQL server say, and counts it.

    A round trip begins whenever the client speaks after the server has spoken.
    """

    def __init__(self, server: tuple[str, int], costs: Costs) -> None:
        self._server, self._costs = server, costs
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                talk = Conversation(self._costs)
                for source, target, note in (
                    (client, server, talk.client_says),
                    (server, client, talk.server_says),
                ):
                    threading.Thread(
                        target=self._pass_on, args=(source, target, note), daemon=True
                    ).start()

    def _pass_on(
        self, source: socket.socket, target: socket.socket, note: Callable[[bytes], None]
    ) -> None:
        with suppress(OSError):
            while said := source.recv(65536):
                note(said)
                target.sendall(said)
            target.shutdown(socket.SHUT_WR)


@dataclass
class Conversation:
    """One connection: what the client says, message by message.

    Of https://www.postgresql.org/docs/current/protocol-message-formats.html: a byte for the kind,
    four for the length; Parse names a statement, Bind runs it, Query has its text.
    """

    costs: Costs
    unread: bytes = b""
    is_begun: bool = False
    is_servers_turn: bool = False
    prepared: dict[bytes, bytes] = field(default_factory=dict)

    def server_says(self, said: bytes) -> None:
        self.is_servers_turn = False

    def client_says(self, said: bytes) -> None:
        if not self.is_servers_turn:
            self.is_servers_turn = True
            self.costs.note_round_trip()
        self.unread += said
        while self._read_one():
            pass

    def _read_one(self) -> bool:
        kind_bytes = 1 if self.is_begun else 0  # the first message has no kind
        length = kind_bytes + int.from_bytes(self.unread[kind_bytes : kind_bytes + 4], "big")
        if len(self.unread) < kind_bytes + 4 or len(self.unread) < length:
            return False
        kind, body = self.unread[:kind_bytes], self.unread[kind_bytes + 4 : length]
        self.unread, self.is_begun = self.unread[length:], True
        if kind == b"P":
            name, statement, _ = body.split(b"\0", 2)
            self.prepared[name] = statement
        elif kind == b"B":
            _, name, _ = body.split(b"\0", 2)
            self.costs.note(self.prepared[name].decode())
        elif kind == b"Q":
            self.costs.note(body.rstrip(b"\0").decode())
        return True


@pytest.fixture
def costs() -> Costs:
    return Costs()


@pytest.fixture
def counted(
    backend: Any, database: str, costs: Costs, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Give the database such that all its statements are counted."""
    if "://" not in database:
        connect = sqlite3.connect

        def connect_and_count(*args: Any, **kwargs: Any) -> sqlite3.Connection:
            connection = connect(*args, **kwargs)
            connection.set_trace_callback(costs.note)
            return connection

        monkeypatch.setattr(sqlite3, "connect", connect_and_count)
        yield database
        return

    before, _, rest = database.partition("@")
    place, _, path = rest.partition("/")
    host, _, port = place.partition(":")
    relay = Relay((host, int(port or 5432)), costs)
    yield f"{before}@127.0.0.1:{relay.port}/{path}&sslmode=disable&gssencmode=disable"
    relay.close()


async def test_a_message_and_a_reading_cost_no_more_than_they_did(
    counted: str, costs: Costs
) -> None:
    backend = "postgresql" if "://" in counted else "sqlite"
    talk = Talk()
    people = [talk.account(f"person {number}") for number in range(PEOPLE)]
    ann = people[0]
    found: dict[tuple[str, str], tuple[int, ...]] = {}

    async with SessionHub(counted, upkeep_minutes=None, load_entry_points=False) as hub:
        view = hub.session_of(talk.direct(ann), ann)

        async def message() -> None:
            assert (await hub.record(talk.said(ann, "and?"))).is_stored

        async def answer() -> None:
            assert (await hub.record(talk.answered(ann, "that is all"))).is_stored

        async def hundred_messages() -> None:
            await asyncio.gather(*(hub.record(talk.said(person, "hello")) for person in people))

        async def last_twenty() -> None:
            assert len(await view.history(limit=20)) == 20

        await asyncio.gather(*(message() for _ in range(20)))
        for do in (message, answer, hundred_messages):
            group = min([await cost_of_group(hub, costs, do) for _ in range(TRIES)])
            nothing = min([await cost_of_group(hub, costs, nap) for _ in range(TRIES)])
            found[backend, do.__name__] = tuple(map(sub, group, nothing))

        rows = []
        for _ in range(TRIES):
            costs.clear()
            await last_twenty()
            rows.append(costs.row())
        found[backend, "last_twenty"] = min(rows)

    print(*found.items(), sep="\n")
    for what, row in found.items():
        assert all(cost <= most for cost, most in zip(row, MOST[what], strict=True)), (what, row)


async def nap() -> None:
    """Do nothing."""


async def cost_of_group(
    hub: SessionHub, costs: Costs, do: Callable[[], Awaitable[None]]
) -> tuple[int, ...]:
    """Do what is written as one group, because the writer is held meanwhile, and count it all."""
    begun, may_go_on = threading.Event(), threading.Event()

    def wait(tx: Any) -> None:
        begun.set()
        assert may_go_on.wait(10)

    await hub.settle()
    waiting = asyncio.ensure_future(hub._parts.database.write(wait))
    assert await asyncio.to_thread(begun.wait, 10)
    costs.clear()
    doing = asyncio.ensure_future(do())
    await asyncio.sleep(0.05)  # all of it is in line
    may_go_on.set()
    await asyncio.gather(waiting, doing)
    await hub.settle()

    return costs.row()

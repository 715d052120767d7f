"""How often a group of messages waits for the server, counted on the wire."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from session_plugin import Account, Chat, MessageEvent
from session_plugin.database.opening import open_engine
from session_plugin.records.conversation.bulk import RECORD
from session_plugin.records.conversation.recording import Recording
from session_plugin.records.operation_context import OperationContext
from session_plugin.rules.policies import Policies

psycopg = pytest.importorskip("psycopg")


class Wire:
    """Passes connections on to a server, and counts how often a client asks after an answer."""

    def __init__(self, server: tuple[str, int]) -> None:
        """Listen; `port` says where."""
        self.round_trips = 0
        self._server = server
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._server)
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        was_answered = True
        with client, server, suppress(OSError):
            while True:
                for one in select.select([client, server], [], [])[0]:
                    if not (data := one.recv(65536)):
                        return
                    if one is client:
                        self.round_trips += was_answered
                        server.sendall(data)
                    else:
                        client.sendall(data)
                    was_answered = one is server

    def close(self) -> None:
        self._listening.close()


@contextmanager
def wire_to(database: str) -> Iterator[tuple[str, Wire]]:
    parts = psycopg.conninfo.conninfo_to_dict(database)
    wire = Wire((parts.get("hostaddr") or parts.get("host") or "127.0.0.1", int(parts["port"])))
    place = f"{parts['host']}:{parts['port']}"
    assert place in database
    yield database.replace(place, f"127.0.0.1:{wire.port}"), wire
    wire.close()


def messages(prefix: str, people: int) -> list[Recording]:
    ids = iter(range(10**6))
    context = OperationContext(
        bot="", now=1.0, policies=Policies(max_age=None), new_id=lambda: f"{prefix} {next(ids)}"
    )
    return [
        Recording(
            context=context,
            event=MessageEvent(
                chat=Chat("discord", f"of {number}"),
                message_id=f"{prefix} {number}",
                role="user",
                text="hello",
                sent_at=0.0,
                author=Account("discord", f"{number}"),
                author_name=f"person {number}",
            ),
        )
        for number in range(people)
    ]


def written_together(engine: Any, group: list[Recording]) -> list[str]:
    """Write messages in one group, and return what became of each."""
    with engine._writer._changed:  # the writer comes to none before all are in line
        futures = [engine.write(RECORD, one) for one in group]

    return [future.result().value.fate for future in futures]


@pytest.mark.parametrize("people", [1, 50])
def test_a_group_of_messages_in_known_places_waits_for_the_server_three_times(
    postgresql: Any, people: int
) -> None:
    """For their places and numbers, together with the lock; for their rows; for the COMMIT."""
    with postgresql.empty() as database, wire_to(database) as (url, wire):
        engine = open_engine(url)
        round_trips = []
        for prefix in ("new", "known", "again", "and again"):
            before = wire.round_trips
            assert written_together(engine, messages(prefix, people)) == ["stored"] * people
            round_trips.append(wire.round_trips - before)
        engine.close()

    assert round_trips[2:] == [3, 3]


def test_a_group_that_waits_for_a_lock_is_stored_without_a_warning(
    postgresql: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Each wait for a lock is cut off after half a second, and begun again."""
    with postgresql.empty() as database, psycopg.connect(database) as other:
        engine = open_engine(database)
        assert written_together(engine, messages("new", 2)) == ["stored"] * 2

        other.execute("SELECT pg_advisory_xact_lock(1397771335, hashtext(current_schema()))")
        threading.Timer(0.8, other.rollback).start()
        with engine._writer._changed:
            futures = [engine.write_patiently(RECORD, one) for one in messages("known", 2)]
        assert [future.result().value.fate for future in futures] == ["stored"] * 2
        engine.close()

    assert caplog.messages == []

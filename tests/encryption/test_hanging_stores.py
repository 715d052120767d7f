"""A key store of an author's own that does not answer costs nobody more than a bounded time."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from session_plugin import DatabaseUnavailable, Keys, SessionHub
from session_plugin.encryption import patience
from session_plugin.encryption.patience import Patient, PatientStore
from session_plugin.testing import Talk

LIMIT = 0.5
NO_ANSWER = "has not answered within"


class Shelf:
    """A store whose methods hang, by name, until they are let go on."""

    def __init__(self) -> None:
        self.keys: dict[bytes, bytes] = {}
        self.calls = 0
        self.hangs: dict[str, threading.Event] = {}

    def hang(self, *methods: str) -> None:
        self.hangs |= {method: threading.Event() for method in methods}

    def go_on(self) -> None:
        for event in self.hangs.values():
            event.set()
        self.hangs = {}

    def create(self, key_ids: Any) -> dict[bytes, bytes]:
        self._answer("create")
        return {one: self.keys.setdefault(one, os.urandom(32)) for one in key_ids}

    def unwrap(self, key_ids: Any) -> dict[bytes, bytes]:
        self._answer("unwrap")
        return {one: self.keys[one] for one in key_ids if one in self.keys}

    def destroy(self, key_ids: Any) -> int:
        self._answer("destroy")
        return sum(self.keys.pop(one, None) is not None for one in key_ids)

    def rewrap(self) -> int:
        self._answer("rewrap")
        return 0

    def _answer(self, method: str) -> None:
        self.calls += 1
        if method in self.hangs:
            self.hangs[method].wait()


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LONGEST_CALL", LIMIT)
    monkeypatch.setattr(patience, "LONGEST_REWRAP", LIMIT)


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    shelf = Shelf()
    yield shelf
    shelf.go_on()


async def until(is_so: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.02)


def test_a_call_that_hangs_is_given_up_and_others_fail_at_once_until_it_returns(
    shelf: Shelf,
) -> None:
    store = PatientStore(shelf)
    store.create([b"12345678"])
    shelf.hang("unwrap")
    with pytest.raises(DatabaseUnavailable, match=f"Shelf {NO_ANSWER}"):
        store.unwrap([b"12345678"])

    began_at, calls = time.monotonic(), shelf.calls
    for _ in range(100):
        with pytest.raises(DatabaseUnavailable, match=NO_ANSWER):
            store.unwrap([b"12345678"])
    assert shelf.calls == calls
    assert time.monotonic() - began_at < LIMIT
    store.create([b"87654321"])  # what answers is not kept from answering

    shelf.go_on()
    while True:
        try:
            assert set(store.unwrap([b"12345678"])) == {b"12345678"}
        except DatabaseUnavailable:
            assert time.monotonic() - began_at < 0.8, "that is when it would be tried anyway"
        else:
            break


def test_one_whose_calls_never_return_is_tried_again(shelf: Shelf) -> None:
    """As when the other side of a connection is gone, and nobody says so."""
    store = PatientStore(shelf)
    shelf.hang("destroy")
    with pytest.raises(DatabaseUnavailable):
        store.destroy([])
    lost = shelf.hangs.pop("destroy")  # the next one answers, that one does not
    time.sleep(1.1)
    assert store.destroy([]) == 0
    assert store.destroy([]) == 0
    lost.set()


def test_only_so_many_calls_hang(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.0)
    shelf.hang("destroy")
    destroy = Patient(shelf.destroy, "it", seconds=lambda _: 0.01, most=3)
    for _ in range(20):
        with pytest.raises(DatabaseUnavailable):
            destroy([])
    assert shelf.calls == 3
    shelf.go_on()


def test_what_a_function_raises_is_raised() -> None:
    def fail() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        Patient(fail, "it", seconds=lambda: LIMIT)()


def test_a_slow_call_for_many_keys_has_more_time(shelf: Shelf) -> None:
    shelf.hang("destroy")
    threading.Timer(2 * LIMIT, shelf.go_on).start()
    assert PatientStore(shelf).destroy([os.urandom(8) for _ in range(100)]) == 0


async def test_forgetting_returns_though_destroying_hangs_and_is_done_later(
    new_hub: Callable[..., SessionHub],
    talk: Talk,
    shelf: Shelf,
    backend: Any,
    database: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ann, bob = talk.account("ann"), talk.account("bob")
    hub = new_hub(encryption=Keys(store=shelf))
    for who in (ann, bob):
        await hub.record(talk.said(who, "hello"))
    shelf.hang("destroy")
    async with asyncio.timeout(10):
        receipt = await hub.forget(ann)
    assert receipt.is_pending
    assert "are destroyed as soon as it can be reached" in caplog.text
    assert NO_ANSWER in caplog.text

    rows = backend.rows(database, "SELECT key_id, is_done FROM destroyed_keys")
    key_ids = {bytes(key_id) for key_id, _ in rows}
    assert len(key_ids) == receipt.keys > 0
    assert {is_done for _, is_done in rows} == {0}
    assert key_ids < shelf.keys.keys()
    assert (await hub.record(talk.said(bob, "and?"))).is_stored

    shelf.go_on()
    await until(lambda: key_ids.isdisjoint(shelf.keys))
    await until(lambda: not backend.rows(database, "SELECT 1 FROM destroyed_keys WHERE is_done=0"))
    history = await hub.session_of(talk.direct(bob), bob).history()
    assert [message.content for message in history] == ["hello", "and?"]


async def test_a_message_waits_for_a_key_that_hangs_and_is_stored_then(
    new_hub: Callable[..., SessionHub], talk: Talk, shelf: Shelf
) -> None:
    ann = talk.account("ann")
    hub = new_hub(encryption=Keys(store=shelf), store_patience=0.2)
    await hub.record(talk.said(ann, "hello"))
    crowd = [talk.account(f"guest {number}") for number in range(40)]  # beyond the keys at hand
    shelf.hang("create")
    recorded = [await hub.record(talk.said(who, "hello")) for who in crowd]
    assert not recorded[-1].is_stored

    shelf.go_on()
    async with asyncio.timeout(20):
        while (await hub.status()).messages != 41:
            await asyncio.sleep(0.05)


async def test_who_reads_is_told_that_the_keys_are_away(
    new_hub: Callable[..., SessionHub], talk: Talk, shelf: Shelf
) -> None:
    ann = talk.account("ann")
    hub = new_hub(encryption=Keys(store=shelf))
    await hub.record(talk.said(ann, "hello"))
    assert hub._parts.encryption.sealing is not None
    hub._parts.encryption.sealing.ring.drop_all()
    shelf.hang("unwrap")
    session = hub.session_of(talk.direct(ann), ann)
    async with asyncio.timeout(10):
        with pytest.raises(DatabaseUnavailable, match=NO_ANSWER):
            await session.history()

    shelf.go_on()
    async with asyncio.timeout(10):
        while True:
            try:
                assert [message.content for message in await session.history()] == ["hello"]
            except DatabaseUnavailable:
                await asyncio.sleep(0.02)
            else:
                break


@pytest.mark.parametrize("what", ["rewrap", "master"])
async def test_an_opening_that_hangs_is_given_up_and_tried_again(
    new_hub: Callable[..., SessionHub], talk: Talk, shelf: Shelf, store_file: Any, what: str
) -> None:
    shelf.hang("rewrap")
    master = secrets.token_hex(32)

    def ask() -> str:
        shelf.rewrap()
        return master

    keys = Keys(store=shelf) if what == "rewrap" else Keys(ask, store=store_file)
    hub = new_hub(encryption=keys)
    for _ in range(2):
        async with asyncio.timeout(10):
            with pytest.raises(DatabaseUnavailable, match=NO_ANSWER):
                await hub.status()
    assert shelf.calls == 1

    shelf.go_on()
    async with asyncio.timeout(10):
        while True:
            try:
                await hub.status()
            except DatabaseUnavailable:
                await asyncio.sleep(0.02)
            else:
                break


PROGRAM = """
    import asyncio, json, os, sys, threading, time
    from session_plugin import Keys, SessionHub
    from session_plugin.encryption import patience
    from session_plugin.testing import Talk

    patience.LONGEST_CALL = 1.0
    never, talk = threading.Event(), Talk()
    ann, bob = talk.account("ann"), talk.account("bob")

    class Shelf:
        keys, hangs = {}, False

        def answer(self):
            if self.hangs:
                never.wait()

        def create(self, key_ids):
            self.answer()
            return {one: self.keys.setdefault(one, os.urandom(32)) for one in key_ids}

        def unwrap(self, key_ids):
            self.answer()
            return {one: self.keys[one] for one in key_ids if one in self.keys}

        def destroy(self, key_ids):
            self.answer()
            return sum(self.keys.pop(one, None) is not None for one in key_ids)

        def rewrap(self):
            return 0

    async def main():
        shelf = Shelf()
        hub = SessionHub(
            sys.argv[1], load_entry_points=False, secret="a secret of this test",
            encryption=Keys(store=shelf), store_patience=5.0,
        )
        await hub.status()  # it is open
        for who in (ann, bob):
            assert (await hub.record(talk.said(who, "hello"))).is_stored
        shelf.hangs = True
        receipt = await hub.forget(ann)
        for number in range(40):
            await hub.record(talk.said(talk.account(f"guest {number}"), "hello"))
        hub._parts.encryption.sealing.ring.drop_all()
        reading = asyncio.ensure_future(hub.session_of(talk.direct(bob), bob).history())
        await asyncio.sleep(0.1)
        print(json.dumps(receipt.is_pending), flush=True)
        await asyncio.gather(hub.close(), reading, return_exceptions=True)
        print(json.dumps("closed"), flush=True)

    asyncio.run(main())
"""


def test_a_program_ends_though_its_key_store_hangs(
    spawn: Callable[..., Any], database: str
) -> None:
    program = spawn(PROGRAM, database)
    assert json.loads(program.stdout.readline()) is True
    began_at = time.monotonic()
    assert json.loads(program.stdout.readline()) == "closed"
    assert program.wait(30) == 0
    assert time.monotonic() - began_at < 20

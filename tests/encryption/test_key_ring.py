"""Keys in memory: what is made ahead and what fails in the store costs no message."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from session_plugin import DatabaseUnavailable, Keys, SessionHub
from session_plugin.encryption.keys import OpenKeys
from session_plugin.encryption.ring import KeyRing
from session_plugin.encryption.sealing import STATE_SECONDS
from session_plugin.testing import Talk


class Shelf:
    """A store of an author's own."""

    def __init__(self) -> None:
        self.keys: dict[bytes, bytes] = {}
        self.fails: Exception | None = None
        self.may_make = threading.Event()
        self.may_make.set()

    def create(self, key_ids: Any) -> dict[bytes, bytes]:
        self.may_make.wait(20)
        if self.fails is not None:
            raise self.fails
        return {one: self.keys.setdefault(one, os.urandom(32)) for one in key_ids}

    def unwrap(self, key_ids: Any) -> dict[bytes, bytes]:
        if self.fails is not None:
            raise self.fails
        return {one: self.keys[one] for one in key_ids if one in self.keys}

    def destroy(self, key_ids: Any) -> int:
        return sum(self.keys.pop(one, None) is not None for one in key_ids)

    def rewrap(self) -> int:
        return 0


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def ring(shelf: Shelf) -> KeyRing:
    return KeyRing(OpenKeys(shelf, "Shelf", is_on=True))


def test_a_key_that_was_made_ahead_is_one_that_the_store_still_has(
    ring: KeyRing, shelf: Shelf
) -> None:
    (first,) = ring.make(1)
    shelf.keys = {first: shelf.keys[first]}  # as a copy of yesterday has them
    assert set(ring.make(3)) <= shelf.keys.keys()


def test_a_store_that_was_put_back_is_noticed(ring: KeyRing, shelf: Shelf) -> None:
    (first,) = ring.make(1)
    (second,) = ring.make(1)
    assert ring.look(first)
    del shelf.keys[second]
    assert ring.look(first)
    assert ring.get(second) is None
    shelf.keys.clear()
    assert not ring.look(first)


def test_whatever_a_store_raises_the_keys_are_away(ring: KeyRing, shelf: Shelf) -> None:
    shelf.fails = ConnectionError("no route")
    with pytest.raises(DatabaseUnavailable, match="ConnectionError"):
        ring.make(1)
    with pytest.raises(DatabaseUnavailable, match="ConnectionError"):
        ring.get(b"12345678")


def test_who_drops_keys_does_not_wait_for_the_store(ring: KeyRing, shelf: Shelf) -> None:
    (key_id,) = ring.make(1)
    shelf.may_make.clear()
    making = threading.Thread(target=ring.make, args=(50,))
    making.start()
    ring.drop([key_id])
    assert ring.get(key_id) is None
    assert making.is_alive()
    shelf.may_make.set()
    making.join()


async def test_whom_a_process_knows_waits_for_the_store_too(
    new_hub: Callable[..., SessionHub], talk: Talk, shelf: Shelf
) -> None:
    """Keys in memory are no reason to store what nobody could read after a restart."""
    ann = talk.account("ann")
    hub = new_hub(encryption=Keys(store=shelf), store_patience=1.0)
    await hub.record(talk.said(ann, "one"))
    sealing = hub._parts.encryption.sealing
    assert sealing is not None
    now = sealing._clock()
    sealing._clock = lambda: now + 2 * STATE_SECONDS
    shelf.fails = ConnectionError("no route")
    for text in ("two", "three"):
        recorded = await hub.record(talk.said(ann, text))
        assert not recorded.is_stored
        assert recorded.session is not None
        with pytest.raises(DatabaseUnavailable):
            await recorded.session.history()

    shelf.fails = None
    async with asyncio.timeout(30):
        while True:
            try:
                said = [message.content for message in await recorded.session.history()]
            except DatabaseUnavailable:
                await asyncio.sleep(0.05)
            else:
                break
    assert said == ["one", "two", "three"]

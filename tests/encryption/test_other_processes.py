"""What other processes do with the keys of a person who is forgotten: nothing any more."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from session_plugin import SessionHub
from session_plugin.encryption import cells
from session_plugin.testing import Talk

PEER = """
    import asyncio, json, sys, time
    from session_plugin import Keys, SessionHub
    from session_plugin.encryption.sealing import STATE_SECONDS
    from session_plugin.testing import Talk

    database, master, store, secret, prefix = sys.argv[1:]
    talk = Talk()
    ann, bob, group = talk.account("ann"), talk.account("bob"), talk.group()
    number = 0

    def said(who, text, chat=None):
        global number
        number += 1
        return talk.said(
            chat or talk.direct(who), text, author=who, sent_at=time.time(),
            message_id=f"{prefix} {number}",
        )

    async def write(hub):
        return [(await hub.record(said(ann, "again", chat))).is_stored for chat in (None, group)]

    async def write_of_bob(hub):
        return (await hub.record(said(bob, "hello"))).is_stored

    async def read(hub):
        found = {}
        for name, chat in (("direct", talk.direct(ann)), ("group", group)):
            for limit in (5, None):
                history = await hub.session_of(chat, ann).history(limit=limit)
                found[f"{name} {limit}"] = [message.content for message in history]
        return found

    async def read_much_later(hub):
        sealing = hub._parts.encryption.sealing
        now = sealing._clock()
        sealing._clock = lambda: now + 2 * STATE_SECONDS
        return await read(hub)

    async def keys(hub):
        ciphers = hub._parts.encryption.sealing.ring._ciphers
        return [key_id.hex() for key_id, cipher in ciphers.items() if cipher is not None]

    async def write_for_a_while(hub):
        for _ in range(60):
            await asyncio.gather(*(write(hub) for _ in range(3)))
            await read(hub)

    async def main():
        keys_ = Keys(master, store=store)
        async with SessionHub(
            database, load_entry_points=False, secret=secret, encryption=keys_,
            upkeep_minutes=None, store_patience=60.0,
        ) as hub:
            while verb := (await asyncio.to_thread(sys.stdin.readline)).strip():
                print(json.dumps(await globals()[verb](hub)), flush=True)

    asyncio.run(main())
"""


class Peer:
    """Another process with a hub on the same database."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def begin(self, verb: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{verb}\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ask(self, verb: str) -> Any:
        self.begin(verb)
        return self.answer()


@pytest.fixture
def peer(
    spawn: Callable[..., subprocess.Popen[str]], database: str, master: str, store_file: Path
) -> Callable[[str], Peer]:
    secret = "what only the tests' hubs know"
    return lambda prefix: Peer(spawn(PEER, database, master, store_file, secret, prefix))


@pytest.fixture
def key_ids_of_messages(backend: Any, database: str) -> Callable[[], list[bytes]]:
    """Return the ids of the keys of all messages that are stored."""

    def find() -> list[bytes]:
        rows = backend.rows(database, "SELECT content FROM messages ORDER BY seq")
        return [cells.key_id_of(bytes(content)) for (content,) in rows if content]

    return find


@pytest.fixture
def destroyed(backend: Any, database: str) -> Callable[[], set[bytes]]:
    """Return the ids of all keys that were destroyed."""

    def find() -> set[bytes]:
        rows = backend.rows(database, "SELECT key_id FROM destroyed_keys")
        return {bytes(key_id) for (key_id,) in rows}

    return find


async def made_hot(other: Peer) -> set[bytes]:
    """Let another process write and read what Ann says; return the keys that it has then."""
    assert other.ask("write") == [True, True]
    assert set(map(tuple, other.ask("read").values())) == {("again",)}
    return set(map(bytes.fromhex, other.ask("keys")))


@pytest.mark.parametrize("following", ["write", "write_of_bob", "read_much_later"])
async def test_a_key_that_another_process_has_destroyed_is_dropped_by_the_next_transaction(
    new_hub: Callable[..., SessionHub],
    talk: Talk,
    peer: Callable[[str], Peer],
    destroyed: Callable[[], set[bytes]],
    following: str,
) -> None:
    hub, other = new_hub(), peer("b")
    assert await made_hot(other)
    assert not (await hub.forget(talk.account("ann"))).is_pending
    gone = destroyed()
    assert gone & set(map(bytes.fromhex, other.ask("keys")))

    assert other.ask(following)
    assert not gone & set(map(bytes.fromhex, other.ask("keys")))


async def test_another_process_reads_nothing_and_seals_with_other_keys_at_once(
    new_hub: Callable[..., SessionHub],
    talk: Talk,
    peer: Callable[[str], Peer],
    destroyed: Callable[[], set[bytes]],
    key_ids_of_messages: Callable[[], list[bytes]],
) -> None:
    hub, other = new_hub(), peer("b")
    hot = await made_hot(other)
    before = set(key_ids_of_messages())
    assert before <= hot

    await hub.forget(talk.account("ann"))
    assert not any(other.ask("read").values())
    assert other.ask("write") == [True, True]
    assert other.ask("read")["direct None"] == ["again"]
    new = set(key_ids_of_messages())
    assert len(new) == 2
    assert not new & (destroyed() | before)


async def test_whatever_is_recorded_while_somebody_is_forgotten_no_destroyed_key_seals_it(
    new_hub: Callable[..., SessionHub],
    talk: Talk,
    peer: Callable[[str], Peer],
    destroyed: Callable[[], set[bytes]],
    key_ids_of_messages: Callable[[], list[bytes]],
) -> None:
    ann = talk.account("ann")
    hub, others = new_hub(store_patience=60.0), [peer("b"), peer("c")]
    for other in others:
        other.ask("keys")
        other.begin("write_for_a_while")

    answers = asyncio.gather(*(asyncio.to_thread(other.answer) for other in others))
    forgettings = 0
    while not answers.done():
        forgettings += (await hub.forget(ann)).keys > 0
        assert not destroyed() & set(key_ids_of_messages())
        await asyncio.sleep(0.01)
    await answers

    assert forgettings > 5
    for other in others:
        assert other.ask("write") == [True, True]
    sealed_with = key_ids_of_messages()
    assert sealed_with
    assert not destroyed() & set(sealed_with)
    for other in others:
        assert not destroyed() & set(map(bytes.fromhex, other.ask("keys")))

"""Forgetting destroys keys in the key store, now or as soon as that can be, and nobody else loses a
word.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from session_plugin import Account, Chat, SessionHub
from session_plugin.testing import Talk
from session_plugin.upkeep import eraser


async def texts(hub: SessionHub, chat: Chat, who: Account | None = None) -> list[str]:
    history = await hub.session_of(chat, who).history(limit=None, include_previous=True)
    return [message.content for message in history]


KEYS_OF_MESSAGES = "SELECT key_id FROM data_keys WHERE kind = 'messages'"
OTHER = """
    import asyncio, json, sys
    from session_plugin import Keys, SessionHub
    from session_plugin.testing import Talk

    database, master, store = sys.argv[1:]
    talk = Talk()
    ann, bob = talk.account("ann"), talk.account("bob")

    async def report(hub):
        session = hub.session_of(talk.direct(ann), ann)
        texts = [message.content for message in await session.history(include_previous=True)]
        await hub.session_of(talk.direct(bob), bob).history(include_previous=True)
        ring = hub._parts.encryption.sealing.ring
        keys = [one.hex() for one, cipher in ring._ciphers.items() if cipher is not None]
        print(json.dumps({"texts": texts, "keys": keys}), flush=True)

    async def main():
        keys = Keys(master, store=store)
        async with SessionHub(
            database, load_entry_points=False, secret="what only the tests' hubs know", encryption=keys, upkeep_minutes=None
        ) as hub:
            hub._parts.encryption.sealing.ring.drop_all()
            await report(hub)
            await asyncio.to_thread(sys.stdin.readline)
            await hub.upkeep()
            await report(hub)

    asyncio.run(main())
"""


async def test_the_keys_are_destroyed_once_the_store_can_be_reached_again(
    new_hub: Callable[..., SessionHub],
    talk: Talk,
    store_file: Path,
    backend: Any,
    database: str,
    held: Callable[[list[bytes]], int],
) -> None:
    ann = talk.account("ann")
    hub = new_hub()
    await hub.record(talk.said(ann, "hello"))
    with closing(sqlite3.connect(store_file, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN EXCLUSIVE")
        receipt = await hub.forget(ann)
        assert receipt.is_pending
        assert await hub.identity_of(ann) is None
        rows = backend.rows(database, "SELECT key_id, is_done FROM destroyed_keys")
        assert len(rows) == receipt.keys
        assert {is_done for _, is_done in rows} == {0}
        other.execute("ROLLBACK")
    key_ids = [bytes(key_id) for key_id, _ in rows]

    async with asyncio.timeout(30):
        while backend.rows(database, "SELECT 1 FROM destroyed_keys WHERE is_done = 0"):
            await asyncio.sleep(0.05)
    assert held(key_ids) == 0


async def test_the_next_opening_destroys_what_an_earlier_process_did_not(
    new_hub: Callable[..., SessionHub],
    talk: Talk,
    store_file: Path,
    backend: Any,
    database: str,
    held: Callable[[list[bytes]], int],
) -> None:
    ann = talk.account("ann")
    hub = new_hub()
    await hub.record(talk.said(ann, "hello"))
    with closing(sqlite3.connect(store_file, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert (await hub.forget(ann)).is_pending
        await hub.close()
        other.execute("ROLLBACK")
    rows = backend.rows(database, "SELECT key_id FROM destroyed_keys WHERE is_done = 0")
    key_ids = [bytes(key_id) for (key_id,) in rows]
    assert held(key_ids) == len(key_ids) > 0
    hub = new_hub()
    await hub.record(talk.said(talk.account("bob"), "hello"))
    await hub.settle()
    async with asyncio.timeout(30):
        while backend.rows(database, "SELECT 1 FROM destroyed_keys WHERE is_done = 0"):
            await asyncio.sleep(0.05)
    assert held(key_ids) == 0


async def test_a_key_store_of_yesterday_withholds_what_was_said_since_and_brings_nobody_back(
    new_hub: Callable[..., SessionHub],
    talk: Talk,
    store_file: Path,
    backend: Any,
    database: str,
    held: Callable[[list[bytes]], int],
) -> None:
    ann, bob, cleo = (talk.account(name) for name in ("ann", "bob", "cleo"))
    hub = new_hub()
    for who in (ann, bob):
        await hub.record(talk.said(who, f"yesterday, {who.channel_user_id}"))
    await hub.close()
    yesterday = store_file.with_name("yesterday")
    shutil.copy(store_file, yesterday)

    hub = new_hub()
    for number in range(40):  # beyond the keys that are made ahead
        await hub.record(talk.said(talk.account(f"guest {number}"), "a guest"))
    await hub.record(talk.said(cleo, "today, cleo"))
    await hub.record(talk.said(bob, "today, bob"))
    assert not (await hub.forget(ann)).is_pending
    rows = backend.rows(database, "SELECT key_id FROM destroyed_keys")
    key_ids = [bytes(key_id) for (key_id,) in rows]
    await hub.close()
    assert held(key_ids) == 0

    shutil.copy(yesterday, store_file)
    assert held(key_ids) > 0
    hub = new_hub()
    assert await texts(hub, talk.direct(bob), bob) == ["yesterday, bob-on-discord", "today, bob"]
    assert await texts(hub, talk.direct(cleo), cleo) == [""]
    (message,) = await hub.session_of(talk.direct(cleo), cleo).history()
    assert message.is_withheld
    await hub.settle()
    assert held(key_ids) == 0
    for number in range(3):
        await hub.record(talk.said(cleo, f"later {number}"))
    assert (await texts(hub, talk.direct(cleo), cleo))[1:] == ["later 0", "later 1", "later 2"]
    await hub.close()
    owners = backend.rows(
        database,
        "SELECT COUNT(*) FROM data_keys GROUP BY kind, chat_no, account_no, session_no, user_id",
    )
    assert max(owners) == (2,)


async def test_another_process_does_not_keep_the_key(
    new_hub: Callable[..., SessionHub],
    talk: Talk,
    spawn: Callable[..., Any],
    backend: Any,
    database: str,
    master: str,
    store_file: Path,
    clock: Any,
) -> None:
    ann, bob = talk.account("ann"), talk.account("bob")
    hub = new_hub()
    for who in (ann, bob):
        await hub.record(talk.said(who, "hello"))
    other = spawn(OTHER, database, master, store_file)
    before = json.loads(other.stdout.readline())
    assert before["texts"] == ["hello"]
    rows = {bytes(key_id).hex() for (key_id,) in backend.rows(database, KEYS_OF_MESSAGES)}
    assert set(before["keys"]) == rows

    await hub.forget(ann)
    destroyed = {
        bytes(key_id).hex()
        for (key_id,) in backend.rows(database, "SELECT key_id FROM destroyed_keys")
    }
    assert destroyed & rows
    other.stdin.write("\n")
    other.stdin.flush()
    after = json.loads(other.stdout.readline())
    assert after["texts"] == []
    assert set(after["keys"]) == rows - destroyed


async def test_the_keys_of_what_is_gone_are_swept_once_a_day(
    new_hub: Callable[..., SessionHub],
    talk: Talk,
    clock: Any,
    backend: Any,
    database: str,
    held: Callable[[list[bytes]], int],
) -> None:
    ann, bob = talk.account("ann"), talk.account("bob")
    hub = new_hub(retention_days=30, max_age_hours=1)
    for who in (ann, bob):
        await hub.record(talk.said(who, "hello"))
        await hub.session_of(talk.direct(who), who).set_state(mood="fine")
    rows = backend.rows(
        database,
        "SELECT k.key_id FROM data_keys AS k JOIN sessions AS s ON s.session_no = k.session_no "
        "JOIN accounts AS a ON a.user_id = s.user_id WHERE k.kind = 'session' "
        "AND a.channel_user_id = ?",
        ann.channel_user_id,
    )
    (anns,) = [bytes(key_id) for (key_id,) in rows]
    for _ in range(40):
        clock.advance(hours=23)
        await hub.record(talk.said(bob, "still here"))
        await hub.session_of(talk.direct(bob), bob).set_state(mood="fine")
        await hub.upkeep(confirm_clock=True)
    assert await hub.session_of(talk.direct(bob), bob).state() == {"mood": "fine"}
    assert not backend.rows(database, "SELECT 1 FROM data_keys WHERE key_id = ?", anns)
    assert held([anns]) == 0
    clock.advance(days=2)
    await hub.upkeep(confirm_clock=True)
    orphans = (
        "SELECT 1 FROM data_keys WHERE session_no <> 0 AND session_no NOT IN "
        "(SELECT session_no FROM sessions)"
    )
    assert not backend.rows(database, orphans)


async def test_the_file_is_rewritten_at_a_quiet_time(
    new_hub: Callable[..., SessionHub],
    talk: Talk,
    backend: Any,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ann = talk.account("ann")
    hub = new_hub()
    await hub.record(talk.said(ann, "hello"))
    assert not (await hub.forget(ann)).is_pending
    expected = [] if "://" in database else [(1,)]
    assert backend.rows(database, "SELECT may_wait FROM erasures") == expected
    assert (await hub.health()).pending_erasures == 0
    monkeypatch.setattr(eraser, "QUIET_SECONDS", 0.1)
    await asyncio.sleep(0.2)
    await hub.upkeep()
    async with asyncio.timeout(30):
        while backend.rows(database, "SELECT may_wait FROM erasures"):
            await asyncio.sleep(0.05)
    assert ann.channel_user_id.encode() not in backend.contents(database)


async def test_an_operator_has_it_rewritten_at_once(
    new_hub: Callable[..., SessionHub], talk: Talk, backend: Any, database: str
) -> None:
    ann, bob = talk.account("ann"), talk.account("bob")
    hub = new_hub()
    for who in (ann, bob):
        await hub.record(talk.said(who, "hello"))
    await hub.forget(ann)
    await hub.forget(bob, at_once=True)
    assert not backend.rows(database, "SELECT may_wait FROM erasures")
    assert ann.channel_user_id.encode() not in backend.contents(database)


async def test_while_older_rows_may_be_plain_the_file_is_rewritten_at_once(
    new_hub: Callable[..., SessionHub], talk: Talk, backend: Any, database: str
) -> None:
    ann, bob = talk.account("ann"), talk.account("bob")
    hub = new_hub(encryption=None)
    for who in (ann, bob):
        await hub.record(talk.said(who, f"plain word of {who.channel_user_id}"))
    await hub.close()
    hub = new_hub(erasure_minutes=0)
    await hub.record(talk.said(bob, "sealed"))
    assert not (await hub.forget(ann)).is_pending
    assert b"plain word of ann" not in backend.contents(database)


async def test_without_encryption_there_is_no_key(
    new_hub: Callable[..., SessionHub], talk: Talk, store_file: Path, backend: Any, database: str
) -> None:
    ann = talk.account("ann")
    hub = new_hub(encryption=None)
    await hub.record(talk.said(ann, "hello"))
    assert (await hub.forget(ann)).keys == 0
    assert not backend.rows(database, "SELECT 1 FROM destroyed_keys")
    assert not store_file.exists()


async def test_what_would_go_is_counted_with_its_keys(
    new_hub: Callable[..., SessionHub], talk: Talk
) -> None:
    ann, bob = talk.account("ann"), talk.account("bob")
    hub = new_hub(consolidation_threshold=4)
    for number in range(6):
        for who in (ann, bob):
            await hub.record(talk.said(who, f"hello {number}", author_name="Me"))
            await hub.record(talk.said(talk.group(), f"hello {number}", author=who))
    await hub.settle()
    counted = await hub.ask_to_forget(ann)
    assert counted.keys >= 4
    assert (await hub.confirm_forget(ann)).keys == counted.keys

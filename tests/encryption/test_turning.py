"""Encryption is turned on for a database that has rows, and off again, while it is in use."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from session_plugin import (
    Account,
    Attachment,
    Chat,
    DatabaseRefused,
    Keys,
    MessageEvent,
    SessionHub,
    SessionStore,
    copy_database,
    hookimpl,
)
from session_plugin.upkeep import resealer
from tests.conftest import Raw, Spawn
from tests.encryption.conftest import KILLS, at_rest, killed, points, undisturbed

MARK = b"quokka"
"""In every value that is private, and in no other."""
PEOPLE = 7
LOBBY = Chat("telegram", "lobby", "group", title="quokka lobby")

GetKeys = Callable[..., Keys]

TURNS = """
    import asyncio, functools, sys
    import psycopg
    from session_plugin import Keys, SessionHub
    from session_plugin.records.upkeep import resealing
    from session_plugin.upkeep import resealer

    database, place, master, how = sys.argv[1:]
    resealer.OTHERS_FOLLOW = 0.0
    resealer.LEASE_SECONDS = 0.2
    resealer.FIRST_ROWS = resealer.MOST_ROWS = 10

    def telling(operation):
        @functools.wraps(operation)
        def told(*arguments, **settings):
            print(operation.__name__, flush=True)
            return operation(*arguments, **settings)
        return told

    for name in ("reseal_table", "reseal_messages", "reseal_vectors", "finish_sealing", "end"):
        setattr(resealing, name, telling(getattr(resealing, name)))

    async def main():
        keys = Keys(master, store=place, is_on=how == "on")
        async with SessionHub(database, encryption=keys, load_entry_points=False) as hub:
            while (found := (await hub.status()).encryption) and found.state != "sealed":
                await asyncio.sleep(0.02)

    print("begins", flush=True)
    asyncio.run(main())
    print("done", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    return folder / "bot.keys"


@pytest.fixture
def keys(master: str, key_file: Path) -> GetKeys:
    return lambda **settings: Keys(master, store=key_file, **settings)


class Embed:
    """Says what a text means by two numbers that are in it."""

    @hookimpl
    async def session_embed(self, texts: Iterable[str]) -> list[list[float]]:
        return [[float(len(text)), 1.0] for text in texts]


def hub_on(database: str, **settings: Any) -> SessionHub:
    settings = {"upkeep_minutes": None, "retention_days": None, **settings}
    return SessionHub(database, load_entry_points=False, consolidation_threshold=40, **settings)


def event(number: int, text: str = "", **fields: Any) -> MessageEvent:
    who = number % PEOPLE
    account = Account("telegram", f"p{who}")
    return MessageEvent(
        chat=LOBBY if number % 3 == 0 else Chat("telegram", f"p{who}"),
        message_id=str(number),
        text=text or f"quokka says {number}",
        sent_at=1_000.0 + number,
        author_name=f"quokka {who}",
        metadata={"note": "quokka"} if number % 5 == 0 else {},
        attachments=(Attachment(id=str(number), filename="quokka.pdf"),)
        if number % 11 == 0
        else (),
        **{"role": "user", "author": account, **fields},
    )


async def fill(hub: SessionHub, count: int) -> None:
    """Store so many messages, and whatever else can be private."""
    for begin in range(0, count, 100):
        await asyncio.gather(*(hub.record(event(n)) for n in range(begin, min(count, begin + 100))))
    for who in range(PEOPLE):
        session = hub.session_of(Chat("telegram", f"p{who}"), Account("telegram", f"p{who}"))
        await session.set_state(plan="quokka")
        await session.set_user_state(likes="quokka")
    await hub.settle()
    await hub.embed_stored()


async def everything(hub: SessionHub) -> dict[str, Any]:
    """Return all that can be read: exports, histories, states, sessions."""
    found: dict[str, Any] = {}
    for who in range(PEOPLE):
        account, chat = Account("telegram", f"p{who}"), Chat("telegram", f"p{who}")
        exported = [record async for record in hub.export(account)]
        found[f"export {who}"] = sorted(
            json.dumps({**record, "made_at": 0}, sort_keys=True)
            for record in exported
            if record["kind"] not in ("audit", "summary")
        )
        session = hub.session_of(chat, account)
        found[f"state {who}"] = (await session.state(), await session.user_state())
        found[f"history {who}"] = await session.history(limit=None)
    found["lobby"] = await hub.session_of(LOBBY, None).history(limit=None)
    found["sessions"] = await hub.sessions(limit=1000)
    found["people"] = await hub.people(limit=1000)

    return found


async def seal(database: str, keys: Keys) -> None:
    async with hub_on(database, encryption=keys) as hub:
        await hub.upkeep()
        found = (await hub.status()).encryption
        assert found is not None
        assert found.state == "sealed"
        assert found.sealed_messages == found.messages


async def test_what_is_stored_is_sealed_and_opened_again(
    database: str, raw: Raw, keys: GetKeys
) -> None:
    async with hub_on(database, plugins=[Embed()]) as hub:
        await fill(hub, 600)
        before = await everything(hub)
        likes = await hub.search("telegram:p1", "quokka says 1", limit=5)
    assert raw.contents().count(MARK) > 1000

    await seal(database, keys())
    assert MARK not in raw.contents()
    assert plain_cells(raw) == 0
    if "://" not in database:  # a server's files are its own
        assert raw.rows("SELECT COUNT(*) FROM marks WHERE name = 'rewritten'") == [(1,)]
        assert raw.rows("SELECT COUNT(*) FROM erasures") == [(0,)]
    with pytest.raises(DatabaseRefused, match="encrypted"):
        await hub_on(database).status()

    async with hub_on(database, encryption=keys(), plugins=[Embed()]) as hub:
        assert await everything(hub) == before
        assert await hub.search("telegram:p1", "quokka says 1", limit=5) == likes

    async with hub_on(database, encryption=keys(is_on=False)) as hub:
        await hub.upkeep()
        assert (await hub.status()).encryption is None
    async with hub_on(database, plugins=[Embed()]) as hub:
        assert await everything(hub) == before
        assert await hub.search("telegram:p1", "quokka says 1", limit=5) == likes


def plain_cells(raw: Raw) -> int:
    """Count vectors that are not sealed, in which no word is to be found."""
    return int(raw.rows("SELECT COUNT(*) FROM vectors WHERE length(vector) % 2 = 0")[0][0])


async def test_when_encryption_ends_copies_of_before_are_still_opened(
    database: str, raw: Raw, keys: GetKeys, tmp_path: Path
) -> None:
    async with hub_on(database) as hub:
        await fill(hub, 100)
    await seal(database, keys())
    async with hub_on(database, encryption=keys()) as hub:
        await hub.backup(tmp_path / "copy.db")
        before = [session.session_id for session in await hub.sessions(limit=1000)]
    async with hub_on(database, encryption=keys(is_on=False)) as hub:
        await hub.upkeep()

    assert raw.rows("SELECT * FROM encryption") == []
    assert raw.rows("SELECT * FROM destroyed_keys") == []
    async with hub_on(str(tmp_path / "copy.db"), encryption=keys()) as copy:
        for session_id in before:
            timeline = await copy.timeline(session_id)
            assert not any(message.is_withheld for message in timeline.messages)


async def test_the_version_of_a_state_stays(database: str, raw: Raw, keys: GetKeys) -> None:
    """A handler that has read it before it was sealed may still write it."""
    async with hub_on(database) as hub:
        await fill(hub, 40)
    versions = (
        "SELECT session_no, state_version FROM sessions WHERE state_version > 0 ORDER BY 1",
        "SELECT user_id, state_version FROM users WHERE state_version > 0 ORDER BY 1",
    )
    before = [raw.rows(statement) for statement in versions]
    assert all(before)
    await seal(database, keys())
    assert [raw.rows(statement) for statement in versions] == before


async def test_labels_and_what_the_store_keeps_are_sealed(
    database: str, raw: Raw, keys: GetKeys
) -> None:
    with SessionStore(database) as store:
        session = store.get_or_create("quokka-free")
        store.save_message(session.session_id, "user", "quokka", metadata={"of": "quokka"})
        store.link_channel(session.session_id, "mail", "someone")
        before = store.get_or_create("quokka-free")
    await seal(database, keys())
    assert MARK not in raw.contents().replace(b"quokka-free", b"")
    with SessionStore(database, encryption=keys()) as store:
        assert store.get_or_create("quokka-free").messages == before.messages


async def test_a_store_without_the_keys_ends_nothing(
    database: str, raw: Raw, keys: GetKeys, key_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Cells whose key is missing stay as they are, and encryption goes on."""
    async with hub_on(database) as hub:
        await fill(hub, 60)
    await seal(database, keys())
    lost = raw.rows("SELECT key_id FROM data_keys WHERE kind = 'messages' AND account_no <> 0")[0]
    opened = keys().open(database)
    (kept,) = opened.store.unwrap([bytes(lost[0])]).values()
    opened.store.destroy([bytes(lost[0])])
    opened.close()
    assert kept

    async with hub_on(database, encryption=keys(is_on=False)) as hub:
        await hub.upkeep()
        found = (await hub.status()).encryption
        assert found is not None
        assert found.state == "opening"
    assert "sealed cells cannot be opened" in caplog.text
    assert sealed_contents(raw)
    assert raw.rows("SELECT COUNT(*) FROM data_keys")[0][0] > 0


def sealed_contents(raw: Raw) -> list[bytes]:
    cells = [bytes(cell) for (cell,) in raw.rows("SELECT content FROM messages")]
    return [cell for cell in cells if cell[:1] == b"\xff"]


async def test_a_process_without_keys_gives_up_once_another_one_seals(
    database: str, keys: GetKeys
) -> None:
    async with hub_on(database) as plain:
        await fill(plain, 20)
        async with hub_on(database, encryption=keys()) as hub:
            await hub.upkeep()
            await plain.upkeep()
            with pytest.raises(DatabaseRefused, match="encrypted"):
                await plain.record(event(20))


async def test_what_others_wrote_plain_before_they_followed_is_sealed(
    database: str, raw: Raw, keys: GetKeys, caplog: pytest.LogCaptureFixture
) -> None:
    async with hub_on(database) as plain:
        await fill(plain, 20)
        async with hub_on(database, encryption=keys()) as hub:
            await hub.status()
            raw.rows("UPDATE encryption SET done_segment = 1000000")  # as if it had been there
            await hub.upkeep()
            found = (await hub.status()).encryption
            assert found is not None
            assert found.state == "sealed"
        await plain.close()
    assert "another process" not in caplog.text
    assert len(sealed_contents(raw)) == 20


async def test_a_process_that_goes_on_writing_without_keys_is_found(
    database: str,
    raw: Raw,
    keys: GetKeys,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resealer, "OTHERS_FOLLOW", 0.3)

    async def write(hub: SessionHub) -> None:
        for number in itertools.count(20):
            await hub.record(event(number))
            await asyncio.sleep(0.01)

    async with hub_on(database) as plain:
        await fill(plain, 20)
        async with hub_on(database, encryption=keys()) as hub:
            await hub.status()
            writing = asyncio.create_task(write(plain))
            await hub.upkeep()
            assert "another process uses the database" in caplog.text
            writing.cancel()
            await asyncio.wait([writing])
            await plain.settle()

            await hub.upkeep()
            found = (await hub.status()).encryption
            assert found is not None
            assert found.state == "sealed"
        await plain.close()
    assert len(sealed_contents(raw)) == raw.rows("SELECT COUNT(*) FROM messages")[0][0]


async def test_what_others_sealed_before_they_followed_is_opened(
    database: str,
    raw: Raw,
    keys: GetKeys,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not said that keys are missing of what is sealed while all is opened."""
    monkeypatch.setattr(resealer, "OTHERS_FOLLOW", 0.3)
    monkeypatch.setattr("session_plugin.encryption.sealing.STATE_SECONDS", 0.5)
    async with hub_on(database, encryption=keys()) as first:
        await fill(first, 20)
        async with hub_on(database, encryption=keys(is_on=False)) as second:
            opening = asyncio.create_task(second.upkeep())
            await asyncio.sleep(0.15)
            await first.record(event(20))
            await opening
            assert (await second.status()).encryption is None
    assert "cannot be opened" not in caplog.text
    assert sealed_contents(raw) == []


async def test_a_running_process_follows_when_another_one_turns_it_off(
    database: str, raw: Raw, keys: GetKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("session_plugin.encryption.sealing.STATE_SECONDS", 0.0)
    async with hub_on(database, encryption=keys()) as first:
        await fill(first, 20)
        async with hub_on(database, encryption=keys(is_on=False)) as second:
            await first.record(event(20))
            assert (await first.edit(event(20, "quokka edited"))) is True
            await second.upkeep()
            assert (await second.status()).encryption is None
            await first.record(event(21))
            await first.edit(event(1, "quokka edited"))
    assert sealed_contents(raw) == []
    async with hub_on(database) as hub:
        found = await hub.find_message(event(20).chat, "20")
        assert found is not None
        assert found.content == "quokka edited"


async def use_beside(
    database: str,
    raw: Raw,
    keys: Keys,
    begin: int,
    said: dict[str, str],
    *,
    until: asyncio.Event,
) -> int:
    """Use a hub as soon as another process has turned encryption on or off, and leave older rows to
    that one.
    """
    before = raw.rows("SELECT state FROM encryption")
    while raw.rows("SELECT state FROM encryption") == before:
        await asyncio.sleep(0.02)
        if until.is_set():
            return begin

    async with hub_on(database, encryption=keys) as hub:
        await hub.status()
        await hub._parts.resealer.stop()
        return await use(hub, begin, said, until=until)


async def use(hub: SessionHub, begin: int, said: dict[str, str], *, until: asyncio.Event) -> int:
    """Record, edit, delete, while older rows are sealed; return where to go on."""
    for number in itertools.count(begin):
        if until.is_set():
            return number
        await hub.record(event(number))
        said[str(number)] = f"quokka says {number}"
        old = random.randrange(begin)
        if str(old) in said and number % 2 == 0:
            await hub.edit(event(old, f"quokka edited {number}", edited_at=5_000.0 + number))
            said[str(old)] = f"quokka edited {number}"
        elif str(old) in said and number % 5 == 0:
            await hub.delete(event(old).chat, [str(old)])
            del said[str(old)]
        await asyncio.sleep(0.001)

    raise AssertionError


async def check(hub: SessionHub, said: dict[str, str]) -> None:
    """Check that this is what everybody can read, and nothing else."""
    directs = [
        hub.session_of(Chat("telegram", f"p{who}"), Account("telegram", f"p{who}"))
        for who in range(PEOPLE)
    ]
    found = {
        message.message_id: message.content
        for session in (*directs, hub.session_of(LOBBY, None))
        for message in await session.history(limit=None, include_previous=True)
    }
    assert found == said


@pytest.mark.timeout(120 + 30 * KILLS)
async def test_killed_while_in_use_it_goes_on_and_loses_nothing(
    backend: Any,
    database: str,
    raw: Raw,
    master: str,
    spawn: Spawn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One process seals, or opens, and is killed; this one records, edits and deletes, and goes on
    with it then.
    """
    monkeypatch.setattr(resealer, "LEASE_SECONDS", 0.2)
    async with hub_on(database) as hub:
        await fill(hub, 300)
    said = {str(number): f"quokka says {number}" for number in range(300)}
    times: dict[str, list[float]] = {}
    stages = Counter[str]()
    number = 300

    with backend.new() as schema:
        place = schema if "://" in database else f"{database}.keys"
        for point, how in itertools.product((None, *points()), ("on", "off")):
            wanted = "sealed" if how == "on" else None
            keys = Keys(master, store=place, is_on=how == "on")
            process = spawn(TURNS, database, place, master, how)
            is_over = asyncio.Event()
            using = asyncio.create_task(
                use_beside(database, raw, keys, number, said, until=is_over)
            )
            if point is None:
                times[how] = await undisturbed(process)
            else:
                lines = await killed(process, at=point, times=times[how])
                await at_rest(backend, database, place)
                stages[f"{how}: {lines[-1].strip()}"] += 1
            is_over.set()
            number = await using

            async with hub_on(database, encryption=keys) as hub, asyncio.timeout(60):
                await hub.upkeep()
                while (found := (await hub.status()).encryption) and found.state != wanted:
                    await asyncio.sleep(0.1)
                    await hub.upkeep()
                await check(hub, said)
            if how == "on":
                assert MARK not in raw.contents()
            else:
                assert sealed_contents(raw) == []

    print(stages)
    assert stages["on: reseal_messages"]
    assert stages["off: reseal_messages"]


async def test_copies_of_a_sealed_database_are_sealed(
    database: str, raw: Raw, keys: GetKeys, tmp_path: Path
) -> None:
    async with hub_on(database) as hub:
        await fill(hub, 100)
        before = await everything(hub)
    await seal(database, keys())
    copy = tmp_path / "copy" / "bot.db"
    copy.parent.mkdir()
    async with hub_on(database, encryption=keys()) as hub:
        await hub.backup(copy)
    assert MARK not in copy.read_bytes()
    with pytest.raises(DatabaseRefused, match="encrypted"):
        await hub_on(str(copy)).status()
    async with hub_on(str(copy), encryption=keys()) as hub:
        assert await everything(hub) == before


async def test_a_sealed_file_is_copied_to_a_server_and_back(
    postgresql: Any, keys: GetKeys, tmp_path: Path
) -> None:
    here, back = str(tmp_path / "here.db"), str(tmp_path / "back.db")
    async with hub_on(here) as hub:
        await fill(hub, 60)
        before = await everything(hub)
    await seal(here, keys())
    with postgresql.new() as there:
        copy_database(here, there)
        assert MARK not in postgresql.contents(there)
        async with hub_on(there, encryption=keys()) as hub:
            assert await everything(hub) == before
        copy_database(there, back)
    async with hub_on(back, encryption=keys()) as hub:
        assert await everything(hub) == before


def test_pieces_are_short(tmp_path: Path, keys: GetKeys, caplog: pytest.LogCaptureFixture) -> None:
    """Another writer waits for one piece at most, which takes some 15 ms."""
    caplog.set_level(logging.INFO)
    where = str(tmp_path / "bot.db")

    async def use() -> list[float]:
        async with hub_on(where) as hub:
            await fill(hub, 3000)
        waits: list[float] = []
        loop = asyncio.get_running_loop()
        async with hub_on(where, encryption=keys()) as hub:
            sealing = asyncio.create_task(hub._parts.resealer.run())
            for number in itertools.count(3000):
                began = loop.time()
                await hub.record(event(number))
                waits.append(loop.time() - began)
                if sealing.done():
                    break
                await asyncio.sleep(0.002)
            await sealing
        return waits

    waits = asyncio.run(use())
    assert len(waits) > 20
    assert sorted(waits)[int(len(waits) * 0.9)] < 0.1
    with closing(sqlite3.connect(where)) as connection:
        assert connection.execute("SELECT state FROM encryption").fetchone() == ("sealed",)

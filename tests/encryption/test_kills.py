"""kill -9 at any point of recording, renewing keys, forgetting and changing the master key: no key
is lost that a row needs, and none comes back that was destroyed.

Each on an SQLite file with its keys next to it, and on a server with its keys in another schema. A
first process is left to its end, which shows the steps of its work; each later one is killed
in another part of it.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from session_plugin import Account, Chat, Keys, SessionHub
from session_plugin.encryption.keys import OpenKeys
from session_plugin.encryption.master import WrongMasterKey
from session_plugin.testing import Talk
from tests.conftest import Spawn
from tests.encryption.conftest import (
    KILLS,
    SECRET,
    Reading,
    at_rest,
    killed,
    points,
    read_all,
    undisturbed,
)

pytestmark = pytest.mark.timeout(120 + 30 * KILLS)

NewBot = Callable[[], Any]
PEOPLE = 12
LOBBY = Talk().group(title="The lobby")
MORE_KEYS = 10_000
"""Keys of a large bot, so that it takes a while to wrap and write them."""


@dataclass(frozen=True)
class Bot:
    """A database and its key store."""

    backend: Any
    database: str
    place: str
    master: str

    def hub(self) -> SessionHub:
        return SessionHub(
            self.database,
            load_entry_points=False,
            secret=SECRET,
            encryption=Keys(self.master, store=self.place),
            consolidation_threshold=6,
            upkeep_minutes=None,
        )

    @contextmanager
    def keys(self, *, previous: tuple[str, ...] = ()) -> Iterator[OpenKeys]:
        keys = Keys(self.master, previous=previous, store=self.place)
        opened = keys.open(self.database, may_create=False)
        try:
            yield opened
        finally:
            opened.close()

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.backend.rows(self.database, statement, *values)
        return rows

    def read(self, copy: Path) -> Reading:
        """Read all of a copy with the keys that there are now."""
        with self.keys() as opened:
            return read_all(str(copy), opened.store)

    def keeps_all_keys(self) -> bool:
        """Return whether each key that the database knows is there, and no destroyed one."""
        alive = [bytes(one) for (one,) in self.rows("SELECT key_id FROM data_keys")]
        gone = [bytes(one) for (one,) in self.rows("SELECT key_id FROM destroyed_keys")]
        with self.keys() as opened:
            return opened.store.unwrap([*alive, *gone]).keys() == set(alive)


@pytest.fixture
def new_bot(backend: Any, master: str) -> NewBot:
    """Make a bot in which nothing is stored; its keys are next to its file, or on its server."""

    @contextmanager
    def made() -> Iterator[Bot]:
        with backend.empty() as database, backend.new() as schema:
            place = schema if "://" in database else f"{database}.keys"
            yield Bot(backend, database, place, master)

    return made


def names() -> Iterator[tuple[Chat, str]]:
    """Return the ids of what everybody says, and where: directly, then in the lobby."""
    talk = Talk()
    for number in range(PEOPLE):
        for chat in (talk.direct(talk.account(f"p{number}")), LOBBY):
            yield chat, f"m{number} of {chat.chat_id}"


BEGIN = """
    import asyncio, os, sys
    import psycopg
    from session_plugin import Keys, SessionHub
    from session_plugin.testing import Talk

    database, place, master, *rest = sys.argv[1:]
    talk = Talk()

    def open_hub():
        return SessionHub(
            database,
            load_entry_points=False,
            secret="what only the tests' hubs know",
            encryption=Keys(master, store=place),
            consolidation_threshold=6,
        )

    def run(main):
        print("begins", flush=True)
        asyncio.run(main())
        print("done", flush=True)
        sys.stdin.readline()
"""

RECORDS = f"""
    {BEGIN}
    async def main():
        lobby = talk.group(title="The lobby")
        async with open_hub() as hub:
            for number in range({PEOPLE}):
                who = talk.account(f"p{{number}}")
                for chat in (talk.direct(who), lobby):
                    name = f"m{{number}} of {{chat.chat_id}}"
                    said = talk.said(chat, f"word of {{name}}", author=who, message_id=name)
                    recorded = await hub.record(said)
                    assert recorded.is_stored
                    print("said", flush=True)
                    await recorded.session.set_state(note=f"state {{number}}")
                if number % 4 == 3:
                    await hub.renew_keys()

    run(main)
"""


async def check_said(hub: SessionHub, acknowledged: int) -> None:
    """Check that what was acknowledged is read as it was said, and all else so or not at all."""
    for number, (chat, name) in enumerate(names()):
        found = await hub.find_message(chat, name)
        if found is not None or number < acknowledged:
            assert found is not None, name
            assert (found.content, found.is_withheld) == (f"word of {name}", False)


async def test_a_kill_while_recording_or_renewing_keys_loses_no_key(
    new_bot: NewBot, talk: Talk, spawn: Spawn, tmp_path: Path
) -> None:
    times, stages = list[float](), Counter[str]()
    ann = talk.account("p0")
    for turn, point in enumerate((None, *points())):
        with new_bot() as bot:
            process = spawn(RECORDS, bot.database, bot.place, bot.master)
            if point is None:
                times = await undisturbed(process)
                continue

            lines = await killed(process, at=point, times=times)
            await at_rest(bot.backend, bot.database, bot.place)
            said = lines.count("said\n")
            stages["done" if "done\n" in lines else "midway" if said else "opening"] += 1

            async with bot.hub() as hub:
                await check_said(hub, said)
                await hub.renew_keys()
                await hub.record(talk.said(ann, "it goes on", message_id="later"))
            async with bot.hub() as hub:
                await check_said(hub, said)
                later = await hub.find_message(talk.direct(ann), "later")
                assert later is not None
                assert later.content == "it goes on"
                await hub.backup(tmp_path / f"{turn}.db")
            assert not any(bot.read(tmp_path / f"{turn}.db").locked.values())
            assert bot.keeps_all_keys()

    print(stages)
    assert stages["midway"]


FORGETS = f"""
    {BEGIN}
    from session_plugin.encryption.ring import KeyRing
    from session_plugin.records.people import data_keys

    data_keys.PIECE = 1  # many calls of the key store
    destroy = KeyRing.destroy

    def tell(*arguments):
        print("destroys", flush=True)
        return destroy(*arguments)

    async def main():
        async with open_hub() as hub:
            await hub.status()
            print("forgets", flush=True)
            await hub.forget(talk.account(rest[0]))

    KeyRing.destroy = tell

    run(main)
"""


async def talks(hub: SessionHub, talk: Talk, who: Account) -> None:
    """Say something in many places, each with a key of its own."""
    word = f"word of {who.channel_user_id}."
    groups = [talk.group(f"group {number}") for number in range(6)]
    await asyncio.gather(
        *(
            hub.record(talk.said(where, word, author=who, message_id=None, author_name=word))
            for where in (*groups, *[talk.direct(who)] * 6)
        )
    )


async def test_a_kill_while_forgetting_loses_no_key_and_leaves_none(
    new_bot: NewBot, talk: Talk, spawn: Spawn, tmp_path: Path
) -> None:
    times, stages = list[float](), Counter[str]()
    with new_bot() as bot:
        for turn, point in enumerate((None, *points())):
            gone, here = (talk.account(f"{name} {turn}") for name in ("gone", "here"))
            before, after = (tmp_path / f"{when} {turn}.db" for when in ("before", "after"))
            async with bot.hub() as hub:
                await talks(hub, talk, gone)
                await talks(hub, talk, here)
                await hub.settle()
                await hub.backup(before)

            process = spawn(FORGETS, bot.database, bot.place, bot.master, f"gone {turn}")
            if point is None:
                times = await undisturbed(process)
                continue

            lines = await killed(process, at=point, times=times)
            await at_rest(bot.backend, bot.database, bot.place)
            known = "SELECT 1 FROM accounts WHERE channel_user_id = ?"
            is_forgotten = not bot.rows(known, gone.channel_user_id)
            left = len(bot.rows("SELECT 1 FROM destroyed_keys WHERE is_done = 0"))
            stages[stage_of_forgetting(lines, is_forgotten=is_forgotten, left=left)] += 1

            async with bot.hub() as hub:
                await hub.status()
                async with asyncio.timeout(30):
                    while bot.rows("SELECT 1 FROM destroyed_keys WHERE is_done = 0"):
                        await asyncio.sleep(0.02)
                await hub.backup(after)
            assert not any(bot.read(after).locked.values())
            assert bot.keeps_all_keys()
            for copy in (before, after):
                reading = bot.read(copy)
                assert f"word of here {turn}-on-discord." in reading
                assert (f"word of gone {turn}-on-discord." in reading) is not is_forgotten

            async with bot.hub() as hub:
                await hub.forget(gone)
            assert f"word of gone {turn}-on-discord." not in bot.read(before)
            assert bot.keeps_all_keys()

    print(stages)
    assert set(stages) & {"forgetting", "keys are left"}


def stage_of_forgetting(lines: list[str], *, is_forgotten: bool, left: int) -> str:
    if "done\n" in lines:
        return "done"
    if is_forgotten:
        return "keys are left" if left else "all keys are gone"
    return "forgetting" if "forgets\n" in lines else "opening"


ROTATES = f"""
    {BEGIN}
    from session_plugin.cli.app import app
    from session_plugin.encryption.master import MasterKey

    wrap = MasterKey.rewrap

    def tell(*arguments):
        print("wraps", flush=True)
        wrapped = wrap(*arguments)
        print("writes", flush=True)
        return wrapped

    async def main():
        app(["--database", database, "keys", "rotate"], standalone_mode=False)

    MasterKey.rewrap = tell
    os.environ |= {{"SESSION_KEY": rest[0], "SESSION_KEY_PREVIOUS": master, "SESSION_KEY_STORE": place}}
    run(main)
"""


async def test_a_kill_while_the_master_key_changes_loses_no_key(
    new_bot: NewBot, talk: Talk, spawn: Spawn, new_ids: Callable[[int], list[bytes]]
) -> None:
    """All keys are wrapped with one of the two, and whoever gives both, in either order, goes on."""
    times, stages = list[float](), Counter[str]()
    ids = new_ids(MORE_KEYS)
    with new_bot() as bot:
        async with bot.hub() as hub:
            for number, (chat, name) in enumerate(names()):
                who = talk.account(f"p{number // 2}")
                said = talk.said(chat, f"word of {name}", author=who, message_id=name)
                await hub.record(said)
            await hub.forget(talk.account(f"p{PEOPLE - 1}"))
        with bot.keys() as opened:
            made = opened.store.create(ids)
            assert opened.store.destroy(ids[::10]) == MORE_KEYS // 10
        kept = {one: made[one] for position, one in enumerate(ids) if position % 10}

        now = bot
        for turn, point in enumerate((None, *points())):
            old, new, third = now, *(replace(bot, master=secrets.token_hex(32)) for _ in range(2))
            process = spawn(ROTATES, old.database, old.place, old.master, new.master)
            if point is None:
                times, now = await undisturbed(process), new
                continue

            lines = await killed(process, at=point, times=times)
            await at_rest(old.backend, old.database, old.place)
            steps = [line.strip() for line in lines if line.strip().isalpha()]  # not the command's
            stages[steps[-1]] += 1
            assert [opens(old), opens(new)].count(True) == 1

            given, other = (new, old) if turn % 2 else (old, new)
            is_there = opens(given)
            with given.keys(previous=(other.master,)) as opened:
                assert (opened.rewrapped == 0) is is_there
                assert opened.store.unwrap(ids) == kept
            assert not opens(other)
            with third.keys(previous=(given.master,)) as opened:
                assert opened.rewrapped > len(kept)
                assert opened.store.unwrap(ids) == kept
            now = third
            async with now.hub() as hub:
                await check_said(hub, 2 * (PEOPLE - 1))
            assert now.keeps_all_keys()

    print(stages)
    assert stages["wraps"] + stages["writes"]


def opens(bot: Bot) -> bool:
    """Return whether its master key is the one that wraps the keys."""
    try:
        with bot.keys():
            return True
    except WrongMasterKey:
        return False


STEPS = """
    import os, signal, sys
    from session_plugin import Keys

    place, new, old, left = *sys.argv[1:4], int(sys.argv[4])
    has_begun = False

    def step(*_):
        global left
        if has_begun and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= has_begun

    def begun(rewrap):
        def rewrapped(store):
            global has_begun
            has_begun = True
            return rewrap(store)
        return rewrapped

    if "://" in place:
        import psycopg
        from session_plugin.encryption.postgresql_store import PostgresqlKeyStore as Store

        execute = psycopg.Connection.execute

        def counted(*arguments, **settings):
            step()
            return execute(*arguments, **settings)

        psycopg.Connection.execute = counted
    else:
        from session_plugin.encryption import sqlite_store
        from session_plugin.encryption.sqlite_store import SqliteKeyStore as Store

        connect = sqlite_store.connect

        def traced(*arguments, **settings):
            connection = connect(*arguments, **settings)
            connection.set_trace_callback(step)
            return connection

        sqlite_store.connect = traced

    Store.rewrap = begun(Store.rewrap)
    Keys(new, previous=[old], store=place).open("/nowhere/bot.db")
"""


async def test_a_kill_before_any_statement_of_changing_the_master_key_loses_no_key(
    backend: Any,
    place: str,
    master: str,
    open_keys: Callable[..., OpenKeys],
    new_ids: Callable[[int], list[bytes]],
    spawn: Spawn,
) -> None:
    ids = new_ids(3)
    made = open_keys(master, store=place).store.create(ids)
    for statement in count():
        newer = secrets.token_hex(32)
        process = spawn(STEPS, place, newer, master, statement)
        code = await asyncio.to_thread(process.wait, 60)
        await at_rest(backend, place)
        if code == 0:
            break
        assert code == -signal.SIGKILL

        opened = []
        for one in (master, newer):
            with suppress(WrongMasterKey):
                opened.append(open_keys(one, store=place, may_create=False).store.unwrap(ids))
        assert opened == [made]
        both = open_keys(newer, previous=[master], store=place, may_create=False)
        assert both.store.unwrap(ids) == made
        master = newer

    assert statement > 5
    print(statement, "statements")
    assert open_keys(newer, store=place).store.unwrap(ids) == made

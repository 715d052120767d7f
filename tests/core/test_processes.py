"""Several processes share a database; some are killed, some hold its lock."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from itertools import count, pairwise
from typing import Any

import pytest

from session_plugin import Account, Chat, MessageEvent, SessionHub, SessionMessage, SessionStore

Spawn = Callable[..., subprocess.Popen[str]]
Hold = Callable[..., Any]

FIRST_MESSAGE = """
    import sys
    from session_plugin import SessionStore
    store = SessionStore(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    session = store.get_or_create("ann")
    store.save_message(session.session_id, "user", sys.argv[2])
    print(session.session_id, flush=True)
    store.close()
"""

STORE_UNDER_TRAFFIC = """
    import sys, threading
    from session_plugin import SessionStore
    store = SessionStore(sys.argv[1], consolidation_threshold=50)
    session_id = store.get_or_create("ann").session_id

    def write(writer):
        number = 0
        while True:
            text = f"{writer}.{number}"
            store.save_message(session_id, "user", text)
            sys.stdout.write(text + "\\n")
            sys.stdout.flush()
            number += 1

    for writer in range(8):
        threading.Thread(target=write, args=(writer,)).start()
"""

HUB_UNDER_TRAFFIC = """
    import asyncio, sys
    from session_plugin import Account, Chat, MessageEvent, SessionHub

    async def write(hub, writer):
        chat, ann = Chat("telegram", str(writer)), Account("telegram", str(writer))
        for number in range(1_000_000):
            text = f"{writer}.{number}"
            event = MessageEvent(chat=chat, message_id=text, role="user", text=text, sent_at=0.0, author=ann)
            if (await hub.record(event)).is_stored:
                sys.stdout.write(text + "\\n")
                sys.stdout.flush()

    async def main():
        async with SessionHub(sys.argv[1], consolidation_threshold=50, load_entry_points=False) as hub:
            await asyncio.gather(*(write(hub, writer) for writer in range(8)))

    asyncio.run(main())
"""

TURNS_UNDER_TRAFFIC = """
    import asyncio, sys
    from session_plugin import Account, Chat, MessageEvent, SessionHub

    async def talk(hub, writer, begin):
        is_group = writer >= 6
        chat = Chat("telegram", "lobby", "group") if is_group else Chat("telegram", str(writer))
        ann = Account("telegram", str(writer))
        for number in range(1_000_000):
            speaker = {"role": "user", "author": ann} if number % 2 == 0 else {"role": "assistant", "answers": ann}
            text = f"{begin}.{writer}.{number}"
            recorded = await hub.record(MessageEvent(chat=chat, message_id=text, text=text, sent_at=0.0, **speaker))
            if recorded.is_stored:
                sys.stdout.write(text + "\\n")
                sys.stdout.flush()
            history = await recorded.session.history()
            assert text in [message.content for message in history], (text, history)

    async def main():
        async with SessionHub(sys.argv[1], load_entry_points=False) as hub:
            await asyncio.gather(*(talk(hub, writer, sys.argv[2]) for writer in range(8)))

    asyncio.run(main())
"""
"""Turns: something is said, the newest are read, it is answered. Two of eight talk in one group."""
KILLS = int(os.environ.get("SESSION_TEST_KILLS", "3"))
"""How often a process is killed while another one goes on; `SESSION_TEST_KILLS=20` for more."""


def event(number: int, *, writer: int = 1) -> MessageEvent:
    return MessageEvent(
        chat=Chat("telegram", str(writer)),
        message_id=f"{writer}.{number}",
        role="user",
        text=f"{writer}.{number}",
        sent_at=0.0,
        author=Account("telegram", str(writer)),
    )


def test_sixteen_first_messages_from_sixteen_processes_make_one_user_and_one_session(
    database: str, spawn: Spawn
) -> None:
    processes = [spawn(FIRST_MESSAGE, database, number) for number in range(16)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    session_ids = {process.communicate(timeout=60)[0].strip() for process in processes}
    with SessionStore(database) as store:
        (listed,) = store.list_sessions()
        assert session_ids == {listed.session_id}
        messages = store.get_or_create("ann").messages
    assert sorted(int(message.content) for message in messages) == list(range(16))


def kill_under_traffic(process: subprocess.Popen[str], *, after: int) -> list[str]:
    """Kill a process once it has acknowledged so many messages; give all that it acknowledged."""
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(after)]
    process.send_signal(signal.SIGKILL)
    rest = process.communicate(timeout=30)[0]
    whole_lines, _, _ = rest.rpartition("\n")
    assert process.returncode == -signal.SIGKILL
    return acknowledged + whole_lines.splitlines()


async def stored_by(database: str, chats: list[tuple[Chat, Account | None]]) -> Counter[str]:
    async with SessionHub(database, load_entry_points=False) as hub:
        found: Counter[str] = Counter()
        for chat, account in chats:
            messages = await hub.session_of(chat, account).history(
                limit=None, include_previous=True
            )
            found.update(message.content for message in messages)
        return found


@pytest.mark.parametrize("after", [1, 40, 400])
async def test_what_a_killed_store_acknowledged_is_there_once(
    database: str, spawn: Spawn, after: int
) -> None:
    acknowledged = kill_under_traffic(spawn(STORE_UNDER_TRAFFIC, database), after=after)
    found = await stored_by(database, [(Chat("", "ann"), None)])
    assert set(acknowledged) <= set(found)
    assert set(found.values()) == {1}


@pytest.mark.parametrize("after", [1, 1000])
async def test_what_a_killed_hub_acknowledged_is_there_once(
    database: str, spawn: Spawn, after: int
) -> None:
    acknowledged = kill_under_traffic(spawn(HUB_UNDER_TRAFFIC, database), after=after)
    chats = [
        (Chat("telegram", str(writer)), Account("telegram", str(writer))) for writer in range(8)
    ]
    found = await stored_by(database, chats)
    assert set(acknowledged) <= set(found)
    assert set(found.values()) == {1}


async def test_what_a_killed_hub_stored_is_a_duplicate_afterwards(
    database: str, spawn: Spawn
) -> None:
    acknowledged = kill_under_traffic(spawn(HUB_UNDER_TRAFFIC, database), after=50)
    async with SessionHub(database, load_entry_points=False) as hub:
        for text in acknowledged[:50]:
            writer, _, number = text.partition(".")
            assert not (await hub.record(event(int(number), writer=int(writer)))).is_new


async def test_a_process_reads_from_memory_what_is_stored_though_another_is_killed(
    database: str, spawn: Spawn
) -> None:
    """One process talks and is killed, again and again; this one reads and talks along."""
    lobby, ben = Chat("telegram", "lobby", "group"), Account("telegram", "ben")
    chats = [(Chat("telegram", str(w)), Account("telegram", str(w))) for w in range(6)]
    places = [*chats, (lobby, None)]
    acknowledged: set[str] = set()

    async def talk_along(hub: SessionHub, begin: int) -> None:
        for number in count():
            text = f"{begin}.ben.{number}"
            said = MessageEvent(
                chat=lobby, message_id=text, role="user", text=text, sent_at=0.0, author=ben
            )
            assert (await hub.record(said)).is_stored
            acknowledged.add(text)
            for chat, account in places:
                await hub.session_of(chat, account).history()

    async with SessionHub(database, load_entry_points=False) as hub:
        for begin in range(KILLS):
            talking = asyncio.create_task(talk_along(hub, begin))
            after = random.Random(begin).randint(1, 300)
            acknowledged |= set(
                await asyncio.to_thread(
                    kill_under_traffic, spawn(TURNS_UNDER_TRAFFIC, database, begin), after=after
                )
            )
            talking.cancel()
            await asyncio.wait([talking])
            assert talking.cancelled()

            await asyncio.sleep(0.2)  # a server may still be at the last thing it was sent
            remembered = [await hub.session_of(*place).history() for place in places]
            async with SessionHub(database, load_entry_points=False) as other:
                stored = [await other.session_of(*place).history() for place in places]
                whole = [await other.session_of(*place).history(limit=None) for place in places]
            assert remembered == stored, f"round {begin}, killed after {after}"
            check_all_there_once_in_order(acknowledged, whole)


def check_all_there_once_in_order(
    acknowledged: set[str], histories: list[list[SessionMessage]]
) -> None:
    found = [message.content for history in histories for message in history]
    assert set(found) >= acknowledged
    assert len(set(found)) == len(found)
    for history in histories:
        numbers: dict[tuple[str, str], list[int]] = {}
        for message in history:
            begin, writer, number = message.content.split(".")
            numbers.setdefault((begin, writer), []).append(int(number))
        assert all(each == list(range(len(each))) for each in numbers.values())


async def test_a_lock_held_elsewhere_for_three_seconds_never_stalls_the_event_loop(
    database: str, hold: Hold
) -> None:
    async with SessionHub(database, store_patience=30.0, load_entry_points=False) as hub:
        await hub.record(event(0))
        beats: list[float] = []

        async def heart() -> None:
            while True:
                beats.append(time.monotonic())
                await asyncio.sleep(0.01)

        with hold(database, seconds=3) as holder:
            beating = asyncio.create_task(heart())
            recorded = await asyncio.gather(*(hub.record(event(n)) for n in range(1, 101)))
            beating.cancel()
            await asyncio.to_thread(holder.wait, 30)
        assert all(each.is_stored for each in recorded)
        assert beats[-1] - beats[0] > 1.0
        assert max(later - earlier for earlier, later in pairwise(beats)) < 1.0
        history = await hub.session_of(Chat("telegram", "1"), None).history(limit=None)
        assert [message.content for message in history] == [f"1.{number}" for number in range(101)]


def test_a_lock_held_elsewhere_only_delays_a_store(database: str, hold: Hold) -> None:
    with SessionStore(database) as store:
        session_id = store.get_or_create("ann").session_id
        with hold(database, seconds=1):
            for number in range(5):
                store.save_message(session_id, "user", str(number))
        assert [m.content for m in store.get_or_create("ann").messages] == ["0", "1", "2", "3", "4"]


def test_a_closed_database_does_not_free_the_locks_of_another_store_in_the_process(
    database: str, spawn: Spawn
) -> None:
    """Another process must not find the file unlocked while this one writes."""
    with SessionStore(database) as store, SessionStore(database) as other:
        session_id = store.get_or_create("ann").session_id
        writers = [spawn(FIRST_MESSAGE, database, f"9{number}") for number in range(2)]
        for process in writers:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        other.close()
        for number in range(100):
            SessionStore(database).close()
            store.save_message(session_id, "user", str(number))
        for process in writers:
            process.communicate(timeout=60)
        assert store.list_sessions()[0].message_count == 102

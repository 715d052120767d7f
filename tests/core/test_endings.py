"""However callers and processes end, what was acknowledged is there once, and what was not is whole
or absent.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from session_plugin import Account, Chat, MessageEvent, SessionHub

Spawn = Callable[..., subprocess.Popen[str]]

TRAFFIC = """
    import asyncio, signal, sys
    from session_plugin import Account, Chat, MessageEvent, SessionHub

    database, run, threshold, writers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

    async def write(hub, writer, stopping):
        chat, ann = Chat("telegram", str(writer)), Account("telegram", str(writer))
        for number in range(1_000_000):
            if stopping.is_set():
                return
            text = f"{run}.{writer}.{number}"
            event = MessageEvent(
                chat=chat, message_id=text if writer % 2 else None, role="user", text=text, sent_at=0.0, author=ann
            )
            if (await hub.record(event)).is_stored:
                sys.stdout.write(text + "\\n")
                sys.stdout.flush()

    async def main():
        stopping = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
        async with SessionHub(
            database, consolidation_threshold=threshold, store_patience=60.0, load_entry_points=False
        ) as hub:
            await asyncio.gather(*(write(hub, writer, stopping) for writer in range(writers)))

    asyncio.run(main())
"""


def said(writer: int, text: str, *, message_id: str | None = None) -> MessageEvent:
    chat, author = Chat("telegram", str(writer)), Account("telegram", str(writer))
    return MessageEvent(
        chat=chat, message_id=message_id, role="user", text=text, sent_at=0.0, author=author
    )


async def stored(database: str, writers: int) -> Counter[str]:
    async with SessionHub(database, load_entry_points=False) as hub:
        found: Counter[str] = Counter()
        for writer in range(writers):
            view = hub.session_of(Chat("telegram", str(writer)), Account("telegram", str(writer)))
            found.update(
                message.content for message in await view.history(limit=None, include_previous=True)
            )
        return found


def ended_by(process: subprocess.Popen[str], how: signal.Signals, *, after: int) -> list[str]:
    """End a process once it has acknowledged so many messages; give all that it acknowledged."""
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(after)]
    process.send_signal(how)
    rest, _, _ = process.communicate(timeout=60)[0].rpartition("\n")
    return acknowledged + rest.splitlines()[1:]  # the rest may begin within a line


@pytest.mark.parametrize("threshold", [20, 1_000_000], ids=["consolidating", "not consolidating"])
async def test_five_kills_at_random_moments_lose_and_double_nothing(
    database: str, raw: Any, spawn: Spawn, threshold: int
) -> None:
    """Half of the messages have no id by which a second copy could be known."""
    chance, acknowledged = random.Random(threshold), []
    for run in range(5):
        process = spawn(TRAFFIC, database, run, threshold, 8)
        acknowledged += await asyncio.to_thread(
            ended_by, process, signal.SIGKILL, after=int(10 ** chance.uniform(0.0, 2.7))
        )
        assert process.returncode == -signal.SIGKILL
    found = await stored(database, 8)
    assert set(acknowledged) - set(found) == set()
    assert [text for text, times in found.items() if times > 1] == []
    assert raw.findings() == []


async def test_on_sigterm_a_thousand_that_wait_are_answered_and_the_process_ends(
    database: str, spawn: Spawn
) -> None:
    process = spawn(TRAFFIC, database, "run", 1_000_000, 1000)
    started: list[float] = []

    def end() -> list[str]:
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        started.append(time.monotonic())
        return [first, *ended_by(process, signal.SIGTERM, after=0)]

    acknowledged = await asyncio.to_thread(end)
    assert process.returncode == 0
    busy = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))  # by others, too
    assert time.monotonic() - started[0] < 10.0 * busy, (
        "the promise is about a process that is asked to end"
    )
    found = await stored(database, 1000)
    assert set(acknowledged) - set(found) == set()
    assert set(found.values()) == {1}


async def test_three_hundred_cancelled_at_random_moments_are_whole_or_absent(new_hub: Any) -> None:
    """And recorded again, each is there once."""
    hub, chance = new_hub(store_patience=60.0), random.Random(3)
    events = [
        said(number % 10, f"text {number} " + "x" * 500, message_id=str(number))
        for number in range(300)
    ]
    await hub.record(said(0, "first", message_id="first"))

    async def history() -> Counter[str]:
        found: Counter[str] = Counter()
        for writer in range(10):
            view = hub.session_of(Chat("telegram", str(writer)), Account("telegram", str(writer)))
            found.update(message.content for message in await view.history(limit=None))
        return found

    async def cancelled(event: MessageEvent) -> bool:
        task = asyncio.create_task(hub.record(event))
        await asyncio.sleep(chance.choice([0.0, 0.0, chance.uniform(0.0, 0.02)]))
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        return isinstance(outcome, asyncio.CancelledError)

    were_cancelled = await asyncio.gather(*map(cancelled, events))
    assert sum(were_cancelled) > 50
    whole = {"first", *(event.text for event in events)}
    assert set(await history()) <= whole
    again = await asyncio.gather(*map(hub.record, events))
    assert all(one.is_stored for one in again)
    assert await history() == Counter(whole)


async def test_of_ten_thousand_calls_at_once_none_is_missing_and_memory_is_bounded(
    new_hub: Any,
) -> None:
    """A message of 100 bytes may cost some kilobytes while it waits, not more."""
    hub = new_hub(store_patience=300.0, consolidation_threshold=1_000_000)
    await asyncio.gather(*(hub.record(said(writer, "first")) for writer in range(100)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    recorded = await asyncio.gather(
        *(hub.record(said(number % 100, f"{number}")) for number in range(10_000))
    )
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert all(one.is_stored for one in recorded)
    assert grown < 200, f"{grown:.0f} MB for 10,000 messages"
    for writer in range(100):
        view = hub.session_of(Chat("telegram", str(writer)), Account("telegram", str(writer)))
        texts = [message.content for message in await view.history(limit=None)]
        assert texts == ["first", *(str(number) for number in range(writer, 10_000, 100))]


WRITER = """
    import asyncio, sys
    from session_plugin import Account, Chat, MessageEvent, SessionHub

    async def main():
        async with SessionHub(sys.argv[1], store_patience=60.0, load_entry_points=False) as hub:
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)

            async def write(place):
                chat, told = Chat("telegram", f"group {place}", "group"), []
                for number in range(100):
                    who = Account("telegram", sys.argv[2])
                    text = f"{sys.argv[2]}.{place}.{number}"
                    event = MessageEvent(chat=chat, message_id=text, role="user", text=text, sent_at=0.0, author=who)
                    assert (await hub.record(event)).is_stored
            await asyncio.gather(*map(write, range(4)))

    asyncio.run(main())
    print("done", flush=True)
"""


async def test_four_processes_write_into_the_same_groups_at_once_each_in_its_order(
    database: str, spawn: Spawn
) -> None:
    processes = [spawn(WRITER, database, number) for number in range(4)]
    for process in processes:
        assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [await asyncio.to_thread(process.communicate, timeout=120) for process in processes]
    assert [output[0] for output in outputs] == ["done\n"] * 4
    async with SessionHub(database, load_entry_points=False) as hub:
        for place in range(4):
            history = await hub.session_of(
                Chat("telegram", f"group {place}", "group"), None
            ).history(limit=None)
            assert [one.seq for one in history] == sorted(one.seq for one in history)
            for number in range(4):
                own = [one.content for one in history if one.content.startswith(f"{number}.")]
                assert own == [f"{number}.{place}.{each}" for each in range(100)]
            assert len(history) == 400


async def test_a_lock_held_elsewhere_for_seven_seconds_loses_nothing(
    database: str, hold: Any
) -> None:
    async with SessionHub(database, store_patience=60.0, load_entry_points=False) as hub:
        await hub.record(said(1, "before"))
        with hold(database, seconds=7) as holder:
            recorded = await asyncio.gather(
                *(hub.record(said(1, str(number))) for number in range(50))
            )
            await asyncio.to_thread(holder.wait, 60)
        assert all(one.is_stored for one in recorded)
    assert await stored(database, 2) == Counter(["before", *map(str, range(50))])


SHORT_COMMAND = """
    import sys
    from session_plugin import SessionStore
    with SessionStore(sys.argv[1]) as store:
        print(len(store.list_sessions(limit=1000)))
"""


async def test_a_short_command_beside_a_bot_sees_what_is_stored_and_disturbs_nobody(
    database: str, spawn: Spawn
) -> None:
    bot = spawn(TRAFFIC, database, "run", 1_000_000, 4)
    assert bot.stdout is not None
    for _ in range(50):
        await asyncio.to_thread(bot.stdout.readline)
    for _ in range(3):
        command = spawn(SHORT_COMMAND, database)
        output, _ = await asyncio.to_thread(command.communicate, timeout=60)
        assert command.returncode == 0
        assert int(output) >= 0
    acknowledged = await asyncio.to_thread(ended_by, bot, signal.SIGTERM, after=50)
    assert bot.returncode == 0
    assert set(acknowledged) <= set(await stored(database, 4))

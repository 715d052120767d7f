"""How several processes on one PostgreSQL server get on: recording and linking at once.

    python benchmarks/contention.py postgresql://postgres@127.0.0.1:5432/test?schema=empty
    python benchmarks/contention.py URL 32    # this number of processes alone
    python benchmarks/contention.py URL new 32

Each process records by 20 tasks, in chats of its own, while one more task links two new accounts at
a time, under the lock that everybody else shares. Prints a row for each number of processes: how
long messages and links took, and how many connections each process has. With `new`, each process
meets 20 new people at once instead, three times; a row says how long their first messages took.
"""

import asyncio
import multiprocessing
import statistics
import sys
import time
from typing import Any

import psycopg

from session_plugin import Account, Chat, MessageEvent, SessionHub
from session_plugin.database.server_url import read_url

SECONDS = 15.0
PROCESSES = (2, 8, 32)
TASKS = 20
MEETINGS = 3


def main(url: str, *counts: str) -> None:
    """Run with each number of processes, and print what came of it."""
    if counts[:1] == ("new",):
        _meet_with_each(url, [int(count) for count in counts[1:]] or list(PROCESSES))
        return

    print(
        "processes  messages/s  message ms (median, worst)  links/s  link ms (median, worst)  "
        "connections per process"
    )
    context = multiprocessing.get_context("spawn")
    for count in map(int, counts or PROCESSES):
        queue: Any = context.Queue()
        begin, end = context.Barrier(count + 1), context.Barrier(count + 1)
        name = f"contention-{count}"
        running = [
            context.Process(
                target=_run,
                args=(url, name, str(number)),
                kwargs={"queue": queue, "begin": begin, "end": end},
            )
            for number in range(count)
        ]
        for process in running:
            process.start()

        begin.wait()
        found = [queue.get() for _ in running]
        connections = _connections(url, name)
        end.wait()
        for process in running:
            process.join()

        messages = [seconds for each, _ in found for seconds in each]
        links = [seconds for _, each in found for seconds in each]
        print(
            f"{count:9}  {len(messages) / SECONDS:10.0f}  {_median_and_worst(messages):>26}  "
            f"{len(links) / SECONDS:7.1f}  {_median_and_worst(links):>23}  "
            f"{connections / count:23.1f}",
            flush=True,
        )


def _meet_with_each(url: str, counts: list[int]) -> None:
    print("processes  people at once  first message ms (median, worst)")
    context = multiprocessing.get_context("spawn")
    for count in counts:
        queue: Any = context.Queue()
        begin = context.Barrier(count)
        running = [
            context.Process(
                target=_meet,
                args=(url, f"{count}-{number}"),
                kwargs={"queue": queue, "begin": begin},
            )
            for number in range(count)
        ]
        for process in running:
            process.start()

        found = [queue.get() for _ in running]
        for process in running:
            process.join()

        for turn in range(MEETINGS):
            seconds = [each for one in found for each in one[turn]]
            print(f"{count:9}  {len(seconds):14}  {_median_and_worst(seconds):>32}", flush=True)


def _meet(url: str, own: str, *, queue: Any, begin: Any) -> None:
    asyncio.run(_meet_people(url, f"{own}-{time.time()}", queue=queue, begin=begin))


async def _meet_people(url: str, own: str, *, queue: Any, begin: Any) -> None:
    found: list[list[float]] = []
    async with SessionHub(url, secret="s" * 16, upkeep_minutes=None, store_patience=60.0) as hub:

        async def meet(author: Account) -> float:
            began_at = time.monotonic()
            await hub.record(_said_by(author))
            return time.monotonic() - began_at

        await hub.status()
        for turn in range(MEETINGS):
            people = [Account("telegram", f"{own}-{turn}-{task}") for task in range(TASKS)]
            await asyncio.to_thread(begin.wait)
            found.append(list(await asyncio.gather(*map(meet, people))))
            await hub.settle()

    queue.put(found)


def _median_and_worst(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    return f"{statistics.median(seconds) * 1000:.0f} {max(seconds) * 1000:.0f}"


def _run(url: str, name: str, own: str, *, queue: Any, begin: Any, end: Any) -> None:
    asyncio.run(_record_and_link(url, name, own, queue=queue, begin=begin, end=end))


async def _record_and_link(
    url: str, name: str, own: str, *, queue: Any, begin: Any, end: Any
) -> None:
    joint = "&" if "?" in url else "?"
    database = f"{url}{joint}application_name={name}"
    messages: list[float] = []
    links: list[float] = []
    is_over = False

    async with SessionHub(
        database, secret="s" * 16, upkeep_minutes=None, store_patience=60.0
    ) as hub:

        async def record(author: Account) -> None:
            while not is_over:
                began_at = time.monotonic()
                await hub.record(_said_by(author))
                messages.append(time.monotonic() - began_at)

        async def link() -> None:
            number = 0
            while not is_over:
                number += 1
                pair = [
                    Account(channel, f"{name}-{own}-pair-{number}")
                    for channel in ("discord", "telegram")
                ]
                for one in pair:
                    await hub.record(_said_by(one))
                began_at = time.monotonic()
                await hub.link_known(*pair)
                links.append(time.monotonic() - began_at)

        authors = [Account("telegram", f"{name}-{own}-{task}") for task in range(TASKS)]
        # What a chat's first message costs is not measured.
        await asyncio.gather(*(hub.record(_said_by(author)) for author in authors))

        await asyncio.to_thread(begin.wait)
        tasks = [asyncio.create_task(record(author)) for author in authors]
        tasks.append(asyncio.create_task(link()))
        await asyncio.sleep(SECONDS)
        queue.put((messages, links))
        await asyncio.to_thread(end.wait)
        is_over = True
        await asyncio.gather(*tasks)


def _said_by(author: Account) -> MessageEvent:
    return MessageEvent(
        chat=Chat(author.channel, author.channel_user_id),
        message_id=None,
        role="user",
        text="hi",
        sent_at=0.0,
        author=author,
    )


def _connections(url: str, name: str) -> int:
    with psycopg.connect(read_url(url).direct) as connection:
        row = connection.execute(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = %s", (name,)
        ).fetchone()
    assert row is not None
    return int(row[0])


if __name__ == "__main__":
    main(*sys.argv[1:])

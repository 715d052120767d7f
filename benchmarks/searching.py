"""Search a long conversation for what is not in it, which looks through all of it.

    python benchmarks/searching.py
    python benchmarks/searching.py --messages 100000 --postgres postgresql://...

For each backend: how long a search takes, how much of it is the time of the reader's threads, and
how long the event loop is held up meanwhile, compared with an idle one. Every fifth message is
Russian, and two linked accounts take turns, so that two chats are merged. With `--vectors`, as many
vectors of 384 numbers are compared, too. The schema of a server has to be empty.
"""

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from session_plugin import Account, Chat, MessageEvent, SessionHub, hookimpl
from session_plugin.database import readers

TEXT = """
the a cat house river stone letter morning evening travel ticket train garden window coffee paper
market winter summer friend answer question message bottle
"""
WORDS = TEXT.split()
QUERIES = ("zebra", "zebra coffee", '"no such phrase" -cat', "зебра утром")
REPEATS = 5
BEAT = 0.001
NUMBERS = 384
ANN, TOO = Account("discord", "1"), Account("telegram", "1")
CHATS = {ANN: Chat("discord", "77"), TOO: Chat("telegram", "78")}


class Embed:
    """Returns vectors at random: what is compared costs the same."""

    def __init__(self) -> None:
        """Be the same in each run."""
        self._chance = random.Random(2)

    @hookimpl
    def session_embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector for each text."""
        return [[self._chance.gauss(0, 1) for _ in range(NUMBERS)] for _ in texts]


class ThreadTime:
    """Adds up the processor time of what the readers' threads run."""

    def __init__(self) -> None:
        """Wrap the work of threads that are started from now on."""
        self.seconds = 0.0
        original = readers.Readers.__init__

        def init(this, read, **options):
            def timed(run):
                begun = time.thread_time()
                try:
                    return read(run)
                finally:
                    self.seconds += time.thread_time() - begun

            original(this, timed, **options)

        readers.Readers.__init__ = init  # type: ignore[method-assign]


async def fill(hub: SessionHub, messages: int) -> None:
    """Let two accounts of one person talk in turn."""
    chance = random.Random(1)

    async def say(number: int) -> None:
        account = (ANN, TOO)[number % 2]
        words = " ".join(chance.choices(WORDS, k=9))
        text = words if number % 5 else f"привет как дела {words[:20]}"
        await hub.record(
            MessageEvent(
                chat=CHATS[account],
                message_id=str(number),
                role="user",
                text=text,
                sent_at=float(number),
                author=account,
            )
        )

    await asyncio.gather(say(0), say(1))
    await hub.redeem_link(TOO, (await hub.request_link(ANN)).code)
    await hub.confirm_link(TOO)
    await hub.confirm_link(ANN)
    for first in range(2, messages, 1000):
        await asyncio.gather(*map(say, range(first, min(first + 1000, messages))))
    await hub.settle()


async def beat(stalls: list[float]) -> None:
    """Note by how much each short sleep is too long."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(BEAT)
        stalls.append(time.perf_counter() - begun - BEAT)


async def idle_stalls() -> float:
    """Return how long a loop is held up that has nothing else to do."""
    stalls: list[float] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await beat(stalls)

    return p99(stalls)


def p99(values: list[float]) -> float:
    """Return the value that one in a hundred exceeds."""
    return sorted(values)[len(values) * 99 // 100]


async def search_all(hub: SessionHub, query: str) -> tuple[float, bool]:
    """Search to the end, from cursor to cursor; return the time, and whether one call sufficed."""
    session = hub.session_of(CHATS[ANN], ANN)
    begun = time.perf_counter()
    found = await session.search(query)
    is_one = found.is_complete
    while not found.is_complete:
        found = await session.search(query, before=found.cursor)

    return time.perf_counter() - begun, is_one


async def measure(name: str, database: str, *, messages: int, has_vectors: bool) -> None:
    """Fill a database, search it, and print the figures."""
    thread_time = ThreadTime()
    hub = SessionHub(
        database,
        plugins=[Embed()] if has_vectors else [],
        consolidation_threshold=10**9,
        upkeep_minutes=None,
        secret="only for this measurement",
    )
    async with hub:
        await fill(hub, messages)
        idle = await idle_stalls()
        for query in QUERIES:
            waits, threads, stalls, calls = [], [], [], []
            for _ in range(REPEATS):
                thread_time.seconds = 0.0
                task = asyncio.create_task(beat(stalls))
                wait, is_one = await search_all(hub, query)
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                waits.append(wait)
                threads.append(thread_time.seconds)
                calls.append(is_one)

            print(
                f"{name:>10}  {messages:>9,}  {statistics.median(waits) * 1e3:>7.0f} ms  "
                f"{statistics.median(threads) * 1e3:>7.0f} ms  "
                f"{p99(stalls) * 1e3:>6.1f} ms  {idle * 1e3:>6.1f} ms  "
                f"{'yes' if all(calls) else 'no':>8}  {query}"
            )


def main() -> None:
    """Measure on a file, and on a server where one is given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, action="append")
    parser.add_argument("--postgres", metavar="URL", help="a schema that is empty")
    parser.add_argument("--vectors", action="store_true", help="compare meanings, too")
    options = parser.parse_args()

    print(f"{os.cpu_count()} cores, median of {REPEATS}")
    print("   backend   messages     search  in threads  stalls p99  idle  one call  query")
    for messages in options.messages or [10_000, 100_000]:
        with tempfile.TemporaryDirectory() as folder:
            places = {"SQLite": str(Path(folder) / "bench.db")}
            if options.postgres and messages == max(options.messages or [100_000]):
                places["PostgreSQL"] = options.postgres
            for name, database in places.items():
                work = measure(name, database, messages=messages, has_vectors=options.vectors)
                asyncio.run(work)


if __name__ == "__main__":
    main()

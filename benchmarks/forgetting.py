"""How long others wait while a person is forgotten, in a large SQLite file, with encryption and
without.

    python benchmarks/forgetting.py /var/tmp           # 2 GB, twice
    python benchmarks/forgetting.py /var/tmp 0.5       # this number of GB

In each file one person has said 2,000 messages, in a direct chat and in a group with summaries; the
rest is ballast. Ten tasks record messages all the time, each in a chat of its own. Prints a row for
each file: how long `forget` took, and the longest that a message took to be stored before it and
from its beginning on, until two seconds after it.
"""

import asyncio
import secrets
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from session_plugin import Account, Chat, Keys, MessageEvent, Receipt, SessionHub

GIGABYTES = 2.0
SAID = 1000
TASKS = 10
SECONDS = 2.0
BALLAST = """
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
    INSERT INTO messages (chat_no, segment_no, role, sent_at, received_at, content)
    SELECT g.chat_no, g.segment_no, 'user', 0, 0, X'FF' || randomblob(1000)
    FROM numbers, (SELECT chat_no, segment_no FROM segments ORDER BY segment_no LIMIT 1) AS g
"""


def main(folder: str, gigabytes: str = str(GIGABYTES)) -> None:
    """Make a file of each kind, measure, and print what came of it."""
    print("encryption  GB   forget ms  keys  longest ms before, during")
    for is_encrypted in (True, False):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            keys = Keys(secrets.token_hex(32)) if is_encrypted else None
            path = Path(place) / "bot.db"
            asyncio.run(_fill(path, keys))
            _weigh_down(path, float(gigabytes))
            size = path.stat().st_size / 1e9
            seconds, receipt, before, during = asyncio.run(_measure(path, keys))
            print(
                f"{'on' if is_encrypted else 'off':10}  {size:.1f}  {seconds * 1e3:9.1f}  "
                f"{receipt.keys:4}  "
                f"{before * 1e3:17.1f}, {during * 1e3:.1f}",
                flush=True,
            )


def _hub(path: Path, keys: Keys | None) -> SessionHub:
    return SessionHub(path, load_entry_points=False, encryption=keys, consolidation_threshold=50)


async def _fill(path: Path, keys: Keys | None) -> None:
    async with _hub(path, keys) as hub:
        await hub.record(_said("ballast", 0))
        lobby = Chat("telegram", "lobby", "group")
        for number in range(SAID):
            await hub.record(_said("ann", number))
            await hub.record(_said("ann", number, lobby))
            await hub.record(_said("bob", number, lobby))
        await hub.settle()


def _weigh_down(path: Path, gigabytes: float) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        while path.stat().st_size < gigabytes * 1e9:
            connection.execute(BALLAST, (100_000,))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _measure(path: Path, keys: Keys | None) -> tuple[float, Receipt, float, float]:
    took: list[tuple[float, float]] = []
    is_over = False

    async def record(task: int) -> None:
        number = 0
        while not is_over:
            number += 1
            began = time.perf_counter()
            await hub.record(_said(f"task {task}", number))
            took.append((began, time.perf_counter() - began))
            await asyncio.sleep(0.002)

    async with _hub(path, keys) as hub:
        for task in range(TASKS):
            await hub.record(_said(f"task {task}", 0))
        tasks = [asyncio.create_task(record(task)) for task in range(TASKS)]
        await asyncio.sleep(SECONDS)
        began = time.perf_counter()
        receipt = await hub.forget(Account("telegram", "ann"))
        seconds = time.perf_counter() - began
        await asyncio.sleep(SECONDS)
        is_over = True
        await asyncio.gather(*tasks)

    before = max(each for at, each in took if at + each < began)
    during = max(each for at, each in took if at + each >= began)

    return seconds, receipt, before, during


def _said(who: str, number: int, chat: Chat | None = None) -> MessageEvent:
    return MessageEvent(
        chat=chat or Chat("telegram", who),
        message_id=f"{who} {number}",
        role="user",
        text=f"{who} says a few words, for the {number}th time: " + "and so on " * 10,
        sent_at=0.0,
        author=Account("telegram", who),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

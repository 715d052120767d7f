"""Import a million messages, killed twice on the way: how fast, with how much memory, and whether
the rows are those of one import that nobody disturbed.

    python benchmarks/importing.py [messages] [database]

Without a database, on SQLite files in a temporary folder.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from session_plugin import Account, Chat, MessageEvent, Progress, SessionHub

MESSAGES = 1_000_000
OF_A_CHAT = 2_000
ROWS = """
    SELECT m.seq, m.segment_no, m.message_id, m.content, m.sent_at, s.started_at, s.ended_at,
      g.total_count, g.last_seq
    FROM messages AS m
    JOIN segments AS g ON g.segment_no = m.segment_no
    JOIN sessions AS s ON s.session_no = g.session_no
    ORDER BY m.seq
"""


def history(count: int) -> Iterator[MessageEvent]:
    """Yield the messages of many direct chats, one chat after another, as exports have them."""
    for number in range(count):
        who, place = divmod(number, OF_A_CHAT)
        account = Account("telegram", str(who))
        is_answer = place % 2 == 1
        yield MessageEvent(
            chat=Chat("telegram", str(who), bot_id="7"),
            message_id=str(place),
            role="assistant" if is_answer else "user",
            text=f"message {number}, of a length that is usual among people who chat",
            sent_at=1_500_000_000.0 + who * 11 + place * 3_600,
            author=None if is_answer else account,
            answers=account if is_answer else None,
            author_name="" if is_answer else f"Person {who}",
        )


async def import_into(database: str, count: int, *, killed_at: int | None) -> None:
    """Import, and kill this very process at a share of the way."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bar(*columns) as bar:
        task = bar.add_task("messages", total=count)

        def show(step: Progress) -> None:
            bar.update(task, completed=step.done)
            if killed_at is not None and step.done >= killed_at:
                os.kill(os.getpid(), signal.SIGKILL)

        began, worked = time.perf_counter(), time.process_time()
        async with SessionHub(database, retention_days=None, secret="of a benchmark only") as hub:
            report = await hub.import_history(history(count), progress=show)

    seconds = time.perf_counter() - began
    of_cpu = time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{report.messages:,} stored, {report.known_messages:,} known, in {seconds:.1f} s: "
        f"{count / seconds:,.0f} messages/s, {count / of_cpu:,.0f} per second of CPU, "
        f"{peak} MB at most"
    )


def digest_of(database: str) -> str:
    """Return a digest of all that an import stores, but for random ids."""
    found = hashlib.sha256()
    with closing(sqlite3.connect(database)) as connection:
        for row in connection.execute(ROWS):
            found.update(repr(row).encode())

    return found.hexdigest()


def run(database: str, count: int, killed_at: int | None) -> None:
    """Import in a process of its own."""
    arguments = [sys.executable, __file__, "--import", database, str(count), str(killed_at or "")]
    ended = subprocess.run(arguments, check=False).returncode
    expected = 0 if killed_at is None else -signal.SIGKILL
    if ended != expected:
        sys.exit(f"the import ended with {ended}, not {expected}")


def main() -> None:
    """Import once undisturbed, and once killed at a third and at two thirds."""
    if sys.argv[1:2] == ["--import"]:
        database, count, killed_at = sys.argv[2:]
        asyncio.run(
            import_into(database, int(count), killed_at=int(killed_at) if killed_at else None)
        )
        return

    count = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    if len(sys.argv) > 2:
        run(sys.argv[2], count, None)
        return

    with tempfile.TemporaryDirectory() as folder:
        once, killed = str(Path(folder) / "once.db"), str(Path(folder) / "killed.db")
        run(once, count, None)
        for killed_at in (count // 3, 2 * count // 3, None):
            run(killed, count, killed_at)

        is_same = digest_of(once) == digest_of(killed)
        print("the same rows" if is_same else "NOT the same rows")
        sys.exit(not is_same)


if __name__ == "__main__":
    main()

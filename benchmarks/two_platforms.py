"""Run a whole bot on both platforms at once, and report losses, duplicates, delays and memory.

    pip install -e ".[dev]"
    python benchmarks/two_platforms.py [--seconds 60] [--rate 50]

The simulators run in this process, the bot (`examples/two_platform_bot.py`) in a second. A third
process has an idle event loop: its delays come from the machine, not from the bot. All processes
share the cores. A warm-up fills the bounded caches, so memory should be flat afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from table import print_table

from discord_simulator import DiscordSimulator
from telegram_simulator import TelegramSimulator

EXAMPLES = Path(__file__).parents[1] / "examples"
PEOPLE = 20
"""People on each platform, each in a direct chat."""
TICK = 0.01
"""Seconds between two checks of an event loop's delay."""
WARM_UP = 2500
"""Warm-up messages on each platform: more than any bounded cache holds."""


@dataclass(frozen=True)
class LoadResult:
    """The result of a load.

    Args:
        said: Messages of people; `answered` of them were answered.
        lost: Messages and answers that are not in the database; `doubled` are there more than once.
        disordered: Chats whose messages are not in the order in which they were sent.
        bot: Delays of the bot's event loop, and its megabytes each second.
        idle: The same for the idle process.
    """

    said: int
    answered: int
    lost: int
    doubled: int
    disordered: int
    bot: dict[str, list[float]]
    idle: dict[str, list[float]]


async def load(folder: Path, *, seconds: float, rate: float, warm_up: int = WARM_UP) -> LoadResult:
    """Send messages on both platforms at a steady rate, then check the database."""
    database = folder / "two_platforms.db"
    async with DiscordSimulator() as discord, TelegramSimulator() as telegram:
        environ = {
            **discord.environment(),
            **telegram.environment(),
            "SESSION_DATABASE": str(database),
        }
        async with _process("bot", environ, folder) as bot, _process("idle", {}, folder) as idle:
            await asyncio.gather(discord.connected(60), telegram.connected(60))
            people = [
                [(one.user(f"Person {number}"), one) for number in range(PEOPLE)]
                for one in (discord, telegram)
            ]
            talkers = [talker for pair in zip(*people, strict=True) for talker in pair]
            await _talk(talkers, count=2 * warm_up, rate=10 * rate, label="warm-up")

            for process in (bot, idle):
                process.send_signal(signal.SIGUSR1)  # discard the figures of the warm-up

            count = int(seconds * rate)
            answered = await _talk(talkers, count=count, rate=rate, label="said")

        reports = {
            name: json.loads((folder / f"{name}.json").read_text()) for name in ("bot", "idle")
        }

    expected = [f"warm-up {number}" for number in range(2 * warm_up)] + [
        f"said {number}" for number in range(count)
    ]
    return LoadResult(
        said=count,
        answered=answered,
        bot=reports["bot"],
        idle=reports["idle"],
        **_stored(database, expected),
    )


async def _talk(talkers: list[tuple[Any, Any]], *, count: int, rate: float, label: str) -> int:
    """Send messages from everybody in turn, and return how many were answered."""
    begun = time.perf_counter()
    last: dict[int, Any] = {}
    before = {
        index: len(one.messages(one.direct_chat(person)))
        for index, (person, one) in enumerate(talkers)
    }

    for number in range(count):
        await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        person, one = talkers[number % len(talkers)]
        last[number % len(talkers)] = await one.say(
            person, one.direct_chat(person), f"{label} {number}"
        )

    answered = 0
    for index, (person, one) in enumerate(talkers):
        dm = one.direct_chat(person)
        said = len(range(index, count, len(talkers)))

        for _ in range(6000):
            found = len(one.messages(dm)) - before[index] - said
            if found >= said:
                break
            await asyncio.sleep(TICK)

        answered += found

    return answered


def _stored(database: Path, expected: list[str]) -> dict[str, int]:
    """Compare the stored messages with the expected ones."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT chat_no, role, CAST(content AS TEXT) FROM messages ORDER BY seq"
        ).fetchall()

    wanted = Counter(
        {("user", text): 1 for text in expected}
        | {("assistant", f"re: {text}"): 1 for text in expected}
    )
    found = Counter((role, content) for _, role, content in rows)
    chats: dict[int, list[int]] = {}
    order = {text: place for place, text in enumerate(expected)}

    for chat, role, content in rows:
        if role == "user":
            chats.setdefault(chat, []).append(order.get(content, -1))

    return {
        "lost": (wanted - found).total(),
        "doubled": (found - wanted).total(),
        "disordered": sum(places != sorted(places) for places in chats.values()),
    }


@asynccontextmanager
async def _process(
    name: str, environ: dict[str, str], folder: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run this file as another process, and stop it after the block."""
    command = (
        sys.executable,
        "-W",
        "ignore",
        __file__,
        "--as",
        name,
        "--report",
        str(folder / f"{name}.json"),
    )

    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **environ})
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _watched(name: str) -> dict[str, list[float]]:
    """Run the bot or an idle loop until SIGTERM; return delays and memory."""
    stalls: list[float] = []
    sizes: list[float] = []

    def forget() -> None:
        stalls.clear()
        sizes.clear()

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, forget)
    watching = [asyncio.create_task(_time_ticks(stalls)), asyncio.create_task(_weigh(sizes))]
    await (_be_the_bot() if name == "bot" else _idle())

    for task in watching:
        task.cancel()

    return {"stalls": stalls, "megabytes": sizes}


async def _be_the_bot() -> None:
    sys.path.insert(0, str(EXAMPLES))
    import two_platform_bot  # noqa: PLC0415 - only this process needs it, and its libraries

    async def respond(session: Any) -> str:
        return f"re: {session.event.text}"

    await two_platform_bot.run(os.environ, respond)


async def _idle() -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()


async def _time_ticks(stalls: list[float]) -> None:
    """Record the delay of each tick of the event loop, in seconds."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(TICK)
        stalls.append(time.perf_counter() - begun - TICK)


async def _weigh(sizes: list[float]) -> None:
    """Record the resident megabytes of this process each second."""
    while True:
        sizes.append(_resident())
        await asyncio.sleep(1)


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _print(result: LoadResult) -> None:
    print(f"{result.said} said, {result.answered} answered")
    print(f"lost {result.lost}, doubled {result.doubled}, chats out of order {result.disordered}")
    lines = []

    for name, seen in (("bot", result.bot), ("idle loop", result.idle)):
        stalls, sizes = sorted(seen["stalls"]), seen["megabytes"]
        third = max(1, len(sizes) // 3)
        late = [stalls[int(len(stalls) * share)] * 1000 for share in (0.5, 0.99, 0.999)]
        first, last = statistics.mean(sizes[:third]), statistics.mean(sizes[-third:])

        lines.append(
            [
                name,
                *(
                    f"{figure:.1f}"
                    for figure in (*late, stalls[-1] * 1000, first, last, max(sizes))
                ),
            ]
        )

    stall = ["median", "99 %", "99.9 %", "longest"]
    print_table(
        [
            "",
            *(f"late, {one} (ms)" for one in stall),
            "MB, first third",
            "MB, last third",
            "MB, most",
        ],
        lines,
    )


def main() -> None:
    """Measure, or run as one of the measured processes."""
    parser = argparse.ArgumentParser(
        description="A whole bot on both platforms at once, under a steady load."
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument(
        "--rate", type=float, default=50.0, help="messages a second, over both platforms"
    )
    parser.add_argument("--as", dest="name", choices=["bot", "idle"], help=argparse.SUPPRESS)
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)

    options = parser.parse_args()
    if options.name:
        options.report.write_text(json.dumps(asyncio.run(_watched(options.name))))
        return

    with tempfile.TemporaryDirectory() as folder:
        _print(asyncio.run(load(Path(folder), seconds=options.seconds, rate=options.rate)))


if __name__ == "__main__":
    main()

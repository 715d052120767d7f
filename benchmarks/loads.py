"""The work of a measured process: write, read, whole turns, first contacts, wait.

Loads return how much processor time their process took, in all its threads, as `cpu`. On cores that
others use as well, it wanders less than rates do.

Must not know targets or other processes.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from contenders import Contender, text_of
from contenders.raw import RawSqlite

_BEAT = 0.002

Figures = dict[str, float]
"""The results of a load: figures by name, times in seconds."""


@dataclass(kw_only=True)
class _Tally:
    """The progress of all tasks of a load."""

    ends_at: float
    left: float
    numbers: int = 0
    waits: list[float] = field(default_factory=list)
    failed: int = 0
    last_end: float = 0.0

    def takes_one(self) -> bool:
        """Return whether work is left, and count one unit as started."""
        if self.left < 1 or time.perf_counter() >= self.ends_at:
            return False
        self.left -= 1
        self.numbers += 1
        return True


async def write(
    contender: Contender,
    *,
    tasks: int,
    seconds: float = 1e9,
    count: float = float("inf"),
    first: int = 0,
    users: int = 100,
    apart: int = 1,
) -> Figures:
    """Record from that many tasks at once, for a time or up to a count.

    Each task writes for people of its own among `users`, starting with number `first`; the numbers
    of two who follow each other are `apart`. A failing call is counted as failed, not as a message.
    With a count it raises, because the count must be complete.
    """

    async def record_one(user: int, number: int) -> None:
        await contender.record(first + (user - first) * apart, text_of(number))

    return await _drive(
        record_one, tasks=tasks, seconds=seconds, count=count, first=first, users=users
    )


async def take_turns(
    contender: Contender, *, tasks: int, seconds: float, users: int = 100
) -> Figures:
    """Do whole turns: record a person's message, read the last 20, record the answer."""

    async def turn(user: int, number: int) -> None:
        await contender.record(user, text_of(number))
        await contender.last(user, 20)
        await contender.record(user, text_of(number), "assistant")

    return await _drive(
        turn, tasks=tasks, seconds=seconds, count=float("inf"), first=0, users=users
    )


async def write_batches(
    contender: Contender,
    *,
    seconds: float = 1e9,
    count: float = float("inf"),
    first: int = 0,
    users: int = 100,
) -> Figures:
    """Write to the raw limit in transactions of 100, for a time or up to a count."""
    assert isinstance(contender, RawSqlite)
    begun, used, done = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() < begun + seconds and done < count:
        contender.record_batch(
            [(first + (done + n) % users, text_of(done + n)) for n in range(100)]
        )
        done += 100
    return {
        "messages": done,
        "seconds": time.perf_counter() - begun,
        "cpu": time.process_time() - used,
    }


async def fill(
    contender: Contender,
    *,
    count: int,
    users: int = 100,
    first: int = 0,
    seconds: float = 1e9,
    at_once: int = 1_000,
) -> Figures:
    """Record many messages at once, for a time or up to a count."""
    begun, done = time.perf_counter(), 0
    while done < count and time.perf_counter() < begun + seconds:
        size = min(at_once, count - done)
        await asyncio.gather(
            *(contender.record(first + (done + n) % users, text_of(done + n)) for n in range(size))
        )
        done += size
    return {"messages": done, "seconds": time.perf_counter() - begun}


async def first_contact(contender: Contender, *, people: int) -> Figures:
    """Record the first message of that many people at once; only somebody else has spoken before.

    The database must be new. The loop is watched until half a second afterwards, because their new
    sessions are announced then.
    """
    await contender.record(0, text_of(0))
    heart = _Heart()
    await asyncio.sleep(_BEAT)

    begun, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(contender.record(1 + n, text_of(n)) for n in range(people)))
    seconds = time.perf_counter() - begun
    await asyncio.sleep(0.5)
    cpu = time.process_time() - used

    return {"messages": people, "seconds": seconds, "cpu": cpu, **await heart.stop()}


async def read(contender: Contender, *, user: int, times: int, n: int = 20) -> Figures:
    """Read a person's newest messages repeatedly, one call after another."""
    await contender.last(user, n)
    return await _read_each(contender, [user] * times, n)


async def read_cold(contender: Contender, *, users: int, n: int = 20) -> Figures:
    """Read the newest messages of many people, once each; the first reading is not counted."""
    await contender.last(0, n)
    return await _read_each(contender, list(range(1, users)), n)


async def _read_each(contender: Contender, users: list[int], n: int) -> Figures:
    waits, used = [], time.process_time()
    for user in users:
        begun = time.perf_counter()
        messages = await contender.last(user, n)
        waits.append(time.perf_counter() - begun)
        assert len(messages) == n, f"{len(messages)} messages instead of {n}"

    cpu = (time.process_time() - used) / len(users)
    return {"p50": statistics.median(waits), "p99": _at(waits, 0.99), "cpu": cpu}


async def status(contender: Contender, *, times: int) -> Figures:
    """Ask this package's hub how it is, repeatedly."""
    waits = []
    for _ in range(times):
        begun = time.perf_counter()
        await cast(Any, contender).status()
        waits.append(time.perf_counter() - begun)
    return {"p50": statistics.median(waits)}


async def idle(contender: Contender, *, seconds: float) -> Figures:
    """Do nothing, and return how late the event loop is."""
    beats = _Heart()
    await asyncio.sleep(seconds)
    return await beats.stop()


async def memory(contender: Contender) -> Figures:
    """Return this process's resident memory, current and highest, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()  # noqa: ASYNC240 - nothing else runs, and it is no disk
    sizes = {
        name: line.split()[1]
        for line in lines
        for name in [line.partition(":")[0]]
        if name.startswith("Vm")
    }

    return {"resident": int(sizes["VmRSS"]) * 1024, "highest": int(sizes["VmHWM"]) * 1024}


LOADS: dict[str, Callable[..., Awaitable[Figures]]] = {
    load.__name__: load
    for load in (
        write,
        take_turns,
        write_batches,
        fill,
        first_contact,
        read,
        read_cold,
        status,
        idle,
        memory,
    )
}


async def _drive(
    do: Callable[[int, int], Awaitable[None]],
    *,
    tasks: int,
    seconds: float,
    count: float,
    first: int,
    users: int,
) -> Figures:
    if count == float("inf"):  # a person's first message is not part of the rate
        for user in range(first, first + users):
            await do(user, 0)

    begun, used = time.perf_counter(), time.process_time()
    tally = _Tally(ends_at=begun + seconds, left=count)

    async def work(task: int) -> None:
        own = range(first + task, first + users, tasks)
        turn = 0

        while tally.takes_one():
            user = own[turn % len(own)]
            turn += 1
            called = time.perf_counter()

            try:
                await do(user, tally.numbers)
            except Exception as error:
                # A load limited by time counts failures. One with a count must be complete.
                if count != float("inf"):
                    raise
                tally.failed += 1
                if tally.failed == 1:
                    print(f"{type(error).__name__}: {error}"[:200])
                continue

            tally.last_end = time.perf_counter()
            tally.waits.append(tally.last_end - called)

    heart = _Heart()
    await asyncio.gather(*map(work, range(tasks)))
    cpu = time.process_time() - used
    stalls = await heart.stop()
    done = len(tally.waits)

    return {
        "messages": done,
        "seconds": max(tally.last_end - begun, 1e-9),
        "cpu": cpu,
        "failed": tally.failed,
        "p50": _at(tally.waits, 0.5),
        "p99": _at(tally.waits, 0.99),
        **stalls,
    }


class _Heart:
    """A task that should run every two milliseconds and measures its delays."""

    def __init__(self) -> None:
        """Start to measure."""
        self._late: list[float] = []
        self._slept_at = time.perf_counter()
        self._task = asyncio.create_task(self._beat())

    async def stop(self) -> Figures:
        """Stop, and return the delays."""
        self._task.cancel()
        await asyncio.wait([self._task])
        return {
            "stall_p50": _at(self._late, 0.5),
            "stall_p99": _at(self._late, 0.99),
            "stall_max": max([*self._late, time.perf_counter() - self._slept_at - _BEAT]),
        }

    async def _beat(self) -> None:
        while True:
            self._slept_at = time.perf_counter()
            await asyncio.sleep(_BEAT)
            self._late.append(time.perf_counter() - self._slept_at - _BEAT)


def _at(values: list[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)] if values else 0.0

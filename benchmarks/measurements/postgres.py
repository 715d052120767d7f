"""PostgreSQL: 100 tasks through the hub, compared with an asyncpg pool, in separate schemas.

The server's part is the processor time of the backends that serve a contender, by the scheduler's
own count. What the server does for everybody, such as checkpoints, is not in it.
"""

import asyncio
import contextlib
import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from contenders import OURS, POSTGRES
from loads import Figures
from process import Failed, Unavailable
from rows import Row, Target, compare, quantity

from measurements.bench import Bench

_WHAT = "PostgreSQL, 100 tasks, against an asyncpg pool"
_COST = f"{_WHAT}: processor time of a message, client and server"
_TARGET = Target("at most", 0.286)


def measure(bench: Bench) -> list[Row]:
    """Write to both in turn; note the reason if one cannot be measured."""
    found: dict[str, list[Figures]] = {OURS: [], POSTGRES: []}
    try:
        with _schemas(bench.postgres) as urls:
            for _ in range(bench.rounds):
                for name in (POSTGRES, OURS):
                    found[name].append(_write(bench, name, urls[name]))
    except (Unavailable, Failed) as error:
        return [Row(what=_COST, target=_TARGET, note=str(error))]

    def of_each(figure: Callable[[Figures], float]) -> list[list[float]]:
        return [[figure(figures) for figures in found[name]] for name in (OURS, POSTGRES)]

    note = "of it the server: " + ", ".join(
        f"{name} {quantity(median(figures['server'] for figures in series), 'us')}"
        for name, series in found.items()
    )
    return [
        compare(_WHAT, *of_each(lambda figures: figures["rate"]), name=POSTGRES, unit="/s"),
        compare(
            _COST,
            *of_each(lambda figures: figures["client"] + figures["server"]),
            name=POSTGRES,
            unit="us",
            target=_TARGET,
            note=note,
        ),
        compare(
            "PostgreSQL, p99 of one record at 100 tasks",
            *of_each(lambda figures: figures["p99"]),
            name=POSTGRES,
            unit="ms",
        ),
    ]


def _write(bench: Bench, name: str, url: str) -> Figures:
    """Write, and return what a message takes of the client's and of the server's processor time."""
    count = 2_000 if bench.is_quick else 5_000
    with bench.process(name).opened(url) as process:
        pids = _backends(bench.postgres, url)
        used = sum(map(_seconds_of, pids))
        figures = process.do("write", tasks=100, count=count)
        used = sum(map(_seconds_of, pids)) - used

    return {
        "rate": figures["messages"] / figures["seconds"],
        "client": figures["cpu"] / figures["messages"],
        "server": used / figures["messages"],
        "p99": figures["p99"],
    }


def _backends(server: str, url: str) -> list[int]:
    """Return the processes of the server that serve the URL's application.

    Raises:
        Unavailable: the server's processes are on another machine.
    """
    application = url.rpartition("application_name=")[2]
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = $1"
    pids = [row["pid"] for row in _run(server, [(query, application)])]
    if not pids or not all(Path(f"/proc/{pid}/schedstat").exists() for pid in pids):
        raise Unavailable("the server's processes cannot be seen: it is on another machine")
    return pids


def _seconds_of(pid: int) -> float:
    """Return the processor time of a process; its first figure, in nanoseconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


@contextlib.contextmanager
def _schemas(url: str) -> Iterator[dict[str, str]]:
    """Create a schema for each contender, yield URLs for them, and drop the schemas afterwards."""
    names = {OURS: f"bench_ours_{os.getpid()}", POSTGRES: f"bench_asyncpg_{os.getpid()}"}
    _run(url, [(f"CREATE SCHEMA {name}",) for name in names.values()])
    try:
        joint = "&" if "?" in url else "?"
        yield {
            contender: f"{url}{joint}options=-c%20search_path%3D{name}&application_name={name}"
            for contender, name in names.items()
        }
    finally:
        _run(url, [(f"DROP SCHEMA {name} CASCADE",) for name in names.values()])


def _run(url: str, statements: list[tuple[str, ...]]) -> list[Any]:
    """Run statements, each with its arguments, and return the rows of the last one.

    Raises:
        Unavailable: asyncpg is not installed, or the server does not answer.
    """
    try:
        asyncpg: Any = importlib.import_module("asyncpg")
    except ImportError as error:
        raise Unavailable("asyncpg is not installed") from error

    async def run() -> list[Any]:
        connection = await asyncpg.connect(url, timeout=10)
        rows: list[Any] = []
        for statement, *arguments in statements:
            rows = await connection.fetch(statement, *arguments)
        await connection.close()
        return rows

    try:
        return asyncio.run(run())
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise Unavailable(f"no PostgreSQL to make a schema in: {error}") from error

"""PostgreSQL: 100 tasks through the hub, compared with an asyncpg pool, in separate schemas."""

import asyncio
import contextlib
import importlib
import os
from collections.abc import Iterator
from statistics import median
from typing import Any

from contenders import OURS, POSTGRES
from process import Failed, Unavailable
from rows import Row, Target, compare, quantity

from measurements.bench import Bench

_WHAT = "PostgreSQL, 100 tasks, against an asyncpg pool"
_TARGET = Target("at least", 5)


def measure(bench: Bench) -> list[Row]:
    """Write to both in turn; note the reason if one cannot be measured."""
    rates: dict[str, list[float]] = {OURS: [], POSTGRES: []}
    waits: dict[str, list[float]] = {OURS: [], POSTGRES: []}
    try:
        with _schemas(bench.postgres) as urls:
            for _ in range(bench.rounds):
                for name in (POSTGRES, OURS):
                    with bench.process(name).opened(urls[name]) as process:
                        figures = process.do("write", tasks=100, seconds=bench.seconds)
                    rates[name].append(figures["messages"] / figures["seconds"])
                    waits[name].append(figures["p99"])
    except (Unavailable, Failed) as error:
        known = f"asyncpg {quantity(median(rates[POSTGRES]), '/s')}" if rates[POSTGRES] else ""
        return [Row(what=_WHAT, against=known, target=_TARGET, note=str(error))]

    return [
        compare(_WHAT, rates[OURS], rates[POSTGRES], name=POSTGRES, unit="/s", target=_TARGET),
        compare(
            "PostgreSQL, p99 of one record at 100 tasks",
            waits[OURS],
            waits[POSTGRES],
            name=POSTGRES,
            unit="ms",
        ),
    ]


@contextlib.contextmanager
def _schemas(url: str) -> Iterator[dict[str, str]]:
    """Create a schema for each contender, yield URLs for them, and drop the schemas afterwards."""
    names = {OURS: f"bench_ours_{os.getpid()}", POSTGRES: f"bench_asyncpg_{os.getpid()}"}
    _run(url, [f"CREATE SCHEMA {name}" for name in names.values()])
    try:
        joint = "&" if "?" in url else "?"
        yield {
            contender: f"{url}{joint}options=-c%20search_path%3D{name}"
            for contender, name in names.items()
        }
    finally:
        _run(url, [f"DROP SCHEMA {name} CASCADE" for name in names.values()])


def _run(url: str, statements: list[str]) -> None:
    """Run statements.

    Raises:
        Unavailable: asyncpg is not installed, or the server does not answer.
    """
    try:
        asyncpg: Any = importlib.import_module("asyncpg")
    except ImportError as error:
        raise Unavailable("asyncpg is not installed") from error

    async def run() -> None:
        connection = await asyncpg.connect(url, timeout=10)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    try:
        asyncio.run(run())
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise Unavailable(f"no PostgreSQL to make a schema in: {error}") from error

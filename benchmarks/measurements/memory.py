"""Resident memory after 100 tasks have written, compared with a process that has sqlite3 only."""

from contenders import LIBRARIES, LIMIT, OURS
from process import Process
from rows import Row, Target, compare, quantity

from measurements.bench import Bench


def measure(bench: Bench) -> list[Row]:
    """Start a process for every repeat, write, and read its memory before it closes."""
    count = 2_000 if bench.is_quick else 5_000
    sizes: dict[str, list[float]] = {OURS: [], LIMIT: []}

    for _ in range(3):
        for name, series in sizes.items():
            series.append(_resident(bench, name, count))

    if not bench.is_quick:
        for name in bench.present(LIBRARIES):
            bench.note(name, "memory", quantity(_resident(bench, name, 200), "MB"))

    return [
        compare(
            "resident memory, against a raw asyncio process",
            sizes[OURS],
            sizes[LIMIT],
            name=LIMIT,
            unit="MB",
            target=Target("at most", 1.6),
        )
    ]


def _resident(bench: Bench, name: str, count: int) -> float:
    with Process(name) as process, process.opened(bench.fresh()):
        process.do("write", tasks=100, count=count)
        return process.do("memory")["resident"]

"""The last 20 messages of 100, 1,000 and 10,000, compared with a plain SELECT."""

import contextlib
from statistics import median

from contenders import LIMIT, OURS
from process import Process
from rows import Row, Target, compare, quantity

from measurements.bench import Bench

_SIZES = (100, 1_000, 10_000)
_OTHERS = ("aiosqlite", "openai-agents")


def measure(bench: Bench) -> list[Row]:
    """Fill three sessions in a file for each contender, then read them in turn."""
    waits: dict[tuple[str, int], list[float]] = {}
    names = [OURS, LIMIT] if bench.is_quick else [OURS, LIMIT, *bench.present(_OTHERS)]
    with contextlib.ExitStack() as stack:
        for name in names:
            bench.say(f"filling {name}")
            _fill(stack.enter_context(bench.process(name).opened(bench.fresh(), users=len(_SIZES))))

        for _ in range(bench.rounds):
            for user, size in enumerate(_SIZES):
                for name in names:
                    figures = bench.process(name).do("read", user=user, times=200)
                    waits.setdefault((name, size), []).append(figures["p50"])

    for name in names:
        bench.note(name, "last 20 of 10,000", quantity(median(waits[name, _SIZES[-1]]), "us"))

    return [
        compare(
            "last 20: session of 10,000 against session of 100",
            waits[OURS, 10_000],
            waits[OURS, 100],
            name="of 100",
            unit="us",
            target=Target("at most", 1.2),
        ),
        *(
            compare(
                f"last 20 of {size:,}, against a raw SELECT",
                waits[OURS, size],
                waits[LIMIT, size],
                name=LIMIT,
                unit="us",
                target=Target("at most", 10),
            )
            for size in _SIZES
        ),
    ]


def _fill(process: Process) -> None:
    for user, size in enumerate(_SIZES):
        if process.name == LIMIT:
            process.do("write_batches", first=user, users=1, count=size)
        else:
            process.do("fill", first=user, users=1, count=size - 1, at_once=100)

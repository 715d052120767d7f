"""The last 20 messages, compared with a plain SELECT.

Hot: read again and again, of sessions of 100, 1,000 and 10,000. Cold: of sessions that this process
has neither written nor read, as after a restart, once each.
"""

import contextlib
from statistics import median

from contenders import LIMIT, OURS
from process import Process
from rows import Row, Target, compare, quantity

from measurements.bench import Bench

_SIZES = (100, 1_000, 10_000)
_PEOPLE, _MESSAGES_EACH = 201, 25
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

    cold: dict[str, list[float]] = {OURS: [], LIMIT: []}
    for _ in range(bench.rounds):
        for name, series in cold.items():
            series.append(_read_cold(bench, name))

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
                f"last 20 of {size:,}, hot, against a raw SELECT",
                waits[OURS, size],
                waits[LIMIT, size],
                name=LIMIT,
                unit="us",
                target=Target("at most", 1),
            )
            for size in _SIZES
        ),
        compare(
            "last 20, cold, against a raw SELECT",
            cold[OURS],
            cold[LIMIT],
            name=LIMIT,
            unit="us",
            target=Target("at most", 8),
        ),
    ]


def _fill(process: Process) -> None:
    for user, size in enumerate(_SIZES):
        if process.name == LIMIT:
            process.do("write_batches", first=user, users=1, count=size)
        else:
            process.do("fill", first=user, users=1, count=size - 1, at_once=100)


def _read_cold(bench: Bench, name: str) -> float:
    """Write in one session of the process, and read in the next."""
    path, process = bench.fresh(), bench.process(name)
    count = _PEOPLE * _MESSAGES_EACH
    with process.opened(path, users=_PEOPLE, is_silent=True):
        verb = "write_batches" if name == LIMIT else "fill"
        process.do(verb, users=_PEOPLE, count=count)
    with process.opened(path, users=_PEOPLE, is_silent=True):
        return process.do("read_cold", users=_PEOPLE)["p50"]

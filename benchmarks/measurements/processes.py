"""Four processes that write to one file at the same time, for 25 people each."""

import contextlib

from contenders import OURS, USERS
from process import Process
from rows import Row, compare

from measurements.bench import Bench

_OTHER = "aiosqlite"
_PROCESSES = 4
_EACH = USERS // _PROCESSES


def measure(bench: Bench) -> list[Row]:
    """Write from one process and from four, with this package and aiosqlite in turn."""
    rates: dict[str, list[float]] = {}
    failed = dict.fromkeys((OURS, _OTHER), 0.0)

    others = bench.present((_OTHER,))
    with contextlib.ExitStack() as stack:
        groups = {
            name: [stack.enter_context(Process(name)) for _ in range(_PROCESSES)]
            for name in (OURS, *others)
        }

        for _ in range(bench.rounds):
            rates.setdefault("one", []).append(
                _write(bench, groups[OURS][:1], failed, people=USERS)
            )
            for name, group in groups.items():
                rates.setdefault(name, []).append(_write(bench, group, failed, people=_EACH))

    note = "calls that failed: " + ", ".join(f"{name} {failed[name]:,.0f}" for name in groups)
    rows = [
        compare(
            "four processes on one file, against one",
            rates[OURS],
            rates["one"],
            name="one",
            unit="/s",
            note=note,
        )
    ]

    if others:
        rows.append(
            compare(
                "four processes on one file, against the driver",
                rates[OURS],
                rates[_OTHER],
                name=_OTHER,
                unit="/s",
            )
        )

    return rows


def _write(bench: Bench, group: list[Process], failed: dict[str, float], *, people: int) -> float:
    path = bench.fresh()
    with contextlib.ExitStack() as stack:
        for number, process in enumerate(group):
            stack.enter_context(process.opened(path, users=people, first=number * people))
        for number, process in enumerate(group):
            process.begin(
                "write", tasks=people, seconds=bench.seconds, first=number * people, users=people
            )
        answers = [process.end() for process in group]

    failed[group[0].name] += sum(figures["failed"] for figures in answers)
    return sum(figures["messages"] for figures in answers) / max(
        figures["seconds"] for figures in answers
    )

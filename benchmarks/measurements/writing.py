"""Messages per second and their processor time, duration of a call, delay of the event loop; and
whole turns.
"""

from collections import defaultdict
from statistics import median

from contenders import LIBRARIES, LIMIT, OURS, SLOW, UNLOCKED
from loads import Figures
from rows import Row, Target, compare, quantity

from measurements.bench import Bench

_Series = dict[str, list[float]]


def measure(bench: Bench) -> list[Row]:
    """Write with 1 and with 100 tasks, every contender in every round, to a fresh file."""
    names = _present(bench, (OURS, LIMIT, *LIBRARIES, UNLOCKED))
    one: dict[str, list[Figures]] = defaultdict(list)
    hundred: dict[str, list[Figures]] = defaultdict(list)
    limit: list[Figures] = []
    idle: list[float] = []

    for number in range(bench.rounds):
        bench.say(f"round {number + 1} of {bench.rounds}")
        for name in _in_turn(names, number):
            with bench.process(name).opened(bench.fresh()) as process:
                if name == OURS:
                    idle.append(process.do("idle", seconds=bench.seconds)["stall_p99"])
                one[name].append(process.do("write", tasks=1, seconds=bench.seconds))
                if name == LIMIT:
                    limit.append(process.do("write_batches", seconds=bench.seconds))
                else:
                    hundred[name].append(process.do("write", tasks=100, seconds=bench.seconds))

    _note(bench, one, hundred | {LIMIT: limit})
    return [*_rate_rows(one, hundred, limit), *_wait_rows(hundred, idle)]


def measure_turns(bench: Bench) -> list[Row]:
    """Do whole turns with 1 and with 100 tasks."""
    names = _present(bench, (OURS, *LIBRARIES, UNLOCKED))
    one: dict[str, list[Figures]] = defaultdict(list)
    hundred: dict[str, list[Figures]] = defaultdict(list)

    rounds = 2 if bench.is_quick else 3
    for number in range(rounds):
        bench.say(f"round {number + 1} of {rounds}")
        for name in _in_turn(names, number):
            with bench.process(name).opened(bench.fresh()) as process:
                one[name].append(process.do("take_turns", tasks=1, seconds=bench.seconds))
                hundred[name].append(process.do("take_turns", tasks=100, seconds=bench.seconds))

    for name in names:
        for tasks, found in (("1 task", one), ("100 tasks", hundred)):
            bench.note(name, f"turns, {tasks}", quantity(median(map(_rate, found[name])), "/s"))
        bench.note(name, "CPU of a turn", quantity(median(map(_cpu, hundred[name])), "us"))

    return [
        *_against_best("whole turns, 1 task", one, each="a turn"),
        *_against_best(
            "whole turns, 100 tasks", hundred, each="a turn", target=Target("at least", 6)
        ),
    ]


def _rate_rows(
    one: dict[str, list[Figures]], hundred: dict[str, list[Figures]], limit: list[Figures]
) -> list[Row]:
    ours, name = hundred[OURS], LIMIT
    rows = [
        *_against_best(
            "100 tasks",
            hundred,
            each="a message",
            target=Target("at least", 9),
            cpu_target=Target("at most", 1 / 8),
        ),
        compare(
            "100 tasks, against raw sqlite3 in transactions of 100",
            [_rate(figures) for figures in ours],
            [_rate(figures) for figures in limit],
            name=name,
            unit="/s",
            target=Target("at least", 0.3),
        ),
        compare(
            "100 tasks, against raw sqlite3: processor time of a message",
            [_cpu(figures) for figures in ours],
            [_cpu(figures) for figures in limit],
            name=name,
            unit="us",
        ),
        *_against_best("1 task", one, each="a message", target=Target("at least", 1.0)),
    ]

    if UNLOCKED in hundred:
        rows.append(
            compare(
                "100 tasks, against aiosqlite whose tasks share a transaction",
                [_rate(figures) for figures in ours],
                [_rate(figures) for figures in hundred[UNLOCKED]],
                name=UNLOCKED,
                unit="/s",
                note=(
                    "no target: there a message is in whatever transaction is open, and one "
                    "task's rollback is everybody's"
                ),
            )
        )

    return rows


def _wait_rows(hundred: dict[str, list[Figures]], idle: list[float]) -> list[Row]:
    stalls = [figures["stall_p99"] for figures in hundred[OURS]]
    return [
        _against_shortest("p99", hundred, target=Target("at most", 0.2)),
        _against_shortest("p50", hundred),
        Row(
            what="loop stall at 100 tasks, p99",
            ours=quantity(median(stalls), "ms"),
            against=f"idle loop {quantity(median(idle), 'ms')}",
            figure=median(stalls) * 1e3,
            unit=" ms",
            low=min(stalls) * 1e3,
            high=max(stalls) * 1e3,
            target=Target("at most", 15),
        ),
    ]


def _against_best(
    what: str,
    found: dict[str, list[Figures]],
    *,
    each: str,
    target: Target | None = None,
    cpu_target: Target | None = None,
) -> list[Row]:
    """Compare rates with the library that has the highest, and processor time with the same."""
    rates = {name: [_rate(figures) for figures in series] for name, series in found.items()}
    best = max(_libraries(rates), key=lambda name: median(rates[name]), default=None)
    what = f"{what}, against the best library"
    if best is None:
        return [Row(what=what, target=target, note="no library to compare with is installed")]

    cpu = {name: [_cpu(figures) for figures in found[name]] for name in (OURS, best)}
    return [
        compare(what, rates[OURS], rates[best], name=best, unit="/s", target=target),
        compare(
            f"{what}: processor time of {each}",
            cpu[OURS],
            cpu[best],
            name=best,
            unit="us",
            target=cpu_target,
        ),
    ]


def _against_shortest(
    part: str, found: dict[str, list[Figures]], *, target: Target | None = None
) -> Row:
    """Compare waits with the library that has the shortest."""
    waits = {name: [figures[part] for figures in series] for name, series in found.items()}
    best = min(_libraries(waits), key=lambda name: median(waits[name]), default=None)
    what = f"{part} of one record at 100 tasks, against the lowest of a library"
    if best is None:
        return Row(what=what, target=target, note="no library to compare with is installed")

    return compare(what, waits[OURS], waits[best], name=best, unit="ms", target=target)


def _libraries(found: _Series) -> list[str]:
    return [name for name in LIBRARIES if name in found]


def _note(bench: Bench, one: dict[str, list[Figures]], hundred: dict[str, list[Figures]]) -> None:
    for name, series in one.items():
        bench.note(name, "1 task", quantity(median(map(_rate, series)), "/s"))

    for name, series in hundred.items():
        bench.note(name, "100 tasks", quantity(median(map(_rate, series)), "/s"))
        bench.note(name, "CPU of a message", quantity(median(map(_cpu, series)), "us"))

        if name != LIMIT:  # its batches are nobody's to wait for
            for column, figure in (("p50", "p50"), ("p99", "p99"), ("stall p99", "stall_p99")):
                wait = median(figures[figure] for figures in series)
                bench.note(name, column, quantity(wait, "ms"))

        failed = sum(figures.get("failed", 0) for figures in [*one[name], *series])
        bench.note(name, "failed", f"{failed:,.0f}")


def _present(bench: Bench, names: tuple[str, ...]) -> list[str]:
    if bench.is_quick:
        bench.missing.update(dict.fromkeys(SLOW, "the full run has it"))
    return bench.present(names)


def _in_turn(names: list[str], number: int) -> list[str]:
    """Start each round with another contender; skip slow ones after two rounds."""
    first = number * 3 % len(names)
    return [name for name in names[first:] + names[:first] if name not in SLOW or number < 2]


def _rate(figures: Figures) -> float:
    return figures["messages"] / figures["seconds"]


def _cpu(figures: Figures) -> float:
    return figures["cpu"] / figures["messages"]

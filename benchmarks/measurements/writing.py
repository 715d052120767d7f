"""Messages per second, duration of a call, delay of the event loop; and whole turns."""

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
    limit: list[float] = []
    idle: list[float] = []

    for number in range(bench.rounds):
        bench.say(f"round {number + 1} of {bench.rounds}")
        for name in _in_turn(names, number):
            with bench.process(name).opened(bench.fresh()) as process:
                if name == OURS:
                    idle.append(process.do("idle", seconds=bench.seconds)["stall_p99"])
                one[name].append(process.do("write", tasks=1, seconds=bench.seconds))
                if name == LIMIT:
                    limit.append(_rate(process.do("write_batches", seconds=bench.seconds)))
                else:
                    hundred[name].append(process.do("write", tasks=100, seconds=bench.seconds))

    _note(bench, one, hundred)
    bench.note(LIMIT, "100 tasks", f"{quantity(median(limit), '/s')} in batches")
    return [*_rate_rows(one, hundred, limit), *_wait_rows(hundred, idle)]


def measure_turns(bench: Bench) -> list[Row]:
    """Do whole turns with 1 and with 100 tasks."""
    names = _present(bench, (OURS, *LIBRARIES, UNLOCKED))
    one: _Series = defaultdict(list)
    hundred: _Series = defaultdict(list)

    rounds = 2 if bench.is_quick else 3
    for number in range(rounds):
        bench.say(f"round {number + 1} of {rounds}")
        for name in _in_turn(names, number):
            with bench.process(name).opened(bench.fresh()) as process:
                one[name].append(_rate(process.do("take_turns", tasks=1, seconds=bench.seconds)))
                hundred[name].append(
                    _rate(process.do("take_turns", tasks=100, seconds=bench.seconds))
                )

    for name in names:
        bench.note(name, "turns, 1 task", quantity(median(one[name]), "/s"))
        bench.note(name, "turns, 100 tasks", quantity(median(hundred[name]), "/s"))

    return [
        _against_best("whole turns, 1 task, against the best library", one, unit="/s"),
        _against_best("whole turns, 100 tasks, against the best library", hundred, unit="/s"),
    ]


def _rate_rows(
    one: dict[str, list[Figures]], hundred: dict[str, list[Figures]], limit: list[float]
) -> list[Row]:
    rates = {name: [_rate(figures) for figures in series] for name, series in hundred.items()}
    rows = [
        _against_best(
            "100 tasks, against the best library", rates, unit="/s", target=Target("at least", 12)
        ),
        compare(
            "100 tasks, against raw sqlite3 in transactions of 100",
            rates[OURS],
            limit,
            name=LIMIT,
            unit="/s",
            target=Target("at least", 0.25),
        ),
        _against_best(
            "1 task, against the best library",
            {
                name: [_rate(figures) for figures in series]
                for name, series in one.items()
                if name != LIMIT
            },
            unit="/s",
            target=Target("at least", 1.0),
        ),
    ]

    if UNLOCKED in rates:
        rows.append(
            compare(
                "100 tasks, against aiosqlite whose tasks share a transaction",
                rates[OURS],
                rates[UNLOCKED],
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
        _against_best(
            "p99 of one record at 100 tasks, against the lowest of a library",
            {name: [figures["p99"] for figures in series] for name, series in hundred.items()},
            unit="ms",
            is_less_better=True,
            target=Target("at most", 0.2),
        ),
        _against_best(
            "p50 of one record at 100 tasks, against the lowest of a library",
            {name: [figures["p50"] for figures in series] for name, series in hundred.items()},
            unit="ms",
            is_less_better=True,
        ),
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
    series: _Series,
    *,
    unit: str,
    target: Target | None = None,
    is_less_better: bool = False,
) -> Row:
    medians = {name: median(series[name]) for name in LIBRARIES if name in series}
    if not medians:
        return Row(what=what, target=target, note="no library to compare with is installed")
    best = (min if is_less_better else max)(medians, key=lambda name: medians[name])
    return compare(what, series[OURS], series[best], name=best, unit=unit, target=target)


def _note(bench: Bench, one: dict[str, list[Figures]], hundred: dict[str, list[Figures]]) -> None:
    for name, series in one.items():
        bench.note(name, "1 task", quantity(median(map(_rate, series)), "/s"))

    for name, series in hundred.items():
        bench.note(name, "100 tasks", quantity(median(map(_rate, series)), "/s"))
        for column in ("p50", "p99"):
            bench.note(
                name,
                f"{column}, 100 tasks",
                quantity(median(figures[column] for figures in series), "ms"),
            )

        bench.note(
            name, "stall p99", quantity(median(figures["stall_p99"] for figures in series), "ms")
        )

    for name, series in one.items():
        bench.note(
            name,
            "failed",
            f"{sum(figures['failed'] for figures in [*series, *hundred[name]]):,.0f}",
        )


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

"""What encryption costs: this package with it, compared with itself without.

Both run in turns on the same disk. Processor time of each message or reading is compared, as rates
on shared cores wander more than a cipher costs.
"""

from contenders import ENCRYPTED, OURS
from rows import Row, Target, compare, quantity

from measurements.bench import Bench

_NAMES = (ENCRYPTED, OURS)
_PEOPLE, _MESSAGES_EACH = 201, 25
_COUNT = 20_000


def measure(bench: Bench) -> list[Row]:
    """Record from 1 and from 100 tasks, read hot and cold, and look at the files."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in _NAMES}

    def note(name: str, what: str, figure: float) -> None:
        found[name].setdefault(what, []).append(figure)

    for turn in range(2 * bench.rounds):
        for name in _NAMES[:: 1 if turn % 2 else -1]:
            for what, figure in _of(bench, name).items():
                note(name, what, figure)

    def row(what: str, key: str, unit: str, bound: float) -> Row:
        return compare(
            f"encrypted: {what}",
            found[ENCRYPTED][key],
            found[OURS][key],
            name="without",
            unit=unit,
            target=Target("at most", bound),
        )

    return [
        row("processor time of a message, 100 tasks", "at_once", "us", 1.25),
        row("processor time of a message, 1 task", "alone", "us", 1.25),
        row("processor time of a first message, 500 people", "newcomers", "us", 2),
        row("last 20, hot", "hot", "us", 1.05),
        row("last 20, cold", "cold", "us", 1.2),
        _size(bench),
    ]


def _of(bench: Bench, name: str) -> dict[str, float]:
    process, count = bench.process(name), _PEOPLE * _MESSAGES_EACH
    path = bench.fresh()
    figures = {}
    with process.opened(path) as opened:
        for key, tasks in (("at_once", 100), ("alone", 1)):
            wrote = opened.do("write", tasks=tasks, seconds=bench.seconds)
            figures[key] = wrote["cpu"] / wrote["messages"]
        figures["hot"] = opened.do("read", user=0, times=200)["cpu"]

    path = bench.fresh()
    with process.opened(path, users=501, is_silent=True) as opened:
        wrote = opened.do("first_contact", people=500)
        figures["newcomers"] = wrote["cpu"] / wrote["messages"]

    path = bench.fresh()
    with process.opened(path, users=_PEOPLE, is_silent=True) as opened:
        opened.do("fill", users=_PEOPLE, count=count)
    with process.opened(path, users=_PEOPLE, is_silent=True) as opened:
        figures["cold"] = opened.do("read_cold", users=_PEOPLE)["cpu"]

    return figures


def _size(bench: Bench) -> Row:
    sizes = {}
    for name in _NAMES:
        path = bench.fresh()
        with bench.process(name).opened(path) as process:
            process.do("write", tasks=100, count=_COUNT)
        sizes[name] = sum(file.stat().st_size for file in path.parent.iterdir()) / _COUNT

    return Row(
        what="encrypted: more bytes for each message",
        ours=quantity(sizes[ENCRYPTED], "bytes"),
        against=f"without {quantity(sizes[OURS], 'bytes')}",
        figure=sizes[ENCRYPTED] - sizes[OURS],
        unit=" bytes",
        target=Target("at most", 60),
        note=f"whole files after {_COUNT:,} messages, with the store of keys",
    )

"""Appending to files with 10,000 and with 1,000,000 messages, recorded through the hub.

A hundred people write on who have said a hundred things each. In the small file nobody else has; in
the large one they are spread evenly among 10,000 people who have said as much.
"""

from pathlib import Path

from contenders import OURS
from loads import Figures
from rows import Row, Target, compare

from measurements.bench import Bench

_SMALL = 10_000
_LARGE = 1_000_000
_LARGE_QUICK = 100_000
_WRITERS, _EACH = 100, 100
"""How many people write on, and how much everybody has said."""


def measure(bench: Bench) -> list[Row]:
    """Fill both files, then append to them in turn."""
    small, _ = _filled(bench, _SMALL, seconds=60)
    wanted, patience = (_LARGE_QUICK, 18) if bench.is_quick else (_LARGE, 130)
    large, reached = _filled(bench, wanted, seconds=patience)
    appended: dict[str, list[Figures]] = {"small": [], "large": []}

    for _ in range(bench.rounds):
        appended["small"].append(_append(bench, small, people=_SMALL // _EACH))
        appended["large"].append(_append(bench, large, people=wanted // _EACH))

    note = (
        ""
        if reached == wanted
        else f"{wanted:,} would have taken too long to record; this is at {reached:,}"
    )

    if bench.is_quick:
        note += ("; " if note else "") + "the full run goes to 1,000,000"

    return [
        compare(
            f"{what} at {reached:,} messages against {_SMALL:,}",
            [figures[kind] / figures["messages"] for figures in appended["large"]],
            [figures[kind] / figures["messages"] for figures in appended["small"]],
            name=f"at {_SMALL:,}",
            unit="us",
            target=target if reached == _LARGE else None,
            note=note if kind == "cpu" else "",
        )
        for what, kind, target in (
            ("processor time of a message", "cpu", Target("at most", 1.4)),
            ("time of a message", "seconds", None),
        )
    ]


def _filled(bench: Bench, count: int, *, seconds: float) -> tuple[Path, int]:
    bench.say(f"recording {count:,} messages")
    path, people = bench.fresh(), count // _EACH
    with bench.process(OURS).opened(path, users=people, is_silent=True) as process:
        filled = process.do("fill", users=people, count=count, seconds=seconds)
        return path, int(filled["messages"])


def _append(bench: Bench, path: Path, *, people: int) -> Figures:
    count = 2_000 if bench.is_quick else 5_000
    with bench.process(OURS).opened(path, users=people, is_silent=True) as process:
        return process.do("write", tasks=_WRITERS, count=count, apart=people // _WRITERS)

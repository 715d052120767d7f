"""Appending to files with 10,000 and with 1,000,000 messages, recorded through the hub."""

import os
import shutil
from pathlib import Path

from contenders import OURS
from loads import Figures
from rows import Row, Target, compare

from measurements.bench import Bench

_SMALL = 10_000
_LARGE = 1_000_000
_LARGE_QUICK = 100_000


def measure(bench: Bench) -> list[Row]:
    """Fill both files, then append to the one and to a fresh copy of the other in turn."""
    small, _ = _filled(bench, _SMALL, seconds=60)
    wanted, patience = (_LARGE_QUICK, 18) if bench.is_quick else (_LARGE, 130)
    large, reached = _filled(bench, wanted, seconds=patience)
    appended: dict[str, list[Figures]] = {"small": [], "large": []}

    for _ in range(bench.rounds):
        appended["small"].append(_append(bench, _copy(small, bench.fresh())))
        appended["large"].append(_append(bench, large))

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
    path = bench.fresh()
    with bench.process(OURS).opened(path) as process:
        return path, int(process.do("fill", count=count - 100, seconds=seconds)["messages"]) + 100


def _append(bench: Bench, path: Path) -> Figures:
    with bench.process(OURS).opened(path) as process:
        return process.do("write", tasks=100, count=2_000 if bench.is_quick else 5_000)


def _copy(source: Path, target: Path) -> Path:
    """Copy a closed database and sync it before anything is timed."""
    for file in source.parent.iterdir():
        copy = target.parent / file.name
        shutil.copyfile(file, copy)
        with copy.open("rb+") as written:
            os.fsync(written.fileno())
    return target

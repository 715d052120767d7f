"""Disk usage: fsyncs per message, counted by strace, and bytes per message."""

import shutil
from pathlib import Path

from contenders import LIMIT, OURS
from process import Process
from rows import Row, Target, quantity

from measurements.bench import Bench

_CALLS = ("fsync", "fdatasync")
_OTHER = "aiosqlite"


def measure_fsyncs(bench: Bench) -> list[Row]:
    """Count the fsyncs of a process that writes, minus those of opening and closing."""
    names = bench.present((OURS, _OTHER))
    strace = shutil.which("strace")
    rows = []

    for tasks, count, bound in ((1, 400, 1.1), (100, 8_000, 0.05)):
        what = f"fsyncs per message, {tasks} task{'s' if tasks > 1 else ''}"
        target = Target("at most", bound)

        if strace is None:
            rows.append(
                Row(
                    what=what,
                    target=target,
                    note="strace is not installed, and nothing else counts them",
                )
            )
            continue

        per_message = {
            name: _fsyncs(
                bench, name, strace, tasks=tasks, count=count // (2 if bench.is_quick else 1)
            )
            for name in names
        }
        other = per_message.get(_OTHER)
        rows.append(
            Row(
                what=what,
                ours=f"{per_message[OURS]:.3f}",
                against="" if other is None else f"{_OTHER} {other:.3f}",
                figure=per_message[OURS],
                target=target,
            )
        )

    return rows


def measure_size(bench: Bench) -> list[Row]:
    """Write the same to both contenders, close, and add up the remaining files."""
    count = 12_000 if bench.is_quick else 20_000
    sizes = {}

    for name, verb in ((OURS, {"verb": "write", "tasks": 100}), (LIMIT, {"verb": "write_batches"})):
        path = bench.fresh()
        with bench.process(name).opened(path) as process:
            process.do(**verb, count=count)
        sizes[name] = sum(file.stat().st_size for file in path.parent.iterdir()) / (count + 100)

    return [
        Row(
            what="bytes per message, against the raw table",
            ours=quantity(sizes[OURS], "bytes"),
            against=f"{LIMIT} {quantity(sizes[LIMIT], 'bytes')}",
            figure=sizes[OURS] / sizes[LIMIT],
            target=Target("at most", 1.4),
            note=f"whole files after {count:,} messages, people, sessions and summaries in them",
        )
    ]


def _fsyncs(bench: Bench, name: str, strace: str, *, tasks: int, count: int) -> float:
    bench.say(f"{name}, {tasks} tasks")
    return (
        _counted(bench, name, strace, tasks, count) - _counted(bench, name, strace, tasks, 0)
    ) / count


def _counted(bench: Bench, name: str, strace: str, tasks: int, count: int) -> int:
    path = bench.fresh()
    report = path.with_name("strace")

    under = (
        strace,
        "-f",
        "-c",
        "--seccomp-bpf",
        "-e",
        f"trace={','.join(_CALLS)}",
        "-o",
        str(report),
    )
    with Process(name, under=under) as process, process.opened(path):
        if count:
            process.do("write", tasks=tasks, count=count)

    return _total(report)


def _total(report: Path) -> int:
    """Add up the calls in strace's table: share, seconds, microseconds, calls, errors, name."""
    lines = [line.split() for line in report.read_text().splitlines()]
    return sum(int(line[3]) for line in lines if line and line[-1] in _CALLS)

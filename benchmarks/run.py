"""Compare this package with alternatives, and print the figures with their targets.

    pip install -e ".[bench]"
    python benchmarks/run.py                      under eight minutes
    python benchmarks/run.py --quick              under two
    python benchmarks/run.py --only reading --json figures.json
    python benchmarks/run.py --page               also into docs/performance.md and its picture

All contenders run on the same disk in the same run, in turns, each in its own process. A figure is
the median of its repeats. Absolute figures depend on the machine; compare the ratios. `contenders/`
describes the setup of each contender.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import sqlite3
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from measurements import MEASUREMENTS, Bench
from page import write_page
from plot import PAGE, draw
from process import Failed, Unavailable
from rows import Row
from table import print_contenders, print_rows

_POSTGRES = "postgresql://postgres@127.0.0.1/test"
_PACKAGES = (
    "session-plugin",
    "aiosqlite",
    "openai-agents",
    "google-adk",
    "langchain-community",
    "langgraph-checkpoint-sqlite",
    "SQLAlchemy",
    "asyncpg",
    "psycopg",
)


def main() -> None:
    """Run the selected measurements."""
    options = _options()
    begun = time.perf_counter()

    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        Bench(Path(folder), is_quick=options.quick, postgres=options.postgres) as bench,
    ):
        surroundings = _surroundings(Path(folder))
        print(", ".join(f"{name} {value}" for name, value in surroundings.items()))

        for name in options.only or MEASUREMENTS:
            bench.say(name)
            started = time.perf_counter()
            try:
                rows += MEASUREMENTS[name](bench)
            except (Failed, Unavailable) as error:
                rows.append(Row(what=name, note=str(error)))
            bench.say(f"{name}: {time.perf_counter() - started:.0f} s")

    print_rows(rows)
    _print_details(bench)
    print(f"\n{time.perf_counter() - begun:.0f} seconds in all.")

    if options.page:
        write_page(options.page, rows, bench.details, surroundings)
        draw(options.page)
    if options.json:
        figures = {
            "surroundings": surroundings,
            "rows": [asdict(row) | {"is_reached": row.is_reached} for row in rows],
            "contenders": bench.details,
            "settings": bench.settings,
            "missing": bench.missing,
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare session_plugin with alternatives.")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fewer and shorter repeats; the large file has 100,000 messages",
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        choices=MEASUREMENTS,
        help=", ".join(MEASUREMENTS),
    )

    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument(
        "--page",
        type=Path,
        nargs="?",
        const=PAGE,
        metavar="FILE",
        help="replace the figures of a page, docs/performance.md, and draw its picture",
    )
    parser.add_argument(
        "--folder", type=Path, help="where the databases go: a disk, not a file system in memory"
    )
    parser.add_argument(
        "--postgres", default=os.environ.get("BENCH_POSTGRES", _POSTGRES), metavar="URL"
    )
    return parser.parse_args()


def _surroundings(folder: Path) -> dict[str, str]:
    found = {
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "cores": str(os.cpu_count()),
        "file system": _file_system(folder),
    }

    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "missing"

    return found


def _file_system(folder: Path) -> str:
    """Return the type of a folder's file system. In memory, fsync is free and figures are void."""
    mounts = [
        line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    ]
    around = [mount for mount in mounts if folder.resolve().is_relative_to(mount[1])]
    kind = max(around, key=lambda mount: len(mount[1]))[2]
    return f"{kind} (in memory: set --folder to a disk)" if kind in {"tmpfs", "ramfs"} else kind


def _print_details(bench: Bench) -> None:
    print_contenders(bench.details)
    print()

    for name, settings in bench.settings.items():
        print(f"- {name}: {settings}")

    for name, reason in bench.missing.items():
        print(f"- {name}: not available: {reason}")


if __name__ == "__main__":
    main()

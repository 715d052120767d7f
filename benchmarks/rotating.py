"""Wrap the keys of a store with a new master key.

    python benchmarks/rotating.py
    python benchmarks/rotating.py --keys 1000000 --postgres postgresql://...?schema=empty

For each kind of store: how long rotation takes, how long keys of one person take to be made, read
and destroyed in a store of that size. The schema of a server has to be empty.
"""

import argparse
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from session_plugin import Keys

AT_ONCE = 10_000
REPEATS = 20
OF_PERSON = 4


def measure(store: str, count: int) -> None:
    """Fill a store, measure single calls, and rotate the master key three times."""
    master = secrets.token_hex(32)
    keys = Keys(master, store=store).open("/nowhere/bot.db")
    for start in range(0, count, AT_ONCE):
        keys.store.create([os.urandom(8) for _ in range(min(AT_ONCE, count - start))])

    ids = [[os.urandom(8) for _ in range(OF_PERSON)] for _ in range(REPEATS)]
    for name in ("create", "unwrap", "destroy"):
        print(f"  {name} {OF_PERSON} keys: {timed(getattr(keys.store, name), ids):.2f} ms")
    keys.close()

    times, processor = [], []
    for _ in range(3):
        newer = secrets.token_hex(32)
        begun, used = time.perf_counter(), time.process_time()
        Keys(newer, previous=[master], store=store).open("/nowhere/bot.db").close()
        times.append(time.perf_counter() - begun)
        processor.append(time.process_time() - used)
        master = newer
    print(
        f"  rotate {count:,} keys, opening included: {statistics.median(times):.2f} s, "
        f"{statistics.median(processor):.2f} s of this process"
    )


def timed(call: Callable[[list[bytes]], object], rows: list[list[bytes]]) -> float:
    """Return the median time of a call in milliseconds."""
    times = []
    for row in rows:
        begun = time.perf_counter()
        call(row)
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1000


def main() -> None:
    """Measure the stores that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--postgres", default="")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        print("SQLite")
        measure(str(Path(folder) / "bot.keys"), options.keys)
    if options.postgres:
        print("PostgreSQL")
        measure(options.postgres, options.keys)


if __name__ == "__main__":
    main()

"""Measure what counting costs: pairs of equal loads, with it and without, by processor time.

    python benchmarks/counting.py --pairs 20

A load is messages of many tasks at once, where a message costs least, and then reads. Within a pair
the order changes each time. Processor time is compared, because waiting for a disk hides what it
costs. `--traced` also reports to OpenTelemetry's API without an SDK, as a program does that sets up
no exporter.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from session_plugin import Account, Chat, MessageEvent, SessionHub
from session_plugin.counters import Counter, Histogram
from session_plugin.metrics import opentelemetry

TASKS = 50
MESSAGES = 40
"""Of each task."""
READS = 400


async def load(folder: Path, *, is_traced: bool) -> float:
    """Return the processor time of one load, in seconds."""
    hub = SessionHub(folder / "messages.db", upkeep_minutes=None)
    telemetry = opentelemetry(hub) if is_traced else None
    people = [Account("discord", str(number)) for number in range(TASKS)]

    async def talk(person: Account, first: int, count: int) -> None:
        for number in range(first, first + count):
            await hub.record(
                MessageEvent(
                    chat=Chat("discord", f"direct-{person.channel_user_id}"),
                    message_id=str(number),
                    role="user",
                    text="What was it again that we said about the boat?",
                    sent_at=time.time(),
                    author=person,
                )
            )

    await asyncio.gather(*(talk(person, 0, 1) for person in people))
    began = time.process_time()
    await asyncio.gather(*(talk(person, 1, MESSAGES) for person in people))
    for number in range(READS):
        person = people[number % TASKS]
        chat = Chat("discord", f"direct-{person.channel_user_id}")
        await hub.session_of(chat, person).history()
    took = time.process_time() - began

    if telemetry is not None:
        telemetry.stop()
    await hub.close()

    return took


@contextmanager
def not_counting() -> Iterator[None]:
    """Let counters and histograms do nothing."""
    add, observe = Counter.add, Histogram.observe
    Counter.add = lambda self, *labels, by=1: None  # type: ignore[method-assign]
    Histogram.observe = lambda self, value: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        Counter.add, Histogram.observe = add, observe  # type: ignore[method-assign]


def measured(*, is_counting: bool, is_traced: bool) -> float:
    """Return the processor time of a load in a new database."""
    with tempfile.TemporaryDirectory() as folder:
        if is_counting:
            return asyncio.run(load(Path(folder), is_traced=is_traced))
        with not_counting():
            return asyncio.run(load(Path(folder), is_traced=False))


def main() -> None:
    """Print the median of the pairs' ratios, and the quartiles."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--traced", action="store_true")
    options = parser.parse_args()

    measured(is_counting=True, is_traced=options.traced)  # what is imported and compiled once
    ratios = []
    for number in range(options.pairs):
        order = (True, False) if number % 2 else (False, True)
        took = {
            is_counting: measured(is_counting=is_counting, is_traced=options.traced)
            for is_counting in order
        }
        ratios.append(took[True] / took[False])

    low, middle, high = statistics.quantiles(ratios, n=4)
    print(
        f"counting costs {100 * (middle - 1):+.2f} % of processor time "
        f"(quartiles {100 * (low - 1):+.2f} to {100 * (high - 1):+.2f} %, {len(ratios)} pairs)"
    )


if __name__ == "__main__":
    main()

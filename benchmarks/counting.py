"""Measure what counting costs: pairs of equal loads, with it and without, by processor time.

    python benchmarks/counting.py --pairs 600

A load is messages of many tasks at once, where a message costs least, and then reads. All loads run
on one hub, each some hundredths of a second; within a pair the order changes each time. Processor
time is compared, because waiting for a disk hides what counting costs. `--traced` also reports to
OpenTelemetry's API without an SDK, as a program does that sets up no exporter.
"""

import argparse
import asyncio
import itertools
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
MESSAGES = 4
"""Of each task in a load."""
READS = 20


class Load:
    """Messages and reads of the same people, again and again."""

    def __init__(self, hub: SessionHub) -> None:
        """Use a hub."""
        self._hub = hub
        self._numbers = itertools.count()
        self._people = [Account("discord", str(number)) for number in range(TASKS)]

    async def run(self) -> float:
        """Return the processor time of one load, in seconds."""
        began = time.process_time()
        await asyncio.gather(*(self._talk(person) for person in self._people))
        for person in self._people[:READS]:
            await self._hub.session_of(_chat_of(person), person).history()

        return time.process_time() - began

    async def _talk(self, person: Account) -> None:
        for number in itertools.islice(self._numbers, MESSAGES):
            await self._hub.record(
                MessageEvent(
                    chat=_chat_of(person),
                    message_id=str(number),
                    role="user",
                    text="What was it again that we said about the boat?",
                    sent_at=time.time(),
                    author=person,
                )
            )


def _chat_of(person: Account) -> Chat:
    return Chat("discord", f"direct-{person.channel_user_id}")


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


async def compare(pairs: int, *, is_traced: bool) -> list[float]:
    """Return the ratio of each pair: processor time with counting to processor time without."""
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "messages.db"
        async with SessionHub(path, upkeep_minutes=None, consolidation_threshold=10**6) as hub:
            load = Load(hub)
            await load.run()
            for number in range(pairs):
                took = {}
                for is_counting in (True, False) if number % 2 else (False, True):
                    took[is_counting] = await _measured(load, hub, is_counting, is_traced)
                ratios.append(took[True] / took[False])

    return ratios


async def _measured(load: Load, hub: SessionHub, is_counting: bool, is_traced: bool) -> float:
    if not is_counting:
        with not_counting():
            return await load.run()

    telemetry = opentelemetry(hub) if is_traced else None
    try:
        return await load.run()
    finally:
        if telemetry is not None:
            telemetry.stop()


def main() -> None:
    """Print the median of the pairs' ratios, and how sure it is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=600)
    parser.add_argument("--traced", action="store_true")
    options = parser.parse_args()

    ratios = sorted(asyncio.run(compare(options.pairs, is_traced=options.traced)))
    middle, reach = len(ratios) // 2, round(len(ratios) ** 0.5)  # 95 % by the binomial of ranks
    low, high = ratios[max(0, middle - reach)], ratios[min(len(ratios) - 1, middle + reach)]
    print(
        f"counting costs {_percent(statistics.median(ratios))} of processor time (95 %: "
        f"{_percent(low)} to {_percent(high)}; {len(ratios)} pairs)"
    )


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.2f} %"


if __name__ == "__main__":
    main()

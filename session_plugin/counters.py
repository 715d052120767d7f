"""What a hub counts while it works: numbers in memory, which any thread may change.

Labels name platforms, roles, outcomes and plugins; never a person, a chat or a session. Imports the
standard library only, and knows no exporter.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from session_plugin.logs import FieldLogger

Labels = tuple[str, ...]
"""The values of a counter's labels, in their order."""

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""Upper bounds for what takes between a tenth of a millisecond and seconds."""
OPERATIONS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
"""Upper bounds for operations in one commit."""

logger = FieldLogger("session_plugin.metrics")


class Counter:
    """A number for each combination of labels that only grows."""

    def __init__(self) -> None:
        """Start with no combination."""
        self._guard = threading.Lock()
        self._values: dict[Labels, float] = {}

    def add(self, *labels: str, by: float = 1) -> None:
        """Count something under labels."""
        with self._guard:
            self._values[labels] = self._values.get(labels, 0) + by

    def values(self) -> dict[Labels, float]:
        """Return a copy of the numbers."""
        with self._guard:
            return dict(self._values)


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many values a histogram has seen up to each bound, how many in all, and their sum."""

    bounds: Sequence[float]
    up_to: tuple[int, ...]
    count: int
    total: float


class Histogram:
    """How values are distributed over buckets."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """Start empty; a value belongs to the first of the ascending `bounds` that it is not over.

        `listener` is called with each value, for exporters that keep histograms of their own.
        """
        self.bounds = bounds
        self.listener: Callable[[float], object] | None = None
        self._guard = threading.Lock()
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        bucket = bisect_left(self.bounds, value)
        with self._guard:
            self._counts[bucket] += 1
            self._total += value

        if self.listener is not None:
            try:
                self.listener(value)
            except Exception:  # an exporter must not stop the thread that writes
                self.listener = None
                logger.exception("an exporter failed, and is not given this histogram any more")

    def distribution(self) -> Distribution:
        """Return a copy of the counts."""
        with self._guard:
            counts, total = list(self._counts), self._total

        *up_to, count = accumulate(counts)

        return Distribution(self.bounds, tuple(up_to), count, total)


@dataclass(frozen=True, slots=True)
class DatabaseCounters:
    """What is counted of a database, however often it is opened."""

    commit_seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    commit_operations: Histogram = field(default_factory=lambda: Histogram(OPERATIONS))
    read_seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS))


@dataclass(frozen=True, slots=True)
class HubCounters:
    """What is counted of a hub; each field names its labels."""

    database: DatabaseCounters = field(default_factory=DatabaseCounters)
    messages: Counter = field(default_factory=Counter)
    """By channel, role and what became of them: a `Fate`, or `refused` before the database."""
    consolidations: Counter = field(default_factory=Counter)
    """By outcome: `stored`, `outdated`, `failed`, `undone`."""
    caches: Counter = field(default_factory=Counter)
    """By cache, and `hit` or `miss`."""
    links: Counter = field(default_factory=Counter)
    """By outcome: `requested`, `redeemed`, `confirmed`, `linked`, `cancelled`, `refused`,
    `unlinked`.
    """
    forgettings: Counter = field(default_factory=Counter)
    """Without labels."""

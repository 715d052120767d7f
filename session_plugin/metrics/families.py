"""Every metric of a hub, described once: its name, what it means, and where it is read.

Knows the hub's parts; knows no exporter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from session_plugin.counters import Counter, Histogram, Labels
from session_plugin.hub.assembly import HubParts
from session_plugin.plugins.manager import HookCounts

Values = Mapping[Labels, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A counter or a gauge, with a value for each combination of its labels.

    Args:
        name: Without a prefix, and without the suffix of a counter.
        text: What it means, in one sentence.
        unit: `s` for seconds; empty for what is counted.
        kind: Whether it only grows.
        labels: What its values are told apart by.
        read: Returns the values. It reads memory, never the database.
    """

    name: str
    text: str
    kind: Literal["counter", "gauge"]
    read: Callable[[HubParts], Values]
    labels: tuple[str, ...] = ()
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramFamily:
    """A histogram without labels; its fields are those of `Family`."""

    name: str
    text: str
    read: Callable[[HubParts], Histogram]
    unit: str = ""


def _counted(find: Callable[[HubParts], Counter]) -> Callable[[HubParts], Values]:
    return lambda parts: find(parts).values()


def _single(find: Callable[[HubParts], float]) -> Callable[[HubParts], Values]:
    return lambda parts: {(): find(parts)}


def _hooks(find: Callable[[HookCounts], float]) -> Callable[[HubParts], Values]:
    return lambda parts: {key: find(counts) for key, counts in parts.plugins.counted().items()}


def _is_writable(parts: HubParts) -> float:
    engine = parts.database.engine
    return float(engine is not None and not engine.trouble)


FAMILIES: tuple[Family, ...] = (
    Family(
        name="messages",
        text="Messages that were handed in, by what became of them.",
        kind="counter",
        labels=("channel", "role", "outcome"),
        read=_counted(lambda parts: parts.counters.messages),
    ),
    Family(
        name="waiting",
        text="Messages, edits and deletions that are queued and not on disk yet.",
        kind="gauge",
        read=_single(lambda parts: parts.intake.waiting),
    ),
    Family(
        name="timed_out",
        text="Callers that went on before their message, edit or deletion was on disk.",
        kind="counter",
        read=_single(lambda parts: parts.intake.timed_out),
    ),
    Family(
        name="dropped",
        text="Messages that were discarded because the queue was full.",
        kind="counter",
        read=_single(lambda parts: parts.intake.dropped),
    ),
    Family(
        name="postponed",
        text="Messages that are withheld because a filter rests, and are filtered later.",
        kind="gauge",
        read=_single(lambda parts: parts.postponed.waiting),
    ),
    Family(
        name="database_writable",
        text="1 if the database is open and the latest attempt to write succeeded, else 0.",
        kind="gauge",
        read=_single(_is_writable),
    ),
    Family(
        name="cache_lookups",
        text="Look-ups in what is remembered between operations.",
        kind="counter",
        labels=("cache", "outcome"),
        read=_counted(lambda parts: parts.counters.caches),
    ),
    Family(
        name="consolidations",
        text="Summaries by outcome; an outdated one is made again, a failed one later.",
        kind="counter",
        labels=("outcome",),
        read=_counted(lambda parts: parts.counters.consolidations),
    ),
    Family(
        name="hook_calls",
        text="Calls of plugins.",
        kind="counter",
        labels=("plugin", "hook"),
        read=_hooks(lambda counts: counts.calls),
    ),
    Family(
        name="hook_failures",
        text="Calls of plugins that failed.",
        kind="counter",
        labels=("plugin", "hook"),
        read=_hooks(lambda counts: counts.failures),
    ),
    Family(
        name="hook_duration",
        text="Time in plugins, including what they await.",
        kind="counter",
        unit="s",
        labels=("plugin", "hook"),
        read=_hooks(lambda counts: counts.seconds),
    ),
    Family(
        name="links",
        text="Steps of linking accounts, by outcome.",
        kind="counter",
        labels=("outcome",),
        read=_counted(lambda parts: parts.counters.links),
    ),
    Family(
        name="forgettings",
        text="People who were erased.",
        kind="counter",
        read=_counted(lambda parts: parts.counters.forgettings),
    ),
    Family(
        name="pending_erasures",
        text="Deletions whose bytes may still be in the file, when this process last looked.",
        kind="gauge",
        read=_single(lambda parts: parts.eraser.pending),
    ),
)

HISTOGRAMS: tuple[HistogramFamily, ...] = (
    HistogramFamily(
        name="commit_duration",
        text="Time of a COMMIT.",
        unit="s",
        read=lambda parts: parts.counters.database.commit_seconds,
    ),
    HistogramFamily(
        name="commit_operations",
        text="Operations that shared a COMMIT.",
        read=lambda parts: parts.counters.database.commit_operations,
    ),
    HistogramFamily(
        name="read_duration",
        text="Time of a read of the database, without waiting for a reader.",
        unit="s",
        read=lambda parts: parts.counters.database.read_seconds,
    ),
)

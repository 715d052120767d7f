"""A hub's metrics as prometheus-client collects them. Needs the extra `prometheus`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from session_plugin.hub import SessionHub
from session_plugin.metrics.families import FAMILIES, HISTOGRAMS, Family, HistogramFamily


class HubCollector(Collector):
    """The metrics of the hubs of one process, told apart by the label `bot`."""

    def __init__(self, hubs: Sequence[SessionHub]) -> None:
        """Made by `session_plugin.metrics.prometheus`.

        Raises:
            ValueError: there is no hub, or two have the same `bot`.
        """
        bots = [hub.bot for hub in hubs]
        if not hubs or len(set(bots)) != len(bots):
            raise ValueError(
                f"prometheus() takes hubs that differ in bot=, at least one, not {bots!r}"
            )

        self._hubs = tuple(hubs)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with its present values."""
        for family in FAMILIES:
            yield self._values(family)
        for histogram in HISTOGRAMS:
            yield self._histogram(histogram)

    def describe(self) -> list[Metric]:
        """Return what is collected without its values, so that registering reads nothing."""
        return [
            *(_empty(family) for family in FAMILIES),
            *(_empty_histogram(histogram) for histogram in HISTOGRAMS),
        ]

    def _values(self, family: Family) -> Metric:
        metric = _empty(family)
        for hub in self._hubs:
            for labels, value in family.read(hub._parts).items():
                metric.add_metric((hub.bot, *labels), value)

        return metric

    def _histogram(self, family: HistogramFamily) -> Metric:
        metric = _empty_histogram(family)
        for hub in self._hubs:
            found = family.read(hub._parts).distribution()
            buckets = [
                (str(bound), float(count))
                for bound, count in zip(found.bounds, found.up_to, strict=True)
            ]
            metric.add_metric(
                (hub.bot,), buckets=[*buckets, ("+Inf", float(found.count))], sum_value=found.total
            )

        return metric


def _empty(family: Family) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    return kind(_name(family), family.text, labels=("bot", *family.labels))


def _empty_histogram(family: HistogramFamily) -> HistogramMetricFamily:
    return HistogramMetricFamily(_name(family), family.text, labels=("bot",))


def _name(family: Family | HistogramFamily) -> str:
    unit = "_seconds" if family.unit == "s" else ""
    return f"session_plugin_{family.name}{unit}"

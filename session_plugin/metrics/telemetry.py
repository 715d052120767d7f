"""A hub's metrics and spans through the API of OpenTelemetry. Needs the extra `opentelemetry`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation
from opentelemetry.trace import StatusCode, TracerProvider

from session_plugin.hub import SessionHub
from session_plugin.hub.assembly import HubParts
from session_plugin.metrics.families import FAMILIES, HISTOGRAMS, Family, HistogramFamily
from session_plugin.tracing import Span

NAME = "session_plugin"
BOT = f"{NAME}.bot"


class Telemetry:
    """What reports a hub, until it is stopped."""

    def __init__(
        self,
        hub: SessionHub,
        *,
        meter_provider: MeterProvider | None,
        tracer_provider: TracerProvider | None,
    ) -> None:
        """Made by `session_plugin.metrics.opentelemetry`.

        Raises:
            ValueError: the hub reports already.
        """
        self._bot = hub.bot
        self._parts: HubParts | None = hub._parts
        if hub._parts.tracing.start is not None:
            raise ValueError(
                f"this hub (bot={hub.bot!r}) reports to OpenTelemetry already; call stop() on what "
                "opentelemetry() returned first"
            )

        self._tracer = trace.get_tracer(NAME, tracer_provider=tracer_provider)
        hub._parts.tracing.start = self._span

        meter = metrics.get_meter(NAME, meter_provider=meter_provider)
        for family in FAMILIES:
            self._observe(meter, family)
        for histogram in HISTOGRAMS:
            self._forward(meter, histogram)

    def stop(self) -> None:
        """Report nothing any more. Calling this twice is harmless."""
        parts, self._parts = self._parts, None
        if parts is None:
            return

        parts.tracing.start = None
        for histogram in HISTOGRAMS:
            histogram.read(parts).listener = None

    def _observe(self, meter: Meter, family: Family) -> None:
        create = (
            meter.create_observable_counter
            if family.kind == "counter"
            else meter.create_observable_gauge
        )
        create(
            f"{NAME}.{family.name}",
            callbacks=[self._reading(family)],
            unit=family.unit or "1",
            description=family.text,
        )

    def _reading(self, family: Family) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def read(options: CallbackOptions) -> Iterable[Observation]:
            parts = self._parts
            values = {} if parts is None else family.read(parts)
            return [
                Observation(
                    value, {BOT: self._bot, **dict(zip(family.labels, labels, strict=True))}
                )
                for labels, value in values.items()
            ]

        return read

    def _forward(self, meter: Meter, family: HistogramFamily) -> None:
        assert self._parts is not None, "not stopped yet"
        histogram = family.read(self._parts)
        instrument = meter.create_histogram(
            f"{NAME}.{family.name}",
            unit=family.unit or "1",
            description=family.text,
            explicit_bucket_boundaries_advisory=list(histogram.bounds),
        )
        attributes = {BOT: self._bot}
        histogram.listener = lambda value: instrument.record(value, attributes)

    @contextmanager
    def _span(self, name: str) -> Iterator[Span]:
        """Begin a span that is the parent of what happens within.

        Of an error only the type is noted: what an error says may not be everybody's to read.
        """
        span = self._tracer.start_span(f"{NAME}.{name}", attributes={BOT: self._bot})
        own = _Span(span)
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield own
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            span.end(own.ended_at)


class _Span:
    """A span as the hub knows it."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self.ended_at: int | None = None

    @property
    def is_recording(self) -> bool:
        return self._span.is_recording()

    def note(self, attribute: str, value: str | int, /) -> None:
        self._span.set_attribute(attribute, value)

    def stop(self) -> None:
        self.ended_at = time.time_ns()

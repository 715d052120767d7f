"""What a hub counts, for Prometheus and OpenTelemetry; and its spans.

    REGISTRY.register(prometheus(hub))      # of prometheus-client
    telemetry = opentelemetry(hub)          # to whatever your program has set up

All is counted in memory: to be asked costs no query. Labels name the bot, platforms, roles,
outcomes, plugins and hooks, never a person, a chat or a session. Knows the hub; the exporters'
packages are extras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_plugin.hub import SessionHub

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from session_plugin.metrics.scraping import HubCollector
    from session_plugin.metrics.telemetry import Telemetry

__all__ = ["opentelemetry", "prometheus"]


def prometheus(*hubs: SessionHub) -> HubCollector:
    """Return a collector for prometheus-client's registries.

    Args:
        *hubs: All hubs of the process, in one collector; the label `bot` tells them apart.

    Raises:
        ImportError: prometheus-client is not installed.
        ValueError: there is no hub, or two have the same `bot`.

    Example:
        from prometheus_client import REGISTRY, start_http_server

        REGISTRY.register(prometheus(hub))
        start_http_server(9100, addr="127.0.0.1")
    """
    try:
        from session_plugin.metrics.scraping import HubCollector  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise _missing("prometheus", error) from error

    return HubCollector(hubs)


def opentelemetry(
    hub: SessionHub,
    *,
    meter_provider: MeterProvider | None = None,
    tracer_provider: TracerProvider | None = None,
) -> Telemetry:
    """Report a hub's counts and spans through the API of OpenTelemetry.

    Spans are `session_plugin.record`, `session_plugin.read` and `session_plugin.consolidate`, with
    the session's id as `gen_ai.conversation.id`. The API alone reports to nobody: your program sets
    up the SDK and an exporter.

    Args:
        hub: The hub.
        meter_provider: Who takes the counts; None for the program's own.
        tracer_provider: Who takes the spans; None for the program's own.

    Returns: What ends it: `Telemetry.stop()`.

    Raises:
        ImportError: opentelemetry-api is not installed.
        ValueError: the hub reports already.
    """
    try:
        from session_plugin.metrics.telemetry import Telemetry  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise _missing("opentelemetry", error) from error

    return Telemetry(hub, meter_provider=meter_provider, tracer_provider=tracer_provider)


def _missing(extra: str, error: ModuleNotFoundError) -> ImportError:
    return ImportError(
        f"session_plugin.metrics.{extra} needs {error.name}: pip install 'session-plugin[{extra}]'"
    )

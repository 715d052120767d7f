"""A health check, and Prometheus, on one port.

`GET /health` is answered on the bot's own event loop, so a bot that hangs does not answer: 200 if
every bot is connected and the database takes messages, else 503 with the reason. `GET /metrics` is
for Prometheus. Neither costs a query.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from session_plugin import SessionHub
from session_plugin.metrics import prometheus

Checks = Mapping[str, Callable[[], object]]
"""What has to be true, by name: `{"discord": bot.is_ready, "telegram": lambda: app.running}`."""


@asynccontextmanager
async def serving(
    hub: SessionHub, checks: Checks, *, host: str = "127.0.0.1", port: int = 9100
) -> AsyncIterator[str]:
    """Serve during the block; yield the address."""
    registry = CollectorRegistry()
    registry.register(prometheus(hub))

    async def health(_: web.Request) -> web.Response:
        failed = [name for name, holds in checks.items() if not holds()]
        labels = {"bot": hub.bot}
        if not registry.get_sample_value("session_plugin_database_writable", labels):
            failed.append("database")
        if failed:
            return web.Response(status=503, text=f"not well: {', '.join(failed)}\n")
        return web.Response(text="well\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry))

    application = web.Application()
    application.router.add_get("/health", health)
    application.router.add_get("/metrics", metrics)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()

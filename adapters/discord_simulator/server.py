"""The HTTP server on 127.0.0.1: REST routes, gateway and files on one port.

Knows aiohttp and the addresses. Must not know the protocol.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from .endpoint import Endpoint, Route
from .entities import SimulatedAttachment
from .gateway import Gateway
from .payloads import Payloads
from .place_routes import PlaceRoutes

API = r"/api/v{version:\d+}"
GATEWAY_PATH = "/gateway/"
MAX_UPLOAD = 64 * 1024 * 1024
SHUTDOWN_SECONDS = 0.5

Entry = tuple[str, str, Route]
"""Method, path and handler of a route."""


class Server:
    """Serves one simulated Discord."""

    def __init__(
        self,
        payloads: Payloads,
        endpoint: Endpoint,
        gateway: Gateway,
        places: PlaceRoutes,
        *,
        routes: Sequence[Entry],
        open_routes: Sequence[Entry],
    ) -> None:
        """Serve these routes; open routes need no token."""
        self._payloads = payloads
        self._endpoint = endpoint
        self._gateway = gateway
        self._places = places
        self._routes = routes
        self._open_routes = open_routes
        self._runner: web.AppRunner | None = None
        self._port = 0
        self.downloads: list[SimulatedAttachment] = []
        """The files that were downloaded."""

    @property
    def address(self) -> str:
        """Host and port; RuntimeError before `start`."""
        if self._runner is None:
            raise RuntimeError(
                "the simulator has no address yet: enter `async with simulator:` or await start()"
            )

        return f"127.0.0.1:{self._port}"

    @property
    def gateway_url(self) -> str:
        """The address of the gateway."""
        return f"ws://{self.address}{GATEWAY_PATH}"

    async def start(self) -> None:
        """Listen on a free port."""
        if self._runner is not None:
            raise RuntimeError("the simulator is running already")

        runner = web.AppRunner(
            self._application(), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._runner, self._port = runner, runner.addresses[0][1]
        self._payloads.origin = f"http://{self.address}"
        self._gateway.url = self.gateway_url

    async def stop(self) -> None:
        """Close every connection and the port. Does nothing if it is not running."""
        runner, self._runner = self._runner, None
        if runner is not None:
            # Close the port first: disconnected clients reconnect at once.
            for site in list(runner.sites):
                await site.stop()
            await self._gateway.close()
            await runner.cleanup()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_UPLOAD)
        for method, path, route in self._routes:
            app.router.add_route(method, API + path, self._endpoint.handler(route))

        for method, path, route in self._open_routes:
            app.router.add_route(
                method, API + path, self._endpoint.handler(route, needs_token=False)
            )

        app.router.add_get(
            API + "/gateway", self._endpoint.handler(self._places.gateway, needs_token=False)
        )
        app.router.add_get(GATEWAY_PATH, self._gateway.handle)
        app.router.add_get(r"/attachments/{channel:\d+}/{attachment:\d+}/{name}", self._file)
        app.router.add_route("*", "/{path:.*}", self._endpoint.handler(self._places.unknown))

        return app

    async def _file(self, request: web.Request) -> web.Response:
        found = self._payloads.world.files.get(int(request.match_info["attachment"]))
        is_fresh = request.query.get("ex") == f"{self._payloads.links:x}"
        if found is None or not is_fresh:
            raise web.HTTPNotFound(text="This content is no longer available.")

        self.downloads.append(found)
        return web.Response(body=found.content, content_type="application/octet-stream")

"""The Bot API over HTTP on 127.0.0.1. Must not know chats or people."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

try:
    from aiohttp import web
except ImportError as error:
    raise ImportError("the simulator needs aiohttp: pip install 'session-plugin[demo]'") from error

from .calls import Call, Refusal, Upload, bad_request
from .files import FileStore
from .updates import UpdateQueue

_LARGEST_BODY = 64 * 1024 * 1024
_PATIENCE_AT_THE_END = 1.0


@dataclass(frozen=True)
class PlannedFailure:
    """A failure of a later call. Without a refusal, the connection is closed.

    With `after_effect` the call takes effect and only its response is lost.
    """

    refusal: Refusal | None
    after_effect: bool


class _Cut(Exception):
    """Close the connection instead of responding."""


class Server:
    """Serves `/bot<token>/<method>` and `/file/bot<token>/<path>`.

    Method names are case-insensitive, as documented.
    """

    def __init__(
        self,
        token: str,
        methods: Mapping[str, Callable[[Call], Any]],
        updates: UpdateQueue,
        files: FileStore,
    ) -> None:
        """Serve these methods; nothing listens before `start`."""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.port = 0
        self._token = token
        self._methods = {name.lower(): method for name, method in methods.items()}
        self._updates = updates
        self._files = files
        self._failures: defaultdict[str, deque[PlannedFailure]] = defaultdict(deque)
        self._held: defaultdict[str, deque[asyncio.Event]] = defaultdict(deque)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port, or on the previous port after `stop`."""
        if self._runner is not None:
            raise RuntimeError("the simulator runs already")

        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/bot{token:[^/]*}/{method:.*}", self._handle)
        app.router.add_get("/file/bot{token:[^/]*}/{path:.*}", self._download)
        # A client that leaves during a long poll must not count as connected.
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=_PATIENCE_AT_THE_END
        )
        await runner.setup()

        try:
            await web.TCPSite(runner, "127.0.0.1", self.port).start()
        except OSError:
            await runner.cleanup()
            raise

        self._runner = runner
        self.port = runner.addresses[0][1]
        self._updates.open()

    async def stop(self) -> None:
        """End the long poll and close all connections. Does nothing if it is not running."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self._updates.close()
            await runner.cleanup()

    @property
    def is_running(self) -> bool:
        """Whether clients can connect."""
        return self._runner is not None

    def fail_next(self, method: str, failure: PlannedFailure) -> None:
        """Make the next call of a method fail; further failures hit the calls after it."""
        self._failures[method.lower()].append(failure)

    def hold_next(self, method: str) -> asyncio.Event:
        """Delay the response to the next call of a method until the returned event is set."""
        release = asyncio.Event()
        self._held[method.lower()].append(release)
        return release

    async def _handle(self, request: web.Request) -> web.Response:
        try:
            self._check_token(request)
            call = await _read_call(request)
            self.calls.append((call.method, _seen(call)))
            return _answer(200, {"ok": True, "result": await self._perform(call)})
        except _Cut:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()  # not delivered
        except Refusal as refusal:
            payload = {
                "ok": False,
                "error_code": refusal.error_code,
                "description": refusal.description,
            }
            parameters = {"parameters": refusal.parameters} if refusal.parameters else {}
            return _answer(refusal.error_code, {**payload, **parameters})

    def _check_token(self, request: web.Request) -> None:
        if request.match_info["token"] != self._token:
            raise Refusal(401, "Unauthorized")

    async def _perform(self, call: Call) -> Any:
        planned = self._failures[call.method.lower()]
        failure = planned.popleft() if planned else None
        if failure is not None and not failure.after_effect:
            raise failure.refusal or _Cut

        result = await self._result(call)
        if held := self._held[call.method.lower()]:
            await held.popleft().wait()

        if failure is not None:
            raise failure.refusal or _Cut

        return result

    async def _result(self, call: Call) -> Any:
        name = call.method.lower()
        if name == "getupdates":
            return await self._get_updates(call)
        if name not in self._methods:
            raise Refusal(404, f"Not Found: method {call.method} is not simulated")

        return self._methods[name](call)

    async def _get_updates(self, call: Call) -> list[dict[str, Any]]:
        kinds = call.sequence("allowed_updates")
        if kinds is not None:
            self._updates.choose([str(kind) for kind in kinds])

        return await self._updates.poll(
            offset=call.integer("offset") or 0,
            limit=call.integer("limit") or 0,
            seconds=call.integer("timeout") or 0,
        )

    async def _download(self, request: web.Request) -> web.Response:
        file = self._files.by_path(request.match_info["path"])
        if request.match_info["token"] != self._token or file is None:
            return _answer(404, {"ok": False, "error_code": 404, "description": "Not Found"})
        return web.Response(body=file.content, content_type="application/octet-stream")


async def _read_call(request: web.Request) -> Call:
    method = request.match_info["method"]
    parameters: dict[str, Any] = dict(request.query)

    uploads: dict[str, Upload] = {}
    try:
        if request.content_type == "application/json":
            body = json.loads(await request.read() or b"{}")
            if not isinstance(body, dict):
                raise bad_request("the body is no JSON object")
            parameters |= body
        else:
            for name, value in (await request.post()).items():
                if isinstance(value, web.FileField):
                    with value.file:
                        uploads[name] = Upload(value.filename, value.file.read())
                else:
                    parameters[name] = value if isinstance(value, str) else bytes(value).decode()
    except (ValueError, LookupError, RecursionError) as error:
        raise bad_request("can't parse the body of the request") from error

    return Call(method, parameters, uploads)


def _seen(call: Call) -> dict[str, Any]:
    return {**call.parameters, **{name: upload.name for name, upload in call.uploads.items()}}


def _answer(status: int, payload: Mapping[str, Any]) -> web.Response:
    # json.dumps escapes to ASCII, so lone surrogates survive.
    return web.Response(status=status, text=json.dumps(payload), content_type="application/json")

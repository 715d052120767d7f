"""The REST endpoint: what happens to every request before and after its route.

Logs the call, checks the token, reads the body, fails on demand, and returns errors as Discord's
JSON. Must not know what a route does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from aiohttp import BodyPartReader, web

from .entities import Json

Field = TypeVar("Field")

ResponseBody = Json | list[Json] | None
"""The result of a route: an object, a list, or None for 204 No Content."""


class Call(NamedTuple):
    """A request that the simulator received, whether accepted or refused."""

    method: str
    path: str
    """Without the API's prefix: `/channels/1/messages`."""
    body: Any
    """The JSON body, or the `payload_json` of a multipart request; None if there is none."""


class ApiError(Exception):
    """An error response: HTTP status, Discord's error code, message, and errors by field."""

    def __init__(self, status: int, code: int, message: str, **errors: tuple[str, str]) -> None:
        """Build the response; `errors` maps a field of the request to a code and a sentence."""
        super().__init__(message)
        self.status = status

        self.payload: Json = {"message": message, "code": code}

        if errors:
            self.payload["errors"] = {
                name: {"_errors": [{"code": kind, "message": text}]}
                for name, (kind, text) in errors.items()
            }


def invalid_form(**errors: tuple[str, str]) -> ApiError:
    """Return the error for wrong fields, each with a code and a sentence."""
    return ApiError(400, 50035, "Invalid Form Body", **errors)


@dataclass
class Failure:
    """A planned failure of the next matching request."""

    method: str
    path_contains: str
    status: int | None
    """None drops the connection instead of responding."""
    after_effect: bool
    retry_after: float = 0.05
    is_global: bool = False


@dataclass
class ApiRequest:
    """A received request: its body, its files, and what follows its response."""

    http: web.Request
    body: Any = None
    files: list[tuple[str, bytes]] = field(default_factory=list)
    after_response: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def fields(self) -> Json:
        """Return the body; refuse one that is not an object."""
        if not isinstance(self.body, dict):
            raise ApiError(400, 50109, "The request body contains invalid JSON.")
        return self.body

    def field(self, name: str, kind: type[Field]) -> Field | None:
        """Return a field of the body, None if it is null or missing; refuse another type."""
        value = self.fields().get(name)
        if value is None or isinstance(value, kind):
            return value

        wrong = ("BASE_TYPE_INVALID", f"Must be of the type {kind.__name__}.")
        raise invalid_form(**{name: wrong})

    def objects(self, name: str) -> list[Json]:
        """Return a field that is a list of objects, empty if it is null or missing."""
        found = self.field(name, list) or []
        if all(isinstance(item, dict) for item in found):
            return found

        wrong = ("DICT_TYPE_CONVERT", "Only objects may be here.")
        raise invalid_form(**{name: wrong})

    def number(self, name: str) -> int:
        """Return an id from the path."""
        return int(self.http.match_info[name])


Route = Callable[[ApiRequest], Awaitable[ResponseBody]]


class Endpoint:
    """Turns routes into handlers for aiohttp."""

    def __init__(self, *, token: str) -> None:
        """Accept requests with this bot token."""
        self.token = token
        self.calls: list[Call] = []
        self.failures: list[Failure] = []

    def handler(
        self, route: Route, *, needs_token: bool = True
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return an aiohttp handler for a route."""

        async def handle(http: web.Request) -> web.StreamResponse:
            request = ApiRequest(http)
            path = http.path.partition("/api/")[2].partition("/")[2]

            try:
                await _read(request)
                response = await self._respond(request, f"/{path}", route, needs_token=needs_token)
            except ApiError as error:
                response = _json(error.payload, error.status)

            if response is None:
                if http.transport is not None:
                    http.transport.abort()
                response = web.Response(status=500)
            elif request.after_response:
                await response.prepare(http)
                await response.write_eof()

            for step in request.after_response:
                await step()

            return response

        return handle

    async def _respond(
        self, request: ApiRequest, path: str, route: Route, *, needs_token: bool
    ) -> web.Response | None:
        """Return the response, or None to drop the connection."""
        method = request.http.method
        self.calls.append(Call(method, path, request.body))

        if needs_token and request.http.headers.get("Authorization") != f"Bot {self.token}":
            raise ApiError(401, 0, "401: Unauthorized")

        failure = self._take_failure(method, path)
        if failure is None or failure.after_effect:
            body = await route(request)
            if failure is None:
                return web.Response(status=204) if body is None else _json(body)

        return None if failure.status is None else _failed(failure, failure.status)

    def _take_failure(self, method: str, path: str) -> Failure | None:
        for failure in self.failures:
            if failure.method == method and failure.path_contains in path:
                self.failures.remove(failure)
                return failure
        return None


async def _read(request: ApiRequest) -> None:
    """Read the JSON body, or `payload_json` and files of a form (see "Uploading Files")."""
    try:
        if not request.http.content_type.startswith("multipart/"):
            raw = await request.http.read()
            request.body = json.loads(raw) if raw else None
            return

        async for part in await request.http.multipart():
            if not isinstance(part, BodyPartReader):
                continue
            content = bytes(await part.read(decode=True))
            if part.name == "payload_json":
                request.body = json.loads(content)
            elif part.filename is not None:
                request.files.append((part.filename, content))
    except ValueError as error:
        raise ApiError(400, 50109, "The request body contains invalid JSON.") from error


def _json(payload: Json | list[Json], status: int = 200) -> web.Response:
    # The content type must stand alone: discord.py reads a body with a charset as plain text.
    # json.dumps escapes to ASCII, so lone surrogates survive.
    return web.Response(
        body=json.dumps(payload).encode(), status=status, content_type="application/json"
    )


def _failed(failure: Failure, status: int) -> web.Response:
    if status != 429:
        return _json({"message": f"{status}: failed on demand", "code": 0}, status)

    payload: Json = {
        "message": "You are being rate limited.",
        "retry_after": failure.retry_after,
        "global": failure.is_global,
    }
    response = _json(payload, status)

    # Clients take a 429 without Via for a ban by the network that protects Discord.
    response.headers.update(
        {
            "Via": "1.1 simulator",
            "Retry-After": str(math.ceil(failure.retry_after)),
            "X-RateLimit-Scope": "global" if failure.is_global else "user",
        }
    )

    if failure.is_global:
        response.headers["X-RateLimit-Global"] = "true"

    return response

"""The door of the REST API: what every request goes through before and after its route.

Notes the call, checks the token, reads the body, fails on demand, turns errors into Discord's JSON.
Must not know what any route does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from aiohttp import BodyPartReader, web

from .payloads import Json

Field = TypeVar("Field")

Answer = Json | list[Json] | None
"""What a route gives back: an object, a list, or None for 204 No Content."""


class Call(NamedTuple):
    """One request as the simulator saw it, refused ones included."""

    method: str
    path: str
    """Without the API's prefix: `/channels/1/messages`."""
    body: Any
    """The JSON body, of a multipart request its `payload_json`; None without one."""


class ApiError(Exception):
    """An answer that is no success: HTTP status, Discord's own code, a message, and what is wrong
    with which field.
    """

    def __init__(self, status: int, code: int, message: str, **errors: tuple[str, str]) -> None:
        """Take what to answer; `errors` maps a field of the request to a code and a sentence."""
        super().__init__(message)
        self.status = status
        self.payload: Json = {"message": message, "code": code}
        if errors:
            self.payload["errors"] = {
                name: {"_errors": [{"code": kind, "message": text}]}
                for name, (kind, text) in errors.items()
            }


@dataclass
class Failure:
    """One failure that waits for a request to hit. `status` None drops the connection instead of an
    answer.
    """

    method: str
    path_contains: str
    status: int | None
    after_effect: bool
    retry_after: float = 0.05
    is_global: bool = False


@dataclass
class Visit:
    """A request that came in: its body, its files, and what is to happen once it has been
    answered.
    """

    request: web.Request
    body: Any = None
    files: list[tuple[str, bytes]] = field(default_factory=list)
    after_answer: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def fields(self) -> Json:
        """Return the body if it is an object, else refuse as Discord does."""
        if not isinstance(self.body, dict):
            raise ApiError(400, 50109, "The request body contains invalid JSON.")
        return self.body

    def field(self, name: str, kind: type[Field]) -> Field | None:
        """Return a field of the body, None if it is null or missing; refuse one of another type."""
        value = self.fields().get(name)
        if value is None or isinstance(value, kind):
            return value
        wrong = ("BASE_TYPE_INVALID", f"Must be of the type {kind.__name__}.")
        raise ApiError(400, 50035, "Invalid Form Body", **{name: wrong})

    def objects(self, name: str) -> list[Json]:
        """Return a field that is a list of objects, empty if it is null or missing."""
        found = self.field(name, list) or []
        if all(isinstance(one, dict) for one in found):
            return found
        raise ApiError(
            400,
            50035,
            "Invalid Form Body",
            **{name: ("DICT_TYPE_CONVERT", "Only objects may be here.")},
        )

    def number(self, name: str) -> int:
        """Return an id from the path."""
        return int(self.request.match_info[name])


Route = Callable[[Visit], Awaitable[Answer]]


class Door:
    """Let requests in, note them, and answer."""

    def __init__(self, *, token: str) -> None:
        """Take the bot token to accept."""
        self.token = token
        self.calls: list[Call] = []
        self.failures: list[Failure] = []

    def guard(
        self, route: Route, *, needs_token: bool = True
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Make an aiohttp handler of a route."""

        async def handle(request: web.Request) -> web.StreamResponse:
            visit = Visit(request)
            path = request.path.partition("/api/")[2].partition("/")[2]
            try:
                await _read(visit)
                response = await self._answer(visit, f"/{path}", route, needs_token=needs_token)
            except ApiError as error:
                response = _json(error.payload, error.status)
            if response is None:
                if request.transport is not None:
                    request.transport.abort()
                response = web.Response(status=500)
            elif visit.after_answer:
                await response.prepare(request)
                await response.write_eof()
            for step in visit.after_answer:
                await step()
            return response

        return handle

    async def _answer(
        self, visit: Visit, path: str, route: Route, *, needs_token: bool
    ) -> web.Response | None:
        method = visit.request.method
        self.calls.append(Call(method, path, visit.body))
        if needs_token and visit.request.headers.get("Authorization") != f"Bot {self.token}":
            raise ApiError(401, 0, "401: Unauthorized")
        failure = self._take_failure(method, path)
        if failure is None or failure.after_effect:
            answer = await route(visit)
            if failure is None:
                return web.Response(status=204) if answer is None else _json(answer)
        return None if failure.status is None else _failed(failure, failure.status)

    def _take_failure(self, method: str, path: str) -> Failure | None:
        for failure in self.failures:
            if failure.method == method and failure.path_contains in path:
                self.failures.remove(failure)
                return failure
        return None


async def _read(visit: Visit) -> None:
    """Read the JSON body, or `payload_json` and the files of a form (documented under "Uploading
    Files").
    """
    try:
        if not visit.request.content_type.startswith("multipart/"):
            raw = await visit.request.read()
            visit.body = json.loads(raw) if raw else None
            return
        async for part in await visit.request.multipart():
            if not isinstance(part, BodyPartReader):
                continue
            content = bytes(await part.read(decode=True))
            if part.name == "payload_json":
                visit.body = json.loads(content)
            elif part.filename is not None:
                visit.files.append((part.filename, content))
    except ValueError as error:
        raise ApiError(400, 50109, "The request body contains invalid JSON.") from error


def _json(payload: Json | list[Json], status: int = 200) -> web.Response:
    # The content type must stand alone: discord.py takes a body with a charset for plain text.
    # ASCII, for surrogates.
    return web.Response(
        body=json.dumps(payload).encode(), status=status, content_type="application/json"
    )


def _failed(failure: Failure, status: int) -> web.Response:
    if status != 429:
        return _json({"message": f"{status}: failed on demand", "code": 0}, status)
    told: Json = {
        "message": "You are being rate limited.",
        "retry_after": failure.retry_after,
        "global": failure.is_global,
    }
    response = _json(told, status)
    # Clients take a 429 without Via for a ban by the network in front of Discord.
    scope = "global" if failure.is_global else "user"
    seconds = str(math.ceil(failure.retry_after))
    response.headers.update(
        {"Via": "1.1 simulator", "Retry-After": seconds, "X-RateLimit-Scope": scope}
    )
    if failure.is_global:
        response.headers["X-RateLimit-Global"] = "true"
    return response

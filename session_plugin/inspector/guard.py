"""Who may see the pages: one browser on this machine, the first that opens the printed link.

Every answer passes here. Knows no database and no page.
"""

from __future__ import annotations

import secrets
from hmac import compare_digest

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""No script runs, from nowhere; nothing is embedded, loaded, kept or told to another site."""


class Guard:
    """Admits a browser that has the cookie for which it exchanged the one-time token."""

    def __init__(self, app: ASGIApp, *, port: int, token: str) -> None:
        """Guard `app`, which is served on `port` of this machine."""
        self._app = app
        self._token: str | None = token
        self._cookie = secrets.token_urlsafe(32)
        self._cookie_name = f"session_plugin_inspector_{port}"  # cookies are shared by ports
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = self._answer(Request(scope))
        await (answer or self._app)(scope, receive, send_with_headers)

    def _answer(self, request: Request) -> Response | None:
        """Return what is answered instead of a page; None where the page may be seen."""
        if not self._hosts.issuperset(request.headers.getlist("host") or [""]):
            # The name of another site, which was pointed at this machine to read what is served.
            return PlainTextResponse("This host is not served here.\n", 421)

        if request.method not in ("GET", "HEAD"):
            return PlainTextResponse("Nothing can be changed here.\n", 405, {"Allow": "GET, HEAD"})

        is_known = _is_same(request.cookies.get(self._cookie_name), self._cookie)
        token = request.query_params.get("token") if request.url.path == "/" else None
        if token is not None and (is_known or self._takes(token)):
            return self._let_in()

        if is_known:
            return None
        if token is not None:
            return PlainTextResponse(
                "This link was used before, or is not the one that was printed. End the inspector "
                "and start it again for another one.\n",
                403,
            )

        return PlainTextResponse("Open the link that the inspector printed.\n", 403)

    def _takes(self, token: str) -> bool:
        """Check the one-time token; it is worth nothing afterwards."""
        if not _is_same(token, self._token):
            return False

        self._token = None
        return True

    def _let_in(self) -> Response:
        response = RedirectResponse("/", 303)
        response.set_cookie(self._cookie_name, self._cookie, httponly=True, samesite="strict")
        return response


def _is_same(given: str | None, expected: str | None) -> bool:
    if given is None or expected is None:
        return False
    return compare_digest(given.encode("utf-8", "replace"), expected.encode())

"""The inspector as an ASGI application: which page is where.

Knows requests and answers; what a page says comes from pages.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from session_plugin.database.database import Database
from session_plugin.errors import SessionError
from session_plugin.inspector.guard import Guard
from session_plugin.inspector.pages import Absent, Pages, Refused
from session_plugin.inspector.showing import environment
from session_plugin.logs import FieldLogger

logger = FieldLogger("session_plugin.inspector")

PageMaker = Callable[[Request], Awaitable[dict[str, Any]]]


def application(database: Database, *, port: int, token: str, show_text: bool) -> ASGIApp:
    """Return the guarded application.

    Args:
        database: Opened for reading only.
        port: Where on this machine it is served.
        token: What the first browser has to know.
        show_text: Whether texts are shown, or only their lengths.
    """
    pages = Pages(database, show_text=show_text)
    templates = environment(show_text=show_text)
    style = (files("session_plugin.inspector") / "static" / "style.css").read_bytes()

    def render(name: str, status: int = 200, **values: Any) -> Response:
        html = templates.get_template(name).render(**values)
        return HTMLResponse(html.encode("utf-8", "replace"), status)

    def page(path: str, name: str, make: PageMaker) -> Route:
        async def answer(request: Request) -> Response:
            try:
                return render(name, here=path, **await make(request))
            except Absent as error:
                return render("message.html", 404, here="", title="Not found", said=str(error))
            except (Refused, ValueError) as error:
                return render("message.html", 400, here="", title="Not possible", said=str(error))
            except SessionError as error:
                logger.warning("a page could not be read: %(error)s", error=error)
                return render("message.html", 503, here="", title="No answer", said=str(error))

        return Route(path, answer)

    async def stylesheet(_: Request) -> Response:
        return Response(style, media_type="text/css")

    async def nothing(_: Request, __: Exception) -> Response:
        return render(
            "message.html", 404, here="", title="Not found", said="There is no such page."
        )

    app = Starlette(
        routes=[
            page("/", "people.html", pages.people),
            page("/person", "person.html", pages.person),
            page("/groups", "groups.html", pages.groups),
            page("/group", "group.html", pages.group),
            page("/session", "session.html", pages.session),
            page("/message", "whole.html", pages.message),
            page("/model", "model.html", pages.model),
            page("/search", "search.html", pages.search),
            page("/links", "links.html", pages.links),
            page("/health", "health.html", pages.health),
            Route("/style.css", stylesheet),
        ],
        exception_handlers={404: nothing},
    )

    return Guard(app, port=port, token=token)

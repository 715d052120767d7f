"""A bot's database with hostile people in it, and an inspector that serves it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from session_plugin import Account, SessionHub
from session_plugin.inspector.serving import Served, serving
from session_plugin.testing import Talk

SCRIPT = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
BIDI = "invoice\u202efdp.exe\u2066 \x00 \ud800"
LONG = "never ending " * 7_700  # 100,100 characters


@dataclass(frozen=True)
class Stored:
    """What a test's bot has stored."""

    database: str
    ann: Account
    user_id: str
    session_id: str
    group_session_id: str


@pytest.fixture
async def stored(database: str) -> Stored:
    """Let a bot store two linked accounts, a group, summaries and hostile texts; it ends then."""
    talk = Talk()
    ann, ann_too = talk.account("ann"), talk.account("ann", channel="telegram")
    async with SessionHub(
        database, secret="what only this test knows", consolidation_threshold=6
    ) as hub:
        for text in (
            "My first words",
            SCRIPT,
            BIDI,
            "and more",
            "and again",
            "and yet more",
            "so it is",
        ):
            await hub.record(talk.said(ann, text, author_name="Ann <b>Bold</b>"))
        await hub.record(talk.said(ann_too, "from the other side", author_name="Ann"))
        code = await hub.request_link(ann)
        preview = await hub.redeem_link(ann_too, code.code)
        await hub.confirm_link(ann_too, shown=preview)
        await hub.confirm_link(ann, shown=preview)
        await hub.record(talk.said(ann, "/help", is_aside=True))
        recorded = await hub.record(talk.said(ann_too, LONG))
        await hub.record(talk.answered(ann_too, "The answer"))
        lobby = talk.group(title="Lobby <i>")
        in_group = await hub.record(talk.said(lobby, "hello, all", author=ann))
        await hub.settle()
        identity = await hub.identity_of(ann)
        assert identity is not None

        return Stored(
            database=database,
            ann=ann,
            user_id=identity.user_id,
            session_id=(await recorded.session.info()).session_id,
            group_session_id=(await in_group.session.info()).session_id,
        )


Get = Callable[..., Any]


@dataclass(frozen=True)
class Visitor:
    """A browser without its screen: cookies and answers."""

    client: aiohttp.ClientSession
    served: Served

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.served.port}"

    async def get(self, path: str, **arguments: str) -> str:
        """Return a page that has to be there."""
        async with self.client.get(f"{self.site}{path}", params=arguments) as answer:
            assert answer.status == 200, (path, answer.status, await answer.text())
            return await answer.text()

    async def status(self, path: str, *, method: str = "GET", **headers: str) -> int:
        """Return the status of an answer, which leads nowhere else."""
        async with self.client.request(
            method, f"{self.site}{path}", headers=headers, allow_redirects=False
        ) as answer:
            return answer.status


Visit = Callable[..., AbstractAsyncContextManager[Visitor]]


@pytest.fixture
def visit(stored: Stored) -> Visit:
    """Serve the database and visit it, by the link unless told otherwise."""

    @asynccontextmanager
    async def visiting(
        *, show_text: bool = False, is_let_in: bool = True
    ) -> AsyncIterator[Visitor]:
        jar = aiohttp.CookieJar(unsafe=True)  # aiohttp's word for cookies of an address
        async with (
            serving(stored.database, show_text=show_text) as served,
            aiohttp.ClientSession(cookie_jar=jar) as client,
        ):
            if is_let_in:
                async with client.get(served.url) as answer:
                    assert answer.status == 200
            yield Visitor(client, served)

    return visiting

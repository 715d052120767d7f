"""A bot's database with hostile people in it, an inspector that serves it, and a real browser.

The browser is driven over the protocol that drivers speak (W3C WebDriver), without a package for it.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from session_plugin import Account, SessionHub
from session_plugin.inspector.serving import Served, serving
from session_plugin.records.people import overview
from session_plugin.testing import Talk

SCRIPT = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
BIDI = "invoice\u202efdp.exe\u2066 \x00 \ud800"
SENT_AT = 1_780_000_000.0
LONG = "never ending " * 7_700  # 100,100 characters


@dataclass(frozen=True)
class Stored:
    """What a test's bot has stored."""

    database: str
    ann: Account
    user_id: str
    session_id: str
    group_session_id: str
    group_no: int
    first_seq: int


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
            said = talk.said(ann, text, author_name="Ann <b>Bold</b>", sent_at=SENT_AT)
            await hub.record(said)
        await hub.record(
            talk.said(ann_too, "from the other side", author_name="Ann", sent_at=SENT_AT)
        )
        code = await hub.request_link(ann)
        preview = await hub.redeem_link(ann_too, code.code)
        await hub.confirm_link(ann_too, shown=preview)
        await hub.confirm_link(ann, shown=preview)
        await hub.record(talk.said(ann, "/help", is_aside=True, sent_at=SENT_AT))
        recorded = await hub.record(talk.said(ann_too, LONG, sent_at=SENT_AT))
        await hub.record(talk.answered(ann_too, "The answer", sent_at=SENT_AT))
        lobby = talk.group(title="Lobby <i>")
        in_group = await hub.record(talk.said(lobby, "hello, all", author=ann, sent_at=SENT_AT))
        await hub.settle()
        identity = await hub.identity_of(ann)
        assert identity is not None
        (group,) = (await hub._parts.database.read(overview.groups, limit=9)).items
        history = await recorded.session.history(limit=None)

        return Stored(
            database=database,
            ann=ann,
            user_id=identity.user_id,
            session_id=(await recorded.session.info()).session_id,
            group_session_id=(await in_group.session.info()).session_id,
            group_no=group.chat_no,
            first_seq=history[0].seq,
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


# A browser


ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key under which WebDriver names an element."""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # tests run as root in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
)
START_SECONDS = 60


def find_programs() -> tuple[str, str] | None:
    """Return the paths of chromium and of its driver; None if one is missing."""
    browser = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    return None if browser is None or driver is None else (browser, driver)


class Browser:
    """One window. Each method is one command of WebDriver."""

    def __init__(self, client: aiohttp.ClientSession, address: str) -> None:
        self._client = client
        self._address = address

    async def command(self, method: str, path: str, **arguments: Any) -> Any:
        """Run a command and return its value."""
        body = arguments if method == "POST" else None
        async with self._client.request(method, f"{self._address}{path}", json=body) as answer:
            value = (await answer.json())["value"]
        if isinstance(value, dict) and "error" in value:
            raise AssertionError(f"{path}: {value['error']}: {value['message'][:500]}")
        return value

    async def open(self, url: str) -> None:
        await self.command("POST", "/url", url=url)

    async def url(self) -> str:
        return str(await self.command("GET", "/url"))

    async def title(self) -> str:
        return str(await self.command("GET", "/title"))

    async def resize(self, width: int, height: int) -> None:
        await self.command("POST", "/window/rect", width=width, height=height)

    async def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript as the driver does, whatever the page allows itself."""
        return await self.command("POST", "/execute/sync", script=script, args=list(arguments))

    async def find(self, selector: str) -> str:
        found = await self.command("POST", "/element", using="css selector", value=selector)
        return str(found[ELEMENT])

    async def find_link(self, words: str) -> str:
        found = await self.command("POST", "/element", using="partial link text", value=words)
        return str(found[ELEMENT])

    async def click(self, element: str) -> None:
        await self.command("POST", f"/element/{element}/click")

    async def text(self, selector: str = "main") -> str:
        return str(await self.command("GET", f"/element/{await self.find(selector)}/text"))

    async def press(self, *keys: str) -> None:
        """Press keys on the keyboard, one after the other."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": actions}
        await self.command("POST", "/actions", actions=[keyboard])

    async def devtools(self, name: str, **parameters: Any) -> Any:
        """Run a command of chromium's own protocol."""
        return await self.command("POST", "/goog/cdp/execute", cmd=name, params=parameters)

    async def picture(self, path: Path) -> None:
        """Write what the window shows to a PNG file."""
        path.write_bytes(base64.b64decode(await self.command("GET", "/screenshot")))


@pytest.fixture(scope="session")
def driven_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a browser of all tests is driven; started once, as that takes seconds."""
    programs = find_programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("chromium and chromium-driver are missing")
        pytest.skip("chromium and chromedriver are not installed")

    browser, driver = programs
    with subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            service = f"http://127.0.0.1:{_port_of(process)}/session"
            profile = tmp_path_factory.mktemp("profile")
            options = {"binary": browser, "args": [*OPTIONS, f"--user-data-dir={profile}"]}
            wanted = {"browserName": "chrome", "goog:chromeOptions": options}
            body = json.dumps({"capabilities": {"alwaysMatch": wanted}}).encode()
            asked = urllib.request.Request(service, body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(asked, timeout=START_SECONDS) as answer:
                begun = json.load(answer)["value"]

            session = f"{service}/{begun['sessionId']}"
            yield session
            urllib.request.urlopen(urllib.request.Request(session, method="DELETE")).close()
        finally:
            process.terminate()


def _port_of(process: subprocess.Popen[str]) -> int:
    """Return the port that the driver prints once it listens."""
    assert process.stdout is not None
    for line in process.stdout:
        _, found, port = line.strip().rstrip(".").partition("successfully on port ")
        if found:
            return int(port)

    raise AssertionError("chromedriver ended before it listened")


@pytest.fixture
async def browser(driven_browser: str) -> AsyncIterator[Browser]:
    """A browser that has no cookies, and no other wishes than its own."""
    async with aiohttp.ClientSession() as client:
        opened = Browser(client, driven_browser)
        yield opened
        await opened.devtools("Network.clearBrowserCookies")
        await opened.devtools("Emulation.setScriptExecutionDisabled", value=False)
        await opened.devtools("Emulation.setEmulatedMedia", features=[])
        await opened.open("about:blank")

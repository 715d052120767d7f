"""What the inspector's pages say, and who gets to see them; in a browser, see test_in_a_browser."""

from __future__ import annotations

import hashlib
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from session_plugin import DatabaseRefused, Keys, SessionHub
from session_plugin.inspector.serving import serving

ON_SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For what has nothing to do with the kind of database."""


def all_pages(stored: Any) -> list[tuple[str, dict[str, str]]]:
    return [
        ("/", {}),
        ("/", {"like": "ann"}),
        ("/person", {"id": stored.user_id}),
        ("/groups", {}),
        ("/group", {"no": str(stored.group_no)}),
        ("/session", {"id": stored.session_id}),
        ("/session", {"id": stored.group_session_id}),
        ("/model", {"id": stored.session_id}),
        ("/model", {"id": stored.session_id, "tokens": "500", "asides": "yes"}),
        ("/model", {"id": stored.group_session_id}),
        ("/message", {"session": stored.session_id, "no": str(stored.first_seq)}),
        ("/links", {}),
        ("/health", {}),
        ("/search", {"user": stored.user_id, "words": "first", "bot": ""}),
    ]


async def test_without_the_word_for_it_no_page_has_a_text(stored: Any, visit: Any) -> None:
    written = ("My first words", "other side", "never ending", "The answer", "hello, all", "/help")
    async with visit() as visitor:
        pages = [await visitor.get(path, **arguments) for path, arguments in all_pages(stored)]

    found = [word for page in pages for word in written if word in page]
    assert found == []
    assert any("14 characters" in page for page in pages)


async def test_looking_at_texts_is_written_to_the_audit_once_a_start(
    stored: Any, visit: Any
) -> None:
    async with visit(show_text=True) as visitor:
        assert "My first words" in await visitor.get("/session", id=stored.session_id)
        assert (await visitor.get("/links")).count("text shown") == 1


async def test_what_people_chose_is_text_on_every_page(stored: Any, visit: Any) -> None:
    async with visit(show_text=True) as visitor:
        pages = [await visitor.get(path, **arguments) for path, arguments in all_pages(stored)]

    for page in pages:
        assert "<script" not in page
        assert "<img" not in page
        assert "<b>Bold" not in page
        assert "Lobby <i>" not in page
        assert not set(page) & set("\u202e\u2066\x00\ud800")
    assert any('<span class="unseen">U+202E</span>' in page for page in pages)
    assert any("&lt;script&gt;" in page for page in pages)


@ON_SQLITE
async def test_what_an_address_says_stays_in_its_attribute(visit: Any) -> None:
    async with visit() as visitor:
        page = await visitor.get("/", like='\u202e" autofocus onfocus="x')
    assert 'value="\ufffd&#34; autofocus onfocus=&#34;x"' in page


@ON_SQLITE
async def test_a_long_text_is_whole_only_on_its_own_page(stored: Any, visit: Any) -> None:
    async with visit(show_text=True) as visitor:
        session = await visitor.get("/session", id=stored.session_id)
        assert len(session) < 60_000
        address = session.partition(">All 100,100 characters<")[0].rpartition('href="')[2]
        whole = await visitor.get(address.rstrip('"').replace("&amp;", "&"))

    assert "never ending " * 7_700 in whole


async def test_a_session_shows_its_chats_and_what_summaries_stand_for(
    stored: Any, visit: Any
) -> None:
    async with visit(show_text=True) as visitor:
        page = await visitor.get("/session", id=stored.session_id)

    assert "telegram" in page
    assert "discord" in page
    assert "stands for it" in page
    assert page.index("and more") < page.index("from the other side")


async def test_the_model_page_says_why_each_message_is_in_or_out(stored: Any, visit: Any) -> None:
    async with visit(show_text=True) as visitor:
        page = await visitor.get("/model", id=stored.session_id)
        assert "no part of the conversation" in page
        assert "the summary stands for it" in page
        assert "among the newest messages" in page

        small = await visitor.get("/model", id=stored.session_id, tokens="300")
        assert "no room in the budget" in small


async def test_a_search_finds_what_a_person_and_what_a_group_sees(stored: Any, visit: Any) -> None:
    async with visit(show_text=True) as visitor:
        of_ann = await visitor.get("/search", user=stored.user_id, words="first")
        of_group = await visitor.get("/search", session=stored.group_session_id, words="hello")
        elsewhere = await visitor.get("/search", session=stored.group_session_id, words="first")

    assert "My first words" in of_ann
    assert "hello, all" in of_group
    assert "Nothing is found." in elsewhere


async def test_searching_needs_the_word_for_texts_too(stored: Any, visit: Any) -> None:
    async with visit() as visitor:
        page = await visitor.get("/search", user=stored.user_id, words="first")
    assert "--show-text" in page
    assert "<form" not in page


async def test_links_and_health_say_what_is_stored(stored: Any, visit: Any) -> None:
    async with visit() as visitor:
        links = await visitor.get("/links")
        health = await visitor.get("/health")

    assert "link confirmed" in links
    assert "ann-on-telegram" in links
    assert health.count("<svg") == 2
    assert "12, 4 of them" in health or "of them in the archive" in health


WRONG = {
    "/person?id=nobody": 404,
    "/person?id=%00": 404,
    "/session?id=": 404,
    "/group?no=999999999": 404,
    "/message?session=x&no=1": 404,
    "/model?id=none&messages=many": 404,
    "/search?user=&words=": 200,
    "/?before=soon": 400,
    "/group?no=" + "9" * 40: 400,
    "/nowhere": 404,
}


async def test_a_wrong_argument_gets_a_page_that_says_so(visit: Any) -> None:
    async with visit() as visitor:
        assert {path: await visitor.status(path) for path in WRONG} == WRONG


# Who gets in


@ON_SQLITE
async def test_the_link_lets_in_one_browser_once(visit: Any) -> None:
    async with visit(is_let_in=False) as visitor, aiohttp.ClientSession() as other:
        assert await visitor.status("/") == 403
        assert await visitor.status("/?token=guessed") == 403
        async with other.get(visitor.served.url, allow_redirects=False) as answer:
            assert answer.status == 303
            assert answer.headers["Location"] == "/"
            cookie = answer.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "samesite=strict" in cookie.lower()
        async with visitor.client.get(visitor.served.url) as answer:
            assert answer.status == 403
            assert "was used before" in await answer.text()
        assert await visitor.status("/style.css") == 403


@ON_SQLITE
async def test_another_host_is_refused_even_with_the_cookie(visit: Any) -> None:
    hosts = ("evil.example", "127.0.0.1", "127.0.0.1:1", "", "localhost.evil.example")
    async with visit() as visitor:
        assert [await visitor.status("/", Host=host) for host in hosts] == [421] * len(hosts)
        assert await visitor.status("/", Host=f"localhost:{visitor.served.port}") == 200


@ON_SQLITE
async def test_nothing_can_be_asked_to_change(visit: Any) -> None:
    async with visit() as visitor:
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            assert await visitor.status("/", method=method) == 405, method


@ON_SQLITE
async def test_no_answer_allows_a_script_or_is_kept(visit: Any) -> None:
    async with visit() as visitor:
        for path in ("/", "/style.css", "/nowhere"):
            async with visitor.client.get(f"{visitor.site}{path}") as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert policy.startswith("default-src 'none'; style-src 'self';")
                assert "unsafe" not in policy
                assert "script-src" not in policy
                assert answer.headers["Cache-Control"] == "no-store"
                assert answer.headers["Referrer-Policy"] == "no-referrer"


@ON_SQLITE
async def test_it_listens_on_this_machine_only(visit: Any) -> None:
    async with visit() as visitor:
        with socket.socket() as elsewhere:
            elsewhere.settimeout(1)
            with pytest.raises(OSError):
                elsewhere.connect(("127.0.0.2", visitor.served.port))


# The database


@ON_SQLITE
async def test_looking_changes_no_byte(stored: Any, visit: Any) -> None:
    def digest() -> bytes:
        return hashlib.sha256(Path(stored.database).read_bytes()).digest()

    before = digest()
    async with visit() as visitor:
        for path, arguments in all_pages(stored):
            await visitor.get(path, **arguments)
    assert digest() == before


@ON_SQLITE
async def test_a_port_that_is_taken_is_named_and_nothing_is_noted(stored: Any, visit: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"port {port} on 127\.0\.0\.1"):
            async with serving(stored.database, port=port, show_text=True):
                pass

    async with visit() as visitor:
        assert "text shown" not in await visitor.get("/links")


# The command


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "session_plugin.inspector", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_wrong_path_is_one_line_and_no_file(tmp_path: Path) -> None:
    ended = run(str(tmp_path / "none.db"))

    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "none.db is no file" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@ON_SQLITE
async def test_the_command_prints_the_link_and_ends_by_a_signal(stored: Any) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "session_plugin.inspector", stored.database],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as client, client.get(url) as answer:
            assert "<h1>People</h1>" in await answer.text()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()

    assert (process.returncode, errors) == (0, "")


async def test_an_encrypted_database_is_shown_with_its_keys(
    stored: Any, visit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pages, as before it was sealed; without the keys it is refused."""
    for name in ("SESSION_KEY_FILE", "SESSION_KEY_PREVIOUS", "SESSION_KEY"):
        monkeypatch.delenv(name, raising=False)
    async with visit(show_text=True) as visitor:
        before = [await visitor.get(path, **given) for path, given in all_pages(stored)]

    master, store = secrets.token_hex(32), str(tmp_path / "elsewhere.keys")
    settings = {"secret": "what only this test knows", "upkeep_minutes": None}
    async with SessionHub(stored.database, encryption=Keys(master, store=store), **settings) as hub:
        await hub.upkeep()
    with pytest.raises(DatabaseRefused, match="SESSION_KEY"):
        async with visit(show_text=True):
            pass

    monkeypatch.setenv("SESSION_KEY", master)
    monkeypatch.setenv("SESSION_KEY_STORE", store)
    async with visit(show_text=True) as visitor:
        after = [await visitor.get(path, **given) for path, given in all_pages(stored)]
    assert [one for one in after if "My first words" in one]
    of_health = [path for path, _ in all_pages(stored)].index("/health")
    for number, (one, other) in enumerate(zip(before, after, strict=True)):
        if number not in (of_health, of_health - 1):  # sizes, and how often texts were shown
            assert one == other

"""What the README and the pages in docs/ show runs, on real clients, and their links lead
somewhere.
"""

import ast
import asyncio
import inspect
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import discord
import pytest
from discord.ext import commands
from telegram.ext import ApplicationBuilder

from session_plugin import Account, Chat, MessageEvent, SessionHub, hooks
from session_plugin.commands import COMMANDS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("**/*.md"))]
LINKED = [
    *PAGES,
    *(
        ROOT / name
        for name in (
            "ARCHITECTURE.md",
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
            "adapters/README.md",
        )
    ),
]
ORIGINAL_SCHEMA = """
CREATE TABLE sessions (session_id TEXT PRIMARY KEY, user_id TEXT, display_name TEXT DEFAULT '',
  channel_ids TEXT DEFAULT '{}', created_at REAL, last_activity REAL, metadata TEXT DEFAULT '{}');
CREATE TABLE session_messages (id INTEGER PRIMARY KEY, session_id TEXT NOT NULL, role TEXT NOT NULL,
  content TEXT NOT NULL, channel TEXT DEFAULT '', timestamp REAL, metadata TEXT DEFAULT '{}',
  FOREIGN KEY (session_id) REFERENCES sessions(session_id));
INSERT INTO sessions VALUES ('s1', 'ann', 'Ann', '{}', 1.7e9, 1.7e9, '{}');
INSERT INTO session_messages VALUES (1, 's1', 'user', 'of long ago', '', 1.7e9, '{}');
"""


def write_exports(folder: Path) -> None:
    """Write what the pages import: a file of each kind."""
    said = {
        "id": 5,
        "type": "message",
        "date_unixtime": "1700000000",
        "from_id": "user5",
        "text": "hi",
    }
    chat = {"name": "Den", "type": "private_supergroup", "id": 5, "messages": [said]}
    (folder / "result.json").write_text(json.dumps(chat))

    (folder / "discord").mkdir()
    author = {"id": "5", "name": "Ann", "isBot": False}
    posted = {
        "id": "6",
        "timestamp": "2023-01-06T14:03:03+00:00",
        "content": "hi",
        "author": author,
    }
    channel = {"guild": {"id": "7"}, "channel": {"id": "8"}, "messages": [posted]}
    (folder / "discord" / "general.json").write_text(json.dumps(channel))

    (folder / "chat.txt").write_text("31/12/2023, 23:59 - Carl: hi\n")
    head = {"kind": "export", "schema": 1}
    (folder / "export.jsonl").write_text(json.dumps(head) + "\n")

    with closing(sqlite3.connect(folder / "agents.db")) as agents, agents:
        agents.execute("CREATE TABLE agent_messages (id, session_id, message_data, created_at)")
        item = json.dumps({"role": "user", "content": "hi"})
        row = (1, "user_2002", item, "2023-11-01 10:00:00")
        agents.execute("INSERT INTO agent_messages VALUES (?, ?, ?, ?)", row)

    with closing(sqlite3.connect(folder / "bot.db")) as own, own:
        own.execute("CREATE TABLE messages (id, user_id, role, content, at)")
        own.execute("INSERT INTO messages VALUES (1, 2002, 'user', 'hi', 1.7e9)")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path, language: str = "python") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


async def taken_for_granted(hub: SessionHub) -> dict[str, Any]:
    """What every page may use without making it: see the beginning of the guide."""
    ann, bob = Account("discord", "1001"), Account("telegram", "2002")
    dm = Chat("discord", "77")
    event = MessageEvent(
        chat=dm,
        message_id="1",
        role="user",
        text="My cat is called Tom.",
        sent_at=time.time(),
        author=ann,
        author_name="Ann",
    )
    session = (await hub.record(event)).session
    return {"hub": hub, "session": session, "ann": ann, "bob": bob}


def bots() -> dict[str, Any]:
    """Bots without a hub; each block has its own."""
    return {
        "bot": commands.Bot("!", intents=discord.Intents.default()),
        "application": ApplicationBuilder().token("7000000001:page").build(),
    }


async def run(page: Path) -> dict[str, Any]:
    async with SessionHub("page.db", load_entry_points=False) as hub:
        names = await taken_for_granted(hub)
        for number, block in enumerate(blocks_of(page), 1):
            names.update(bots())
            place = f"{name_of(page)}, block {number}"
            code = compile(block, place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            ran = eval(code, names)
            if inspect.isawaitable(ran):
                await ran
    return names


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_python_block_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT / "examples")
    monkeypatch.syspath_prepend(ROOT / "examples" / "recipes")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "bot", raising=False)
    Path("bot.py").write_text((ROOT / "session_plugin/cli/templates/both.py").read_text())
    Path("old").mkdir()
    with closing(sqlite3.connect("old/sessions.db")) as original:
        original.executescript(ORIGINAL_SCHEMA)
    write_exports(Path("old"))
    names = asyncio.run(run(page))
    shown: set[str] = {
        "README.md": {"recap", "on_message", "answer"},
        "docs/plugins.md": {"Shout"},
        "docs/testing.md": {"Redact"},
        "docs/importing.md": {"report"},
    }.get(name_of(page), set())
    assert shown <= names.keys()


def test_the_pages_show_code() -> None:
    assert len(blocks_of(README)) >= 2
    assert sum(len(blocks_of(page)) for page in PAGES) >= 24


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_the_test_that_the_pages_show_passes_in_a_folder_of_its_own(
    tmp_path: Path, mode: str
) -> None:
    blocks = re.findall(
        r"```python\n# (\w+\.py)\n(.*?)```", (ROOT / "docs/testing.md").read_text(), re.DOTALL
    )
    assert [name for name, _ in blocks] == ["conftest.py", "test_my_bot.py"]
    for name, block in blocks:
        marked = (
            f"import pytest\npytestmark = pytest.mark.asyncio\n{block}"
            if name.startswith("test_")
            else block
        )
        (tmp_path / name).write_text(marked if mode == "strict" else block)
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-o",
            f"asyncio_mode={mode}",
            f"--rootdir={tmp_path}",
            tmp_path,
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(
                filter(None, [str(ROOT / "examples"), os.environ.get("PYTHONPATH", "")])
            ),
        },
        timeout=120,
        check=False,
    )
    assert "1 passed" in ran.stdout, ran.stdout[-3000:] + ran.stderr[-3000:]


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_the_links_of_a_page_lead_to_files_and_headings_that_exist(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    targets = [one for one in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in one]
    lost = []
    for target in targets:
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors_of(file)):
            lost.append(target)
    assert lost == []


def test_the_readme_leads_to_every_page_and_is_short() -> None:
    text = README.read_text()
    pages = [name_of(page) for page in PAGES[1:] if page.parent == ROOT / "docs"]
    led_to = {"docs/index.md", "docs/adapters.md"}  # the README itself, and adapters/README.md
    assert [page for page in pages if f"({page})" not in text and page not in led_to] == []
    assert len(text.splitlines()) <= 150


def test_the_readme_names_every_command_that_people_have() -> None:
    text = README.read_text()
    assert [command for command in COMMANDS if f"| `/{command}" not in text] == []


@pytest.mark.parametrize(
    ("script", "picture"),
    [
        (ROOT / "docs/pictures/one_conversation.py", "one_conversation.svg"),
        (ROOT / "benchmarks/plot.py", "messages_per_second.svg"),
    ],
    ids=["one_conversation", "messages_per_second"],
)
def test_a_picture_is_what_its_script_draws(script: Path, picture: str) -> None:
    drawn = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert (ROOT / "docs/pictures" / picture).read_text() == drawn.stdout


def test_the_page_about_plugins_shows_every_hook_with_its_arguments() -> None:
    page = (ROOT / "docs/plugins.md").read_text()
    names = [name for name in dir(hooks) if name.startswith("session_")]
    shown = [
        f"| `{name}({', '.join(inspect.signature(getattr(hooks, name)).parameters)})` |"
        for name in names
    ]
    assert [row for row in shown if row not in page] == []


def test_every_hook_is_named_in_the_specifications_with_a_sentence() -> None:
    names = [name for name in dir(hooks) if name.startswith("session_")]
    assert names
    assert all(getattr(hooks, name).__doc__ for name in names)


def test_the_page_of_recipes_shows_each_of_them() -> None:
    page = (ROOT / "docs/recipes.md").read_text()
    recipes = sorted((ROOT / "examples/recipes").glob("*.py"))
    assert [
        one.name
        for one in recipes
        if f"{{literalinclude}} ../examples/recipes/{one.name}" not in page
    ] == []

"""What bad input gets: one line, a status that is not 0, no traceback, and nothing is changed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from session_plugin import SessionHub
from session_plugin.cli.people import _new_file
from tests.cli.conftest import BOB, SECRET, fill, said

ROOT = Path(__file__).parents[2]


def one_line(err: str) -> str:
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("session-plugin: ")
    return lines[0]


def test_no_database_is_wrong_usage(run: Any) -> None:
    ran = run(None, "status")
    assert ran.status == 2
    assert "SESSION_DATABASE" in one_line(ran.err)


@pytest.mark.parametrize(
    ("database", "says"),
    [
        ("missing.db", "does not exist"),
        ("mistyped/bot.db", "does not exist"),
        (".", "not a file"),
        ("notes.txt", "notes.txt"),
        ("empty.db", "is empty"),
        (":memory:", "in memory"),
        ("mysql://root:hunter2@127.0.0.1/x", "no engine serves mysql://"),
        ("postgresql://u:hunter2@127.0.0.1:1/x", "cannot be reached"),
        ("postgresql://u:hun/ter2@127.0.0.1/x", "%2F"),
        ("host=x password=hunter2", "connection string"),
    ],
)
def test_a_wrong_database_is_named_and_left_as_it_is(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("These are my notes, not a database. " * 100)
    Path("empty.db").touch()

    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for words in (("status",), ("forget", "x:1", "--yes"), ("backup", "b.db"), ("upgrade",)):
        ran = run(database, *words)
        assert ran.status == 1
        line = one_line(ran.err)
        assert says in line
        assert "hunter2" not in line
        assert "ter2" not in line
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before

    ran = run(database, "doctor")
    assert ran.status == 1
    assert "needs a hand" in ran.out + ran.err or says in ran.err
    assert "hunter2" not in ran.out + ran.err


@pytest.mark.parametrize("version", [0, 99])
def test_another_schema_is_refused_by_every_command(
    run: Any, filled: str, backend: Any, version: int
) -> None:
    (current,) = backend.schema(filled)[-1]
    backend.set_version(filled, version)
    for words in (
        ("status",),
        ("forget", "discord:1001", "--yes"),
        ("decay", "--retention-days", "1"),
    ):
        ran = run(filled, *words)
        assert ran.status == 1
        assert any(word in one_line(ran.err) for word in ("upgrade", "newer", "no tables"))
    assert backend.schema(filled)[-1] == (version,)
    backend.set_version(filled, current)


@pytest.fixture(scope="module")
def unchanged_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that all cases share, since none may change it."""
    path = tmp_path_factory.mktemp("unchanged") / "bot.db"
    asyncio.run(fill(path))
    return path


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "nobody"), "no session has the id 'nobody'"),
        (("consolidate", "nobody"), "no session has the id 'nobody'"),
        (("pin", "\udcff"), "no session has the id"),
        (("people", "Carl"), "nobody is known as 'Carl'"),
        (("show", "Ann"), "2 people are called 'Ann'"),
        (("forget", "Bob", "--yes"), "is a name"),
        (("link", "Bob", "discord:1001"), "is a name"),
        (("link", "discord:1003", "discord:9"), "nobody is known"),
        (("unlink", "discord:1003"), "not linked"),
        (("show", "Bob", "--before", str(2**63)), "must be the seq of a message"),
        (("search", "Bob", " "), "word"),
        (("search", "Bob", "hi", "--before", "x"), "cursor"),
        (("import", "telegram", "missing.json"), "is not a file"),
        (("import", "telegram", "."), "is not a file"),
        (("import", "telegram", __file__), "no export of Telegram Desktop"),
        (("import", "discord", __file__), "no JSON export of DiscordChatExporter"),
        (("import", "openai-agents", __file__, "--person", "s=x:1"), "no database of openai"),
        (("import", "original", __file__), "cannot be read"),
        (("import", "export", __file__), "no export of session_plugin"),
        (("import", "telegram", __file__, "--time-zone", "Mars"), "unknown time zone"),
        (("restore", "missing.db"), "does not exist"),
        (("restore", "bot.db"), "is the backup itself"),
        (("backup", "postgresql://u:hunter2@h/x"), "a backup is a file"),
        (("export", "discord:1003", "/no/such/folder/x"), "cannot be created"),
    ],
)
def test_a_wrong_argument_is_named_and_changes_nothing(
    run: Any,
    run_json: Any,
    unchanged_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(unchanged_file.parent)
    before = run_json(unchanged_file, "status")
    ran = run(unchanged_file, *words)
    assert ran.status == 1
    assert says in one_line(ran.err)
    assert run_json(unchanged_file, "status") == before


def test_an_export_that_fails_half_way_leaves_no_file(
    run: Any, filled_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "ann.jsonl"
    with pytest.raises(RuntimeError), _new_file(path) as file:
        file.write("half")
        raise RuntimeError

    assert not path.exists()
    assert run(filled_file, "export", "discord:1001", str(path)).status == 0


def test_a_wrong_bot_is_refused_and_a_missing_one_is_said(run: Any, database_file: Path) -> None:
    async def say() -> None:
        async with SessionHub(database_file, secret=SECRET, bot="helper") as hub:
            await hub.record(said(BOB, 1, "hi", name="Bob"))

    asyncio.run(say())
    ran = run(database_file, "people")
    assert ran.status == 0
    assert "here are: 'helper'" in one_line(ran.err)
    assert run(database_file, "--bot", "helper", "people").err == ""
    refused = run(database_file, "--bot", "scribe", "people")
    assert refused.status == 1
    assert "--bot takes one of these: 'helper'" in one_line(refused.err)


def test_ambiguous_names_show_ids_to_choose_from(run: Any, filled_file: Path) -> None:
    async def say() -> None:
        async with SessionHub(filled_file, secret=SECRET) as hub:
            await hub.record(said(BOB, 99, "now I am Ann", name="Ann"))

    asyncio.run(say())
    line = one_line(run(filled_file, "sessions", "Ann").err)
    assert "3 people" in line
    assert "discord:1003" in line


@pytest.mark.parametrize(
    "words",
    [("nonsense",), ("show",), ("people", "--limit", "0"), ("import", "icq", "x"), ("decay",)],
)
def test_wrong_usage_has_status_2(run: Any, unchanged_file: Path, words: tuple[str, ...]) -> None:
    ran = run(unchanged_file, *words)
    assert ran.status == 2
    assert "Usage: session-plugin" in ran.err


def process(*words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "session_plugin", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **settings,
    )


def test_a_terminal_without_colour_width_or_characters_gets_plain_text(filled_file: Path) -> None:
    bare = {**os.environ, "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "1", "LC_ALL": "C"}
    ran = process("-d", str(filled_file), "people", env={**bare, "PYTHONIOENCODING": "ascii"})
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "\x1b" not in ran.stdout
    assert "discord:1001 'Ann'" in ran.stdout


def test_a_pipe_that_closes_ends_it_without_a_traceback(filled_file: Path) -> None:
    script = "from session_plugin.cli.main import main; main()"
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        ran = subprocess.run(
            [sys.executable, "-c", script, "-d", str(filled_file), "people"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert ran.returncode != 0
    assert "Traceback" not in ran.stderr


def test_without_the_extra_the_script_says_how_to_install_it() -> None:
    script = (
        "import sys; sys.modules['typer'] = None\nfrom session_plugin.cli.main import main; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr == "session-plugin needs typer: pip install 'session-plugin[cli]'\n"

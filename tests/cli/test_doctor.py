"""Set-ups that are broken, mended by somebody who knows only what doctor prints."""

from __future__ import annotations

import asyncio
import shlex
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from session_plugin import OperatorHub, SessionHub, hookimpl
from session_plugin.cli import content_checks
from session_plugin.cli.content_checks import check_server
from session_plugin.database.sqlite_file import prepare
from session_plugin.testing import Clock
from tests.cli.conftest import ANN, BOB, SECRET, said


@pytest.fixture
def follow(run: Any, run_json: Any) -> Any:
    """Check that doctor finds one thing wrong, run the commands that it prints for it, and check
    that nothing is wrong any more.
    """

    def followed(database: str, check: str, **environ: str | None) -> None:
        wrong = [one for one in run_json(database, "doctor", status=1) if one["cure"]]
        assert [one["check"] for one in wrong if one["state"] == "needs a hand"] == [check]
        for one in wrong:
            for line in one["cure"]:
                carry_out(database, line, run)

        left = run_json(database, "doctor")
        assert [one for one in left if one["state"] == "needs a hand"] == []

    return followed


def carry_out(database: str, line: str, run: Any) -> None:
    """Run a line as a shell does, but our own command in this process."""
    words = shlex.split(line.replace('"$SESSION_DATABASE"', shlex.quote(database)))
    if words[0] != "session-plugin":
        subprocess.run(line, shell=True, check=True)
        return

    assert words[1:3] == ["-d", database]
    ran = run(*words[2:])
    assert ran.status == 0, ran.err


def test_all_is_well_with_a_new_bot(run_json: Any, filled: str) -> None:
    found = run_json(filled, "doctor")
    assert {one["state"] for one in found} <= {"ok", "note"}
    checks = {"schema", "secret", "integrity", "erasures", "clock", "summaries", "filters"}
    assert checks | {"intents"} <= {one["check"] for one in found}
    expected = {"pooler", "server"} if "://" in filled else {"modes", "file system", "disk"}
    assert expected <= {one["check"] for one in found}


def test_files_that_others_can_read(follow: Any, filled_file: Path) -> None:
    filled_file.chmod(0o644)
    follow(str(filled_file), "modes")
    assert filled_file.stat().st_mode & 0o777 == 0o600


def test_a_secret_that_is_lost(follow: Any, filled: str) -> None:
    async def forget() -> None:
        async with SessionHub(filled, secret="another secret, of earlier days") as hub:
            await hub.forget(BOB, at_once=True)

    asyncio.run(forget())
    follow(filled, "secret")


def test_a_log_without_its_file(follow: Any, filled_file: Path, run: Any, run_json: Any) -> None:
    log = Path(f"{filled_file}-wal")
    kept = filled_file.read_bytes()
    filled_file.unlink()
    log.write_bytes(b"what was said last")

    (finding,) = run_json(filled_file, "doctor", status=1)
    assert finding["check"] == "log"
    for line in finding["cure"]:
        carry_out(str(filled_file), line, run)
    assert not log.exists()
    assert [path.read_bytes() for path in filled_file.parent.glob("*-wal.aside-*")] == [
        b"what was said last"
    ]

    filled_file.write_bytes(kept)
    filled_file.chmod(0o600)
    run_json(filled_file, "doctor")


def test_an_older_schema(follow: Any, database_file: Path) -> None:
    """A file that is ours, and to which no migration was applied yet."""
    prepare(make_file(database_file), busy_timeout=1.0).close()
    with closing(sqlite3.connect(database_file, isolation_level=None)) as other:
        found = "SELECT type, name FROM sqlite_master WHERE type IN ('view', 'table')"
        ours = f"{found} AND name NOT LIKE 'sqlite%' ORDER BY type DESC"
        for kind, name in other.execute(ours).fetchall():
            other.execute(f"DROP {kind} {name}")
        other.execute("PRAGMA user_version = 0")
    follow(str(database_file), "schema")


def make_file(path: Path) -> str:
    path.parent.mkdir(mode=0o700)
    return str(path)


def test_bytes_of_the_forgotten_that_nobody_erased(follow: Any, filled_file: Path) -> None:
    with closing(sqlite3.connect(filled_file)) as other, other:
        other.execute("INSERT INTO erasures (at) VALUES (5)")
    follow(str(filled_file), "erasures")


def test_a_clock_that_is_not_believed(follow: Any, filled_file: Path) -> None:
    async def doubt() -> None:
        async with OperatorHub(filled_file, secret=SECRET) as hub:
            assert not (await hub.decay()).is_held
        clock = Clock(time.time() + 10 * 86_400)
        async with OperatorHub(filled_file, secret=SECRET, clock=clock) as hub:
            assert (await hub.decay()).is_held

    asyncio.run(doubt())
    follow(str(filled_file), "clock")


class NoSummaries:
    @hookimpl
    async def session_summarize(self, session: Any, messages: Any, previous: Any) -> str:
        raise RuntimeError("the model is away")


def test_a_summariser_that_fails(follow: Any, filled_file: Path) -> None:
    async def fail() -> None:
        settings: dict[str, Any] = {"secret": SECRET, "consolidation_threshold": 5}
        async with SessionHub(filled_file, plugins=[NoSummaries()], **settings) as hub:
            for number in range(60):
                await hub.record(said(ANN, 100 + number, f"words {number}", name="Ann"))
            await hub.settle()

    asyncio.run(fail())
    follow(str(filled_file), "summaries")


def test_what_no_command_mends_is_said(run_json: Any, filled_file: Path) -> None:
    class Broken:
        @hookimpl
        def session_filter_message(self, event: Any) -> Any:
            raise RuntimeError

    async def say() -> None:
        from session_plugin import Chat  # noqa: PLC0415 - of this case only

        lobby = Chat("discord", "lobby", "group")
        async with SessionHub(filled_file, secret=SECRET) as hub:
            for number in range(60):
                await hub.record(said(BOB, 100 + number, "", name="Bob", chat=lobby))
        async with SessionHub(filled_file, secret=SECRET, plugins=[Broken()]) as hub:
            await hub.record(said(BOB, 200, "hi", name="Bob"))

    asyncio.run(say())
    found = {one["check"]: one for one in run_json(filled_file, "doctor", status=1)}
    wrong = {name: one["says"] for name, one in found.items() if one["state"] == "needs a hand"}
    assert wrong.keys() == {"filters", "intents"}
    assert "message content intent" in wrong["intents"]
    assert "filter plugin failed" in wrong["filters"]


def test_a_damaged_file_is_mended_by_a_backup(
    run_json: Any, filled_file: Path, tmp_path: Path, run: Any
) -> None:
    backup = tmp_path / "backup.db"
    run_json(filled_file, "backup", str(backup))
    content = bytearray(filled_file.read_bytes())
    content[8192:40_000] = b"\xff" * (40_000 - 8192)
    filled_file.write_bytes(content)

    found = run_json(filled_file, "doctor", status=1)
    wrong = [one for one in found if one["state"] == "needs a hand"]
    assert wrong, found
    (cure,) = wrong[0]["cure"]
    carry_out(str(filled_file), cure.replace("BACKUP", shlex.quote(str(backup))), run)
    run_json(filled_file, "doctor")


def test_a_backup_is_checked_with_its_secret_and_age(
    run_json: Any, filled_file: Path, tmp_path: Path
) -> None:
    import os  # noqa: PLC0415 - of this case only

    backup = tmp_path / "backup.db"
    missing = run_json(filled_file, "doctor", "--backup", str(backup), status=1)
    assert [one["check"] for one in missing if one["state"] == "needs a hand"] == ["backup"]

    run_json(filled_file, "backup", str(backup))
    Path(f"{backup}.secret").write_text(SECRET)
    found = run_json(filled_file, "doctor", "--backup", str(backup))
    assert [one["state"] for one in found if one["check"] == "backup"] == ["ok", "note"]

    os.utime(backup, (1e9, 1e9))
    run_json(filled_file, "doctor", "--backup", str(backup), status=1)


def test_doctor_changes_nothing(run_json: Any, filled_file: Path) -> None:
    before = {path: path.read_bytes() for path in filled_file.parent.iterdir()}
    run_json(filled_file, "doctor")
    assert {path: path.read_bytes() for path in filled_file.parent.iterdir()} == before


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Let a server seem to say something else than ours does; its settings are not ours to change."""
    from session_plugin.database.server_facts import ServerFacts  # noqa: PLC0415 - of this case

    good = {"fsync": "on", "full_page_writes": "on", "most_connections": 100, "connections": 5}

    def seem(**said: Any) -> None:
        values = {**good, "has_pooler": False, "switches_backends": False, **said}
        monkeypatch.setattr(content_checks, "server_facts", lambda _: ServerFacts(**values))

    yield seem


@pytest.mark.parametrize(
    ("said_by_server", "check", "says"),
    [
        ({"switches_backends": True, "has_pooler": True}, "pooler", "pooler=transaction"),
        ({"fsync": "off"}, "server", "fsync is off"),
        ({"connections": 95}, "server", "max_connections"),
    ],
)
def test_a_server_that_keeps_no_promises_is_named(
    facts: Any, said_by_server: dict[str, Any], check: str, says: str
) -> None:
    facts(**said_by_server)
    wrong = [one for one in check_server("postgresql://x") if one.state == "needs a hand"]
    assert [one.check for one in wrong] == [check]
    assert says in wrong[0].says

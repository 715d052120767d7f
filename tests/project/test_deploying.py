"""The files of examples/deploy: the unit and the container's file are sound, and backups restore."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from session_plugin import SessionHub
from session_plugin.testing import Talk

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples" / "deploy"


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd here")

    unit = (DEPLOY / "bot.service").read_text()
    here = unit.replace("/srv/bot/.venv/bin/python", sys.executable).replace(
        "User=bot", "User=root"
    )
    (tmp_path / "bot.service").write_text(here)
    ran = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "bot.service"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, "bot.service" in ran.stderr) == (0, False), ran.stderr


def test_the_container_copies_files_that_there_are_and_installs_extras_that_there_are() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    (copied,) = re.findall(r"^COPY (\w+\.py) (\w+\.py) \./$", text, re.MULTILINE)
    assert copied == ("bot.py", "health.py")
    assert (ROOT / "examples/recipes/health.py").exists()

    (extras,) = re.findall(r"/src\[([\w,]+)\]", text)
    project = (ROOT / "pyproject.toml").read_text()
    assert [extra for extra in extras.split(",") if f"\n{extra} = [" not in project] == []


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command where `session-plugin` is found, on a database in the folder."""
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SESSION_DATABASE": str(folder / "bot.db"),
        },
        timeout=120,
        check=False,
    )


async def test_a_nightly_backup_is_checked_kept_for_a_while_and_restores(tmp_path: Path) -> None:
    talk, backups = Talk(), tmp_path / "backups"
    backups.mkdir()
    ann = talk.account("ann")
    for day in range(3):
        (backups / f"bot-2020010{day}-000000.db").write_text("old")

    async with SessionHub(tmp_path / "bot.db") as hub:
        await hub.record(talk.said(ann, "before the backup"))
        ran = await asyncio.to_thread(run, tmp_path, str(DEPLOY / "backup.sh"), str(backups), "2")
        assert (ran.returncode, ran.stderr) == (0, "")
        await hub.record(talk.said(ann, "after the backup"))

    older, newest = sorted(backups.iterdir())
    assert older.name == "bot-20200102-000000.db"
    assert newest.stat().st_mode & 0o777 == 0o600

    restored = run(tmp_path, "session-plugin", "restore", str(newest), "--yes")
    assert restored.returncode == 0, restored.stderr
    person = f"{ann.channel}:{ann.channel_user_id}"
    shown = run(tmp_path, "session-plugin", "show", person, "--show-text")
    assert "before the backup" in shown.stdout
    assert "after the backup" not in shown.stdout


def test_a_backup_that_fails_deletes_nothing_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "bot-20200101-000000.db").write_text("old")
    ran = run(tmp_path, str(DEPLOY / "backup.sh"), str(tmp_path), "0")
    assert ran.returncode != 0
    assert ran.stderr.count("\n") == 1
    assert (tmp_path / "bot-20200101-000000.db").exists()

"""What the README shows runs, on real clients."""

import os
import re
import subprocess
import sys
from pathlib import Path

import discord
import pytest
from discord.ext import commands
from telegram.ext import ApplicationBuilder

ROOT = Path(__file__).parents[2]


def test_every_python_block_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT / "examples")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) >= 6
    shared = {
        "bot": commands.Bot("!", intents=discord.Intents.default()),
        "application": ApplicationBuilder().token("7000000001:readme").build(),
    }
    for block in blocks:
        exec(compile(block, "README.md", "exec"), shared)
    assert {"recap", "on_message", "answer", "Shout"} <= shared.keys()


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_the_test_that_the_readme_shows_passes_in_a_folder_of_its_own(
    tmp_path: Path, mode: str
) -> None:
    blocks = re.findall(
        r"```python\n# (\w+\.py)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
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
        env={**os.environ, "PYTHONPATH": str(ROOT / "examples")},
        timeout=120,
        check=False,
    )
    assert "1 passed" in ran.stdout, ran.stdout[-3000:] + ran.stderr[-3000:]


def test_every_hook_is_named_in_the_specifications_with_a_sentence() -> None:
    from session_plugin import hooks  # noqa: PLC0415 - the module is what is looked at

    names = [name for name in dir(hooks) if name.startswith("session_")]
    assert names
    assert all(getattr(hooks, name).__doc__ for name in names)

"""What the README shows runs, on real clients."""

import re
from pathlib import Path

import discord
import pytest
from discord.ext import commands
from telegram.ext import ApplicationBuilder

ROOT = Path(__file__).parents[2]


def test_every_python_block_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) >= 6
    shared = {
        "bot": commands.Bot("!", intents=discord.Intents.default()),
        "application": ApplicationBuilder().token("7000000001:readme").build(),
    }
    for block in blocks:
        exec(compile(block, "README.md", "exec"), shared)
    assert {"recap", "on_message", "answer", "Shout"} <= shared.keys()


def test_every_hook_is_named_in_the_specifications_with_a_sentence() -> None:
    from session_plugin import hooks  # noqa: PLC0415 - the module is what is looked at

    names = [name for name in dir(hooks) if name.startswith("session_")]
    assert len(names) == 10
    assert all(getattr(hooks, name).__doc__ for name in names)

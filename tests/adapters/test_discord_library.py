"""Without discord.py, or with a fork in its place, the error says what to do; so for Telegram."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import session_plugin
import session_plugin_discord
from session_plugin import SessionHub

PYCORD = '__title__, __version__ = "pycord", "2.8.1"\nversion_info = (2, 8, 1)\n'
OLD = '__title__, __version__ = "discord", "1.7.3"\nversion_info = (1, 7, 3)\n'
STUB = '__version__ = "0.0.1"\n'
BLOCKED = "raise ModuleNotFoundError('No module named ' + repr(__name__), name=__name__)\n"
PLACES = [str(Path(one.__file__).parents[1]) for one in (session_plugin, session_plugin_discord)]


@pytest.mark.parametrize(
    ("package", "content", "said"),
    [
        ("discord", PYCORD, "is pycord 2.8.1: uninstall it"),
        ("discord", OLD, "is discord 1.7.3: uninstall it"),
        ("discord", BLOCKED, "nextcord and disnake, need an adapter of their own"),
        ("telegram", BLOCKED, "such as aiogram, need an adapter of their own"),
        ("telegram", STUB, "the installed package telegram is 0.0.1"),
    ],
)
def test_another_library_is_named_with_what_to_do(
    tmp_path: Path, package: str, content: str, said: str
) -> None:
    (tmp_path / f"{package}.py").write_text(content)
    places = [str(tmp_path), *PLACES]
    code = f"import sys; sys.path[:0] = {places}; import session_plugin_{package}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    error = ran.stderr.splitlines()[-1]
    assert error.startswith(("ImportError: ", "ModuleNotFoundError: "))
    assert said in error
    assert f"'session-plugin[{package}]'" in error


def test_a_bot_of_another_library_is_named(hub: SessionHub) -> None:
    client: Any = type("Bot", (), {"__module__": "nextcord.ext.commands.bot"})()
    with pytest.raises(TypeError, match=r"not nextcord\.ext\.commands\.bot\.Bot"):
        session_plugin_discord.install(client, hub)

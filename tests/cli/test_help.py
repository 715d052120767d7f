"""The help is what it was when somebody last read it. SESSION_WRITE_HELP=1 writes it anew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from session_plugin.cli.app import COMMANDS

HELP = Path(__file__).with_name("help.txt")
OPERATING = Path(__file__).parents[2] / "docs/operating.md"


def test_the_help_is_the_one_that_was_read(run: Any) -> None:
    names = ["", "keys", *(name for group in COMMANDS.values() for name, _ in group)]
    texts = [run(None, *name.split(), "--help").out for name in names]
    found = "\n".join(text.rstrip() + "\n" for text in texts)

    if os.environ.get("SESSION_WRITE_HELP"):
        HELP.write_text(found)
    assert found == HELP.read_text()


def test_the_page_about_operating_names_every_command() -> None:
    page = OPERATING.read_text()
    names = [name for group in COMMANDS.values() for name, _ in group]
    assert [name for name in names if f"`{name}" not in page] == []

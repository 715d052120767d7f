"""The steps of docs/start.md, as somebody follows them in an empty folder.

Here they find this interpreter and this checkout. Once in `.ci/run` they begin with nothing: a
clean environment, and what the page installs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = Path(sys.executable).parent
PAGE = (ROOT / "docs/start.md").read_text()
INSTALL, *STEPS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
SAVED = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL)


def follow(folder: Path, *steps: str, path: str, **environ: str) -> str:
    """Run shell blocks of the page in a folder, where what it says to save is saved."""
    for name, text in SAVED:
        (folder / name).write_text(text)

    script = "\n".join(("set -e", *steps))
    ran = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"HOME": str(folder), "PATH": path, **environ},
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran.stdout


def check(said: str) -> None:
    assert "bot.py was written" in said
    assert "1 passed" in said
    assert "My cat is called Tom." in said
    assert "integrity" in said


def test_the_page_saves_a_test_and_has_steps() -> None:
    assert [name for name, _ in SAVED] == ["test_bot.py"]
    assert len(STEPS) == 3


def test_the_steps_of_the_page_work_here(tmp_path: Path) -> None:
    packages = os.pathsep.join([str(ROOT), str(ROOT / "adapters")])
    said = follow(tmp_path, *STEPS, path=f"{COMMANDS}:{os.environ['PATH']}", PYTHONPATH=packages)
    check(said)


@pytest.mark.skipif(
    not os.environ.get("START_FROM_NOTHING"),
    reason="START_FROM_NOTHING=1 installs what the page installs, as .ci/run does once",
)
def test_the_steps_of_the_page_work_from_nothing(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    checkout = tmp_path / "session_plugin"
    ignored = shutil.ignore_patterns(".*", "tests", "benchmarks", "__pycache__")
    shutil.copytree(ROOT, checkout, ignore=ignored)
    folder = tmp_path / "empty"
    folder.mkdir()

    pip = {key: value for key, value in os.environ.items() if key.lower().startswith("pip_")}
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    said = follow(folder, INSTALL, *STEPS, path=path, SESSION_PLUGIN=str(checkout), **pip)
    check(said)

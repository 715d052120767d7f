"""The wheel: what is in it, and what it needs, in environments with nothing else."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "session_plugin",
    "session_plugin_discord",
    "session_plugin_telegram",
    "discord_simulator",
    "telegram_simulator",
}


def run(*command: object) -> subprocess.CompletedProcess[str]:
    environ = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=environ, check=False
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    built = run(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, ROOT
    )
    assert built.returncode == 0, built.stderr[-2000:]
    (found,) = target.glob("*.whl")
    return found


def environment(folder: Path, wheel: Path, extra: str = "") -> Path:
    """Make one that holds the wheel, with what an extra brings, and not even pip."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    installed = run(
        sys.executable, "-m", "pip", "--python", python, "install", "--quiet", f"{wheel}{extra}"
    )
    assert installed.returncode == 0, installed.stderr[-2000:]
    return python


@pytest.fixture(scope="module")
def core(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("core"), wheel)


def test_the_wheel_holds_our_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == PACKAGES
    for package in PACKAGES:
        assert f"{package}/py.typed" in names
    sql = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("session_plugin/sql/**/*.sql")}
    assert sql
    assert sql <= set(names)
    pages = {
        path.relative_to(ROOT).as_posix() for path in ROOT.glob("session_plugin/inspector/*/*.*")
    }
    assert "session_plugin/inspector/static/style.css" in pages
    assert {page for page in pages if "__pycache__" not in page} <= set(names)
    assert {"adapters", "tests", "examples", "benchmarks"}.isdisjoint(
        part for name in names for part in name.split("/")
    )


def test_the_core_alone_brings_no_bot_library_and_keeps_a_conversation(
    core: Path, tmp_path: Path
) -> None:
    listed = run(
        core,
        "-c",
        "from importlib.metadata import distributions as d; print(*(x.name for x in d()))",
    ).stdout
    assert {name.lower() for name in listed.split()} == {"session-plugin", "pluggy", "platformdirs"}
    script = (
        "from session_plugin import SessionStore\n"
        "with SessionStore('kept.db') as store:\n"
        "    session = store.get_or_create('ann')\n"
        "    store.save_message(session.session_id, 'user', 'hello')\n"
        "    print([m.content for m in store.get_or_create('ann').messages])\n"
    )
    ran = subprocess.run(
        [core, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (ran.stdout.strip(), ran.stderr) == ("['hello']", "")


@pytest.mark.parametrize(
    ("module", "needs", "extra"),
    [
        ("session_plugin_discord", "discord.py", "discord"),
        ("session_plugin_telegram", "python-telegram-bot", "telegram"),
        ("session_plugin.testing", "pytest", "testing"),
    ],
)
def test_what_needs_a_library_that_is_missing_says_how_to_install_it(
    core: Path, module: str, needs: str, extra: str
) -> None:
    ran = run(core, "-c", f"import {module}")
    assert f"{module} needs {needs}: pip install 'session-plugin[{extra}]'" in ran.stderr


def test_the_inspector_without_its_extra_says_how_to_install_it_in_one_line(core: Path) -> None:
    ran = run(core, "-m", "session_plugin.inspector", "bot.db")
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert "pip install 'session-plugin[inspect]'" in ran.stderr


@pytest.mark.parametrize("extra", ["discord", "telegram"])
def test_an_extra_brings_its_adapter_and_what_tests_it_and_not_the_other_library(
    wheel: Path, tmp_path: Path, extra: str
) -> None:
    python = environment(tmp_path / extra, wheel, f"[{extra},testing]")
    (other,) = {"discord", "telegram"} - {extra}
    assert run(python, "-c", f"import session_plugin_{extra}.testing").returncode == 0
    assert run(python, "-c", f"import {other}").returncode == 1

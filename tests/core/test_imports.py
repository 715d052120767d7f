"""What importing the core brings along."""

import subprocess
import sys


def imported_with(statement: str) -> set[str]:
    script = f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"
    return set(
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.split()
    )


def test_importing_the_core_brings_no_bot_library():
    unwanted = {
        "discord",
        "telegram",
        "aiohttp",
        "httpx",
        "session_plugin_discord",
        "session_plugin_telegram",
        "hypothesis",
    }
    assert unwanted & imported_with("import session_plugin") == set()


def test_importing_the_core_and_its_commands_opens_and_logs_nothing():
    script = (
        "import logging, threading, session_plugin, session_plugin.commands\nassert "
        "threading.active_count() == 1"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_every_public_name_is_there_once_and_in_order():
    import session_plugin  # noqa: PLC0415 - the module itself is what is looked at

    assert session_plugin.__all__ == sorted(set(session_plugin.__all__))
    assert all(hasattr(session_plugin, name) for name in session_plugin.__all__)

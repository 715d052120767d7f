"""What importing the core brings along."""

import subprocess
import sys

import pytest


def imported_with(statement: str) -> set[str]:
    script = (
        f"import sys\nbefore = set(sys.modules)\n{statement}\nprint(*set(sys.modules) - before)"
    )
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
    assert unwanted & imported_with("from session_plugin import *") == set()


def test_importing_the_core_and_its_commands_opens_and_logs_nothing():
    script = (
        "import logging, threading, session_plugin.commands\nfrom session_plugin import *\nassert "
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


def test_importing_the_package_loads_none_of_its_modules():
    loaded = imported_with("import session_plugin")
    assert [name for name in loaded if name.startswith("session_plugin")] == ["session_plugin"]
    assert not loaded & {"asyncio", "logging", "pluggy", "sqlite3"}


def test_a_plugin_loads_no_hub_and_no_database():
    loaded = imported_with("from session_plugin import MessageEvent, hookimpl, map_texts")
    assert not loaded & {"asyncio", "sqlite3", "session_plugin.hub", "session_plugin.database"}
    assert sum(name.startswith("session_plugin") for name in loaded) <= 15


def test_a_hub_loads_nothing_that_is_rare():
    loaded = imported_with("from session_plugin import SessionHub")
    rare = {"importlib.metadata", "psycopg", "numpy", "email", "http.client", "urllib.request"}
    assert not loaded & rare


def test_every_public_name_is_found_and_remembered():
    import session_plugin  # noqa: PLC0415 - the module itself is what is looked at

    for name in session_plugin.__all__:
        assert getattr(session_plugin, name) is vars(session_plugin)[name]
    assert set(session_plugin.__all__) <= set(dir(session_plugin))


def test_a_module_of_public_names_needs_no_import_of_its_own():
    ran = subprocess.run(
        [sys.executable, "-c", "import session_plugin; print(session_plugin.errors.SessionError)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "<class 'session_plugin.errors.SessionError'>\n"


def test_a_name_that_is_not_there_is_an_error_that_says_so():
    import session_plugin  # noqa: PLC0415 - the module itself is what is looked at

    with pytest.raises(AttributeError, match="has no attribute 'SessionHubb'"):
        session_plugin.SessionHubb  # noqa: B018
    with pytest.raises(ImportError, match="SessionHubb"):
        from session_plugin import SessionHubb  # noqa: F401, PLC0415

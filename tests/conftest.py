"""Fixtures for the core: a database's path, a clock that is set by hand, other processes and the locks they hold."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

pytest_plugins = ["session_plugin_discord.testing", "session_plugin_telegram.testing"]

Spawn = Callable[..., subprocess.Popen[str]]
Hold = Callable[..., AbstractContextManager[subprocess.Popen[str]]]

HOLDER = """
    import sqlite3, sys, time
    connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
    connection.execute("BEGIN EXCLUSIVE")
    print("held", flush=True)
    sys.stdin.readline() if sys.argv[2] == "" else time.sleep(float(sys.argv[2]))
    connection.execute("ROLLBACK")
"""


class Clock:
    """Seconds since 1970, as somebody set them."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, *, seconds: float = 0.0, hours: float = 0.0, days: float = 0.0) -> None:
        self.now += seconds + hours * 3600.0 + days * 86400.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where a database is to be; nothing is there yet."""
    return tmp_path / "memory" / "sessions.db"


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start a script in a process of its own, with its arguments; its standard input and output are pipes."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def hold(spawn: Spawn) -> Hold:
    """Hold a database's write lock in another process: until the block ends, or for so many seconds."""

    @contextmanager
    def held(path: Path, *, seconds: float | None = None) -> Iterator[subprocess.Popen[str]]:
        process = spawn(HOLDER, path, "" if seconds is None else seconds)
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if seconds is None:
            process.stdin.write("\n")
            process.stdin.flush()
        assert process.wait(timeout=30) == 0

    return held

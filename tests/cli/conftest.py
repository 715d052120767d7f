"""Fixtures for the command line: the application run in this process, and a bot in another one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from session_plugin import Account, Chat, MessageEvent, SessionHub
from session_plugin.cli import app as app_module

SCHEMAS = Path(app_module.__file__).with_name("schemas")
SECRET = "what only the tests' hubs know"

ANN, ANN_TOO = Account("discord", "1001"), Account("telegram", "2002")
BOB = Account("discord", "1003")

BOT = """
    import asyncio, itertools, sys, time
    from session_plugin import Account, Chat, MessageEvent, SessionHub

    async def main():
        async with SessionHub(sys.argv[1], secret=sys.argv[2], upkeep_minutes=None) as hub:
            for number in itertools.count():
                if select.select([sys.stdin], [], [], 0)[0]:
                    break
                await hub.record(MessageEvent(
                    chat=Chat("discord", "77"), message_id=f"live-{number}", role="user",
                    text=f"live {number}", sent_at=time.time(), author=Account("discord", "live")))
                if number == 0:
                    print("runs", flush=True)
                await asyncio.sleep(0.02)
            print(number, flush=True)

    import select
    asyncio.run(main())
"""


@dataclass(frozen=True)
class Ran:
    """What a command has printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


def run_on(database: str | Path | None, *words: str, **environ: str | None) -> Ran:
    options = [] if database is None else ["-d", str(database)]
    settings = {"SESSION_SECRET": SECRET, "SESSION_DATABASE": None, "COLUMNS": "80", **environ}
    result = CliRunner().invoke(
        app_module.app, [*options, *words], env=settings, prog_name="session-plugin"
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.stderr

    return Ran(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def run() -> Run:
    """Run a command on a database."""
    return run_on


@pytest.fixture
def run_json() -> Callable[..., Any]:
    """Run a command with --json, check what it prints by the command's schema, and return it."""

    def checked(database: str | Path | None, *words: str, status: int = 0) -> Any:
        ran = run_on(database, *words, "--json")
        assert ran.status == status, ran.err
        schema = json.loads((SCHEMAS / f"{words[0]}.json").read_text())
        jsonschema.validate(ran.json, schema, cls=jsonschema.Draft202012Validator)
        return ran.json

    return checked


def said(account: Account, number: int, text: str, *, name: str, chat: Chat | None = None) -> Any:
    return MessageEvent(
        chat=chat or Chat(account.channel, f"dm-{account.channel_user_id}"),
        message_id=f"m{number}",
        role="user",
        text=text,
        sent_at=1_700_000_000.0 + number,
        author=account,
        author_name=name,
    )


async def fill(database: str | Path, *, secret: str | None = SECRET) -> None:
    """Store what commands look at: two people, one of them with two accounts, and a group."""
    async with SessionHub(database, secret=secret, upkeep_minutes=None) as hub:
        for number in range(6):
            await hub.record(said(ANN, number, f"My cat is called Tom {number}.", name="Ann"))
        await hub.record(said(ANN_TOO, 10, "hello from there", name="Ann"))
        await hub.record(said(BOB, 20, "hi", name="Bob"))
        lobby = Chat("discord", "lobby", "group", title="Lobby")
        await hub.record(said(BOB, 30, "hi all", name="Bob", chat=lobby))


@pytest.fixture
def filled(database: str) -> str:
    """A database on each backend in turn, with people and what they said."""
    import asyncio  # noqa: PLC0415 - commands run event loops of their own, so tests are no coroutines

    asyncio.run(fill(database))
    return database


@pytest.fixture
def filled_file(database_file: Path) -> Path:
    """The same in a file, for tests that are about files."""
    import asyncio  # noqa: PLC0415 - see above

    asyncio.run(fill(database_file))
    return database_file


Running = Callable[[str], AbstractContextManager[list[int]]]


@pytest.fixture
def bot_running(spawn: Any) -> Running:
    """Let a bot record messages in another process; it notes how many at the end."""

    @contextmanager
    def running(database: str) -> Iterator[list[int]]:
        process, numbers = spawn(BOT, database, SECRET), []
        assert process.stdout.readline() == "runs\n"
        yield numbers
        process.stdin.write("\n")
        process.stdin.flush()
        numbers.append(int(process.stdout.readline()))
        assert process.wait(timeout=30) == 0

    return running

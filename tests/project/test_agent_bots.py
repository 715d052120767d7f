"""The example agents in processes of their own, killed while their model is asked."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from session_plugin import SessionHub

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))
from demo import AGENTS, cast, staged  # noqa: E402 - the examples are no package
from model_server import Line, ModelServer, scripted  # noqa: E402
from stage import PATIENCE, BotProcess, Person, Story, link  # noqa: E402

sys.path.remove(str(EXAMPLES))

SAID = [
    "What is the weather in Lisbon?",
    "What is the weather in Oslo?",
    "What is the time in Lisbon?",
]
ANSWER = "It is 09:30 in Lisbon."

SECRET = "the test's own, for accounts to link on any database"


class Killing:
    """A model that lets its bot be killed when it is given a tool's result for a question."""

    def __init__(self, *questions: str) -> None:
        self.questions = set(questions)
        self.bot: BotProcess | None = None

    def __call__(self, lines: list[Line]) -> Any:
        asked = next(line for line in reversed(lines) if line.kind == "user")
        question = next((one for one in self.questions if one in asked.text), None)
        if question is not None and lines[-1].kind == "result":
            self.questions.discard(question)
            assert self.bot is not None
            assert self.bot.process is not None
            os.kill(self.bot.process.pid, signal.SIGKILL)

        return scripted(lines)


@pytest.mark.parametrize("program", AGENTS)
async def test_what_an_agent_said_and_called_stands_once_after_kills(
    program: str, database: str
) -> None:
    killing = Killing(*SAID[:2])
    async with (
        ModelServer(killing) as server,
        staged(program, database, SESSION_SECRET=SECRET, **server.environment()) as stage,
    ):
        discord, telegram, bot = stage
        killing.bot = bot
        on_discord, on_telegram = cast(Story(Console(quiet=True)), discord, telegram)
        await bot.start()
        assert bot.process is not None
        await link(on_discord, on_telegram)

        for person, text in ((on_discord, SAID[0]), (on_telegram, SAID[1])):
            await person.simulator.say(person.user, person.chat, text)
            await asyncio.wait_for(bot.process.wait(), PATIENCE)
            await bot.start()

        assert await on_discord.say(SAID[2]) == ANSWER
        assert await bot.stop() == 0

        check_request(server.requests[-1])
        await check_history(database, on_telegram)


def check_request(request: list[Line]) -> None:
    """Check that a model sees each question once, and each call with its result behind it."""
    lines = [line for line in request if line.kind != "system"]
    said = Counter(text for text in SAID for line in lines if text in line.text)
    assert said == dict.fromkeys(SAID, 1)

    calls = [line.call_id for line in lines if line.kind == "call"]
    assert len(calls) == len(set(calls))
    assert calls == [line.call_id for line in lines if line.kind == "result"]
    assert not any(line.kind == "assistant" for line in lines)


async def check_history(database: str, person: Person) -> None:
    """Check that what was said and called is stored once, each run whole or cut off at its end."""
    async with SessionHub(database, load_entry_points=False, secret=SECRET) as hub:
        history = await person.session(hub).history(limit=None)

    assert [one.content for one in history if one.content] == [*SAID, ANSWER]
    runs: dict[str, list[str]] = {}
    for one in history:
        if one.turn is not None:
            kinds = [type(part).__name__ for part in one.parts] or ["words"]
            runs.setdefault(one.turn, []).extend(kinds)

    whole = ["ToolCallPart", "ToolResultPart", "words"]
    assert all(kinds == whole[: len(kinds)] for kinds in runs.values())
    assert sum(kinds == whole for kinds in runs.values()) == 1

"""Tool loops of a model on both real clients: what was called and answered stands once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from session_plugin import SessionHub, SessionMessage

LONG = "\n\n".join(f"{number}. It is *sunny* there, and will stay so." for number in range(120))
"""More than one message of either platform holds."""


def call(number: int) -> list[dict[str, Any]]:
    call_id = f"call_{number}"
    return [
        {"type": "reasoning", "id": f"rs_{number}", "summary": []},
        {"type": "function_call", "call_id": call_id, "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": call_id, "output": "sunny"},
    ]


def pieces(text: str, *, longest: int = 2000) -> list[str]:
    """Split a text at paragraphs, as authors do for Discord's limit."""
    found = [""]
    for paragraph in text.split("\n\n"):
        if len(found[-1]) + len(paragraph) > longest:
            found.append("")
        found[-1] = f"{found[-1]}\n\n{paragraph}".strip()
    return found


class Agent:
    """Answers with a call, its result and words; stores the turn before or after it sends them."""

    def __init__(self) -> None:
        self.number = 0

    async def __call__(self, turn: Any) -> None:
        if turn.text.startswith(("/", "!")):
            return
        self.number += 1
        words = LONG if turn.text == "at length" else f"It is sunny: {self.number}."
        said = {"role": "assistant", "content": words.replace("sunny", "**sunny**")}
        if turn.text == "late":
            await self.send(turn, words)
            await turn.session.add_turn([*call(self.number), said])
        else:
            await turn.session.add_turn([*call(self.number), said])
            await self.send(turn, words)

    async def send(self, turn: Any, words: str) -> None:
        for piece in pieces(words):
            await turn.say(piece)


@pytest.fixture
async def sides(
    on_discord: Any, on_telegram: Any, hub: SessionHub
) -> AsyncIterator[list[tuple[Any, Any, Any]]]:
    """Give each driver with a person and their direct chat; one bot runs on both."""
    async with AsyncExitStack() as stack:
        found = []
        for driver in (on_discord, on_telegram):
            await stack.enter_async_context(driver.running(hub, Agent()))
            user = driver.user("Ann")
            found.append((driver, user, driver.direct_chat(user)))
        yield found


def shown(history: list[SessionMessage]) -> list[tuple[str, list[str], bool]]:
    return [
        (one.role, [type(part).__name__ for part in one.parts], one.turn is not None)
        for one in history
    ]


async def test_a_turn_is_one_with_the_message_that_was_sent(
    sides: list[tuple[Any, Any, Any]], hub: SessionHub
) -> None:
    for driver, user, chat in sides:
        await driver.ask(user, chat, "Rain?")
        assert shown(await driver.history(hub, chat, count=4)) == [
            ("user", [], False),
            ("assistant", ["ReasoningPart", "ToolCallPart"], True),
            ("tool", ["ToolResultPart"], True),
            ("assistant", [], True),
        ]


async def test_a_turn_finds_the_message_that_was_sent_before(
    sides: list[tuple[Any, Any, Any]], hub: SessionHub
) -> None:
    for driver, user, chat in sides:
        await driver.ask(user, chat, "late")
        await driver.history(hub, chat, count=4)
        view = driver.view(hub, chat)
        async with asyncio.timeout(20):  # it is found after the calls were stored
            while None in [one.turn for one in (await view.history(limit=None))[1:]]:
                await asyncio.sleep(0.01)
        history = await view.history(limit=None)
        assert [one.role for one in history] == ["user", "assistant", "assistant", "tool"]
        assert len({one.turn for one in history[1:]}) == 1


async def test_a_long_answer_in_pieces_is_one_turn(
    sides: list[tuple[Any, Any, Any]], hub: SessionHub
) -> None:
    for driver, user, chat in sides:
        await driver.ask(user, chat, "at length")
        history = await driver.history(hub, chat, count=3 + len(pieces(LONG)))
        assert [one.turn is None for one in history] == [True] + [False] * (len(history) - 1)
        assert len({one.turn for one in history[1:]}) == 1

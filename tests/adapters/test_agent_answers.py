"""Agents of real frameworks on both real clients, in every way that authors send what they said:
what was said, called and returned stands once, in order, in the history and in the next prompt.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import agents
import discord
import pydantic_ai
import pytest
from agents.memory import SessionSettings
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from session_plugin import SessionHub
from session_plugin.agents.openai import AgentsSession
from session_plugin.agents.pydantic_ai import message_history

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))
from model_server import Call, Line, ModelServer, scripted  # noqa: E402 - the examples are no package

sys.path.remove(str(EXAMPLES))

WEATHER = "What is the weather in Lisbon?"
ANSWER = "It is **sunny** in [Lisbon](https://example.org/a_b), 24 °C & dry."
SHOWN = "It is sunny in Lisbon, 24 °C & dry."
TURN = [("user", ""), ("assistant", "ToolCallPart"), ("tool", "ToolResultPart"), ("assistant", "")]


def answers(lines: list[Line]) -> Any:
    """Call the tool for each question, then answer in Markdown."""
    said = scripted(lines)
    return ANSWER if isinstance(said, str) else said


def prompt(request: list[Line]) -> list[tuple[str, str]]:
    return [(line.kind, line.text) for line in request if line.kind != "system"]


def shown(history: list[Any]) -> list[tuple[str, str]]:
    return [(one.role, "+".join(type(part).__name__ for part in one.parts)) for one in history]


async def edit(message: Any, text: str) -> None:
    await (message.edit_text(text) if hasattr(message, "edit_text") else message.edit(content=text))


@pytest.fixture(params=["on_discord", "on_telegram"])
def driver(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(answers) as server:
        yield server


@pytest.fixture
async def client(server: ModelServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0) as client:
        yield client


def weather(city: str, day: str = "today") -> str:
    """Return the weather."""
    if city == "Atlantis":
        raise LookupError("no such city")
    return f"{city}: sunny {day}"


@pytest.fixture
def agent(client: AsyncOpenAI) -> agents.Agent[Any]:
    agents.set_tracing_disabled(True)
    model = agents.OpenAIResponsesModel("scripted-1", client)
    return agents.Agent("Weather", tools=[agents.function_tool(weather)], model=model)


@pytest.fixture
def ask(driver: Any, hub: SessionHub, server: ModelServer) -> Callable[..., Any]:
    """Let Ann ask twice; return the history after the first answer, and the second prompt."""

    async def asked(handle: Any, *, last: str, count: int = 4, text: str = WEATHER) -> Any:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)
        done: list[str] = []

        async def noted(turn: Any) -> None:
            await handle(turn)
            done.append(turn.text)

        async with driver.running(hub, noted):
            await driver.say(ann, dm, text)
            await driver.told(dm, last)
            await driver.until(lambda: done)
            history = await driver.history(hub, dm, count=count)
            seen = len(server.requests)
            await driver.say(ann, dm, "Thank you!")
            await driver.until(lambda: len(done) == 2)
        return history, prompt(server.requests[seen])

    return asked


async def run(agent: Any, turn: Any, **options: Any) -> str:
    memory = AgentsSession(turn.session, **options)
    return str((await agents.Runner.run(agent, turn.text, session=memory)).final_output)


def check(history: list[Any], asked: list[tuple[str, str]], words: str) -> None:
    """Check that the first turn is whole, and stands once and in order in the next prompt."""
    assert shown(history) == TURN
    assert len({one.turn for one in history[1:]}) == 1
    assert history[1].turn is not None
    assert history[-1].content == words
    assert asked == [
        ("user", WEATHER),
        ("call", '{"city": "Lisbon", "day": "today"}'),
        ("result", "Lisbon: sunny today"),
        ("assistant", words),
        ("user", "Thank you!"),
    ]


async def test_an_answer_that_replies(agent: Any, ask: Any) -> None:
    async def handle(turn: Any) -> None:
        await turn.reply((await run(agent, turn)).replace("*", ""))

    check(*await ask(handle, last="24 °C"), words=ANSWER.replace("*", ""))


async def test_a_placeholder_that_is_edited_into_the_answer(agent: Any, ask: Any) -> None:
    async def handle(turn: Any) -> None:
        sent = await turn.say("thinking ...")
        await edit(sent, await run(agent, turn))

    history, asked = await ask(handle, last="24 °C")
    assert sorted(shown(history)) == sorted(TURN)
    ordered = [history[0], *history[2:], history[1]]
    check(ordered, asked, words=ANSWER)


async def test_an_answer_that_is_streamed_into_a_message(agent: Any, ask: Any) -> None:
    async def handle(turn: Any) -> None:
        sent, words = await turn.say("..."), ""
        streamed = agents.Runner.run_streamed(agent, turn.text, session=AgentsSession(turn.session))
        async for event in streamed.stream_events():
            if event.type == "raw_response_event" and event.data.type.endswith("text.delta"):
                words += event.data.delta
                await edit(sent, words)

    history, asked = await ask(handle, last="dry.")
    check([history[0], *history[2:], history[1]], asked, words=ANSWER)


async def test_an_answer_that_pydantic_ai_streams_before_it_is_handed_over(
    client: AsyncOpenAI, ask: Any
) -> None:
    model = OpenAIChatModel("scripted-1", provider=OpenAIProvider(openai_client=client))
    agent = pydantic_ai.Agent(model, tools=[weather])

    async def handle(turn: Any) -> None:
        sent = await turn.say("...")
        history = await message_history(turn.session)
        async with agent.run_stream(turn.text, message_history=history) as result:
            async for words in result.stream_text(debounce_by=None):
                await edit(sent, words)
        await turn.session.add_turn(result.new_messages())

    history, asked = await ask(handle, last="dry.")
    asked = [(kind, text.replace('":"', '": "').replace('","', '", "')) for kind, text in asked]
    check([history[0], *history[2:], history[1]], asked, words=ANSWER)


async def test_an_answer_that_its_author_adds_to(agent: Any, ask: Any) -> None:
    async def handle(turn: Any) -> None:
        await turn.say(f"🌤 Forecast: {await run(agent, turn)}\n\n(from the weather office)")

    history, asked = await ask(handle, last="24 °C")
    check(history, asked, words=f"🌤 Forecast: {ANSWER}\n\n(from the weather office)")


async def test_an_answer_in_the_markup_of_telegram(
    on_telegram: Any, hub: SessionHub, agent: Any
) -> None:
    async def handle(turn: Any) -> None:
        await run(agent, turn)
        html = '<i>It</i> is <b>sunny</b> in <a href="https://x.y">Lisbon</a>, 24 °C &amp; dry.'
        await turn.message.reply_text(html, parse_mode="HTML")

    ann = on_telegram.user("Ann")
    dm = on_telegram.direct_chat(ann)
    async with on_telegram.running(hub, handle):
        await on_telegram.say(ann, dm, WEATHER)
        history = await on_telegram.history(hub, dm, count=4)
    assert shown(history) == TURN
    assert history[-1].turn == history[1].turn is not None
    assert history[-1].content == SHOWN


async def test_an_answer_that_is_a_caption(driver: Any, agent: Any, ask: Any) -> None:
    async def handle(turn: Any) -> None:
        words = await run(agent, turn)
        if driver.channel == "telegram":
            await turn.message.reply_photo(b"\x89PNG", caption=words)
        else:
            await turn.message.channel.send(words, file=discord.File(io.BytesIO(b"1"), "a.png"))

    history, _ = await ask(handle, last="24 °C")
    assert shown(history) == TURN
    assert history[-1].turn == history[1].turn is not None
    assert [one.kind for one in history[-1].attachments] != []


async def test_calls_that_are_made_at_once(agent: Any, ask: Any, server: ModelServer) -> None:
    def twice(lines: list[Line]) -> Any:
        said = answers(lines)
        return said if isinstance(said, str) else [*said, Call("weather", {"city": "Oslo"})]

    server.script = twice

    async def handle(turn: Any) -> None:
        await turn.say(await run(agent, turn))

    history, asked = await ask(handle, last="24 °C", count=4)
    assert len({one.turn for one in history[1:]}) == 1
    assert [kind for kind, _ in asked] == [
        "user", "call", "call", "result", "result", "assistant", "user",
    ]  # fmt: skip
    assert [text for kind, text in asked if kind == "result"] == [
        "Lisbon: sunny today",
        "Oslo: sunny today",
    ]


async def test_a_tool_that_raises(agent: Any, ask: Any) -> None:
    async def handle(turn: Any) -> None:
        await turn.say(await run(agent, turn))

    question = "What is the weather in Atlantis?"
    history, asked = await ask(handle, last="24 °C", text=question)
    assert shown(history) == TURN
    assert [kind for kind, _ in asked] == ["user", "call", "result", "assistant", "user"]
    assert "An error occurred" in asked[2][1]


async def test_a_handoff_to_another_agent(agent: Any, ask: Any, server: ModelServer) -> None:
    def hands_over(lines: list[Line]) -> Any:
        if lines[-1].kind == "user" and "weather" in lines[-1].text:
            return [Call("transfer_to_weather", {})]
        if lines[-1].kind == "result" and "assistant" in lines[-1].text:
            return [Call("weather", {"city": "Lisbon"})]
        return ANSWER

    server.script = hands_over
    first = agents.Agent("First", handoffs=[agent], model=agent.model)

    async def handle(turn: Any) -> None:
        await turn.say(await run(first, turn))

    history, asked = await ask(handle, last="24 °C", count=6)
    assert [role for role, _ in shown(history)] == [
        "user", "assistant", "tool", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert len({one.turn for one in history[1:]}) == 1
    assert [kind for kind, _ in asked] == [
        "user", "call", "result", "call", "result", "assistant", "user",
    ]  # fmt: skip


class Forecast(BaseModel):
    city: str
    degrees: int


async def test_an_answer_that_is_no_text(agent: Any, ask: Any, server: ModelServer) -> None:
    def structured(lines: list[Line]) -> Any:
        said = scripted(lines)
        return '{"city": "Lisbon", "degrees": 24}' if isinstance(said, str) else said

    server.script = structured
    agent.output_type = Forecast

    async def handle(turn: Any) -> None:
        memory = AgentsSession(turn.session)
        forecast = (await agents.Runner.run(agent, turn.text, session=memory)).final_output
        await turn.say(f"{forecast.degrees} °C in {forecast.city}.")

    history, asked = await ask(handle, last="24 °C")
    assert shown(history) == TURN
    assert [one.content for one in history if one.content] == [WEATHER, "24 °C in Lisbon."]
    assert [kind for kind, _ in asked] == ["user", "call", "result", "assistant", "user"]
    assert asked[3] == ("assistant", "24 °C in Lisbon.")


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_a_limit_divides_no_call_from_its_result(agent: Any, ask: Any, limit: int) -> None:
    settings = SessionSettings(limit=limit)

    async def handle(turn: Any) -> None:
        await turn.say(await run(agent, turn, session_settings=settings))

    _, asked = await ask(handle, last="24 °C")
    kinds = [kind for kind, _ in asked]
    assert kinds.count("call") == kinds.count("result")
    assert kinds[-2:] == ["assistant", "user"]


async def test_a_run_that_is_cancelled_leaves_nothing_that_a_model_refuses(
    agent: Any, ask: Any
) -> None:
    is_called = asyncio.Event()

    async def forever(city: str, day: str = "today") -> str:
        is_called.set()
        await asyncio.sleep(60)
        return "never"

    slow = agent.clone(tools=[agents.function_tool(forever, name_override="weather")])

    async def handle(turn: Any) -> None:
        if is_called.is_set():
            await turn.say(await run(agent, turn))
            return
        task = asyncio.create_task(run(slow, turn))
        await is_called.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await turn.say("It took too long.")

    history, asked = await ask(handle, last="too long", count=2)
    assert history[-1].content == "It took too long."
    assert asked == [
        ("user", WEATHER),
        ("assistant", "It took too long."),
        ("user", "Thank you!"),
    ]


async def test_two_people_of_a_group_who_are_answered_at_once(
    driver: Any, hub: SessionHub, agent: Any
) -> None:
    both = asyncio.Barrier(2)

    async def handle(turn: Any) -> None:
        words = await run(agent, turn)
        await asyncio.wait_for(both.wait(), timeout=20)
        await turn.reply(words)

    options = {}
    if driver.channel == "telegram":
        options["builder"] = driver.builder().concurrent_updates(True)
    ann, bob = driver.user("Ann"), driver.user("Bob")
    room = driver.group("Friends", ann, bob)
    async with driver.running(hub, handle, **options):
        await driver.say(ann, room, WEATHER)
        await driver.say(bob, room, "What is the weather in Oslo?")
        history = await driver.history(hub, room, count=8)
        turns = {one.turn for one in history if one.turn is not None}
        assert len(turns) == 2
        for turn in turns:
            run_of = [one for one in history if one.turn == turn]
            assert shown(run_of) == TURN[1:]
            assert len({one.person for one in run_of}) == 1

        asked = prompt_of(await driver.view(hub, room).for_model())
    assert [kind for kind, _ in asked].count("assistant") == 2


def prompt_of(context: Any) -> list[tuple[str, str]]:
    items = context.as_responses()
    return [(item.get("role", item.get("type")), str(item)) for item in items]


async def test_a_restart_between_the_run_and_its_answer(
    driver: Any, database: str, agent: Any
) -> None:
    said: list[str] = []

    async def handle(turn: Any) -> None:
        said.append(await run(agent, turn))

    ann = driver.user("Ann")
    dm = driver.direct_chat(ann)
    hub = SessionHub(database, load_entry_points=False)
    async with driver.running(hub, handle):
        await driver.say(ann, dm, WEATHER)
        await driver.until(lambda: said)

    hub = SessionHub(database, load_entry_points=False)
    async with driver.running(hub) as bot:
        await driver.send(bot, dm, said[0])
        history = await driver.history(hub, dm, count=4)
        asked = prompt_of(await driver.view(hub, dm).for_model())
    assert shown(history) == TURN
    assert [one.content for one in history if one.content] == [WEATHER, ANSWER]
    assert [kind for kind, _ in asked] == [
        "user",
        "function_call",
        "function_call_output",
        "assistant",
    ]


async def test_linked_accounts_have_one_history_in_both_frameworks(
    on_discord: Any, on_telegram: Any, database: str, agent: Any, client: Any, server: ModelServer
) -> None:
    model = OpenAIChatModel("scripted-1", provider=OpenAIProvider(openai_client=client))
    other = pydantic_ai.Agent(model, tools=[weather])

    async def with_agents_sdk(turn: Any) -> None:
        await turn.say(await run(agent, turn))

    async def with_pydantic_ai(turn: Any) -> None:
        history = await message_history(turn.session)
        result = await other.run(turn.text, message_history=history)
        await turn.session.add_turn(result.new_messages())
        await turn.say(result.output)

    hub = SessionHub(database, load_entry_points=False, secret="what only this test knows")
    server.script = scripted
    async with AsyncExitStack() as stack:
        sides = []
        for driver, handle in ((on_discord, with_agents_sdk), (on_telegram, with_pydantic_ai)):
            await stack.enter_async_context(driver.running(hub, handle))
            ann = driver.user("Ann")
            sides.append((driver, ann, driver.direct_chat(ann)))
        one, two = (driver.account(ann) for driver, ann, _ in sides)
        for driver, ann, dm in sides:
            await driver.ask(ann, dm, "Hello!")
            await driver.history(hub, dm, count=2)
        code = await hub.request_link(one)
        preview = await hub.redeem_link(two, code.code)
        await hub.confirm_link(two, shown=preview)
        await hub.confirm_link(one, shown=preview)

        for number in range(6):
            driver, ann, dm = sides[number % 2]
            question = WEATHER if number == 0 else f"And tomorrow, {number}?"
            await driver.ask(ann, dm, question)
            history = await driver.history(hub, dm, count=4 + 4 * (number + 1))

    assert shown(history[4:]) == TURN * 6
    turns = [one.turn for one in history[4:] if one.turn is not None]
    assert [turns.count(turn) for turn in dict.fromkeys(turns)] == [3] * 6
    asked = [one for one in prompt(server.requests[-1]) if one[0] in ("call", "result")]
    assert [kind for kind, _ in asked] == ["call", "result"] * 6
    assert all('"Lisbon"' in text for kind, text in asked if kind == "call")

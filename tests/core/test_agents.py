"""The frameworks' own runners over a session: nothing stands twice, in history or in a prompt."""

import json
import re
from collections import Counter

import agents
import pytest
from agents.memory import SessionSettings
from aiohttp import web
from aiohttp.test_utils import TestServer
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables.history import RunnableWithMessageHistory
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from session_plugin.agents.langchain import ChatHistory
from session_plugin.agents.openai import AgentsSession
from session_plugin.agents.pydantic_ai import message_history

TURNS = 20


class ModelServer:
    """Speaks both of OpenAI's APIs: calls the tool once for each question, then answers it."""

    def __init__(self):
        self.requests = []

    async def responses(self, request):
        asked = (await request.json())["input"]
        self.requests.append(asked)
        if asked[-1].get("type") == "function_call_output":
            content = [{"type": "output_text", "text": self.answer(asked), "annotations": []}]
            output = [
                {
                    "type": "message",
                    "id": f"msg_{len(self.requests)}",
                    "role": "assistant",
                    "status": "completed",
                    "content": content,
                }
            ]
        else:
            number = len(self.requests)
            output = [
                {"type": "reasoning", "id": f"rs_{number}", "summary": []},
                {
                    "type": "function_call",
                    "id": f"fc_{number}",
                    "call_id": f"call_{number}",
                    "name": "weather",
                    "arguments": '{"city": "Oslo"}',
                    "status": "completed",
                },
            ]
        return web.json_response(
            {
                "id": f"resp_{len(self.requests)}",
                "object": "response",
                "created_at": 1,
                "model": "fake-1",
                "output": output,
                "parallel_tool_calls": True,
                "tool_choice": "auto",
                "tools": [],
                "usage": {
                    "input_tokens": 1,
                    "output_tokens": 1,
                    "total_tokens": 2,
                    "input_tokens_details": {"cached_tokens": 0},
                    "output_tokens_details": {"reasoning_tokens": 0},
                },
            }
        )

    async def chat(self, request):
        asked = (await request.json())["messages"]
        self.requests.append(asked)
        message = {"role": "assistant", "content": None}
        if asked[-1]["role"] == "tool":
            message["content"] = self.answer(asked)
        else:
            function = {"name": "weather", "arguments": '{"city": "Oslo"}'}
            call = {"id": f"call_{len(self.requests)}", "type": "function", "function": function}
            message["tool_calls"] = [call]
        reason = "stop" if message["content"] else "tool_calls"
        return web.json_response(
            {
                "id": "c",
                "object": "chat.completion",
                "created": 1,
                "model": "fake-1",
                "choices": [{"index": 0, "finish_reason": reason, "message": message}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
        )

    @staticmethod
    def answer(asked):
        questions = re.findall(r"question-(\d+)", json.dumps(asked))
        return f"answer-{questions[-1]}: it is **sunny**"


@pytest.fixture
async def server():
    model, app = ModelServer(), web.Application()
    app.router.add_post("/v1/responses", model.responses)
    app.router.add_post("/v1/chat/completions", model.chat)
    async with TestServer(app) as running:
        model.url = str(running.make_url("/v1"))
        yield model


@pytest.fixture
async def client(server):
    async with AsyncOpenAI(base_url=server.url, api_key="fake", max_retries=0) as client:
        yield client


@pytest.fixture
def agent(client):
    agents.set_tracing_disabled(True)

    @agents.function_tool
    def weather(city: str) -> str:
        """Return the weather."""
        return f"sunny in {city}"

    model = agents.OpenAIResponsesModel("fake-1", client)
    return agents.Agent("Weather", instructions="Be brief.", tools=[weather], model=model)


@pytest.fixture
async def people(hub, talk, link):
    """Link two accounts of one person."""
    one, other = talk.account("ann"), talk.account("ann", channel="telegram")
    for account in (one, other):
        await hub.record(talk.said(account, "hello"))
    await link(hub, one, other)
    return one, other


def said_in(request):
    """Count the questions and answers in a request."""
    return Counter(re.findall(r"(?:question|answer)-\d+", json.dumps(request)))


def check_request(request, number):
    """Check that a request has every earlier question and answer once, and this question last."""
    expected = {f"{what}-{n}" for n in range(number) for what in ("question", "answer")}
    assert said_in(request) == dict.fromkeys([*expected, f"question-{number}"], 1)


def check_history(history):
    """Check that all 20 turns are there once, in order."""
    assert [one.content for one in history[:2]] == ["hello", "hello"]
    expected = [
        entry
        for n in range(TURNS)
        for entry in (
            ("user", f"question-{n}?"),
            ("assistant", ""),
            ("tool", ""),
            ("assistant", f"answer-{n}: it is sunny"),
        )
    ]
    assert [(one.role, one.content) for one in history[2:]] == expected
    for start in range(2, len(history), 4):
        question, *run = history[start : start + 4]
        assert question.turn is None
        assert len({one.turn for one in run}) == 1
        assert run[0].turn is not None


async def ask(hub, talk, people, number, respond):
    """Let a person ask on either channel, and send what the agent says as a platform shows it."""
    account = people[number % 2]
    event = talk.said(account, f"question-{number}?")
    view = (await hub.record(event)).session
    text = await respond(view, event)
    await hub.record(talk.answered(account, text.replace("*", "")))
    return view


async def test_the_agents_sdk_keeps_one_history(hub, talk, people, server, agent):
    async def respond(view, event):
        result = await agents.Runner.run(agent, event.text, session=AgentsSession(view))
        return result.final_output

    for number in range(TURNS):
        view = await ask(hub, talk, people, number, respond)
        for request in server.requests[-2:]:
            check_request(request, number)

    assert len(server.requests) == 2 * TURNS
    check_history(await view.history(limit=None))
    calls = [item["call_id"] for item in server.requests[-1] if item.get("type") == "function_call"]
    assert len(calls) == len(set(calls)) == TURNS


async def test_an_answer_that_was_not_sent_is_in_no_prompt(hub, talk, people, agent, server):
    for number in range(2):
        event = talk.said(people[0], f"question-{number}?")
        view = (await hub.record(event)).session
        await agents.Runner.run(agent, event.text, session=AgentsSession(view))

    assert said_in(server.requests[-1]) == {"question-0": 1, "question-1": 1}
    assert [one.role for one in await view.history()] == ["user"] * 2 + [
        "user",
        "assistant",
        "tool",
    ] * 2


async def test_pydantic_ai_keeps_one_history(hub, talk, people, server, client):
    model = OpenAIChatModel("fake-1", provider=OpenAIProvider(openai_client=client))
    agent = Agent(model, instructions="Be brief.")

    @agent.tool_plain
    def weather(city: str) -> str:
        """Return the weather."""
        return f"sunny in {city}"

    async def respond(view, event):
        result = await agent.run(event.text, message_history=await message_history(view))
        await view.add_turn(result.new_messages())
        return result.output

    for number in range(TURNS):
        view = await ask(hub, talk, people, number, respond)
        for request in server.requests[-2:]:
            check_request(request, number)

    assert len(server.requests) == 2 * TURNS
    check_history(await view.history(limit=None))


@pytest.fixture
async def session(hub, talk):
    return (await hub.record(talk.said(talk.account("ann"), "question-0?"))).session


QUESTION = {"role": "user", "content": "question-0?"}
CALL = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"}
OTHER = {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}
ODD = {"type": "quantum", "id": "q"}
WORDS = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Sunny."}],
}


def test_it_is_a_session_of_the_sdk(hub, talk):
    view = hub.session_of(talk.direct(talk.account("ann")), talk.account("ann"))
    session = AgentsSession(view, session_settings=SessionSettings(limit=3))
    assert isinstance(session, agents.Session)
    assert session.session_id == "discord/direct-of-ann-on-discord"


async def test_the_items_of_this_run_are_given_back_as_they_were(session):
    memory = AgentsSession(session)
    assert await memory.get_items() == []
    for items in ([QUESTION], [CALL, RESULT, ODD], [WORDS]):
        await memory.add_items(items)
    assert await memory.get_items() == [QUESTION, CALL, RESULT, ODD, WORDS]
    assert await memory.get_items(2) == [ODD, WORDS]
    assert await memory.get_items(0) == []
    memory.session_settings = SessionSettings(limit=1)
    assert await memory.get_items() == [WORDS]


@pytest.mark.parametrize(
    ("error", "items"),
    [(TypeError, [5]), (TypeError, "text"), (ValueError, [QUESTION, {**CALL, "name": ""}])],
    ids=["number", "text", "nameless"],
)
async def test_items_that_are_refused_change_nothing(session, error, items):
    memory = AgentsSession(session)
    with pytest.raises(error):
        await memory.add_items(items)
    assert await memory.get_items() == []


async def test_a_limit_leaves_nothing_where_a_run_has_only_thought_so_far(session):
    memory = AgentsSession(session)
    thoughts = [{"type": "reasoning", "id": f"rs_{n}", "summary": []} for n in range(2)]
    await memory.add_items([QUESTION, *thoughts])
    assert await memory.get_items(0) == await memory.get_items(1) == []
    assert await memory.get_items(3) == [QUESTION, *thoughts]


async def test_what_the_author_said_as_system_comes_beside_the_limit(hub, talk):
    ann = talk.account("ann")
    first = (await hub.record(talk.said(ann, "hello"))).session
    await first.add("system", "Answer in verse.")
    view = (await hub.record(talk.said(ann, "question-0?"))).session
    items = await AgentsSession(view).get_items(1)
    assert items == [
        {"role": "system", "content": "Answer in verse."},
        {"role": "user", "content": "hello"},
    ]


async def test_pop_takes_back_what_this_run_has_stored(session):
    await session.add_turn([{**CALL, "call_id": "earlier"}, {**RESULT, "call_id": "earlier"}])
    memory = AgentsSession(session)
    for items in ([QUESTION], [CALL, OTHER, RESULT], [WORDS]):
        await memory.add_items(items)

    popped = [await memory.pop_item() for _ in range(3)]
    assert popped == [WORDS, RESULT, OTHER]
    history = await session.history()
    assert [[part.id for part in one.parts] for one in history if one.role == "assistant"] == [
        ["earlier"],
        ["c1"],
    ]

    assert [await memory.pop_item() for _ in range(3)] == [CALL, QUESTION, None]
    assert [one.role for one in await session.history()] == ["user", "assistant", "tool"]


async def test_words_that_were_popped_are_no_part_of_the_run(hub, talk, session):
    memory = AgentsSession(session)
    await memory.add_items([QUESTION, WORDS])
    await memory.pop_item()
    await hub.record(talk.answered(session.account, "Sunny."))
    assert (await session.history())[-1].turn is None


async def test_words_that_were_sent_are_not_popped(hub, talk, session):
    memory = AgentsSession(session)
    await memory.add_items([QUESTION, WORDS])
    await hub.record(talk.answered(session.account, "Sunny."))
    assert await memory.pop_item() == WORDS
    assert [one.content for one in await session.history()] == ["question-0?", "Sunny."]


async def test_clearing_begins_anew_and_deletes_nothing(session):
    memory = AgentsSession(session)
    await memory.add_items([QUESTION, CALL, RESULT])
    await memory.clear_session()
    assert await memory.get_items() == []
    assert await session.history() == []
    assert len(await session.history(include_previous=True)) == 3


async def test_a_bot_without_a_platform_has_all_of_it_in_one_session(hub, talk, server, agent):
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "hello"))
    view = hub.session_of(talk.direct(ann), ann)
    memory = AgentsSession(view, store_words=True)
    for number in range(3):
        await agents.Runner.run(agent, f"question-{number}?", session=memory)
        for request in server.requests[-2:]:
            check_request(request, number)

    contents = [one.content for one in await view.history() if one.content]
    assert contents == [
        "hello",
        *(text for n in range(3) for text in (f"question-{n}?", f"answer-{n}: it is **sunny**")),
    ]


@pytest.mark.filterwarnings("ignore:RunnableWithMessageHistory is deprecated")
async def test_a_chain_of_langchain_keeps_one_history(hub, talk, session):
    ann = session.account
    await session.add("system", "Answer in verse.")
    await session.add_turn([CALL, RESULT], turn="t")
    await hub.record(talk.answered(ann, "answer-0"))
    view = (await hub.record(talk.said(ann, "question-1?"))).session
    asked = []

    class Model(GenericFakeChatModel):
        def _generate(self, messages, *args, **kwargs):
            asked.append(messages)
            return super()._generate(messages, *args, **kwargs)

    history = ChatHistory(view)
    chain = RunnableWithMessageHistory(
        Model(messages=iter([AIMessage("answer-1")])), lambda: history, history_factory_config=[]
    )
    answer = await chain.ainvoke("question-1?")
    await hub.record(talk.answered(ann, answer.text))

    ((system, question, call, result, words, newest),) = asked
    assert isinstance(system, SystemMessage)
    assert (question.content, newest.content) == ("question-0?", "question-1?")
    assert [one["id"] for one in call.tool_calls] == ["c1"]
    assert (result.tool_call_id, result.content, words.content) == ("c1", "sunny", "answer-0")
    read = [(one.content, one.turn is None) for one in await view.history(limit=2)]
    assert read == [("question-1?", True), ("answer-1", False)]


async def test_calls_and_results_of_langchain_are_stored(session):
    history = ChatHistory(session)
    call = {"name": "weather", "args": {"city": "Oslo"}, "id": "c1"}
    messages = [
        HumanMessage("question-0?"),
        AIMessage("", tool_calls=[call]),
        ToolMessage("no such city", tool_call_id="c1", status="error"),
        AIMessage("Sorry."),
    ]
    await history.aadd_messages(messages)
    assert await history.aget_messages() == messages
    _, called, returned = await session.history()
    assert (called.parts[0].name, called.parts[0].arguments) == ("weather", {"city": "Oslo"})
    assert (returned.parts[0].call_id, returned.parts[0].is_error) == ("c1", True)

    await history.aclear()
    assert await history.aget_messages() == []
    assert len(await session.history(include_previous=True)) == 3


def test_a_history_of_langchain_does_not_block(hub, talk):
    history = ChatHistory(hub.session_of(talk.group(), None))
    for blocking in (
        lambda: history.messages,
        lambda: history.add_messages([HumanMessage("hi")]),
        history.clear,
    ):
        with pytest.raises(RuntimeError, match="would block the event loop"):
            blocking()

"""Runs of the Agents SDK that end otherwise than with an answer, or go on later: nothing is doubled,
nothing is lost, and no provider is sent a call without its result.
"""

import json

import agents
import pytest
from agents.exceptions import InputGuardrailTripwireTriggered, OutputGuardrailTripwireTriggered
from agents.items import ModelResponse
from agents.models.interface import Model
from agents.usage import Usage
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)
from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, ModelRetry
from pydantic_ai.messages import ModelResponse as Answer
from pydantic_ai.messages import TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel

from session_plugin.agents.openai import AgentsSession
from session_plugin.agents.pydantic_ai import message_history

QUESTION = "Will it rain?"


def calling(number=1):
    return ResponseFunctionToolCall(
        type="function_call",
        id=f"fc_{number}",
        call_id=f"call_{number}",
        name="weather",
        arguments='{"city": "Oslo"}',
    )


def saying(text):
    content = [ResponseOutputText(type="output_text", text=text, annotations=[])]
    return ResponseOutputMessage(
        type="message", id="msg_1", role="assistant", status="completed", content=content
    )


class Scripted(Model):
    """Answers with what it was made of, in order; raises what is an exception."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    async def get_response(self, system_instructions, input, *args, **kwargs):  # noqa: A002 - the SDK's
        is_text = isinstance(input, str)
        self.requests.append([{"role": "user", "content": input}] if is_text else input)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ModelResponse(output=[answer], usage=Usage(), response_id=None)

    async def stream_response(self, *args, **kwargs):
        answered = await self.get_response(*args, **kwargs)
        response = Response(
            id="resp_1",
            created_at=1,
            model="scripted",
            object="response",
            output=answered.output,
            parallel_tool_calls=False,
            tool_choice="auto",
            tools=[],
        )
        yield ResponseCompletedEvent(
            type="response.completed", response=response, sequence_number=0
        )


@agents.function_tool
def weather(city: str) -> str:
    """Return the weather."""
    return f"sunny in {city}"


def agent_of(model, **details):
    agents.set_tracing_disabled(True)
    return agents.Agent("Weather", model=model, **{"tools": [weather], **details})


@pytest.fixture
async def view(hub, talk):
    return (await hub.record(talk.said(talk.account("ann"), QUESTION))).session


@pytest.fixture
def next_request(hub, talk):
    """Let the person go on; return what the next run's first request holds, as kinds and words."""

    async def asked(text="And now?"):
        view = (await hub.record(talk.said(talk.account("ann"), text))).session
        model = Scripted(saying("Well."))
        await agents.Runner.run(agent_of(model), text, session=AgentsSession(view))
        return kinds(model.requests[0])

    return asked


def kinds(items):
    found = []
    for item in items:
        kind = item.get("type", "message")
        content = item.get("content")
        words = (
            content if isinstance(content, str) else "".join(one["text"] for one in content or ())
        )
        found.append(words if kind == "message" else f"{kind} {item['call_id']}")
    return found


def pair(number=1):
    return [f"function_call call_{number}", f"function_call_output call_{number}"]


async def test_a_run_whose_model_fails_midway_is_tried_again_with_a_session_of_its_own(
    hub, talk, view, next_request
):
    model = Scripted(calling(1), ConnectionError("away"), calling(2), saying("It is sunny."))
    with pytest.raises(ConnectionError):
        await agents.Runner.run(agent_of(model), QUESTION, session=AgentsSession(view))
    result = await agents.Runner.run(agent_of(model), QUESTION, session=AgentsSession(view))
    await hub.record(talk.answered(view.account, result.final_output))
    assert kinds(model.requests[2]) == [QUESTION]
    assert await next_request() == [QUESTION, *pair(1), *pair(2), "It is sunny.", "And now?"]


async def test_a_guardrail_on_the_input_leaves_the_question_alone(view, next_request):
    @agents.input_guardrail(run_in_parallel=False)
    async def refuse(context, agent, asked):
        return agents.GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    guarded = agent_of(Scripted(saying("never")), input_guardrails=[refuse])
    with pytest.raises(InputGuardrailTripwireTriggered):
        await agents.Runner.run(guarded, QUESTION, session=AgentsSession(view))
    assert await next_request() == [QUESTION, "And now?"]


async def test_a_guardrail_on_the_output_leaves_no_words_that_were_never_sent(
    hub, talk, view, next_request
):
    @agents.output_guardrail
    async def refuse(context, agent, said):
        return agents.GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    guarded = agent_of(Scripted(calling(), saying("A secret.")), output_guardrails=[refuse])
    with pytest.raises(OutputGuardrailTripwireTriggered):
        await agents.Runner.run(guarded, QUESTION, session=AgentsSession(view))
    await hub.record(talk.answered(view.account, "I may not say."))
    assert await next_request() == [QUESTION, *pair(), "I may not say.", "And now?"]


async def test_a_streamed_run_is_stored_once(hub, talk, view, next_request):
    model = Scripted(calling(), saying("It is sunny."))
    streamed = agents.Runner.run_streamed(agent_of(model), QUESTION, session=AgentsSession(view))
    async for _ in streamed.stream_events():
        pass
    await hub.record(talk.answered(view.account, streamed.final_output))
    assert await next_request() == [QUESTION, *pair(), "It is sunny.", "And now?"]


@pytest.mark.parametrize("speaks_meanwhile", [False, True])
async def test_a_run_that_waits_for_approval_goes_on_in_a_later_process(
    new_hub, talk, next_request, speaks_meanwhile
):
    careful = agents.FunctionTool(
        name=weather.name,
        description=weather.description,
        params_json_schema=weather.params_json_schema,
        on_invoke_tool=weather.on_invoke_tool,
        needs_approval=True,
    )
    first = new_hub()
    asked = talk.said(talk.account("ann"), QUESTION)
    view = (await first.record(asked)).session
    agent = agent_of(Scripted(calling()), tools=[careful])
    result = await agents.Runner.run(agent, QUESTION, session=AgentsSession(view))
    assert len(result.interruptions) == 1
    stored = result.to_state().to_string()
    assert "function_call" not in json.dumps((await view.for_model()).as_responses())
    await first.close()

    later = new_hub()
    if speaks_meanwhile:
        await later.record(talk.said(talk.account("ann"), "Hurry!"))
    view = later.session_of(asked.chat, asked.author)
    model = Scripted(saying("It is sunny."))
    agent = agent_of(model, tools=[careful])
    state = await agents.RunState.from_string(agent, stored)
    state.approve(state.get_interruptions()[0])
    result = await agents.Runner.run(agent, state, session=AgentsSession(view))
    await later.record(talk.answered(view.account, result.final_output))
    spoken = ["Hurry!"] if speaks_meanwhile else []
    assert kinds(model.requests[0]) == [QUESTION, *pair()]
    assert await next_request() == [QUESTION, *pair(), *spoken, "It is sunny.", "And now?"]
    roles = [one.role for one in await view.history()]
    assert roles.count("tool") == 1


async def test_a_kill_between_a_call_and_its_result_leaves_no_call_in_a_prompt(view, next_request):
    memory = AgentsSession(view)
    call = calling().model_dump()
    await memory.add_items([{"role": "user", "content": QUESTION}, call])  # and no more
    assert await next_request() == [QUESTION, "And now?"]


@pytest.mark.parametrize("limit", range(1, 8))
async def test_a_limit_cuts_no_call_from_its_result(hub, talk, view, limit):
    model = Scripted(calling(1), calling(2), saying("It is sunny."))
    result = await agents.Runner.run(agent_of(model), QUESTION, session=AgentsSession(view))
    await hub.record(talk.answered(view.account, result.final_output))
    later = (await hub.record(talk.said(view.account, "And now?"))).session
    memory = AgentsSession(later)
    await memory.add_items([{"role": "user", "content": "And now?"}, calling(3).model_dump()])
    await memory.add_items([{"type": "function_call_output", "call_id": "call_3", "output": "x"}])
    for items in (await memory.get_items(limit), await AgentsSession(later).get_items(limit)):
        called = [item["call_id"] for item in items if item.get("type") == "function_call"]
        returned = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
        assert called == returned
        assert len(items) <= limit


# pydantic-ai


def tools_of(request):
    return [
        (part.part_kind, part.tool_call_id)
        for message in request
        for part in message.parts
        if part.part_kind in ("tool-call", "tool-return", "retry-prompt")
    ]


async def test_a_tool_that_asks_pydantic_ai_to_try_again_is_stored_as_it_was(hub, talk, view):
    answers = [
        Answer(parts=[ToolCallPart("weather", {"city": "?"}, tool_call_id="c1")]),
        Answer(parts=[ToolCallPart("weather", {"city": "Oslo"}, tool_call_id="c2")]),
        Answer(parts=[TextPart("It is sunny.")]),
        Answer(parts=[TextPart("Well.")]),
    ]
    requests = []

    def model(messages, info):
        requests.append(messages)
        return answers.pop(0)

    agent = Agent(FunctionModel(model))

    @agent.tool_plain
    def weather(city: str) -> str:
        """Return the weather."""
        if city == "?":
            raise ModelRetry("no such city")
        return "sunny"

    result = await agent.run(QUESTION, message_history=await message_history(view))
    await view.add_turn(result.new_messages())
    await hub.record(talk.answered(view.account, result.output))
    later = (await hub.record(talk.said(view.account, "And now?"))).session
    await agent.run("And now?", message_history=await message_history(later))
    assert [call_id for _, call_id in tools_of(requests[-1])] == ["c1", "c1", "c2", "c2"]
    failed = (await view.history())[2].parts[0]
    assert failed.is_error
    assert "no such city" in failed.parts[0].text


async def test_a_deferred_tool_of_pydantic_ai_is_answered_in_a_later_run(hub, talk, view):
    answers = [
        Answer(parts=[ToolCallPart("weather", {"city": "Oslo"}, tool_call_id="c1")]),
        Answer(parts=[TextPart("It is sunny.")]),
        Answer(parts=[TextPart("Well.")]),
    ]
    requests = []

    def model(messages, info):
        requests.append(messages)
        return answers.pop(0)

    agent = Agent(FunctionModel(model), output_type=[str, DeferredToolRequests])

    @agent.tool_plain(requires_approval=True)
    def weather(city: str) -> str:
        """Return the weather."""
        return "sunny"

    asked = await agent.run(QUESTION, message_history=await message_history(view))
    await view.add_turn(asked.new_messages(), turn="run-1")
    assert tools_of(await message_history(hub.session_of(view.chat, view.account))) == []

    result = await agent.run(
        message_history=asked.all_messages(),
        deferred_tool_results=DeferredToolResults(approvals={"c1": True}),
    )
    await view.add_turn(result.new_messages(), turn="run-1")
    await hub.record(talk.answered(view.account, result.output))
    later = (await hub.record(talk.said(view.account, "And now?"))).session
    await agent.run("And now?", message_history=await message_history(later))
    assert tools_of(requests[-1]) == [("tool-call", "c1"), ("tool-return", "c1")]
    assert [one.role for one in await view.history()] == [
        "user", "assistant", "tool", "assistant", "user",
    ]  # fmt: skip

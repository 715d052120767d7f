"""What each provider's package answers reads as messages with parts, as objects and as dictionaries."""

import datetime
import subprocess
import sys

import pytest
from anthropic.types import Message
from google.genai import types as genai
from openai.types.chat import ChatCompletion
from openai.types.responses import Response
from pydantic_ai import messages as pydantic_messages

from session_plugin import (
    Attachment,
    MediaPart,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from session_plugin.providers import Said, read_turn

PICTURE = MediaPart(
    attachment=Attachment(
        id="sha256:8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4",
        kind="photo",
        content_type="image/png",
        size=2,
    )
)
WEATHER = ToolCallPart(id="c1", name="weather", arguments={"city": "Oslo"})
SUNNY = (TextPart(text="sunny"),)

RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "o4-mini",
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [
                {"type": "output_text", "text": "Let me ", "annotations": []},
                {"type": "output_text", "text": "look.", "annotations": []},
            ],
        },
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "c1",
            "name": "weather",
            "arguments": '{"city": "Oslo"}',
        },
        {
            "type": "custom_tool_call",
            "id": "ct_1",
            "call_id": "c2",
            "name": "sql",
            "input": "SELECT 1",
        },
        {
            "type": "web_search_call",
            "id": "ws_1",
            "status": "completed",
            "action": {"type": "search", "query": "q"},
        },
    ],
}
COMPLETION = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": "Let me look.",
                "reasoning_content": "hm",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
                    },
                    {
                        "id": "c2",
                        "type": "function",
                        "function": {"name": "weather", "arguments": "{oops"},
                    },
                ],
            },
        }
    ],
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Oslo"}},
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
    ],
}
GENERATED = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"text": "hm", "thought": True},
                    {"text": "Let me look."},
                    {
                        "function_call": {"name": "weather", "args": {"city": "Oslo"}},
                        "thought_signature": b"\xff\xfe",
                    },
                    {"executable_code": {"code": "1+1", "language": "PYTHON"}},
                ],
            }
        }
    ],
    "model_version": "gemini-3",
}


def test_a_response_is_one_message_in_the_order_of_its_items():
    reasoning, _, _, _, search = RESPONSE["output"]
    expected = Said(
        "assistant",
        (
            ReasoningPart(provider="openai", payload=reasoning, model="o4-mini"),
            TextPart(text="Let me look."),
            WEATHER,
            ToolCallPart(id="c2", name="sql", arguments="SELECT 1"),
            RawPart(provider="openai", payload=search, text="(web search call)"),
        ),
        is_item=True,
    )
    assert read_turn(RESPONSE) == [expected]
    assert read_turn(Response.model_validate(RESPONSE)) == [expected]


def test_items_of_inputs_are_a_call_and_its_result():
    response = Response.model_validate(RESPONSE)
    output = [
        {"type": "input_text", "text": "sunny"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
        {"type": "input_file", "file_id": "file-1", "filename": "a.pdf"},
    ]
    said = read_turn(
        [
            {"role": "user", "content": "Will it rain?"},
            {
                "type": "message",
                "role": "developer",
                "content": [{"type": "input_text", "text": "Be brief."}],
            },
            *response.output[2:3],
            {"type": "function_call_output", "call_id": "c1", "output": output},
            {"type": "function_call_output", "call_id": "c2", "output": "x"},
        ]
    )
    assert [(one.role, one.parts) for one in said] == [
        ("user", (TextPart(text="Will it rain?"),)),
        ("system", (TextPart(text="Be brief."),)),
        ("assistant", (WEATHER,)),
        (
            "tool",
            (
                ToolResultPart(
                    call_id="c1",
                    parts=(
                        *SUNNY,
                        PICTURE,
                        MediaPart(attachment=Attachment(id="file-1", filename="a.pdf")),
                    ),
                ),
                ToolResultPart(call_id="c2", parts=(TextPart(text="x"),)),
            ),
        ),
    ]


def test_a_chat_completion_and_its_messages():
    expected = (
        ReasoningPart(provider="openai-chat", payload={"reasoning_content": "hm"}, model="m"),
        TextPart(text="Let me look."),
        WEATHER,
        ToolCallPart(id="c2", name="weather", arguments="{oops"),
    )
    completion = ChatCompletion.model_validate(COMPLETION)
    assert [one.parts for one in read_turn(completion)] == [expected]
    assert read_turn(COMPLETION) == read_turn(completion)

    (said, result) = read_turn(
        [
            completion.choices[0].message,
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "sunny"}]},
        ]
    )
    assert said.parts[1:] == expected[1:]
    assert (result.role, result.parts) == ("tool", (ToolResultPart(call_id="c1", parts=SUNNY),))


def test_a_refusal_is_words():
    (said,) = read_turn({"role": "assistant", "content": None, "refusal": "No."})
    assert said.parts == (TextPart(text="No."),)


def test_a_message_of_anthropic_and_the_results_that_a_user_returns():
    thought, _, _, search = MESSAGE["content"]
    expected = (
        ReasoningPart(provider="anthropic", payload=thought, model="claude"),
        TextPart(text="Let me look."),
        WEATHER,
        RawPart(provider="anthropic", payload=search, text="(server tool use)"),
    )
    message = Message.model_validate(MESSAGE)
    assert [one.parts for one in read_turn(message)] == [expected]
    assert read_turn(MESSAGE) == read_turn(message)

    picture = {"type": "base64", "media_type": "image/png", "data": "aGk="}
    content = [{"type": "text", "text": "sunny"}, {"type": "image", "source": picture}]
    result = {"type": "tool_result", "tool_use_id": "c1", "content": content, "is_error": True}
    said = read_turn(
        [
            {"role": "user", "content": "Will it rain?"},
            {"role": "assistant", "content": message.content},
            {"role": "user", "content": [result, {"type": "text", "text": "Well?"}]},
        ]
    )
    assert [one.role for one in said] == ["user", "assistant", "tool", "user"]
    assert said[1].parts[1:] == expected[1:]
    assert said[2].parts == (ToolResultPart(call_id="c1", parts=(*SUNNY, PICTURE), is_error=True),)


def test_a_response_of_gemini_and_its_contents():
    code = GENERATED["candidates"][0]["content"]["parts"][3]
    expected = (
        ReasoningPart(provider="google", payload={"text": "hm", "thought": True}, model="gemini-3"),
        TextPart(text="Let me look."),
        ToolCallPart(
            id="",
            name="weather",
            arguments={"city": "Oslo"},
            provider="google",
            signature="//4=",
        ),
        RawPart(provider="google", payload=code, text="1+1"),
    )
    generated = genai.GenerateContentResponse.model_validate(GENERATED)
    assert [one.parts for one in read_turn(generated)] == [expected]
    assert read_turn(GENERATED) == read_turn(generated)
    as_json = generated.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert read_turn(as_json)[0].parts[:3] == expected[:3]

    returned = genai.Part(
        function_response=genai.FunctionResponse(name="weather", response={"result": "sunny"})
    )
    failed = {"functionResponse": {"id": "c2", "name": "weather", "response": {"error": "no"}}}
    said = read_turn(
        [genai.Content(role="user", parts=[returned]), {"role": "user", "parts": [failed]}]
    )
    assert [(one.role, one.parts) for one in said] == [
        ("tool", (ToolResultPart(call_id="", name="weather", parts=SUNNY),)),
        (
            "tool",
            (
                ToolResultPart(
                    call_id="c2", name="weather", parts=(TextPart(text="no"),), is_error=True
                ),
            ),
        ),
    ]


def test_calls_that_the_package_of_google_made_by_itself_are_read_and_no_earlier_ones():
    def content(role, *parts):
        return genai.Content(role=role, parts=list(parts))

    def call(city):
        return genai.Part.from_function_call(name="weather", args={"city": city})

    def returned(text):
        return genai.Part.from_function_response(name="weather", response={"result": text})

    history = [
        content("user", genai.Part(text="Rain in Bergen?")),
        content("model", call("Bergen")),
        content("user", returned("rain")),
        content("model", genai.Part(text="It rains.")),
        content("user", genai.Part(text="And in Oslo?")),
        content("model", call("Oslo")),
        content("user", returned("sunny")),
    ]
    generated = genai.GenerateContentResponse.model_validate(GENERATED)
    generated.automatic_function_calling_history = history
    said = read_turn(generated)
    assert [one.role for one in said] == ["assistant", "tool", "assistant"]
    assert said[0].parts[0].arguments == {"city": "Oslo"}
    assert said[1].parts[0].parts == SUNNY
    assert said[2:] == read_turn(GENERATED)

    generated.automatic_function_calling_history = []
    assert read_turn(generated) == read_turn(GENERATED)


def test_messages_of_pydantic_ai():
    m = pydantic_messages
    picture = m.BinaryContent(b"hi", media_type="image/png")
    run = [
        m.ModelRequest(parts=[m.SystemPromptPart("Be brief."), m.UserPromptPart("Rain?")]),
        m.ModelResponse(
            parts=[
                m.ThinkingPart("hm", signature="c2ln", provider_name="anthropic"),
                m.ThinkingPart("hm", id="rs_1", signature="gAAA", provider_name="openai"),
                m.ThinkingPart("hm", provider_name="deepseek"),
                m.TextPart("Let me look."),
                m.ToolCallPart("weather", '{"city": "Oslo"}', "c1"),
            ],
            model_name="x",
        ),
        m.ModelRequest(
            parts=[
                m.ToolReturnPart("weather", ["sunny", picture], "c1"),
                m.ToolReturnPart("weather", {"day": datetime.date(2026, 1, 2)}, "c2"),
                m.ToolReturnPart("weather", "no such city", "c3", outcome="failed"),
            ]
        ),
        m.ModelResponse(parts=[m.TextPart("Sunny.")]),
    ]
    said = read_turn(run)
    assert [one.role for one in said] == ["system", "user", "assistant", "tool", "assistant"]
    anthropic, openai, other, *rest = said[2].parts
    assert anthropic.payload == {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    assert (openai.provider, openai.payload["encrypted_content"]) == ("openai", "gAAA")
    assert (other.provider, other.payload) == ("openai-chat", {"reasoning_content": "hm"})
    assert rest == [TextPart(text="Let me look."), WEATHER]
    assert said[3].parts == (
        ToolResultPart(call_id="c1", name="weather", parts=(*SUNNY, PICTURE)),
        ToolResultPart(
            call_id="c2", name="weather", parts=(TextPart(text='{"day":"2026-01-02"}'),)
        ),
        ToolResultPart(
            call_id="c3", name="weather", parts=(TextPart(text="no such city"),), is_error=True
        ),
    )
    dumped = m.ModelMessagesTypeAdapter.dump_python(run, mode="json")
    assert read_turn(dumped)[2:] == said[2:]


@pytest.mark.parametrize(
    ("response", "what"),
    [
        ("Hello", "it is str"),
        (7, "it is int"),
        (object(), "it is object"),
        ({"answer": 1, "of": 2}, "it is dict with answer, of"),
        ([RESPONSE["output"][0], {"type": "odd"}], "item 1 is dict with type"),
    ],
)
def test_an_unknown_shape_is_refused_with_what_was_expected(response, what):
    with pytest.raises(TypeError, match=f"takes a Response, a ChatCompletion .*; {what}"):
        read_turn(response)


def test_no_provider_is_imported(python):
    loaded = python(
        "import sys, session_plugin.providers\n"
        "print({'openai', 'anthropic', 'google.genai', 'pydantic_ai'} & set(sys.modules))"
    )
    assert loaded == "set()"


@pytest.fixture
def python():
    return lambda code: subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()

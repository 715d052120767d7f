"""A model's server on 127.0.0.1, for agents without a key and a network.

It speaks OpenAI's Responses API and chat completions, streamed or not. The model behind it is a
script: it calls a tool when it is asked about the weather or the time, and answers with what the
tool returned. Point a client of `openai` at it:

    async with ModelServer() as server:
        os.environ.update(server.environment())
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal, Self, TypeAlias

from aiohttp import web

JSON: TypeAlias = dict[str, Any]

NAME = "scripted-1"
USAGE_OF_CHAT = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
USAGE = {
    "input_tokens": 1,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 1,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 2,
}


@dataclass(frozen=True)
class Line:
    """What one line of a request says, whichever API it came by.

    `text` is what was said or returned, or the arguments of a call as JSON.
    """

    kind: Literal["system", "user", "assistant", "call", "result"]
    text: str
    name: str = ""
    call_id: str = ""


@dataclass(frozen=True)
class Call:
    """A call of a tool."""

    name: str
    arguments: JSON


Answer: TypeAlias = str | Sequence[Call]
"""What a model answers: words, or calls made at once."""
Script: TypeAlias = Callable[[Sequence[Line]], Answer]


def scripted(lines: Sequence[Line]) -> Answer:
    """Answer as the example's model: by calls of `weather` and `local_time`, then by their results.

    The city is the one that was asked for, else that of the newest call in the conversation.
    """
    asked = max(number for number, line in enumerate(lines) if line.kind == "user")
    results = [line.text for line in lines[asked + 1 :] if line.kind == "result"]
    if results:
        return " ".join(results)

    question = lines[asked].text
    named = re.findall(r"\bin ([A-Z]\w+)", question)
    known = [json.loads(line.text).get("city") for line in lines if line.kind == "call"]
    city = [*known, *named][-1:]
    calls = []
    if "weather" in question or "tomorrow" in question:
        day = "tomorrow" if "tomorrow" in question else "today"
        calls += [Call("weather", {"city": one, "day": day}) for one in city]
    if "time" in question:
        calls += [Call("local_time", {"city": one}) for one in city]

    return calls or "Ask me about the weather or the time in a city."


class ModelServer:
    """A server to which agents send their requests.

    Attributes:
        script: What the model answers.
        requests: What it was asked, oldest first.
        url: The base URL for clients, once it is running.
    """

    def __init__(self, script: Script = scripted) -> None:
        self.script = script
        self.requests: list[list[Line]] = []
        self.url = ""
        self._ids = count(1)
        application = web.Application()
        application.router.add_post("/v1/responses", self._responses)
        application.router.add_post("/v1/chat/completions", self._chat)
        self._runner = web.AppRunner(application)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def environment(self) -> dict[str, str]:
        """Return the variables by which the clients of `openai` find it."""
        return {"OPENAI_BASE_URL": self.url, "OPENAI_API_KEY": "none", "OPENAI_MODEL": NAME}

    def _answer(self, lines: list[Line]) -> Answer:
        self.requests.append(lines)
        return self.script(lines)

    # The Responses API

    async def _responses(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        output = self._output(self._answer(list(_lines_of_input(asked))))
        response = {
            "id": f"resp_{next(self._ids)}",
            "object": "response",
            "created_at": 1,
            "status": "completed",
            "model": NAME,
            "output": output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": USAGE,
        }
        if not asked.get("stream"):
            return web.json_response(response)

        return await _stream(request, _events(response))

    def _output(self, answer: Answer) -> list[JSON]:
        if isinstance(answer, str):
            content = [{"type": "output_text", "text": answer, "annotations": []}]
            message = {"type": "message", "role": "assistant", "content": content}
            return [{**message, "id": f"msg_{next(self._ids)}", "status": "completed"}]

        return [
            {
                "type": "function_call",
                "id": f"fc_{number}",
                "call_id": f"call_{number}",
                "name": call.name,
                "arguments": json.dumps(call.arguments),
                "status": "completed",
            }
            for call, number in zip(answer, self._ids, strict=False)
        ]

    # Chat completions

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        answer = self._answer(list(_lines_of_messages(asked)))
        message: JSON = {"role": "assistant", "content": answer}
        if not isinstance(answer, str):
            calls = [_chat_call(call, next(self._ids)) for call in answer]
            message = {"role": "assistant", "content": None, "tool_calls": calls}

        reason = "stop" if isinstance(answer, str) else "tool_calls"
        completion: JSON = {"id": f"chat_{next(self._ids)}", "created": 1, "model": NAME}
        if asked.get("stream"):
            return await _stream(request, _chunks(completion, message, reason))

        choice = {"index": 0, "finish_reason": reason, "message": message}
        completion |= {"object": "chat.completion", "choices": [choice], "usage": USAGE_OF_CHAT}
        return web.json_response(completion)


def _lines_of_input(asked: JSON) -> Iterator[Line]:
    if asked.get("instructions"):
        yield Line("system", asked["instructions"])

    given = asked["input"]
    for item in [{"role": "user", "content": given}] if isinstance(given, str) else given:
        match item.get("type", "message"):
            case "message":
                yield _said(item)
            case "function_call":
                yield Line("call", item["arguments"], item["name"], item["call_id"])
            case "function_call_output":
                yield Line("result", _text(item["output"]), call_id=item["call_id"])


def _lines_of_messages(asked: JSON) -> Iterator[Line]:
    for message in asked["messages"]:
        if message["role"] == "tool":
            yield Line("result", _text(message["content"]), call_id=message["tool_call_id"])
            continue

        if message.get("content"):
            yield _said(message)
        for call in message.get("tool_calls") or ():
            function = call["function"]
            yield Line("call", function["arguments"], function["name"], call["id"])


def _said(message: JSON) -> Line:
    role = message["role"]
    kind: Literal["system", "user", "assistant"] = "system"
    if role in ("user", "assistant"):
        kind = role

    return Line(kind, _text(message["content"]))


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content)


def _events(response: JSON) -> Iterator[JSON]:
    yield {"type": "response.created", "response": {**response, "output": []}}

    for index, item in enumerate(response["output"]):
        place = {"item_id": item["id"], "output_index": index}
        yield {"type": "response.output_item.added", **place, "item": _begun(item)}
        if item["type"] == "function_call":
            arguments = item["arguments"]
            kind = "response.function_call_arguments"
            yield {"type": f"{kind}.delta", **place, "delta": arguments}
            yield {"type": f"{kind}.done", **place, "arguments": arguments, "name": item["name"]}
        else:
            part = item["content"][0]
            place["content_index"] = 0
            empty = {**part, "text": ""}
            yield {"type": "response.content_part.added", **place, "part": empty}
            for word in _words(part["text"]):
                delta = {"delta": word, "logprobs": []}
                yield {"type": "response.output_text.delta", **place, **delta}
            yield {"type": "response.content_part.done", **place, "part": part}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}

    yield {"type": "response.completed", "response": response}


def _begun(item: JSON) -> JSON:
    rest: JSON = {"arguments": ""} if item["type"] == "function_call" else {"content": []}
    return {**item, **rest, "status": "in_progress"}


def _chunks(completion: JSON, message: JSON, reason: str) -> Iterator[JSON]:
    deltas: list[JSON] = [{"role": "assistant"}]
    deltas += [{"content": word} for word in _words(message["content"] or "")]
    calls = enumerate(message.get("tool_calls") or ())
    deltas += [{"tool_calls": [{"index": index, **call}]} for index, call in calls]

    begun = {**completion, "object": "chat.completion.chunk"}
    for delta in deltas:
        yield {**begun, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**begun, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    yield {**begun, "choices": [], "usage": USAGE_OF_CHAT}


def _chat_call(call: Call, number: int) -> JSON:
    function = {"name": call.name, "arguments": json.dumps(call.arguments)}
    return {"id": f"call_{number}", "type": "function", "function": function}


def _words(text: str) -> list[str]:
    return re.findall(r"\S+\s*|\s+", text)


async def _stream(request: web.Request, events: Iterator[JSON]) -> web.StreamResponse:
    """Send events as they are read from a stream by `openai`."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)

    for number, event in enumerate(events):
        head = f"event: {event['type']}\n" if "type" in event else ""
        data = json.dumps({**event, "sequence_number": number} if head else event)
        await response.write(f"{head}data: {data}\n\n".encode())
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()

    return response

"""A loop of your own: a model calls tools until it has an answer, and all of it is in the session.

async def on_message(message):
    session = await session_plugin_discord.session(message)
    await message.reply(await answer(client, session, model="gpt-5-mini"))
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from openai import AsyncOpenAI

from session_plugin import MessageEvent, SessionMessage, SessionView

INSTRUCTIONS = "You help people to plan their day. Be brief. Use the tool; never guess."
FORECAST = {"Lisbon": "sunny, 24 °C", "Oslo": "snow, -3 °C"}
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Return the weather in a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]


def weather(city: str = "", **_: object) -> str:
    """Return the weather in a city."""
    return FORECAST.get(city, f"There is no forecast for {city}.")


async def answer(client: AsyncOpenAI, session: SessionView, *, model: str, steps: int = 5) -> str:
    """Return an answer to the message that the session's handler has. Send it yourself."""
    turn = uuid4().hex
    newest: MessageEvent | SessionMessage | None = session.event
    for _ in range(steps):
        context: Any = await session.for_model(max_messages=40, upto=newest)
        messages = [{"role": "system", "content": INSTRUCTIONS}, *context.as_openai()]
        completion = await client.chat.completions.create(
            model=model, messages=messages, tools=TOOLS
        )
        said = completion.choices[0].message

        await session.add_turn(said, turn=turn)  # calls; words wait until they are sent
        if not said.tool_calls:
            return said.content or ""

        for call in said.tool_calls:
            result = {"role": "tool", "tool_call_id": call.id, "content": called(call)}
            stored = await session.add_turn(result, turn=turn)
            newest = stored[-1]

    return "I could not find that out."


def called(call: Any) -> str:
    """Return what a tool says, also if the model called it in a wrong way."""
    try:
        return weather(**json.loads(call.function.arguments))
    except (TypeError, ValueError) as error:
        return f"{call.function.name} cannot be called like this: {error}"

"""An agent of OpenAI's Agents SDK on Discord and Telegram, with two tools and one history.

    pip install 'session-plugin[discord,telegram,openai-agents]'
    export OPENAI_API_KEY=... OPENAI_MODEL=gpt-5-mini
    DISCORD_TOKEN=... TELEGRAM_TOKEN=... SESSION_DATABASE=bot.db python agent_bot.py

One token is enough. Set OPENAI_BASE_URL for another server that speaks the Responses API. The bots
themselves are those of two_platform_bot.py.
"""

from __future__ import annotations

import os
import sys

from agents import Agent, Runner, Tool, function_tool, set_tracing_disabled

import two_platform_bot
from agent_tools import local_time, weather
from session_plugin import SessionView
from session_plugin.agents.openai import AgentsSession

INSTRUCTIONS = "You help people to plan their day. Be brief. Use the tools; never guess."


def build(model: str) -> two_platform_bot.Respond:
    """Return what answers a message: a run of the agent over the person's session."""
    tools: list[Tool] = [function_tool(weather), function_tool(local_time)]
    agent = Agent("Planner", instructions=INSTRUCTIONS, tools=tools, model=model)

    async def respond(session: SessionView) -> str:
        text = session.event.text if session.event is not None else ""
        memory = AgentsSession(session, max_messages=40)  # the only line you need
        result = await Runner.run(agent, text, session=memory)
        return str(result.final_output)

    return respond


def main() -> None:
    model = os.environ.get("OPENAI_MODEL")
    if not model or not os.environ.get("OPENAI_API_KEY"):
        sys.exit("Set OPENAI_MODEL and OPENAI_API_KEY (any text for a local server).")

    set_tracing_disabled(True)  # traces would take conversations to OpenAI's dashboard
    two_platform_bot.main(build(model))


if __name__ == "__main__":
    main()

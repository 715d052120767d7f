"""An agent of pydantic-ai on Discord and Telegram, with two tools and one history.

    pip install 'session-plugin[discord,telegram,pydantic-ai]' 'pydantic-ai-slim[openai]'
    export OPENAI_API_KEY=... OPENAI_MODEL=gpt-5-mini
    DISCORD_TOKEN=... TELEGRAM_TOKEN=... SESSION_DATABASE=bot.db python agent_bot_pydantic_ai.py

One token is enough. Set OPENAI_BASE_URL for another server that speaks chat completions; for other
providers, name another model of pydantic-ai. The bots themselves are those of two_platform_bot.py.
"""

from __future__ import annotations

import os
import sys

from pydantic_ai import Agent

import two_platform_bot
from agent_tools import local_time, weather
from session_plugin import SessionView
from session_plugin.agents.pydantic_ai import message_history

INSTRUCTIONS = "You help people to plan their day. Be brief. Use the tools; never guess."


def build(model: str) -> two_platform_bot.Respond:
    """Return what answers a message: a run of the agent over the person's session."""
    agent = Agent(f"openai-chat:{model}", instructions=INSTRUCTIONS, tools=[weather, local_time])

    async def respond(session: SessionView) -> str:
        text = session.event.text if session.event is not None else ""
        history = await message_history(session, max_messages=40)  # one line before the run
        result = await agent.run(text, message_history=history)
        await session.add_turn(result.new_messages())  # one line after it
        return result.output

    return respond


def main() -> None:
    model = os.environ.get("OPENAI_MODEL")
    if not model or not os.environ.get("OPENAI_API_KEY"):
        sys.exit("Set OPENAI_MODEL and OPENAI_API_KEY (any text for a local server).")

    two_platform_bot.main(build(model))


if __name__ == "__main__":
    main()

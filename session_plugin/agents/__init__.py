"""Sessions in the form that frameworks for agents take: one history for platform and framework.

A module for each framework; import the one that you need:

    session_plugin.agents.openai       AgentsSession: a session of the Agents SDK
    session_plugin.agents.pydantic_ai  message_history: what an agent's run takes
    session_plugin.agents.langchain    ChatHistory: a chat message history

What the person said is in the session when their handler runs, and the bot's words are once they
are sent. So what a framework hands back of these is not stored a second time; calls of tools, their
results and reasoning are.
"""

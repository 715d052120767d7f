"""The conversation on the platforms as the message history of an agent of pydantic-ai.

result = await agent.run(event.text, message_history=await message_history(session))
await session.add_turn(result.new_messages())
"""

from __future__ import annotations

from session_plugin.hub.view.view import SessionView

try:
    from pydantic_ai.messages import ModelMessage
except ImportError as error:
    raise ImportError(
        "session_plugin.agents.pydantic_ai needs pydantic-ai: "
        'pip install "session-plugin[pydantic-ai]"'
    ) from error

__all__ = ["message_history"]


async def message_history(
    view: SessionView,
    *,
    max_messages: int | None = None,
    max_tokens: int | None = None,
    provider: str = "",
    model: str = "",
) -> list[ModelMessage]:
    """Return the conversation before the message that is being answered, as `message_history` of
    `Agent.run` takes it. That message itself is the prompt, which pydantic-ai adds.

    Give what comes of it to the session before you send the answer:
    `await session.add_turn(result.new_messages())`.

    Args:
        view: What the handler has as `ctx.session` or `context.session`.
        max_messages: As for `SessionView.for_model`.
        max_tokens: As for `SessionView.for_model`.
        provider: Whose reasoning is included; empty for that of the newest.
        model: The model that is asked; reasoning of other families is left out.

    Example:
        await hub.record(event)
        history = await message_history(session, max_messages=40)
        # result = await agent.run(event.text, message_history=history)
        # await session.add_turn(result.new_messages())
    """
    context = await view.for_model(
        max_messages=max_messages, max_tokens=max_tokens, before=view.event
    )
    return context.as_pydantic_ai(provider=provider, model=model)

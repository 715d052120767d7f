"""What a run of a model consists of, whatever provider answered."""

from __future__ import annotations

from typing import Any

from session_plugin.providers import anthropic, chat, gemini, pydantic_ai, responses
from session_plugin.providers.shapes import Said, merged, plain

READERS = (pydantic_ai.read, gemini.read, responses.read, anthropic.read, chat.read)
"""Each returns None for what is not of its shape; the more particular ones come first."""
EXPECTED = (
    "a Response, a ChatCompletion or a chat message of openai, a Message of anthropic, a "
    "GenerateContentResponse or a Content of google-genai, messages of pydantic-ai, or a list of "
    "items or messages of one of them, as objects or as dictionaries"
)


def read_turn(response: object) -> list[Said]:
    """Return the messages in what a provider's package answered, in order.

    Raises:
        TypeError: it has none of the known shapes; the error names them.
    """
    new_messages = getattr(response, "new_messages", None)
    if callable(new_messages):  # the result of a run of pydantic-ai
        response = new_messages()

    value = plain(response)
    items = value if isinstance(value, list) else [value]

    return merged(said for number, item in enumerate(items) for said in _read(item, number, value))


def _read(item: Any, number: int, value: object) -> list[Said]:
    if isinstance(item, dict):
        for read in READERS:
            said = read(item)
            if said is not None:
                return said

    where = f"item {number}" if isinstance(value, list) else "it"
    keys = f" with {', '.join(map(str, list(item)[:8]))}" if isinstance(item, dict) else ""
    raise TypeError(f"add_turn takes {EXPECTED}; {where} is {type(item).__name__}{keys}")

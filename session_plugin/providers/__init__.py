"""What providers' packages answer, read as messages with parts; none of them is imported.

Each module knows the shapes of one provider, as objects of its package or as dictionaries: of
`openai` the Responses API and chat completions, `anthropic`, `google-genai`, and `pydantic-ai`.
Pure functions; they know no session.
"""

from session_plugin.providers.reading import read_turn
from session_plugin.providers.shapes import Said

__all__ = ["Said", "read_turn"]

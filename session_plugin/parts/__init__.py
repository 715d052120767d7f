"""The parts of a message beside its words: tool calls and results, media, reasoning.

`content` of a message is the words that people see. `parts` are what a model has said and been
given in its turn: the words again where their place among the other parts matters, calls of tools,
their results, media, and what only one provider understands. Parts are plain data; nothing here
imports a provider's package.

The words of a message are in its content once. Its text parts only place them, and when the content
changes, they follow it (see `as_json`).
"""

from session_plugin.parts.kinds import (
    Attachment,
    MediaPart,
    Part,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

__all__ = [
    "Attachment",
    "MediaPart",
    "Part",
    "RawPart",
    "ReasoningPart",
    "TextPart",
    "ToolCallPart",
    "ToolResultPart",
]

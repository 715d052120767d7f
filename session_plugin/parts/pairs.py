"""Which parts belong together: a call with its result, also where only one provider knows them.

OpenAI, Anthropic and Google run tools of their own and have items for them that come in pairs, such
as `computer_call` and `computer_call_output`. Each refuses one without the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from session_plugin.parts.kinds import Part, RawPart, ToolCallPart, ToolResultPart

CALLS_OF_GOOGLE = ("executable_code", "executableCode", "tool_call", "toolCall")
RESULTS_OF_GOOGLE = (
    *("code_execution_result", "codeExecutionResult"),
    *("tool_response", "toolResponse"),
)
"""Fields of a part of Gemini, as its package and as its API name them."""


class Half(NamedTuple):
    """One half of a pair: `ids` under which the other one may know it, and whose ids they are."""

    is_call: bool
    provider: str
    ids: tuple[str, ...]


def half_of(part: Part) -> Half | None:
    """Return what a part is in a pair; None if it belongs to no other."""
    match part:
        case ToolCallPart():
            return Half(True, "", (part.id or part.name,))
        case ToolResultPart():
            return Half(False, "", (part.call_id or part.name,))
        case RawPart():
            return _half_of_item(part.provider, part.payload)

    return None


def _half_of_item(provider: str, item: Mapping[str, Any]) -> Half | None:
    is_call = True
    ids: tuple[str, ...] = ()
    match provider, item:
        case "openai", {"type": "mcp_approval_request"}:
            ids = _ids(item, "id")
        case "openai", {"type": "mcp_approval_response"}:
            is_call, ids = False, _ids(item, "approval_request_id")
        case "openai", {"type": str(kind)} if kind.endswith("_output"):
            is_call, ids = False, _ids(item, "call_id", "id")
        case "openai", {"call_id": str()}:
            ids = _ids(item, "call_id", "id")
        case "anthropic", {"type": "server_tool_use" | "mcp_tool_use"}:
            ids = _ids(item, "id")
        case "anthropic", {"tool_use_id": str()}:
            is_call, ids = False, _ids(item, "tool_use_id")
        case "google", _:
            return _half_of_google(item)

    return Half(is_call, provider, ids) if ids else None


def _ids(item: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    """Return the ids in some fields; a local shell's output has that of its call in `id`."""
    return tuple(item[name] for name in names if isinstance(item.get(name), str) and item[name])


def _half_of_google(part: Mapping[str, Any]) -> Half | None:
    """Return the same of a part of Gemini; without an id, it stays with the parts around it."""
    for name in (*CALLS_OF_GOOGLE, *RESULTS_OF_GOOGLE):
        match part.get(name):
            case {"id": str(item_id)} if item_id:
                return Half(name in CALLS_OF_GOOGLE, "google", (item_id,))

    return None

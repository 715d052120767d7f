"""Google's Gemini API: a `GenerateContentResponse`, and contents."""

from __future__ import annotations

from typing import Any

from session_plugin.parts import (
    Part,
    RawPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from session_plugin.providers.shapes import (
    Said,
    Shape,
    arguments_of,
    as_text,
    file_in,
    result_parts,
)

PROVIDER = "google"
STANDARD_ALPHABET = str.maketrans("-_", "+/")
"""The package writes base64 for addresses."""


def read(value: Shape) -> list[Said] | None:
    """Return what a response or a content says; None if it is of another shape."""
    match value:
        case {"candidates": list(candidates)}:
            model = _get(value, "model_version") or ""
            contents = [one.get("content") for one in candidates[:1] if isinstance(one, dict)]
            contents = [*_called(_get(value, "automatic_function_calling_history")), *contents]
            found = [_content(one, str(model)) for one in contents if isinstance(one, dict)]
            return [said for one in found for said in one]
        case {"parts": list(parts)} if not any(
            isinstance(part, dict) and "part_kind" in part for part in parts
        ):
            return _content(value, "")

    return None


def _called(history: object) -> list[Any]:
    """Return the calls that the package made by itself, and their results, of what it noted.

    The contents that it was given stand before them. They end with what a person says.
    """
    contents = history if isinstance(history, list) else []
    asked = [
        number
        for number, content in enumerate(contents)
        if any(one.role == "user" for one in _content(content, ""))
    ]
    return contents[asked[-1] + 1 :] if asked else []


def _content(content: Shape, model: str) -> list[Said]:
    found: list[Part] = []
    for part in content.get("parts") or ():
        if isinstance(part, dict):
            found += _part({name: one for name, one in part.items() if one is not None}, model)

    if content.get("role") == "model":
        return [Said("assistant", tuple(found))]

    results = tuple(part for part in found if isinstance(part, ToolResultPart))
    words = tuple(part for part in found if isinstance(part, TextPart))
    said = [Said("tool", results)] if results else []

    return [*said, Said("user", words)] if words or not said else said


def _part(part: Shape, model: str) -> list[Part]:
    signature = str(_get(part, "thought_signature") or "").translate(STANDARD_ALPHABET)
    call, response = _get(part, "function_call"), _get(part, "function_response")
    file = _get(part, "inline_data") or _get(part, "file_data")
    if isinstance(call, dict):
        arguments = arguments_of(call.get("args"))
        call_id, name = str(call.get("id") or ""), str(call.get("name") or "")
        return [
            ToolCallPart(
                id=call_id, name=name, arguments=arguments, provider=PROVIDER, signature=signature
            )
        ]
    if isinstance(response, dict):
        return [_result(response)]
    if part.get("thought"):
        return [ReasoningPart(provider=PROVIDER, payload=part, model=model)]
    if isinstance(part.get("text"), str):
        return [TextPart(text=part["text"])] if part["text"] else []
    if isinstance(file, dict) and (named := file_in(_snake(file))) is not None:
        return [named]

    return [RawPart(provider=PROVIDER, payload=part, text=_words(part))] if part else []


def _result(response: Shape) -> ToolResultPart:
    returned = response.get("response")
    is_error = isinstance(returned, dict) and set(returned) == {"error"}
    if isinstance(returned, dict) and set(returned) in ({"result"}, {"output"}, {"error"}):
        (returned,) = returned.values()

    return ToolResultPart(
        call_id=str(response.get("id") or ""),
        name=str(response.get("name") or ""),
        parts=result_parts(returned),
        is_error=is_error,
    )


def _words(part: Shape) -> str:
    """Return what other providers are told of code that was run, and its output."""
    code, output = _get(part, "executable_code"), _get(part, "code_execution_result")
    if isinstance(code, dict):
        return as_text(code.get("code") or "")
    if isinstance(output, dict):
        return as_text(output.get("output") or "")

    return ""


def _get(value: Shape, name: str) -> Any:
    """Return a field by its name in Python, or by the one that it has in JSON."""
    return value.get(name, value.get(_camel(name)))


def _snake(value: Shape) -> dict[str, Any]:
    return {name: _get(value, name) for name in ("mime_type", "data", "file_uri")}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))

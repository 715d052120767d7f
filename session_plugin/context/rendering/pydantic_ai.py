"""The messages of pydantic-ai, which turns them into each provider's form itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from session_plugin.context.exchanges import Exchange, Place
from session_plugin.context.media import Media
from session_plugin.context.rendering.replaying import (
    beginning_with_person,
    call_ids,
    call_object,
    clean,
    replayed,
    tool_name,
)
from session_plugin.context.steps import Entry
from session_plugin.parts import ReasoningPart, TextPart

if TYPE_CHECKING:
    from pydantic_ai import messages as ai

CALL_ID = re.compile(r"[a-zA-Z0-9_-]{1,40}")
PROVIDER_NAMES = {"openai-chat": "openai"}
"""What pydantic-ai calls a provider, where that is another name than ours."""


def pydantic_ai_messages(
    entries: Sequence[Entry], *, provider: str, model: str
) -> list[ai.ModelMessage]:
    """Return entries as a message history of pydantic-ai.

    Args:
        entries: The entries of a context.
        provider: Whose reasoning is included; empty for that of the newest.
        model: The model that is asked; empty if unknown.

    Raises:
        ImportError: pydantic-ai is not installed.
    """
    try:
        from pydantic_ai import messages as ai  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(
            "as_pydantic_ai() needs pydantic-ai: pip install 'session-plugin[pydantic-ai]'"
        ) from error

    ids = call_ids(entries, CALL_ID)
    history = _History(ai)
    for entry in beginning_with_person(
        replayed(entries, provider or _newest_provider(entries), model)
    ):
        when = _time(entry.said_at)
        if entry.role == "user":
            history.ask(ai.UserPromptPart(content=_content(ai, entry), timestamp=when))
        elif entry.role != "assistant":
            history.ask(ai.SystemPromptPart(content=entry.text, timestamp=when))
        else:
            history.answer(_response_parts(ai, entry, ids), when)
            for exchange in entry.exchanges:
                history.ask(_result(ai, exchange, ids, when))

    return history.messages


class _History:
    """Collects requests and responses in turn."""

    def __init__(self, ai: Any) -> None:
        self._ai = ai
        self.messages: list[ai.ModelMessage] = []

    def ask(self, part: Any) -> None:
        newest = self.messages[-1] if self.messages else None
        if isinstance(newest, self._ai.ModelRequest):
            newest.parts = [*newest.parts, part]
        else:
            self.messages.append(self._ai.ModelRequest(parts=[part]))

    def answer(self, parts: Iterable[Any], when: datetime) -> None:
        newest = self.messages[-1] if self.messages else None
        if isinstance(newest, self._ai.ModelResponse):
            newest.parts = [*newest.parts, *parts]
        else:
            self.messages.append(self._ai.ModelResponse(parts=list(parts), timestamp=when))


def _newest_provider(entries: Sequence[Entry]) -> str:
    for entry in reversed(entries):
        for block in reversed(entry.blocks):
            if isinstance(block, ReasoningPart):
                return block.provider
            if isinstance(block, Exchange) and block.call.provider:
                return block.call.provider
    return ""


def _time(said_at: float) -> datetime:
    try:
        return datetime.fromtimestamp(said_at, UTC)
    except (OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(0, UTC)


def _response_parts(ai: Any, entry: Entry, ids: dict[Place, str]) -> Iterator[Any]:
    for block in entry.blocks:
        match block:
            case TextPart():
                yield ai.TextPart(content=block.text)
            case ReasoningPart():
                yield from _thoughts(ai, block)
            case Exchange():
                yield ai.ToolCallPart(
                    tool_name=tool_name(block),
                    args=call_object(block),
                    tool_call_id=ids[block.place],
                    **_signed(block.call.provider, block.call.signature),
                )


def _result(ai: Any, exchange: Exchange, ids: dict[Place, str], when: datetime) -> Any:
    return ai.ToolReturnPart(
        tool_name=tool_name(exchange),
        content=exchange.text,
        tool_call_id=ids[exchange.place],
        outcome="failed" if exchange.is_error else "success",
        timestamp=when,
    )


def _signed(provider: str, signature: str) -> dict[str, Any]:
    """Return the fields by which pydantic-ai keeps a thought signature of Google."""
    if provider != "google" or not signature:
        return {}
    return {"provider_name": "google", "provider_details": {"thought_signature": signature}}


def _thoughts(ai: Any, part: ReasoningPart) -> Iterator[Any]:
    """Yield reasoning as pydantic-ai itself would have read it from its provider."""
    payload: dict[str, Any] = clean(part.payload)
    name = PROVIDER_NAMES.get(part.provider, part.provider)

    match part.provider:
        case "anthropic" if payload.get("type") == "redacted_thinking":
            yield ai.ThinkingPart(
                content="",
                id="redacted_thinking",
                signature=payload.get("data"),
                provider_name=name,
            )
        case "anthropic":
            yield ai.ThinkingPart(
                content=payload.get("thinking") or "",
                signature=payload.get("signature"),
                provider_name=name,
            )
        case "openai":
            summary = payload.get("summary")
            texts = [one.get("text", "") for one in summary or () if isinstance(one, dict)]
            signature = payload.get("encrypted_content")
            for text in texts or [""]:
                yield ai.ThinkingPart(
                    content=text, id=payload.get("id"), signature=signature, provider_name=name
                )
                signature = None
        case "openai-chat":
            for key, value in payload.items():
                if isinstance(value, str) and value:
                    yield ai.ThinkingPart(content=value, id=key, provider_name=name)
        case "google":
            signature = payload.get("thought_signature") or payload.get("thoughtSignature") or ""
            yield ai.ThinkingPart(content=payload.get("text") or "", **_signed(name, signature))


def _content(ai: Any, entry: Entry) -> Any:
    """Return text, or a list of texts and files if there are files."""
    parts: list[Any] = []
    for block in entry.blocks:
        if isinstance(block, TextPart):
            parts.append(block.text)
        elif isinstance(block, Media):
            file = _file(ai, block)
            if file is not None:
                parts.append(file)
            elif block.text:
                parts.append(block.text)

    return "\n".join(parts) if all(isinstance(part, str) for part in parts) else parts


def _file(ai: Any, media: Media) -> Any:
    """Return a file; None if no provider takes its type."""
    kind = media.content_type
    urls = {"image": ai.ImageUrl, "audio": ai.AudioUrl, "video": ai.VideoUrl}
    url = ai.DocumentUrl if kind == "application/pdf" else urls.get(kind.split("/")[0])
    if url is None:
        return None
    if media.fetched.data is None:
        return url(url=media.fetched.url, media_type=kind)

    return ai.BinaryContent(data=media.fetched.data, media_type=kind)

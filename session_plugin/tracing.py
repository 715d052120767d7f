"""Where spans begin, if somebody wants them. Knows no exporter; imports the standard library."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

CONVERSATION = "gen_ai.conversation.id"
"""The attribute of a span that holds the session's id, as OpenTelemetry names it."""


class Span(Protocol):
    """Something that takes time."""

    @property
    def is_recording(self) -> bool:
        """Whether anybody sees what is noted; attributes that cost something are left out else."""

    def note(self, attribute: str, value: str | int, /) -> None:
        """Set an attribute."""

    def stop(self) -> None:
        """End here, whatever is looked up for the attributes before the block ends."""


class Tracing:
    """The spans of one hub; `start` is None while nobody wants them."""

    __slots__ = ("start",)

    def __init__(self) -> None:
        """Start without any."""
        self.start: Callable[[str], AbstractContextManager[Span]] | None = None

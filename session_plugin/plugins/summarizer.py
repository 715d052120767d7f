"""A function that sums messages up, as a plugin like any other. Knows the hook specifications;
knows no hub.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from session_plugin.hooks import hookimpl
from session_plugin.model import SessionMessage

Summarize = Callable[[Sequence[SessionMessage], str | None], Awaitable[str] | str]
"""Sums messages up, which follow what the second argument sums up already, where it is not None.
Best an async function.
"""


class Summarizer:
    """Offers one function as the hook `session_summarize`."""

    def __init__(self, summarize: Summarize) -> None:
        """Take the function.

        Raises:
            TypeError: it cannot be called.
        """
        if not callable(summarize):
            raise TypeError(
                f"summarize is a function of messages and the summary so far, not {summarize!r}"
            )
        self._summarize = summarize

    @hookimpl
    def session_summarize(
        self, messages: Sequence[SessionMessage], previous: str | None
    ) -> Awaitable[str] | str:
        """Ask the function."""
        return self._summarize(messages, previous)

"""The plugin that wraps the `summarize` function of a hub's author. Knows hooks; knows no hub."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from session_plugin.hooks import hookimpl
from session_plugin.model import SessionMessage

Summarize = Callable[[Sequence[SessionMessage], str | None], Awaitable[str] | str]
"""Returns a summary of the messages, and of the previous summary if it is not None.
Should be an async function, so that it does not block the event loop.
"""


class Summarizer:
    """A plugin whose hook `session_summarize` calls one function."""

    def __init__(self, summarize: Summarize) -> None:
        """Check the function.

        Raises:
            TypeError: it cannot be called.
        """
        if not callable(summarize):
            raise TypeError(
                "summarize must be a function of messages and the previous summary, not "
                f"{summarize!r}"
            )

        self._summarize = summarize

    @hookimpl
    def session_summarize(
        self, messages: Sequence[SessionMessage], previous: str | None
    ) -> Awaitable[str] | str:
        """Return what the function returns."""
        return self._summarize(messages, previous)

"""Count tokens with a plugin that knows the model's tokenizer, else by an estimate.

Knows plugins; knows no database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from session_plugin.context.tokens import estimate_tokens
from session_plugin.errors import PluginError
from session_plugin.logs import FieldLogger
from session_plugin.plugins.manager import Plugins

logger = FieldLogger("session_plugin.hub")


class TokenCounter:
    """The token counts of one hub."""

    def __init__(self, plugins: Plugins) -> None:
        """Use `plugins`, and the estimate where they return no counts."""
        self._plugins = plugins

    async def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text.

        It is estimated if no plugin answers, or if the answer is not one count for each text.
        """
        if texts and self._plugins.has("session_count_tokens"):
            try:
                answer = await self._plugins.ask("session_count_tokens", texts=tuple(texts))
            except PluginError:
                answer = None  # already logged, with the plugin's name

            if answer is not None and _are_counts(answer.value, len(texts)):
                return list(answer.value)

            if answer is not None:
                logger.warning(
                    "plugin %(plugin)s did not return one token count for each text; "
                    "using an estimate",
                    plugin=answer.plugin,
                )

        return [estimate_tokens(text) for text in texts]


def _are_counts(value: Any, count: int) -> bool:
    if not isinstance(value, list | tuple) or len(value) != count:
        return False

    return all(
        isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0 for tokens in value
    )

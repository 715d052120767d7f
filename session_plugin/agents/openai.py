"""A session of OpenAI's Agents SDK, kept with the conversation on the platforms."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from session_plugin.agents.runs import FrameworkRun
from session_plugin.hub.view.view import SessionView
from session_plugin.parts import RawPart
from session_plugin.parts.pairs import half_of
from session_plugin.providers.shapes import plain

try:
    from agents.memory import SessionSettings
except ImportError as error:
    raise ImportError(
        "session_plugin.agents.openai needs the Agents SDK: "
        'pip install "session-plugin[openai-agents]"'
    ) from error

if TYPE_CHECKING:
    from agents import TResponseInputItem

__all__ = ["AgentsSession"]


class AgentsSession:
    """The session of a handler, as `Runner.run(agent, text, session=AgentsSession(session))` takes
    it. Make one for each message that is answered.

    The history that the agent sees is the person's conversation over all channels, with earlier
    calls and results, up to the message that is answered. Of what the runner hands back, the input
    is the message that is answered and is not stored again; the final words are stored when the
    platform's message with them is; calls, results and reasoning are stored at once. See
    docs/agents.md.

    Attributes:
        session_id: The chat: its channel, the bot's account, its id.
        session_settings: The SDK's settings; `limit` is the most items of `get_items`.

    Example:
        from agents import Agent, Runner
        from agents.models.fake_id import FAKE_RESPONSES_ID

        await hub.record(event)
        memory = AgentsSession(session, max_messages=40)
        items = await memory.get_items()
        # result = await Runner.run(agent, event.text, session=memory)
    """

    def __init__(
        self,
        view: SessionView,
        *,
        max_messages: int | None = None,
        max_tokens: int | None = None,
        model: str = "",
        store_words: bool = False,
        session_settings: SessionSettings | None = None,
    ) -> None:
        """Prepare a run; nothing is read yet.

        Args:
            view: What the handler has as `ctx.session` or `context.session`.
            max_messages: As for `SessionView.for_model`.
            max_tokens: As for `SessionView.for_model`.
            model: The model that is asked; reasoning of other families is left out.
            store_words: Store the input and the final words too: for a bot of which no platform
                delivers the messages, such as one in a terminal. Such a session can be used for
                many runs.
            session_settings: The SDK's settings.
        """
        chat = view.chat
        place = (chat.channel, chat.bot_id, chat.chat_id, chat.thread_id)
        self.session_id = "/".join(part for part in place if part)
        self.session_settings = session_settings
        self._model = model
        self._run = FrameworkRun(
            view, max_messages=max_messages, max_tokens=max_tokens, store_words=store_words
        )

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """Return the history before the message being answered, then the items of this run.

        Args:
            limit: How many at most, the newest; fewer rather than a result without its call. What
                the bot's author said as system or developer comes in addition. None for the limit
                of the settings, else for all.
        """
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        if limit is not None and limit <= 0:
            return []

        context = await self._run.context(most=limit)
        before = cast("list[dict[str, Any]]", context.as_responses(model=self._model))
        first = next((n for n, item in enumerate(before) if not _instructs(item)), len(before))
        items = [*before[first:], *copy.deepcopy(self._run.items)]
        newest = items if limit is None else _newest(items, limit)

        return cast("list[TResponseInputItem]", [*before[:first], *newest])

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Store calls, results and reasoning, and hold the final words until they are sent.

        Raises:
            TypeError: an item has no known shape.
        """
        if items:
            await self._run.add([_shape(item) for item in items], copy.deepcopy(items))

    async def pop_item(self) -> TResponseInputItem | None:
        """Take back the newest item of this run and return it; None if it has none.

        What was stored of it is removed. The message of a person is not, and neither are words of
        the bot that were sent.
        """
        if not self._run.items:
            return None

        item = cast("TResponseInputItem", self._run.items.pop())
        await self._run.take_back(_shape(item))

        return item

    async def clear_session(self) -> None:
        """Begin a new session, as /new does. Nothing is deleted."""
        self._run.begin()
        await self._run.view.start_new()


def _shape(item: object) -> dict[str, Any]:
    """Return an item as `add_turn` takes it: as output of a response, whatever its type is."""
    shape = cast("dict[str, Any]", plain(item))
    if not isinstance(shape, Mapping):
        raise TypeError(f"an item is a mapping, not {type(item).__name__}")

    is_message = shape.get("type", "message") == "message"

    return shape if is_message else {"object": "response", "output": [shape]}


def _newest(items: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Return the newest items that need none of those before them."""
    closed = [False] * (len(items) + 1)
    called: dict[str, int] = {}
    for position, item in enumerate(items):
        if item.get("type") == "reasoning":  # what came of it needs it
            closed[position + 1] = True
        half = half_of(RawPart(provider="openai", payload=item))
        if half is None:
            continue
        for one in half.ids:
            if half.is_call:
                called[one] = position
            elif one in called:
                begun = called[one] + 1
                closed[begun : position + 1] = [True] * (position + 1 - begun)

    start = max(0, len(items) - limit)
    while start < len(items) and closed[start]:
        start += 1

    return items[start:]


def _instructs(item: dict[str, Any]) -> bool:
    return item.get("role") in ("system", "developer")

"""Inline mode: people query the bot from any chat and send one of its results.

Simulated are text results (InputTextMessageContent), and inline feedback (`chosen_inline_result`)
is on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from .calls import Call, bad_request
from .markup import formatted
from .payloads import user_payload
from .people import People
from .world import Content, SimulatedChat, SimulatedMessage, SimulatedUser, World

_ELSEWHERE = SimulatedChat(-1_002_999_999_999, "group", "a chat without the bot")


class Inline:
    """Implements answerInlineQuery."""

    def __init__(self, world: World) -> None:
        """Announce results as changes of this world."""
        self._world = world
        self._numbers = count(5_000_000_000_000_000_001)
        self.offered: dict[str, list[Mapping[str, Any]] | None] = {}

    def methods(self) -> Mapping[str, Callable[[Call], Any]]:
        """Return the methods by their documented names."""
        return {"answerInlineQuery": self._answer_inline_query}

    def ask(self) -> str:
        """Return the id of a new query."""
        query = str(next(self._numbers))
        self.offered[query] = None
        return query

    def _answer_inline_query(self, call: Call) -> bool:
        query = call.text("inline_query_id")
        if self.offered.get(query, ()) is not None:
            raise bad_request(
                "query is too old and response timeout expired or query ID is invalid"
            )

        results = call.sequence("results") or []
        if not all(isinstance(result, dict) and _content(result) for result in results):
            raise bad_request("only results with a text are simulated")

        self.offered[query] = results
        self._world.changes.notify()

        return True


class InlinePeople(People):
    """People who also use inline mode."""

    _inline: Inline

    async def say_by_way_of_the_bot(
        self,
        user: SimulatedUser,
        chat: SimulatedChat | None,
        query: str,
        *,
        result: int = 0,
        timeout: float = 5,  # noqa: ASYNC109  a figure of seconds reads best in a test
    ) -> SimulatedMessage:
        """Type an inline query, wait for its results, and send one of them.

        The bot gets an `inline_query`, then a `chosen_inline_result`. If it is in the chat, it also
        gets the message, which is from the person and has the bot as `via_bot`.

        Args:
            user: Who writes.
            chat: Where; None for a chat without the bot.
            query: The text after the bot's name.
            result: The index of the result to send.
            timeout: Seconds to wait for results.

        Raises:
            TimeoutError: The bot offered no results.
        """
        number = self._inline.ask()
        asked = {"id": number, "from": user_payload(user), "query": query, "offset": ""}
        self._updates.add("inline_query", asked)

        if not await self._world.changes.wait_until(
            lambda: bool(self._inline.offered[number]), seconds=timeout
        ):
            raise TimeoutError(
                f"the bot offered no results for the inline query {query!r} in {timeout} s"
            )

        chosen = (self._inline.offered[number] or [])[result]
        result_text = _content(chosen)
        text, entities = formatted(
            result_text["message_text"],
            result_text.get("parse_mode") or "",
            result_text.get("entities"),
        )
        keyboard = chosen.get("reply_markup")
        content = Content(
            text, entities, reply_markup=keyboard, extra={"via_bot": user_payload(self._world.bot)}
        )
        message = self._world.add(chat or _ELSEWHERE, content, author=user)
        feedback = {"result_id": chosen["id"], "from": user_payload(user), "query": query}

        if keyboard is not None:  # the bot can edit only such a message
            feedback["inline_message_id"] = f"simulated-inline-{len(self._world.inline) + 1}"
            self._world.inline[feedback["inline_message_id"]] = message

        self._updates.add("chosen_inline_result", feedback)
        if chat is not None:
            self._queue("message", message)

        return message


def _content(result: Mapping[str, Any]) -> Mapping[str, Any]:
    content = result.get("input_message_content")
    return content if isinstance(content, dict) and "message_text" in content else {}

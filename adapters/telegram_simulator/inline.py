"""Inline mode: people type the bot's name and a few words anywhere, choose a result, and it is sent
as their message.

Knows the world and the queue. Only results of a plain text (InputTextMessageContent) are simulated,
and inline feedback (`chosen_inline_result`) is on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from .calls import Call, bad_request
from .markup import formatted
from .payloads import user_payload
from .stage import Stage
from .world import Content, SimulatedChat, SimulatedMessage, SimulatedUser, World

_ELSEWHERE = SimulatedChat(-1_002_999_999_999, "group", "a chat without the bot")


class Inline:
    """Answer the method that offers results, and keep what was offered."""

    def __init__(self, world: World) -> None:
        """Take the world whose bell tells that results are there."""
        self._world = world
        self._numbers = count(5_000_000_000_000_000_001)
        self.offered: dict[str, list[Mapping[str, Any]] | None] = {}

    def methods(self) -> Mapping[str, Callable[[Call], Any]]:
        """Return the method by its documented name."""
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
            raise bad_request("results of other contents than a text are not simulated")
        self.offered[query] = results
        self._world.bell.ring()
        return True


class InlineStage(Stage):
    """Let people write by way of the bot."""

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
        """Let a person type a query behind the bot's name, wait for its results, and send one of
        them.

        The bot gets an `inline_query`, then a `chosen_inline_result`, and, where it is in the chat,
        the message, which is the person's and has the bot as `via_bot`.

        Args:
            user: Who writes.
            chat: Where; None for a chat in which the bot is not.
            query: What is typed behind the bot's name.
            result: Which of the results is sent.
            timeout: Seconds to wait for results.

        Raises:
            TimeoutError: None came.
        """
        number = self._inline.ask()
        asked = {"id": number, "from": user_payload(user), "query": query, "offset": ""}
        self._updates.add("inline_query", asked)
        if not await self._world.bell.until(
            lambda: bool(self._inline.offered[number]), seconds=timeout
        ):
            raise TimeoutError(
                f"the bot offered no results for the inline query {query!r} in {timeout} s"
            )
        chosen = (self._inline.offered[number] or [])[result]
        words = _content(chosen)
        text, entities = formatted(
            words["message_text"], words.get("parse_mode") or "", words.get("entities")
        )
        keyboard = chosen.get("reply_markup")
        content = Content(
            text, entities, reply_markup=keyboard, extra={"via_bot": user_payload(self._world.bot)}
        )
        message = self._world.add(chat or _ELSEWHERE, content, author=user)
        told = {"result_id": chosen["id"], "from": user_payload(user), "query": query}
        if keyboard is not None:  # only such a message can be edited by the bot
            told["inline_message_id"] = f"simulated-inline-{len(self._world.inline) + 1}"
            self._world.inline[told["inline_message_id"]] = message
        self._updates.add("chosen_inline_result", told)
        if chat is not None:
            self._tell("message", message)
        return message


def _content(result: Mapping[str, Any]) -> Mapping[str, Any]:
    content = result.get("input_message_content")
    return content if isinstance(content, dict) and "message_text" in content else {}

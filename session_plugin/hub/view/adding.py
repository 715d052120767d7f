"""What the bot's author adds, changes and removes through a view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from session_plugin.checks import check_id
from session_plugin.hub.runs import Run
from session_plugin.hub.view.reader import Reader
from session_plugin.model import (
    Chat,
    MessageEvent,
    Role,
    SessionMessage,
)
from session_plugin.parts import Part
from session_plugin.parts.bounds import checked
from session_plugin.parts.texts import words_in
from session_plugin.providers import read_turn
from session_plugin.records.conversation import histories
from session_plugin.records.conversation.removing import MessageKey

MOST_RECENT = 100
"""Messages among which those of a run are looked for."""


class Adding(Reader):
    """Store what no platform delivers; change and remove what is stored."""

    async def add(
        self,
        role: Role,
        content: str = "",
        *,
        parts: Iterable[Part | Mapping[str, Any] | str] = (),
        turn: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> SessionMessage | None:
        """Add a message that no platform delivers: a system or developer prompt, a call of a tool,
        its result, an answer sent elsewhere.

        It passes the filters like any other. None if it is not stored: a filter keeps nothing of
        it, or the database cannot be written now. What is returned can be given to `delete` and
        `edit`.

            call = {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {}}
            await session.add("assistant", parts=["One moment.", call], turn="run-1")

        Args:
            role: Who says it.
            content: The words. By default those of the text parts, joined by line breaks.
            parts: Parts, mappings with their fields and a `type` (`text`, `media`, `tool_call`,
                `tool_result`, `reasoning`, `raw`), or text. A part of more than 64 KB of JSON is
                cut, with a mark that says how much is left out.
            turn: Names the run of a model that the message is of.
            metadata: Anything else, as values that JSON can represent.

        Raises:
            TypeError: something is no JSON; the error has the path to it.
            ValueError: a part has an unknown type or an empty id; or `content` is given and is not
                what the text parts say.
        """
        accepted = checked(parts)
        if content:
            _check_words(content, accepted)

        event = MessageEvent(
            chat=self.chat,
            message_id=None,
            role=role,
            text=content or words_in(accepted) or "",
            sent_at=self._parts.context().now,
            author=self.account if role == "user" else None,
            answers=None if role == "user" else self.account,
            metadata=metadata or {},
            parts=accepted,
            turn=turn,
        )
        if self.before_reading is not None:
            await self.before_reading()

        view = Reader(self._parts, self.chat, self.account, event)
        view.scope_name = await self._scope_name()

        return (await view._record(event)).message()

    async def add_turn(
        self, response: object, *, turn: str | None = None, store_words: bool = False
    ) -> list[SessionMessage]:
        """Store what a model answered and what its tools returned, and return what was stored.

        Calls, results and reasoning are stored at once, without content, as the bot's answer to
        this view's account. The model's words are stored when they are sent: then the platform's
        message of the bot is part of the turn, also if it was sent before, as an edit, in other
        markup, or in several pieces. Words that are not sent within ten minutes, or before the
        next turn for the same person in this chat begins, are no history.

            response = await client.responses.create(model="gpt-5", input=...)
            await session.add_turn(response)
            await message.reply(response.output_text)

        What people say in `response` is left out, and so is what the bot's author says. Only what
        is new belongs in it: the same call given twice is stored twice.

        Args:
            response: What a provider's package returned, as its objects or as dictionaries; several
                messages or items as a list. `openai` (Responses and chat completions),
                `anthropic`, `google-genai`, and `new_messages()` of `pydantic-ai`.
            turn: Names the run; None begins a new one. Give the same text with all calls of a run.
            store_words: Store the words too, at once: for a bot of which no platform delivers the
                messages.

        Raises:
            TypeError: `response` has none of the known shapes.
        """
        said = read_turn(response)
        await self._take_in()
        if turn is None:
            turn = self._parts.context().new_id()

        check_id("turn", turn)
        run = Run(
            parts=self._parts,
            chat=self.chat,
            account=self.account,
            turn=turn,
            add=self.add,
            recent=self._recent,
        )

        return await run.store(said, store_words=store_words)

    def drop_words(self, turn: str, text: str) -> None:
        """Hold the words of a run no longer: they were taken back before they were sent.

        Args:
            turn: The run, as `add_turn` was given it.
            text: The words.
        """
        self._parts.final_words.take_back(self.chat, turn, text)

    async def _recent(self) -> list[SessionMessage]:
        """Return what was said since the message being answered, or since the newest one of a
        person.
        """
        messages = await self._read(histories.read_history, await self._where(), limit=MOST_RECENT)
        since = self.seq or max((one.seq for one in messages if one.role == "user"), default=0)

        return [message for message in messages if message.seq > since]

    async def delete(self, *messages: SessionMessage) -> int:
        """Remove messages from history, archive and summaries, and return how many were stored:
        what `add` put in, or any other message that was read here.

            prompt = await session.add("system", "Answer in verse.")
            await session.delete(prompt)

        Raises:
            ValueError: a message is not a stored one.
        """
        keys: dict[Chat, list[MessageKey]] = {}
        for message in messages:
            chat, seq = _stored_at(message)
            key = seq if message.message_id is None else message.message_id
            keys.setdefault(chat, []).append(key)

        context, intake = self._parts.context(), self._parts.intake

        return sum([await intake.delete(context, chat, some) for chat, some in keys.items()])

    async def edit(
        self,
        message: SessionMessage,
        content: str | None = None,
        *,
        parts: Iterable[Part | Mapping[str, Any] | str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        """Change what a stored message says: one that `add` put in, or any other that was read
        here.

        It passes the filters like any other edit. Return False where nothing changed, or where the
        message is gone.

        Args:
            message: As it was returned by `add` or read.
            content: Its text from now on. None for what the text parts say, if `parts` has any;
                else it stays.
            parts: Its parts from now on, as `add` takes them. None leaves them as `message` has
                them; its text parts say what `content` says.
            metadata: Its metadata from now on; None leaves it as `message` has it.

        Raises:
            TypeError, ValueError: as for `add`; or the message is not a stored one.
        """
        chat, seq = _stored_at(message)
        accepted = message.parts if parts is None else checked(parts)
        if content is None:
            content = message.content if parts is None else words_in(accepted)
        elif parts is not None:
            _check_words(content, accepted)
        context = self._parts.context()
        event = MessageEvent(
            chat=chat,
            message_id=message.message_id,
            role=cast("Role", message.role),
            text=message.content if content is None else content,
            sent_at=message.timestamp,
            author=message.person if message.role == "user" else None,
            author_name=message.author_name,
            answers=None if message.role == "user" else message.person,
            reply_to=message.reply_to,
            attachments=message.attachments,
            metadata=message.metadata if metadata is None else metadata,
            edited_at=max(context.now, message.edited_at or context.now),
            parts=accepted,
            turn=message.turn,
            is_aside=message.is_aside,
        )

        return await self._parts.intake.edit(context, event, seq=seq)


def _check_words(content: str, parts: Iterable[Part]) -> None:
    """Raise ValueError if text parts say anything else than the content."""
    if words_in(parts) not in (None, content):
        raise ValueError(
            "content is not what the text parts say; leave it out, and it is their words joined by "
            "line breaks"
        )


def _stored_at(message: SessionMessage) -> tuple[Chat, int]:
    """Return where a message is stored.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(message, SessionMessage) or message.chat is None or not message.seq:
        raise ValueError(
            "a stored message is needed, as history() or add() returns it, not this "
            f"{type(message).__name__} without a chat or seq"
        )

    return message.chat, message.seq

"""A model's run as messages of a session: calls, results and reasoning at once, words once sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from session_plugin.errors import DatabaseUnavailable
from session_plugin.hub.assembly import HubParts
from session_plugin.logs import FieldLogger
from session_plugin.model import Account, Chat, MessageEvent, SessionMessage
from session_plugin.parts import Part, TextPart, ToolCallPart, ToolResultPart
from session_plugin.parts.texts import words_in
from session_plugin.providers import Said
from session_plugin.records.conversation.model_runs import set_turn
from session_plugin.rules.final_words import HeldWords, heard_in

logger = FieldLogger("session_plugin.hub")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run, for one person in one chat.

    Args:
        parts: The hub.
        chat: Where it answers.
        account: Whom it answers; None for nobody's user.
        turn: Names the run.
        add: `SessionView.add`.
        recent: Returns what was said since the message that it answers, oldest first.
    """

    parts: HubParts
    chat: Chat
    account: Account | None
    turn: str
    add: Callable[..., Awaitable[SessionMessage | None]]
    recent: Callable[[], Awaitable[list[SessionMessage]]]

    async def store(self, said: Sequence[Said], *, store_words: bool) -> list[SessionMessage]:
        """Store what a model and its tools said; return what was stored.

        What people and the bot's author say in it is left out: that is in the session already.
        Words wait for the message that carries them, unless `store_words` is true.
        """
        self.parts.final_words.begin(self.chat, self.account, self.turn)
        own = [one for one in said if one.role in ("assistant", "tool")]
        stored: list[SessionMessage] = []
        for one in await self._with_ids(own):
            others = tuple(part for part in one.parts if not isinstance(part, TextPart))
            words = words_in(one.parts)
            if store_words:
                kept = one.parts if others else ()
                message = await self._store(one.role, words or "", kept)
            else:
                message = await self._store(one.role, "", others)
                if words:
                    await self._hold(words)

            if message is not None:
                stored.append(message)

        return stored

    async def _store(self, role: str, words: str, parts: tuple[Part, ...]) -> SessionMessage | None:
        if not (words or parts):
            return None

        return await self.add(role, words if not parts else "", parts=parts, turn=self.turn)

    async def _hold(self, words: str) -> None:
        """Hold words until they are sent; where they were sent already, note of which run."""
        filtered = await self._filtered(words)
        held = self.parts.final_words.hold(
            self.chat, self.account, self.turn, (words, filtered), spoken=filtered
        )
        try:
            await self.parts.intake.settled(self.chat)
            sent = [one for one in await self.recent() if self._is_own(one, held)]
        except DatabaseUnavailable:
            logger.info("it is not known yet whether the final words of a run were sent already")
            return

        if held.is_sent:
            self.parts.final_words.drop(self.chat, held)
        if sent:
            seqs = [message.seq for message in sent]
            context = self.parts.context()
            await self.parts.database.write(set_turn, context, self.chat, seqs=seqs, turn=self.turn)

    def _is_own(self, message: SessionMessage, held: HeldWords) -> bool:
        """Check whether a message carries held words, or their next piece."""
        is_candidate = (
            message.role == "assistant"
            and message.turn is None
            and message.chat == self.chat
            and (message.person is None or message.person == self.account)
        )
        said = message.content if message.content.strip() else heard_in(message.attachments)

        return is_candidate and not held.is_sent and held.take(said)

    async def _filtered(self, words: str) -> str:
        """Return the words as the filters leave them; empty if they leave nothing."""
        event = MessageEvent(
            chat=self.chat,
            message_id=None,
            role="assistant",
            text=words,
            sent_at=self.parts.context().now,
            answers=self.account,
        )

        return await self.parts.screening.filtered_text(event) or ""

    async def _with_ids(self, said: Sequence[Said]) -> list[Said]:
        """Return messages with an id for each call to which its provider gave none."""
        if all(_id_of(part) != "" for one in said for part in one.parts):
            return list(said)

        unanswered = _Calls(self.parts.context().new_id)
        for message in await self.recent():
            if message.turn == self.turn:
                list(map(unanswered.named, message.parts))

        return [replace(one, parts=tuple(map(unanswered.named, one.parts))) for one in said]


def _id_of(part: Part) -> str | None:
    match part:
        case ToolCallPart(id=call_id) | ToolResultPart(call_id=call_id):
            return call_id

    return None


class _Calls:
    """The calls of a run that have no result yet, in order."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._waiting: list[ToolCallPart] = []

    def named(self, part: Part) -> Part:
        """Return a call with an id, or a result with that of the first call that waits for it."""
        if isinstance(part, ToolCallPart):
            part = part if part.id else replace(part, id=self._new_id())
            self._waiting.append(part)
        elif isinstance(part, ToolResultPart):
            call = next(self._calls_of(part), None)
            if call is not None:
                self._waiting.remove(call)
            if not part.call_id:
                part = replace(part, call_id=self._new_id() if call is None else call.id)

        return part

    def _calls_of(self, result: ToolResultPart) -> Iterator[ToolCallPart]:
        for call in self._waiting:
            if call.id == result.call_id or (not result.call_id and call.name == result.name):
                yield call

"""The final words of models' runs, held until the platform says that they were sent.

Held in memory only: words that are never sent are no history. Knows no queue and no database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from session_plugin.model import Account, Chat, MessageEvent
from session_plugin.rules.final_words import (
    HELD_SECONDS,
    MOST,
    MOST_OF_CHAT,
    HeldWords,
    heard_in,
    is_spoken,
)


class FinalWords:
    """One hub's words that wait, by chat; for any event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Hold nothing yet."""
        self._clock = clock
        self._held: dict[Chat, list[HeldWords]] = {}
        self._guard = threading.Lock()

    def begin(self, chat: Chat, account: Account | None, turn: str) -> None:
        """Drop what earlier runs for the same person in the same chat have left."""
        if self._held:
            self._keep(chat, lambda held: held.account != account or held.turn == turn)

    def hold(
        self,
        chat: Chat,
        account: Account | None,
        turn: str,
        forms: tuple[str, ...],
        *,
        spoken: str = "",
    ) -> HeldWords:
        """Hold words until a message carries them.

        Args:
            chat: Where they will be sent.
            account: Whom they answer.
            turn: The run.
            forms: The words as the model said them, and as the filters leave them.
            spoken: The words as the filters leave them; empty if they leave none.
        """
        words = HeldWords(
            turn=turn, account=account, held_at=self._clock(), forms=forms, spoken=spoken
        )
        with self._guard:
            of_chat = self._held.pop(chat, [])
            self._held[chat] = [*of_chat, words][-MOST_OF_CHAT:]
            while sum(map(len, self._held.values())) > MOST:
                del self._held[next(iter(self._held))]

        return words

    def drop(self, chat: Chat, words: HeldWords) -> None:
        """Hold words no longer."""
        self._keep(chat, lambda held: held is not words)

    def take_back(self, chat: Chat, turn: str, text: str) -> None:
        """Hold the words of a run no longer: they were taken back before they were sent."""
        self._keep(chat, lambda held: held.turn != turn or not held.take(text))

    def tagged(self, event: MessageEvent, *, is_edit: bool = False) -> MessageEvent:
        """Return a message of the bot with the turn whose words it carries, if it does.

        A voice message without words carries those that wait for longest, as its transcript. Words
        that an edit has completed stay held: a later edit may be stored in its place. They do not
        wait any more.
        """
        if event.role != "assistant" or event.turn is not None or event.chat not in self._held:
            return event

        oldest = self._clock() - HELD_SECONDS
        self._keep(event.chat, lambda held: held.held_at >= oldest)
        with self._guard:
            held = [one for one in self._held.get(event.chat, ()) if _may_answer(one, event)]
            said = event.text if event.text.strip() else heard_in(event.attachments)
            is_voice = not said and not is_edit and is_spoken(event)
            found = next(
                (one for one in held if (not one.is_sent if is_voice else one.take(said))), None
            )

        if found is None:
            return event
        if is_voice or (found.is_sent and not is_edit):
            self.drop(event.chat, found)
        if is_voice:
            (voice,) = event.attachments
            event = replace(event, attachments=(replace(voice, transcript=found.spoken),))

        return replace(event, turn=found.turn)

    def _keep(self, chat: Chat, is_kept: Callable[[HeldWords], bool]) -> None:
        with self._guard:
            kept = [held for held in self._held.pop(chat, ()) if is_kept(held)]
            if kept:
                self._held[chat] = kept


def _may_answer(held: HeldWords, event: MessageEvent) -> bool:
    return None in (held.account, event.answers) or held.account == event.answers

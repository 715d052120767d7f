"""What the bot itself says: recorded once, as an answer to the person it answers where that is
known, never guessed.

Discord tells a bot of its own messages twice, in no promised order: in the answer to the request
that sends one, and by an event, which is all that there is of those sent in other ways.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import aiohttp
import discord

from session_plugin import Account, Chat, MessageEvent, SessionHub
from session_plugin_discord.answering import apart
from session_plugin_discord.remembered import Remembered
from session_plugin_discord.translate import to_account, to_chat, to_event

REMEMBERED = 2000
"""Messages, interactions, direct chats and nonces kept at hand: what belongs together comes within
moments.
"""
UNRECORDED = "session-"
"""How the nonce of a message begins that is not to be recorded, whichever process hears of it."""

logger = logging.getLogger("session_plugin.discord")

HandIn = Callable[[MessageEvent], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An interaction that the bot answers.

    Args:
        id: Its id, which also is the message id of what was said by it.
        chat: Where it was used.
        account: Who used it; None for nobody's user.
        metadata: What is kept of it with each answer.
        is_own: It is a command of ours: nothing of it is kept.
        is_kept: It is a message in the session.
    """

    id: int
    chat: Chat
    account: Account | None
    metadata: dict[str, Any]
    is_own: bool
    is_kept: bool


class OwnMessages:
    """One bot's own messages on their way into the hub."""

    def __init__(self, client: discord.Client, hub: SessionHub, *, keeps_ephemeral: bool) -> None:
        """Record in `hub`; ephemeral answers only if they are to be kept."""
        self._client = client
        self._hub = hub
        self._keeps_ephemeral = keeps_ephemeral
        self._questions: Remembered[str, Question] = Remembered(REMEMBERED)
        self._question_ids: Remembered[int, Question] = Remembered(REMEMBERED)
        self._direct: Remembered[int, tuple[Any, Account | None]] = Remembered(REMEMBERED)
        self._answered: Remembered[str, Account | None] = Remembered(REMEMBERED)
        self._whose: Remembered[int, Account] = Remembered(REMEMBERED)
        self._recorded: Remembered[tuple[int, datetime | None], asyncio.Task[None]] = Remembered(
            REMEMBERED
        )

    # What is known of whom they answer

    def asked(self, token: str, question: Question) -> None:
        """Note an interaction, by the token under which it is answered."""
        self._questions[token] = question
        self._question_ids[question.id] = question

    def question(self, token: str) -> Question | None:
        """Give the interaction that is answered under a token."""
        return self._questions.get(token)

    def heard(self, channel: Any, user: discord.abc.User) -> None:
        """Note whose a direct chat is: the bot's own messages there name nobody."""
        if isinstance(channel, discord.DMChannel):
            self._direct[channel.id] = (channel, to_account(user))

    def sending(self, nonce: str, account: Account | None) -> None:
        """Note whom a message answers that is about to be sent."""
        self._answered[nonce] = account

    def unrecorded_nonce(self) -> str:
        """Make a nonce for a message that is not to be recorded: an answer to one of our
        commands.
        """
        return UNRECORDED + secrets.token_hex(8)

    # Ways in

    def said(
        self, message: discord.Message, question: Question | None = None
    ) -> asyncio.Task[None] | None:
        """Start the way into the hub of what the bot said, once for all the times that Discord
        tells of it.

        Args:
            message: What it said.
            question: The interaction that it answers, if that is known; else the message tells, if
                it does.
        """
        if str(message.nonce).startswith(UNRECORDED):
            return None
        return self._once((message.id, None), self._hub.record, message, question)

    def edited(self, message: discord.Message) -> asyncio.Task[None] | None:
        """Start the way into the hub of an edit, once; a link's preview is told like one, without a
        time of editing.
        """
        if message.edited_at is not None:
            return self._once((message.id, message.edited_at), self._hub.edit, message)
        if message.interaction_metadata is not None:  # perhaps a deferred answer that is filled in
            return self.said(message)
        return None

    async def sent(self, data: Any) -> None:
        """Record what was sent to a channel from Discord's answer: its event may be late, or, at
        the end, never come.
        """
        channel = self._channel(int(data["channel_id"]))
        if channel is not None:
            await _over(self.said(self._message(channel, data)))

    async def changed(self, data: Any) -> None:
        """Record an edit from Discord's answer, as what was sent."""
        channel = self._channel(int(data["channel_id"]))
        if channel is not None:
            await _over(self.edited(self._message(channel, data)))

    async def deleted(self, channel_id: int, message_ids: Iterable[int]) -> None:
        """Remove what the bot deleted, of its own or of others."""
        channel = self._channel(channel_id)
        if channel is not None:
            user: Any = self._client.user
            chat = to_chat(channel, getattr(channel, "guild", None), bot_id=user.id)
            await self._hub.delete(chat, [str(message_id) for message_id in message_ids])

    async def answered(self, question: Question, data: Any, *, is_edit: bool) -> None:
        """Record what was said to an interaction from Discord's answer: a new message, or an old
        one changed.

        A deferred answer is there, empty, before it is filled in, so filling it in is a change to a
        message never seen. A message that is changed by a button below it still answers whom it
        answered, and not who pressed the button.
        """
        channel_id = int(data["channel_id"])
        channel = self._channel(channel_id) or discord.PartialMessageable(
            state=self._client._connection, id=channel_id
        )
        message = self._message(channel, data)
        if not is_edit:
            await _over(self.said(message, question))
        elif (event := self._translated(message, shown_in=question.chat)) is not None:
            await self._hub.edit(await self._attributed(message, event))

    def _channel(self, channel_id: int) -> Any:
        """Find a channel; where it is not known, only an event tells whether it is a guild's."""
        heard = self._direct.get(channel_id)
        return self._client.get_channel(channel_id) if heard is None else heard[0]

    def _message(self, channel: Any, data: Any) -> discord.Message:
        return discord.Message(state=self._client._connection, channel=channel, data=data)

    async def finish(self) -> None:
        """Wait for what is on its way."""
        await _over(*self._recorded.values())

    # Whom they answer

    def _translated(
        self,
        message: discord.Message,
        question: Question | None = None,
        *,
        shown_in: Chat | None = None,
    ) -> MessageEvent | None:
        metadata = message.interaction_metadata
        if question is None and metadata is not None:
            question = self._question_ids.get(metadata.id)
        if question is not None and question.is_own:
            return None
        if message.flags.ephemeral and (question is None or not self._keeps_ephemeral):
            return None
        shown_in = shown_in if question is None else question.chat
        event = to_event(message, bot_id=message.author.id, shown_in=shown_in)
        if event is None or question is None:
            return event
        return replace(
            event,
            answers=question.account,
            reply_to=event.reply_to or (str(question.id) if question.is_kept else None),
            metadata={**event.metadata, **question.metadata},
        )

    def _once(
        self,
        key: tuple[int, datetime | None],
        hand_in: HandIn,
        message: discord.Message,
        question: Question | None = None,
    ) -> asyncio.Task[None] | None:
        if key not in self._recorded:
            event = self._translated(message, question)
            if event is None:
                return None
            self._recorded[key] = apart(self._record(hand_in, message, event))
        return self._recorded[key]

    async def _record(self, hand_in: HandIn, message: discord.Message, event: MessageEvent) -> None:
        try:
            await hand_in(await self._attributed(message, event))
        except Exception:
            logger.exception("a message of the bot's could not be recorded")

    async def _attributed(self, message: discord.Message, event: MessageEvent) -> MessageEvent:
        """Say whom a message answers, and keep it in mind, stored or not: an edit of it does not
        tell.
        """
        answers = event.answers or self._whose.get(message.id)
        if answers is None and event.reply_to is None:  # whose message it replies to, the hub knows
            answers = None if message.nonce is None else self._answered.get(str(message.nonce))
            if answers is None and event.chat.kind == "direct":
                answers = await self._recipient(message.channel.id)
        if answers is not None:
            self._whose[message.id] = answers
        return replace(event, answers=answers)

    async def _recipient(self, channel_id: int) -> Account | None:
        """Find whose direct chat it is; where Discord does not tell, perhaps the hub knows."""
        if channel_id in self._direct:
            return self._direct[channel_id][1]
        channel: Any = self._client.get_channel(channel_id)
        if getattr(channel, "recipient", None) is None:
            with suppress(discord.DiscordException, aiohttp.ClientError, OSError):
                channel = await self._client.fetch_channel(channel_id)
        user = getattr(channel, "recipient", None)
        if user is None:
            return None
        self.heard(channel, user)
        return to_account(user)


async def _over(*recordings: asyncio.Task[None] | None) -> None:
    under_way: Iterable[asyncio.Task[None]] = [
        one for one in recordings if one is not None and not one.done()
    ]
    if under_way:
        await asyncio.wait(under_way)

"""What comes in: messages and interactions before their handlers see them, edits, deletions.

Everything of one chat goes through one door, so that it stays in order however long the author's
prefix takes. Nothing stands there for longer than PATIENCE_WITH_PREFIXES.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import discord

from session_plugin import Account, Chat, MessageEvent, SessionHub, SessionView
from session_plugin_discord.answering import Turn, answering, apart
from session_plugin_discord.arrivals import Arrivals
from session_plugin_discord.chat_commands import ChatCommands
from session_plugin_discord.interactions import chat_of, described, input_event, is_slash_command
from session_plugin_discord.own_messages import OwnMessages, Question
from session_plugin_discord.translate import (
    author_of,
    place_metadata,
    raw_chat,
    to_account,
    to_chat,
    to_event,
)

logger = logging.getLogger("session_plugin.discord")

PATIENCE_WITH_PREFIXES = 2.0
"""Seconds from a message's coming in within which the bot's author must have told its prefix."""

Said = discord.Message | discord.Interaction[Any]


class Incoming:
    """One bot's events on their way into the hub."""

    def __init__(
        self,
        client: discord.Client,
        hub: SessionHub,
        own_messages: OwnMessages,
        chat_commands: ChatCommands,
        arrivals: Arrivals,
        *,
        keeps_slash_input: bool,
    ) -> None:
        """Record in `hub`; what people give slash commands only if it is to be kept."""
        self._client = client
        self._hub = hub
        self._own_messages = own_messages
        self._chat_commands = chat_commands
        self._keeps_slash_input = keeps_slash_input
        self._arrivals = arrivals
        self._turns: weakref.WeakValueDictionary[int, Turn] = weakref.WeakValueDictionary()
        self._doors: weakref.WeakValueDictionary[Chat, asyncio.Lock] = weakref.WeakValueDictionary()
        self._under_way: set[asyncio.Task[Any]] = set()

    def checks(self) -> dict[str, Callable[[Any], None]]:
        """Give what is to see which event of discord.py's, before its handlers."""
        return {
            "message": self.message,
            "interaction": self.interaction,
            "raw_message_edit": self.edit,
            "raw_message_delete": self.deletion,
            "raw_bulk_message_delete": self.bulk_deletion,
            "raw_thread_delete": self.thread_deletion,
            "guild_channel_delete": self.channel_deletion,
        }

    # Messages and interactions

    def message(self, message: discord.Message) -> None:
        """Start a message's way into the hub, and note for its handlers that they answer it."""
        if message.author.id == self.bot_id:
            self._own_messages.said(message)
            return
        self._own_messages.heard(message.channel, message.author)
        arrival = self._start(self._arrive(message, to_event(message, bot_id=self.bot_id)))
        self._arrivals.add(message.id, message.channel.id, arrival)
        self._answering(message.channel.id, author_of(message), arrival)

    def interaction(self, interaction: discord.Interaction) -> None:
        """Start the way into the hub of what was given to a slash command; note of every
        interaction that it is answered.
        """
        if interaction.type in (discord.InteractionType.ping, discord.InteractionType.autocomplete):
            return
        chat, account = chat_of(interaction, bot_id=self.bot_id), to_account(interaction.user)
        self._own_messages.heard(interaction.channel, interaction.user)
        is_own = self._chat_commands.is_own_interaction(interaction)
        is_kept = self._keeps_slash_input and not is_own and is_slash_command(interaction)
        arrival = None
        if is_kept:
            arrival = self._start(
                self._arrive(interaction, input_event(interaction, bot_id=self.bot_id))
            )
            self._arrivals.add(interaction.id, int(chat.chat_id), arrival)
        metadata = place_metadata(interaction.channel, interaction.guild) | {
            "interaction": described(interaction)
        }
        question = Question(
            id=interaction.id,
            chat=chat,
            account=account,
            metadata=metadata,
            is_own=is_own,
            is_kept=is_kept,
        )
        self._own_messages.asked(interaction.token, question)
        self._answering(int(chat.chat_id), account, arrival)

    def _answering(
        self, channel_id: int, account: Account | None, arrival: asyncio.Task[Any] | None
    ) -> None:
        slot = answering.get()
        if slot is not None:
            slot.channel_id, slot.account, slot.arrival = channel_id, account, arrival
            slot.turn = self._turn(channel_id, account)

    def _turn(self, channel_id: int, account: Account | None) -> Turn:
        """Give the turn of whoever has just spoken; that of somebody else is over, as all learn who
        hold it.
        """
        turn = self._turns.get(channel_id)
        if turn is None or account is None or turn.account != account:
            if turn is not None:
                turn.is_over = True
            turn = self._turns[channel_id] = Turn(account)
        return turn

    async def _arrive(self, said: Said, event: MessageEvent | None) -> SessionView:
        """Record what a person said, unless it is a command of ours; give the session for its
        handlers.
        """
        try:
            if event is not None and await self._is_kept(said, event.chat):
                return (await self._hub.record(event)).session
        except Exception:
            logger.exception("a message could not be recorded; it is handled all the same")
        return self.view(said)

    async def _is_kept(self, said: Said, chat: Chat) -> bool:
        """Tell whether something is no command of ours, one after another in each chat."""
        until = (
            asyncio.get_running_loop().time() + PATIENCE_WITH_PREFIXES
        )  # the wait at the door counts, too
        async with self._doors.setdefault(chat, asyncio.Lock()):
            return isinstance(
                said, discord.Interaction
            ) or not await self._chat_commands.is_own_message(said, until=until)

    # Edits and deletions

    def edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Follow an edit.

        A link's preview is told as an update too, without a time of editing: it is none. Nor is a
        deferred answer that is filled in, another bot's perhaps: that is said now.
        """
        message = payload.message
        if message.author.id == self.bot_id:
            self._own_messages.edited(message)
            return
        event = to_event(message, bot_id=self.bot_id)
        if event is None:
            return
        if message.edited_at is not None:
            self._arrivals.change(
                [message.id], self._start(_logged(self._edit(message, event), "an edit"))
            )
        elif message.interaction_metadata is not None:
            self._start(_logged(self._hub.record(event), "a deferred answer"))

    async def _edit(self, message: discord.Message, event: MessageEvent) -> None:
        await self._hub.edit(event, is_command=not await self._is_kept(message, event.chat))

    def deletion(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Follow a deletion."""
        self._delete(payload.channel_id, payload.guild_id, {payload.message_id})

    def bulk_deletion(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Follow a deletion of many messages as one."""
        self._delete(payload.channel_id, payload.guild_id, payload.message_ids)

    def _delete(self, channel_id: int, guild_id: int | None, message_ids: Iterable[int]) -> None:
        if guild_id is None:  # an ephemeral answer's names no guild, wherever it was shown
            guild: discord.Guild | None = getattr(
                self._client.get_channel(channel_id), "guild", None
            )
            guild_id = None if guild is None else guild.id
        chat = raw_chat(channel_id, guild_id, bot_id=self.bot_id)
        gone = [str(message_id) for message_id in sorted(message_ids)]
        self._arrivals.change(
            message_ids, self._start(_logged(self._hub.delete(chat, gone), "a deletion"))
        )

    def thread_deletion(self, payload: discord.RawThreadDeleteEvent) -> None:
        """Follow the deletion of a thread or a forum's post, with all that was said in it."""
        self._delete_chat(payload.thread_id, payload.guild_id)

    def channel_deletion(self, channel: discord.abc.GuildChannel) -> None:
        """Follow the deletion of a channel; its threads are deleted with it, and told of one by
        one.
        """
        self._delete_chat(channel.id, channel.guild.id)

    def _delete_chat(self, channel_id: int, guild_id: int) -> None:
        chat = raw_chat(channel_id, guild_id, bot_id=self.bot_id)
        self._start(_logged(self._hub.delete_chat(chat), "the deletion of a chat"))

    # Sessions for handlers, and the end

    def view(self, said: Said) -> SessionView:
        """Give the session of whoever sent a message or used an interaction."""
        if isinstance(said, discord.Interaction):
            return self._hub.session_of(chat_of(said, bot_id=self.bot_id), to_account(said.user))
        return self._hub.session_of(
            to_chat(said.channel, said.guild, bot_id=self.bot_id), author_of(said)
        )

    async def finish(self) -> None:
        """Wait for what is on its way."""
        if self._under_way:
            await asyncio.wait(set(self._under_way))

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = apart(work)
        self._under_way.add(task)  # the event loop keeps only weak references
        task.add_done_callback(self._under_way.discard)
        return task

    @property
    def bot_id(self) -> int:
        """The bot's own user id, which it has before the first event."""
        user: Any = self._client.user
        return int(user.id)


async def _logged(work: Coroutine[Any, Any, Any], what: str) -> None:
    try:
        await work
    except Exception:
        logger.exception("%s could not be recorded", what)

"""What comes in: messages and interactions before their handlers, edits and deletions.

Events of one chat pass one lock, so they stay in order however long the author's prefix function
takes; no event waits there for longer than PREFIX_TIMEOUT.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from typing import Any

import discord
from discord.ext import commands

from session_plugin import Account, Chat, Held, MessageEvent, SessionHub, SessionView
from session_plugin.logs import FieldLogger
from session_plugin_discord.answering import Speaker, answering, start_recording
from session_plugin_discord.author_commands import AuthorCommands
from session_plugin_discord.commands import SessionCommands
from session_plugin_discord.interactions import (
    describe,
    interaction_chat,
    is_slash_command,
    to_input_event,
)
from session_plugin_discord.known_interactions import (
    KnownInteraction,
    OriginalResponse,
    SlashInput,
)
from session_plugin_discord.own_messages import OwnMessages
from session_plugin_discord.pending_events import PendingEvents, Recording
from session_plugin_discord.seen_text import text_beside
from session_plugin_discord.translate import (
    author_of,
    place_metadata,
    raw_chat,
    to_account,
    to_chat,
    to_event,
)

PREFIX_TIMEOUT = 2.0
"""Seconds within which the author's prefix function must return, with the wait for the lock."""

logger = FieldLogger("session_plugin.discord")

Input = discord.Message | discord.Interaction[Any]


class Incoming:
    """Records one bot's events in a hub."""

    def __init__(
        self,
        client: discord.Client,
        hub: SessionHub,
        own_messages: OwnMessages,
        session_commands: SessionCommands,
        author_commands: AuthorCommands,
        *,
        store_slash_input: bool,
        store_ephemeral: bool,
    ) -> None:
        """Record in `hub`; input of slash commands only with `store_slash_input`.

        Without `store_ephemeral`, their input in groups is not stored before others see an answer.
        """
        self.pending = PendingEvents()
        self._client = client
        self._hub = hub
        self._own_messages = own_messages
        self._session_commands = session_commands
        self._author_commands = author_commands
        self._store_slash_input = store_slash_input
        self._store_ephemeral = store_ephemeral

        self._speakers: weakref.WeakValueDictionary[int, Speaker] = weakref.WeakValueDictionary()
        self._chat_locks: weakref.WeakValueDictionary[Chat, asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )
        self._running: set[asyncio.Task[Any]] = set()

    def observers(self) -> dict[str, Callable[[Any], None]]:
        """Return what to call with each event of discord.py, by the event's name."""
        return {
            "message": self._on_message,
            "interaction": self._on_interaction,
            "command": self._on_command,
            "raw_message_edit": self._on_edit,
            "raw_message_delete": self._on_deletion,
            "raw_bulk_message_delete": self._on_bulk_deletion,
            "raw_thread_delete": self._on_thread_deletion,
            "guild_channel_delete": self._on_channel_deletion,
        }

    def view(self, source: Input) -> SessionView:
        """Return the session of the person who sent a message or used an interaction."""
        if isinstance(source, discord.Interaction):
            chat = interaction_chat(source, bot_id=self._bot_id)
            return self._hub.session_of(chat, to_account(source.user))

        chat = to_chat(source.channel, source.guild, bot_id=self._bot_id)
        return self._hub.session_of(chat, author_of(source))

    async def finish(self) -> None:
        """Wait until everything started so far is recorded."""
        if self._running:
            await asyncio.wait(set(self._running))

    # Messages and interactions

    def _on_message(self, message: discord.Message) -> None:
        event = to_event(message, bot_id=self._bot_id, application_id=self._client.application_id)
        self._burn_codes(text_beside(message, event))
        if self._own_messages.is_own(message):
            own = self._own_messages.record(message)
            if own is not None:
                self.pending.add_work(message.channel.id, own)
            return

        self._own_messages.add_direct_chat(message.channel, message.author)
        account = author_of(message)
        recording = self._start(self._record(message, event))
        self.pending.add(message.id, message.channel.id, account, recording)
        self._set_answering(message.channel.id, account, recording)

    def _on_interaction(self, interaction: discord.Interaction) -> None:
        """Record a slash command's input, and remember every interaction that can be answered."""
        if interaction.type in (discord.InteractionType.ping, discord.InteractionType.autocomplete):
            return

        chat = interaction_chat(interaction, bot_id=self._bot_id)
        account = to_account(interaction.user)
        self._own_messages.add_direct_chat(interaction.channel, interaction.user)
        is_session_command = self._session_commands.is_session_interaction(interaction)

        slash_input, recording = None, None
        if is_slash_command(interaction) and not is_session_command:
            slash_input, recording = self._take_input(interaction, chat)
        if recording is not None:
            self.pending.add(interaction.id, int(chat.chat_id), account, recording)

        place = place_metadata(interaction.channel, interaction.guild)
        message = interaction.message  # that of a button; it is the original response
        current = answering.get()
        known = KnownInteraction(
            id=interaction.id,
            chat=chat,
            account=account,
            metadata=place | {"interaction": describe(interaction)},
            is_session_command=is_session_command,
            input=slash_input,
            original=OriginalResponse(None if message is None else message.id),
            answering=current,
        )
        if current is not None:
            current.source = interaction
        self._own_messages.add_interaction(interaction.token, known)
        self._set_answering(int(chat.chat_id), account, recording)

    def _on_command(self, ctx: commands.Context[Any]) -> None:
        """Note the context of a command that is about to run: it says later whether it failed."""
        current = answering.get()
        if current is not None:
            current.source = ctx

    def _take_input(
        self, interaction: discord.Interaction, chat: Chat
    ) -> tuple[SlashInput | None, Recording | None]:
        """Return the input of a slash command, and the task that ends with its session.

        In a direct chat it is stored at once. In a group it is held until others see an answer.
        """
        event = to_input_event(interaction, bot_id=self._bot_id)
        name = interaction.command.qualified_name if interaction.command else event.text[1:]
        event = replace(event, is_aside=not self._author_commands.is_conversation(name))
        if not self._store_slash_input:
            is_seen, what = chat.kind == "group", f"the codes in interaction {interaction.id}"
            slash_input = SlashInput(
                lambda: self._start(_logged(self._hub.burn_codes(event.text), what)),
                is_message=False,
            )
            slash_input.is_queued.set()
            return (slash_input if is_seen else None), None

        if chat.kind == "direct" or self._store_ephemeral:
            slash_input = SlashInput(
                lambda: self._start(self._record(interaction, event)), is_message=True
            )
            slash_input.is_queued.set()
            return slash_input, slash_input.record()

        earlier = self._own_messages.interaction(interaction.token)
        held = self._hub.hold(event)
        held.session.is_duplicate = earlier is not None
        if earlier is not None and earlier.input is not None:
            slash_input = earlier.input
        else:
            slash_input = SlashInput(
                lambda: self._start(self._record_held(interaction, held, slash_input.is_queued)),
                is_message=True,
            )

        return slash_input, self._start(self._hold(interaction, event, held))

    async def _hold(
        self, interaction: discord.Interaction, event: MessageEvent, held: Held
    ) -> SessionView:
        """Return the session of a held input, after the messages before it.

        An input that was stored before a restart, or by another process, is a duplicate.
        """
        try:
            await self._as_said(interaction, event)
            if await self._hub.find_message(event.chat, str(interaction.id)) is not None:
                return (await self._hub.record(event)).session
        except Exception:
            logger.exception(
                "it is not known whether interaction %(interaction_id)s is stored",
                interaction_id=interaction.id,
            )

        return held.session

    async def _record_held(
        self, interaction: discord.Interaction, held: Held, is_queued: asyncio.Event
    ) -> SessionView:
        try:
            if (event := held.session.event) is not None:
                await self._as_said(interaction, event)
            is_queued.set()
            await held.record()
        except Exception:
            logger.exception(
                "interaction %(interaction_id)s could not be recorded",
                interaction_id=interaction.id,
            )
        finally:
            is_queued.set()

        return held.session

    def _set_answering(
        self, channel_id: int, account: Account | None, recording: asyncio.Task[Any] | None
    ) -> None:
        current = answering.get()
        if current is None:
            return

        current.channel_id, current.account, current.recording = channel_id, account, recording
        current.speaker = self._speaker(channel_id, account)

    def _speaker(self, channel_id: int, account: Account | None) -> Speaker:
        """Return the channel's last speaker; another person replaces the one before."""
        speaker = self._speakers.get(channel_id)
        if speaker is not None and account is not None and speaker.account == account:
            return speaker

        if speaker is not None:
            speaker.is_last = False

        speaker = self._speakers[channel_id] = Speaker(account)

        return speaker

    async def _record(self, source: Input, event: MessageEvent | None) -> SessionView:
        """Record an event unless it is a session command; return the session for its handlers."""
        try:
            if event is not None and (event := await self._as_said(source, event)) is not None:
                return (await self._hub.record(event)).session
        except Exception:
            logger.exception(
                "message %(message_id)s could not be recorded; its handlers run all the same",
                message_id=source.id,
            )

        return self.view(source)

    async def _as_said(self, source: Input, event: MessageEvent) -> MessageEvent | None:
        """Return an event as it is recorded, one message of a chat after another: None for a
        session command, an aside for a command of the author's.

        An interaction is only recorded if it is none, but waits for the messages before it.
        """
        deadline = asyncio.get_running_loop().time() + PREFIX_TIMEOUT  # includes the wait below

        async with self._chat_locks.setdefault(event.chat, asyncio.Lock()):
            if isinstance(source, discord.Interaction):
                return event

            command = await self._author_commands.command_of(source, deadline=deadline)
            if command is None:
                return event
            if self._session_commands.is_own(command):
                return None

            name = command.qualified_name
            return replace(event, is_aside=not self._author_commands.is_conversation(name))

    # Edits and deletions

    def _on_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Record an edit.

        Discord reports a link's preview as an edit without a time; that is ignored. Another bot's
        deferred answer that is filled in also has no time; that is a new message.
        """
        message = payload.message
        event = to_event(message, bot_id=self._bot_id, application_id=self._client.application_id)
        self._burn_codes(text_beside(message, event))
        if self._own_messages.is_own(message):
            own = self._own_messages.record_edit(message)
            if own is not None:
                self.pending.add_work(message.channel.id, own)
            return

        if event is None:
            return

        if message.edited_at is not None:
            what = f"the edit of message {message.id}"
            edit = self._start(_logged(self._edit(message, event), what))
            self.pending.add_change(message.channel.id, [message.id], edit)
        elif message.interaction_metadata is not None:
            what = f"the deferred answer {message.id}"
            self.pending.add_work(
                message.channel.id, self._start(_logged(self._hub.record(event), what))
            )

    async def _edit(self, message: discord.Message, event: MessageEvent) -> None:
        said = await self._as_said(message, event)
        await self._hub.edit(said or event, is_command=said is None)

    def _on_deletion(self, payload: discord.RawMessageDeleteEvent) -> None:
        self._delete(payload.channel_id, payload.guild_id, {payload.message_id})

    def _on_bulk_deletion(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        self._delete(payload.channel_id, payload.guild_id, payload.message_ids)

    def _delete(self, channel_id: int, guild_id: int | None, message_ids: Iterable[int]) -> None:
        if guild_id is None:  # also missing for an ephemeral answer in a guild
            channel = self._client.get_channel(channel_id)
            guild: discord.Guild | None = getattr(channel, "guild", None)
            guild_id = None if guild is None else guild.id

        chat = raw_chat(channel_id, guild_id, bot_id=self._bot_id)
        deleted = [str(message_id) for message_id in sorted(message_ids)]
        what = f"the deletion of {len(deleted)} messages in channel {channel_id}"
        deletion = self._start(_logged(self._hub.delete(chat, deleted), what))
        self.pending.add_change(channel_id, message_ids, deletion)

    def _on_thread_deletion(self, payload: discord.RawThreadDeleteEvent) -> None:
        """Delete the chat of a thread or of a forum post."""
        self._delete_chat(payload.thread_id, payload.guild_id)

    def _on_channel_deletion(self, channel: discord.abc.GuildChannel) -> None:
        """Delete the chat of a channel; Discord reports the deletion of each thread as well."""
        self._delete_chat(channel.id, channel.guild.id)

    def _delete_chat(self, channel_id: int, guild_id: int) -> None:
        chat = raw_chat(channel_id, guild_id, bot_id=self._bot_id)
        self._start(_logged(self._hub.delete_chat(chat), f"the deletion of channel {channel_id}"))

    def _burn_codes(self, text: str) -> None:
        """Make link codes worthless that a group saw outside of a message's text."""
        if text:
            self._start(_logged(self._hub.burn_codes(text), "the codes that a group saw"))

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = start_recording(work)
        self._running.add(task)  # the event loop itself holds only weak references
        task.add_done_callback(self._running.discard)
        return task

    @property
    def _bot_id(self) -> int:
        user: Any = self._client.user  # set before the first event
        return int(user.id)


async def _logged(work: Coroutine[Any, Any, Any], what: str) -> None:
    try:
        await work
    except Exception:
        logger.exception("%(event)s could not be recorded", event=what)

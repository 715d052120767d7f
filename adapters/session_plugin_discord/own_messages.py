"""What the bot said: recorded once, as an answer to a person only where that person is known.

Discord reports the bot's own messages twice, in no guaranteed order: in the response to the request
that sends one, and as an event. Messages sent in other ways have only the event.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import aiohttp
import discord

from session_plugin import Account, Chat, MessageEvent, SessionHub
from session_plugin.logs import FieldLogger
from session_plugin_discord.answering import as_error, start_recording
from session_plugin_discord.known_interactions import BoundedDict, KnownInteraction, SlashInput
from session_plugin_discord.translate import is_from_bot, to_account, to_chat, to_event

UNRECORDED = "session-"
"""Prefix of the nonce of a message that no process records."""
ORIGINAL = "@original"
"""The name under which an interaction's original response is edited and deleted."""
LOADING = 1 << 7
"""The flag of a deferred answer that has not been filled in."""

logger = FieldLogger("session_plugin.discord")

Store = Callable[[MessageEvent], Awaitable[object]]
Mark = Callable[[MessageEvent], MessageEvent]
"""Returns a message of the bot as an aside, where it is one."""
RecordKey = tuple[int, datetime | None]
"""A message's id, and the time of its edit."""


class OwnMessages:
    """Records one bot's own messages in a hub."""

    def __init__(self, client: discord.Client, hub: SessionHub, *, store_ephemeral: bool) -> None:
        """Record in `hub`; ephemeral answers only with `store_ephemeral`."""
        self._client = client
        self._hub = hub
        self._store_ephemeral = store_ephemeral

        self._by_token: BoundedDict[str, KnownInteraction] = BoundedDict()
        self._by_id: BoundedDict[int, KnownInteraction] = BoundedDict()
        self._direct_chats: BoundedDict[int, tuple[Any, Account | None]] = BoundedDict()
        self._answered_by_nonce: BoundedDict[str, Account | None] = BoundedDict()
        self._marks_by_nonce: BoundedDict[str, Mark] = BoundedDict()
        self._errors: BoundedDict[int, Mark] = BoundedDict()
        self._answered_by_message: BoundedDict[int, Account] = BoundedDict()
        self._recordings: BoundedDict[RecordKey, asyncio.Task[None]] = BoundedDict()

    # What is known about whom they answer

    def add_interaction(self, token: str, interaction: KnownInteraction) -> None:
        """Remember an interaction by the token under which it is answered, and by its id."""
        self._by_token[token] = interaction
        self._by_id[interaction.id] = interaction

    def interaction(self, token: str) -> KnownInteraction | None:
        """Return the interaction that is answered under a token; None if it is unknown."""
        return self._by_token.get(token)

    def add_direct_chat(self, channel: Any, user: discord.abc.User) -> None:
        """Remember whose direct chat a channel is; the bot's own messages there do not say."""
        if isinstance(channel, discord.DMChannel):
            self._direct_chats[channel.id] = (channel, to_account(user))

    def add_answer(self, nonce: str, account: Account | None) -> None:
        """Remember whom a message answers that is about to be sent with this nonce."""
        self._answered_by_nonce[nonce] = account

    def add_mark(self, nonce: str, mark: Mark) -> None:
        """Remember how to mark a message that is about to be sent with this nonce."""
        self._marks_by_nonce[nonce] = mark

    def add_error(self, message_id: int) -> None:
        """Remember that a message is about to be edited into one about an error."""
        self._errors[message_id] = as_error

    def unrecorded_nonce(self) -> str:
        """Return a nonce for a message that must not be recorded: a session command's answer."""
        return UNRECORDED + secrets.token_hex(8)

    # Recording

    def is_own(self, message: discord.Message) -> bool:
        """Check whether the bot wrote a message, itself or by a webhook of its application."""
        return is_from_bot(message, bot_id=self._bot_id, application_id=self._client.application_id)

    def record(
        self, message: discord.Message, interaction: KnownInteraction | None = None
    ) -> asyncio.Task[None] | None:
        """Start recording a message of the bot, once however often Discord reports it.

        Args:
            message: The message.
            interaction: The interaction it answers; None uses what the message itself says.

        Returns:
            The recording; None if the message is not stored.
        """
        if str(message.nonce).startswith(UNRECORDED):
            return None

        self._record_input(message, interaction)
        return self._once((message.id, None), self._hub.record, message, interaction)

    def record_edit(self, message: discord.Message) -> asyncio.Task[None] | None:
        """Start recording an edit, once; None if the message is not stored.

        Discord reports a link's preview as an edit without a time; that is ignored. A deferred
        answer that is filled in also has no time; that is a new message.
        """
        if message.edited_at is not None:
            return self._once((message.id, message.edited_at), self._hub.edit, message)
        if message.interaction_metadata is not None:
            return self.record(message)

        return None

    async def record_sent(self, data: Any) -> None:
        """Record a message from Discord's response to sending it.

        The event for it may be late, or never arrive while the bot is closing.
        """
        channel = self._channel(int(data["channel_id"]))
        if channel is not None:
            await _wait_for(self.record(self._message(channel, data)))

    async def record_edited(self, data: Any) -> None:
        """Record an edit from Discord's response to it."""
        channel = self._channel(int(data["channel_id"]))
        if channel is not None:
            await _wait_for(self.record_edit(self._message(channel, data)))

    async def record_spoken(self, data: Any, *, is_edit: bool) -> None:
        """Record what a webhook said or edited from Discord's response, if it is the bot's own."""
        channel = self._channel(int(data["channel_id"]))
        if channel is None:
            return

        message = self._message(channel, data)
        if self.is_own(message):
            await _wait_for(self.record_edit(message) if is_edit else self.record(message))

    async def record_deleted(self, channel_id: int, message_ids: Iterable[int]) -> None:
        """Delete what the bot deleted: its own messages, and those of other people."""
        channel = self._channel(channel_id)
        if channel is None:
            return

        chat = to_chat(channel, getattr(channel, "guild", None), bot_id=self._bot_id)
        await self._hub.delete(chat, [str(message_id) for message_id in message_ids])

    async def record_answer(
        self, interaction: KnownInteraction, data: Any, *, is_edit: bool
    ) -> None:
        """Record an answer to an interaction from Discord's response, after the input.

        A deferred answer exists, empty, before it is filled in, so filling it in edits a message
        that was never stored. A message that is edited by a button below it still answers the same
        person, not the one who pressed the button.
        """
        channel_id = int(data["channel_id"])
        channel = self._channel(channel_id) or discord.PartialMessageable(
            state=self._client._connection, id=channel_id
        )
        message = self._message(channel, data)
        metadata = message.interaction_metadata
        if metadata is not None and interaction.original.id is None:
            interaction.original.id = metadata.original_response_message_id

        slash_input = self._record_input(message, interaction)
        if slash_input is not None:
            await _wait_for(slash_input.record())

        await self._withdraw_input(message, interaction)

        if not is_edit:
            await _wait_for(self.record(message, interaction))
        elif (event := self._translated(message, shown_in=interaction.chat)) is not None:
            event = interaction.as_answer(await self._attributed(message, event))
            await self._hub.edit(event)

    async def record_deleted_answer(self, interaction: KnownInteraction, name: str) -> None:
        """Delete an answer that the bot deleted, by its id or as the original response.

        Discord reports the deletion only where the bot is a member.
        """
        original = interaction.original
        message_id = original.id if name == ORIGINAL else int(name)
        if message_id is None:
            return

        if message_id == original.id and original.is_loading:
            original.is_loading, original.is_withdrawn = False, True

        await self._hub.delete(interaction.chat, [str(message_id)])

    def note_original(self, interaction: KnownInteraction, data: Any) -> None:
        """Remember an interaction's original response, which may be edited or deleted by name."""
        interaction.original.id = int(data["id"])
        interaction.original.is_loading = bool(int(data.get("flags") or 0) & LOADING)

    def _record_input(
        self, message: discord.Message, interaction: KnownInteraction | None
    ) -> SlashInput | None:
        """Start storing the input of the slash command that a message answers, if others see it.

        An answer to a form stands below the command that opened the form.
        """
        metadata = message.interaction_metadata
        if message.flags.ephemeral:
            return None

        if interaction is None and metadata is not None:
            interaction = self._by_id.get(metadata.id)
        if metadata is not None and metadata.modal_interaction is not None:
            interaction = self._by_id.get(metadata.modal_interaction.id, interaction)

        slash_input = None if interaction is None else interaction.input
        if slash_input is not None:
            slash_input.record()

        return slash_input

    async def _withdraw_input(
        self, message: discord.Message, interaction: KnownInteraction
    ) -> None:
        """Delete the input of a slash command that, after all, one person alone sees answered.

        Others saw only a deferred answer that was deleted before it had said anything.
        """
        original = interaction.original
        if not original.is_withdrawn:
            return

        original.is_withdrawn = False
        if message.flags.ephemeral and interaction.is_stored and not self._store_ephemeral:
            await self._hub.delete(interaction.chat, [str(interaction.id)])

    async def finish(self) -> None:
        """Wait until everything started so far is recorded."""
        await _wait_for(*self._recordings.values())

    def _once(
        self,
        key: RecordKey,
        store: Store,
        message: discord.Message,
        interaction: KnownInteraction | None = None,
    ) -> asyncio.Task[None] | None:
        if key not in self._recordings:
            event = self._translated(message, interaction)
            if event is None:
                return None
            self._recordings[key] = start_recording(
                self._store(store, message, event, after=self._record_input(message, interaction))
            )

        return self._recordings[key]

    async def _store(
        self,
        store: Store,
        message: discord.Message,
        event: MessageEvent,
        *,
        after: SlashInput | None,
    ) -> None:
        if after is not None:
            await after.is_queued.wait()

        try:
            await store(self._marked(message, await self._attributed(message, event)))
        except Exception:
            logger.exception(
                "the bot's message %(message_id)s could not be recorded", message_id=message.id
            )

    def _marked(self, message: discord.Message, event: MessageEvent) -> MessageEvent:
        """Return a message as an aside, if it is about an error or answers a command."""
        if message.id in self._errors:
            return as_error(event)

        metadata = message.interaction_metadata
        interaction = None if metadata is None else self._by_id.get(metadata.id)
        if interaction is not None:
            return interaction.as_answer(event)

        mark = self._marks_by_nonce.get(str(message.nonce))
        return event if mark is None else mark(event)

    def _channel(self, channel_id: int) -> Any:
        """Return a channel; None if only the event will say whether it belongs to a guild."""
        known = self._direct_chats.get(channel_id)
        return self._client.get_channel(channel_id) if known is None else known[0]

    def _message(self, channel: Any, data: Any) -> discord.Message:
        return discord.Message(state=self._client._connection, channel=channel, data=data)

    @property
    def _bot_id(self) -> int:
        user: Any = self._client.user  # set before the first event
        return int(user.id)

    # Whom they answer

    def _translated(
        self,
        message: discord.Message,
        interaction: KnownInteraction | None = None,
        *,
        shown_in: Chat | None = None,
    ) -> MessageEvent | None:
        metadata = message.interaction_metadata
        if interaction is None and metadata is not None:
            interaction = self._by_id.get(metadata.id)

        if interaction is not None and interaction.is_session_command:
            return None
        if message.flags.ephemeral and (interaction is None or not self._store_ephemeral):
            return None

        shown_in = shown_in if interaction is None else interaction.chat
        event = to_event(
            message,
            bot_id=self._bot_id,
            application_id=self._client.application_id,
            shown_in=shown_in,
        )
        if event is None or interaction is None:
            return event

        return replace(
            event,
            answers=interaction.account,
            reply_to=event.reply_to or (str(interaction.id) if interaction.is_stored else None),
            metadata={**event.metadata, **interaction.metadata},
        )

    async def _attributed(self, message: discord.Message, event: MessageEvent) -> MessageEvent:
        """Set whom a message answers, and remember it: a later edit does not say.

        A reply is left to the hub, which knows the message replied to.
        """
        answers = event.answers or self._answered_by_message.get(message.id)

        if answers is None and event.reply_to is None:
            if message.nonce is not None:
                answers = self._answered_by_nonce.get(str(message.nonce))
            if answers is None and event.chat.kind == "direct":
                answers = await self._recipient(message.channel.id)

        if answers is not None:
            self._answered_by_message[message.id] = answers

        return replace(event, answers=answers)

    async def _recipient(self, channel_id: int) -> Account | None:
        """Return whose direct chat a channel is; None if Discord does not say, as the hub may."""
        if channel_id in self._direct_chats:
            return self._direct_chats[channel_id][1]

        channel: Any = self._client.get_channel(channel_id)
        if getattr(channel, "recipient", None) is None:
            with suppress(discord.DiscordException, aiohttp.ClientError, OSError):
                channel = await self._client.fetch_channel(channel_id)

        user = getattr(channel, "recipient", None)
        if user is None:
            return None

        self.add_direct_chat(channel, user)

        return to_account(user)


async def _wait_for(*recordings: asyncio.Task[Any] | None) -> None:
    running = [task for task in recordings if task is not None and not task.done()]
    if running:
        await asyncio.wait(running)

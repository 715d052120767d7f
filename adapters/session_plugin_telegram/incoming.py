"""Updates before their handlers: new and edited messages, deletions, migrations of groups.

The hub receives an update before any handler of the author's does, so that a handler finds the
message it answers in its session. An error here never keeps an update from its handlers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace

from telegram import Bot, Message, Update
from telegram.ext import TypeHandler

from session_plugin import SessionHub, SessionView
from session_plugin.logs import FieldLogger
from session_plugin_telegram.answering import Updates, answering
from session_plugin_telegram.commands import SessionCommands
from session_plugin_telegram.content import seen_text
from session_plugin_telegram.context import AnyContext
from session_plugin_telegram.outgoing import LifeCycleStep
from session_plugin_telegram.translate import (
    command_in,
    edited_message,
    message_chat,
    new_message,
    to_business_chat,
    to_chat_and_account,
    to_event,
    to_migration,
)

START = "start"
"""The command that Telegram's apps send when a person opens the chat."""
BURN_TIMEOUT = 0.5
"""Seconds an update waits until link codes in it are worthless; the search goes on after that."""

logger = FieldLogger("session_plugin.telegram")


class IncomingUpdates:
    """The updates of one bot.

    Attributes:
        handler: Records each update. It belongs in a group before all others.
    """

    def __init__(
        self,
        hub: SessionHub,
        commands: SessionCommands,
        *,
        bot: Bot,
        bot_id: str,
        open_hub: LifeCycleStep,
        conversation: Collection[str],
    ) -> None:
        """Create the handler.

        Args:
            hub: Receives what the updates say.
            commands: The session commands, which are not stored.
            bot: The bot, initialized by the time of the first update.
            bot_id: The bot's user id, as text.
            open_hub: Called for each update; opens the hub if the application was initialized
                before `install`.
            conversation: Names of commands that are conversation in any case.
        """
        self.handler: TypeHandler[Update, AnyContext, None] = TypeHandler(
            Update, self._handle, block=True
        )
        self._hub = hub
        self._commands = commands
        self._bot = bot
        self._conversation = frozenset(name.lower() for name in conversation)
        self._bot_id = bot_id
        self._open_hub = open_hub
        self._updates = Updates()
        self._burning: set[asyncio.Future[None]] = set()

    def session_of(self, update: object) -> SessionView | None:
        """Return the session of an update, and set it as the one the current task answers.

        The context of an error handler is created after that of the handlers: it gets the same
        session, in which the update's message is set by then.
        """
        if (current := answering.get()) is not None and current.update is update:
            return current.view

        chat_and_account = None
        try:
            if isinstance(update, Update):
                chat_and_account = to_chat_and_account(update, bot_id=self._bot_id)
        except Exception:
            logger.exception(
                "the chat of update %(update_id)s could not be read; the update is handled "
                "without a session",
                update_id=getattr(update, "update_id", None),
            )

        view = None if chat_and_account is None else self._hub.session_of(*chat_and_account)
        self._updates.begin(update, view)

        return view

    async def _handle(self, update: Update, context: AnyContext) -> None:
        """Record an update, and set its session to the one with the recorded message."""
        try:
            await self._open_hub()
            # Started first, awaited last: messages are recorded in the order of their updates.
            burning = self._start_burning(update)
            view = await self._record(update)
            if burning is not None:
                await asyncio.wait({burning}, timeout=BURN_TIMEOUT)

            if view is not None and (current := answering.get()) is not None:
                context.session = current.view = view  # type: ignore[attr-defined]
        except Exception:
            logger.exception(
                "update %(update_id)s could not be recorded; its handlers run all the same",
                update_id=update.update_id,
            )

    async def _record(self, update: Update) -> SessionView | None:
        """Hand an update to the hub; return the session with the update's message, if it has
        one.
        """
        if (deleted := update.deleted_business_messages) is not None:
            chat = to_business_chat(
                deleted.chat, deleted.business_connection_id, bot_id=self._bot_id
            )
            await self._hub.delete(chat, [str(message_id) for message_id in deleted.message_ids])

        new, edited = new_message(update), edited_message(update)
        message = new or edited
        is_command = self._commands.is_command(update)
        if message is None or (is_command and edited is None):
            return None

        if (migration := to_migration(message, bot_id=self._bot_id)) is not None:
            await self._hub.move_chat(*migration)

        event = to_event(message, bot_id=self._bot_id)
        if event is None:
            return None

        # Of two edits within a second, the newer has the higher number.
        event = replace(event, version=update.update_id, is_aside=self._is_aside(message))
        if new is not None:
            view = (await self._hub.record(event)).session
            view.is_wordless = command_in(message, username=self._bot.username) == START
            return view

        await self._hub.edit(event, is_command=is_command)

        return self._hub.session_of(event.chat, event.author, event=event)

    def _is_aside(self, message: Message) -> bool:
        """Check whether a message is a command of the author's that is no conversation."""
        command = command_in(message, username=self._bot.username)
        return command is not None and command not in self._conversation

    def _start_burning(self, update: Update) -> asyncio.Future[None] | None:
        """Start to make link codes worthless that a group sees elsewhere than in a message's text.

        The hub does so for the text itself.
        """
        message = new_message(update) or edited_message(update)
        if message is None or message_chat(message, bot_id=self._bot_id).kind == "direct":
            return None

        burning = asyncio.ensure_future(self._burn_codes(message))
        # The event loop holds weak references only.
        self._burning.add(burning)
        burning.add_done_callback(self._burning.discard)

        return burning

    async def _burn_codes(self, message: Message) -> None:
        try:
            await self._hub.burn_codes(seen_text(message))
        except Exception:
            logger.exception("a message could not be searched for link codes")

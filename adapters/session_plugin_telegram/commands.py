"""Session commands (/link, /forget, ...): their handlers, their entries in the bot's menu, and
notices to people.

Neither the commands nor their answers are stored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from telegram import BotCommand, BotCommandScope, Message, Update
from telegram.ext import ApplicationHandlerStop, CommandHandler, ExtBot

from session_plugin import Chat, Notice, SessionHub, SessionView
from session_plugin.commands import (
    DESCRIPTIONS,
    Asked,
    Command,
    answer,
    cut,
    notice_text,
)
from session_plugin_telegram.context import AnyApplication, AnyContext
from session_plugin_telegram.outgoing import SessionRecorder, unrecorded
from session_plugin_telegram.translate import to_name

MAX_CHARACTERS = 4096
"""The longest text message that a bot can send."""
SEND_OPTIONS: Mapping[str, Any] = {"parse_mode": None, "protect_content": False}
"""Options that override the author's Defaults.

Names may contain formatting characters; people need to copy a code and to save an export.
"""


async def add_to_menu(
    application: AnyApplication,
    *,
    scope: BotCommandScope | None = None,
    language_code: str | None = None,
) -> None:
    """Add the session commands to the bot's menu, after the entries that are there.

    Without this call the menu is not changed. Call it once the application is initialized, in
    `post_init` for example, and after each `set_my_commands` of yours, which replaces the menu.

    Args:
        application: An application with a hub.
        scope: The people whose menu is changed, as in `set_my_commands`; everybody by default.
        language_code: The language whose menu is changed, as in `set_my_commands`.

    Raises:
        ValueError: the application has no hub.

    Example:
        async def post_init(application: Application) -> None:
            await application.bot.set_my_commands([("start", "Begin")])
            await session_plugin_telegram.add_to_menu(application)
    """
    recorder = getattr(application.bot, "rate_limiter", None)
    names = recorder.names if isinstance(recorder, SessionRecorder) else None
    if names is None:
        raise ValueError(
            "the application has no hub yet: call session_plugin_telegram.install first"
        )

    added = {name: DESCRIPTIONS[command] for command, name in names.items()}
    present = await application.bot.get_my_commands(scope=scope, language_code=language_code)

    menu = [
        BotCommand(entry.command, added.pop(entry.command, entry.description)) for entry in present
    ]
    menu += [BotCommand(name, description) for name, description in added.items()]
    await application.bot.set_my_commands(menu, scope=scope, language_code=language_code)


class SessionCommands:
    """The session commands of one bot.

    Attributes:
        names: The name of each command that is offered.
        handlers: A handler for each command.
    """

    def __init__(self, bot: ExtBot[Any], hub: SessionHub, names: Mapping[Command, str]) -> None:
        """Create the handlers.

        Raises:
            ValueError: Telegram does not accept one of the names.
        """
        self.names = names
        self.handlers = [
            CommandHandler(name, self._callback(command), block=True)
            for command, name in names.items()
        ]
        self._bot = bot
        self._hub = hub

    def is_command(self, update: Update) -> bool:
        """Return whether an update is a session command to this bot."""
        return any(handler.check_update(update) for handler in self.handlers)

    async def deliver(self, chat: Chat, notice: Notice) -> None:
        """Send a notice to a chat."""
        text = notice_text(notice, spell=self._spell)
        with unrecorded():
            await _send_text(text, partial(self._bot.send_message, int(chat.chat_id)))

    def _callback(self, command: Command) -> Any:
        """Return the callback of a command's handler.

        It ends the update, so that a catch-all handler of the author's does not answer too.
        """

        async def run(update: Update, context: AnyContext) -> None:
            message = update.message
            view = context.session  # type: ignore[attr-defined]

            if message is not None and view is not None:
                try:
                    await self._answer(message, command, " ".join(context.args or ()), view)
                except Exception as error:
                    # Raising it would let the update go on to the author's catch-all handler.
                    await context.application.process_error(update, error)

            raise ApplicationHandlerStop

        return run

    async def _answer(
        self, message: Message, command: Command, argument: str, view: SessionView
    ) -> None:
        asked = Asked(
            chat=view.chat,
            account=view.account,
            name=to_name(message.from_user),
            spell=self._spell,
            offered=tuple(self.names),
        )
        reply = await answer(self._hub, command, argument, asked)

        with unrecorded():
            await _send_text(reply.text, message.reply_text)
            for document in reply.documents:
                await message.reply_document(
                    document.content, filename=document.name, **SEND_OPTIONS
                )

    def _spell(self, command: Command) -> str:
        return f"/{self.names.get(command) or command}"


async def _send_text(text: str, send: Callable[..., Awaitable[object]]) -> None:
    """Send a text, in several messages if it is too long for one."""
    for part in cut(text, most=MAX_CHARACTERS):
        await send(part, **SEND_OPTIONS)

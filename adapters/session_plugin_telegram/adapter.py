"""Attach a hub to an Application: a handler before all others, a recorder around its sending, the
in-chat commands.

Nothing of the author's is replaced: handlers, rate limiter, `post_init`, context class and life
cycle stay theirs.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

from telegram import BotCommand, BotCommandScope, Message, Update
from telegram.ext import (
    Application,
    ApplicationHandlerStop,
    BaseHandler,
    CallbackContext,
    CommandHandler,
    ConversationHandler,
    ExtBot,
    TypeHandler,
)

from session_plugin import Chat, Lease, Notice, SessionError, SessionHub, SessionView
from session_plugin.commands import (
    DESCRIPTIONS,
    Asked,
    Command,
    answer,
    check_names,
    cut,
    notice_text,
)
from session_plugin_telegram.answering import Updates, answering
from session_plugin_telegram.context import give_sessions
from session_plugin_telegram.outgoing import SessionRecorder, unrecorded
from session_plugin_telegram.translate import (
    CHANNEL,
    edited_in,
    said_in,
    to_business_chat,
    to_event,
    to_move,
    to_place,
)

FIRST_GROUP = -1000
"""The handler group that hands messages to the hub: before an author's, unless theirs is lower
still.
"""
COMMAND_GROUP = -999
MOST_CHARACTERS = 4096
"""How long a message of a bot's may be."""
AS_IT_IS: Mapping[str, Any] = {"parse_mode": None, "protect_content": False}
"""How we send, whatever the author's Defaults say: names are no marks, and people may copy a code
and save an export.
"""
logger = logging.getLogger("session_plugin.telegram")

AnyApplication = Application[Any, Any, Any, Any, Any, Any]
AnyContext = CallbackContext[Any, Any, Any, Any]


def install(
    application: AnyApplication,
    hub: SessionHub,
    *,
    commands: Mapping[str, str] | None = {},
) -> None:
    """Attach a hub to an application, once it is built; in `post_init` will do.

    From then on `context.session` is set in every handler of updates and in their error handlers;
    it is None in jobs, for a channel's posts, and where an update names no chat. The hub opens when
    the application is initialized and is released when it is shut down, in whatever way it is run.
    If a CommandHandler of yours, in a conversation too, has the name of a command of ours by then,
    initializing raises SessionError; of an application that is initialized already, this does.

    Args:
        application: Built by ApplicationBuilder; its bot is an ExtBot, as it is unless you gave
            another one.
        hub: The same for all platforms.
        commands: Our commands by the names you want: `{"link": "connect"}` renames, `{"new": ""}`
            turns one off, None all.

    Raises:
        TypeError: the application's bot is a plain telegram.Bot, whose sending cannot be seen, its
            context class has a `session` of its own, or `hub` is no SessionHub.
        ValueError: a command is unknown, or this application has a hub already.
        SessionError: the application is initialized already, and has a command or a group that is
            ours.

    Example:
        session_plugin_telegram.install(application, hub, commands={"link": "connect", "new": ""})
    """
    bot = application.bot
    if not isinstance(bot, ExtBot):
        raise TypeError(
            f"install needs an Application with an ExtBot, not {type(bot).__name__}; build it "
            "with .token(...)"
        )
    if not isinstance(hub, SessionHub):
        raise TypeError(
            f"a SessionHub is needed, not {type(hub).__name__}: hub = SessionHub('bot.db')"
        )
    has_a_hub = isinstance(bot.rate_limiter, SessionRecorder)
    if has_a_hub:
        raise ValueError("this application has a hub already")
    _Adapter(application, bot, hub, check_names(commands))


async def add_to_menu(
    application: AnyApplication,
    *,
    scope: BotCommandScope | None = None,
    language_code: str | None = None,
) -> None:
    """Show our commands in the bot's menu, behind those that are there; without this call the menu
    is left alone.

    Call it when the application is initialized, in `post_init` for example, and after a
    `set_my_commands` of your own, which replaces the whole list.

    Args:
        application: One that has a hub.
        scope: Whose menu, as for `set_my_commands`; everybody's by default.
        language_code: In which language's menu.

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
    ours = {name: DESCRIPTIONS[command] for command, name in names.items()}
    there = await application.bot.get_my_commands(scope=scope, language_code=language_code)
    menu = [BotCommand(one.command, ours.pop(one.command, one.description)) for one in there]
    menu += [BotCommand(name, description) for name, description in ours.items()]
    await application.bot.set_my_commands(menu, scope=scope, language_code=language_code)


class _Adapter:
    """One application's attachment."""

    def __init__(
        self,
        application: AnyApplication,
        bot: ExtBot[Any],
        hub: SessionHub,
        names: dict[Command, str],
    ) -> None:
        self._bot = bot
        self._bot_id = bot.token.partition(":")[0]
        self._hub = hub
        self._names = names
        self._lease: Lease | None = None
        self._updates = Updates()
        self._application = application
        self._handlers = {
            command: CommandHandler(name, self._run(command), block=True)
            for command, name in names.items()
        }
        self._tap = TypeHandler(Update, self._first, block=True)
        if _is_initialized(bot):
            self._refuse_clashes()
        give_sessions(application, self._answer_to)
        recorder = SessionRecorder(
            bot,
            hub,
            names,
            bot.rate_limiter,
            start=self._start,
            opened=self._open,
            closed=self._close,
        )
        bot._rate_limiter = (
            recorder  # the builder's own slot: an ExtBot takes its limiter at construction only
        )
        application.add_handler(self._tap, group=FIRST_GROUP)
        for handler in self._handlers.values():
            application.add_handler(handler, group=COMMAND_GROUP)

    async def _start(self) -> None:
        self._refuse_clashes()
        await self._open()

    async def _open(self) -> None:
        if self._lease is None:
            self._lease = self._hub.attach(CHANNEL, self._bot_id, self._deliver)
            try:
                await self._lease.open()
            except BaseException:
                await self._close()
                raise

    def _refuse_clashes(self) -> None:
        """Refuse to stand in the way of a handler of the author's, or behind it; by now their
        handlers are there.
        """
        names = set(self._names.values())
        for group, handlers in self._application.handlers.items():
            theirs = [
                handler
                for handler in handlers
                if handler is not self._tap and handler not in self._handlers.values()
            ]
            if theirs and group in (
                FIRST_GROUP,
                COMMAND_GROUP,
            ):  # of a group, one handler at most sees an update
                raise SessionError(
                    f"a handler of the application is in group {group}, which is ours: choose "
                    "another group"
                )
            for name in sorted(names & set(_commands_of(theirs))):
                raise SessionError(
                    f"the application has a command {name} already: rename ours, or turn it "
                    "off, by the commands "
                    "argument of session_plugin_telegram.install"
                )

    async def _close(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            await lease.release()

    def _answer_to(self, update: object) -> SessionView | None:
        """Give the session of an update, and note in the task that handles it whom the bot answers
        from now on.

        An error handler's context is made anew; in it the session goes on, with what the update
        says in it.
        """
        if (current := answering.get()) is not None and current.update is update:
            return current.view
        place = None
        try:
            if isinstance(update, Update):
                place = to_place(update, bot_id=self._bot_id)
        except Exception:
            logger.exception("an update was not understood; it is handled without a session")
        view = None if place is None else self._hub.session_of(*place)
        self._updates.begin(update, view)
        return view

    async def _first(self, update: Update, context: AnyContext) -> None:
        """Hand an update's message to the hub before any handler of the author's runs."""
        try:
            await self._open()  # for those who install only now that the application is initialized
            recorded = await self._record(update)
            if recorded is not None and (current := answering.get()) is not None:
                context.session = current.view = recorded  # type: ignore[attr-defined]
        except Exception:
            logger.exception("an update could not be recorded; it is handled all the same")

    async def _record(self, update: Update) -> SessionView | None:
        """Tell the hub what an update says; give the session with the message in it, where there is
        one.
        """
        if (gone := update.deleted_business_messages) is not None:
            chat = to_business_chat(gone.chat, gone.business_connection_id, bot_id=self._bot_id)
            await self._hub.delete(chat, [str(message_id) for message_id in gone.message_ids])
        said, edited = said_in(update), edited_in(update)
        message = said or edited
        is_command = self._is_command(update)
        if message is None or (is_command and edited is None):
            return None
        if (move := to_move(message, bot_id=self._bot_id)) is not None:
            await self._hub.move_chat(*move)
        event = to_event(message, bot_id=self._bot_id)
        if event is None:
            return None
        if said is not None:
            return (await self._hub.record(event)).session
        await self._hub.edit(event, is_command=is_command)
        return self._hub.session_of(event.chat, event.author, event=event)

    def _is_command(self, update: Update) -> bool:
        return any(handler.check_update(update) for handler in self._handlers.values())

    def _run(self, command: Command) -> Any:
        """Make the handler of one command; it ends the update, so that the author's catch-all does
        not answer too.
        """

        async def run(update: Update, context: AnyContext) -> None:
            message = update.message
            view = context.session  # type: ignore[attr-defined]
            if message is not None and view is not None:
                try:
                    await self._answer(message, command, " ".join(context.args or ()), view)
                except (
                    Exception
                ) as error:  # for the author's error handlers, and not for their catch-all
                    await context.application.process_error(update, error)
            raise ApplicationHandlerStop

        return run

    async def _answer(
        self, message: Message, command: Command, argument: str, view: SessionView
    ) -> None:
        name = "" if message.from_user is None else message.from_user.full_name
        asked = Asked(
            chat=view.chat,
            account=view.account,
            name=name,
            spell=self._spell,
            offered=tuple(self._names),
        )
        reply = await answer(self._hub, command, argument, asked)
        with unrecorded():
            await _say(reply.text, message.reply_text)
            for document in reply.documents:
                await message.reply_document(document.content, filename=document.name, **AS_IT_IS)

    def _spell(self, command: Command) -> str:
        return f"/{self._names.get(command) or command}"

    async def _deliver(self, chat: Chat, notice: Notice) -> None:
        with unrecorded():
            await _say(
                notice_text(notice, spell=self._spell),
                partial(self._bot.send_message, int(chat.chat_id)),
            )


def _commands_of(handlers: Iterable[BaseHandler[Any, Any, Any]]) -> Iterator[str]:
    """Give the names of all commands that handlers are for, in whatever state of a conversation."""
    for handler in handlers:
        if isinstance(handler, CommandHandler):
            yield from handler.commands
        elif isinstance(handler, ConversationHandler):
            yield from _commands_of(
                chain(handler.entry_points, *handler.states.values(), handler.fallbacks)
            )


def _is_initialized(bot: ExtBot[Any]) -> bool:
    try:
        return bot.bot is not None  # what it has asked Telegram of itself
    except RuntimeError:
        return False


async def _say(text: str, send: Callable[..., Awaitable[object]]) -> None:
    """Send a text of ours, in as many messages as it takes."""
    for part in cut(text, most=MOST_CHARACTERS):
        await send(part, **AS_IT_IS)

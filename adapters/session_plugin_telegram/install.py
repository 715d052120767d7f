"""How a hub gets into an Application, and how long it stays open.

Nothing of the author's is replaced: their handlers, rate limiter, `post_init`, context class and
life cycle keep working.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any

from telegram.ext import BaseHandler, CommandHandler, ConversationHandler, ExtBot

from session_plugin import Lease, PluginError, SessionError, SessionHub
from session_plugin.commands import Command, check_names
from session_plugin_telegram.commands import SessionCommands
from session_plugin_telegram.context import AnyApplication, add_sessions
from session_plugin_telegram.files import Files
from session_plugin_telegram.incoming import IncomingUpdates
from session_plugin_telegram.outgoing import SessionRecorder
from session_plugin_telegram.own_messages import OwnMessages
from session_plugin_telegram.topics import PrivateTopics
from session_plugin_telegram.translate import CHANNEL

UPDATE_GROUP = -1000
"""The handler group that records updates: before all groups of the author's that are not lower."""
COMMAND_GROUP = -999
"""The handler group of the session commands."""


def install(
    application: AnyApplication,
    hub: SessionHub,
    *,
    commands: Mapping[str, str] | None = {},
    separate_topics: bool = False,
    conversation_commands: Collection[str] = (),
) -> None:
    """Attach a hub to an application after it is built; `post_init` is early enough.

    Sets `context.session` in all handlers of updates and in their error handlers. It is None in
    jobs, for posts in channels, and for updates that name no chat. The hub opens when the
    application is initialized and is released when it is shut down, however it is run.

    A CommandHandler of yours with the name of a session command is an error, in a conversation too.
    It is raised when the application is initialized, or here if it is initialized already.

    Args:
        application: Built by ApplicationBuilder. Its bot must be an ExtBot, which is the default.
        hub: The hub. Bots on other platforms use the same one.
        commands: Names for the session commands: `{"link": "connect"}` renames one, `{"new": ""}`
            turns one off, None turns all off.
        separate_topics: Whether each topic of a private chat is a conversation of its own. By
            default, all of them and the person's chats on other platforms are one. A
            `session_resolve_scope` plugin of yours is asked first.
        conversation_commands: Names of commands that are conversation in any case: `{"ask"}`. Other
            commands, and the answers to them, are asides: a model is not given them. A command
            whose code calls `for_model` needs no entry.

    Raises:
        TypeError: the bot is a plain telegram.Bot, whose requests cannot be recorded; the context
            class has an attribute `session`; `hub` is not a SessionHub; or `conversation_commands`
            is a text.
        ValueError: a command is unknown, or the application has a hub already.
        SessionError: the application is initialized, and one of its handlers has the name of a
            session command or is in a reserved group (-1000 and -999).

    Example:
        session_plugin_telegram.install(application, hub, commands={"link": "connect", "new": ""})
    """
    bot = application.bot
    if not isinstance(bot, ExtBot):
        raise TypeError(
            f"the application's bot must be an ExtBot, not {type(bot).__name__}: build the "
            "application with ApplicationBuilder().token(...)"
        )
    if not isinstance(hub, SessionHub):
        raise TypeError(
            f"the hub must be a SessionHub, not {type(hub).__name__}: create one with "
            "SessionHub('bot.db')"
        )

    if isinstance(conversation_commands, str):
        raise TypeError(
            f"conversation_commands are several names, not one text: {{{conversation_commands!r}}}"
        )

    has_hub = isinstance(bot.rate_limiter, SessionRecorder)
    if has_hub:
        raise ValueError("this application has a hub already: install one hub, once")

    names = check_names(commands)
    _Adapter(application, bot, hub, names, conversation=conversation_commands).attach()
    if separate_topics:
        topics = PrivateTopics(bot.token.partition(":")[0])
        # The hub has them already if it was installed in an earlier application of this bot.
        with suppress(PluginError):
            hub.register(topics, topics.name)


class _Adapter:
    """One application with its hub."""

    def __init__(
        self,
        application: AnyApplication,
        bot: ExtBot[Any],
        hub: SessionHub,
        names: dict[Command, str],
        *,
        conversation: Collection[str],
    ) -> None:
        self._application = application
        self._bot = bot
        self._bot_id = bot.token.partition(":")[0]
        self._hub = hub
        self._lease: Lease | None = None
        self._files = Files(bot)

        self._commands = SessionCommands(bot, hub, names)
        self._incoming = IncomingUpdates(
            hub,
            self._commands,
            bot=bot,
            bot_id=self._bot_id,
            open_hub=self._open_hub,
            conversation=conversation,
        )

    def attach(self) -> None:
        """Change the application: its contexts, its rate limiter and its handlers.

        Everything that can fail comes first, so that an error leaves the application unchanged.
        """
        if _is_initialized(self._bot):
            self._check_handlers()

        add_sessions(self._application, self._incoming.session_of)

        # ExtBot accepts a rate limiter in its constructor only, so this sets its private slot.
        self._bot._rate_limiter = SessionRecorder(
            OwnMessages(self._bot, self._hub, bot_id=self._bot_id),
            self._bot.rate_limiter,
            names=self._commands.names,
            start=self._start,
            open_hub=self._open_hub,
            close_hub=self._close_hub,
        )

        self._application.add_handler(self._incoming.handler, group=UPDATE_GROUP)
        for handler in self._commands.handlers:
            self._application.add_handler(handler, group=COMMAND_GROUP)

    async def _start(self) -> None:
        # By now the author has added their handlers.
        self._check_handlers()
        await self._open_hub()

    async def _open_hub(self) -> None:
        if self._lease is not None:
            return

        self._lease = self._hub.attach(
            CHANNEL, self._bot_id, self._commands.deliver, fetch=self._files.fetch
        )
        try:
            await self._lease.open()
        except BaseException:
            await self._close_hub()
            raise

    async def _close_hub(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            await lease.release()

    def _check_handlers(self) -> None:
        """Raise SessionError if a handler of the author's hides one of this adapter's, or is hidden
        by it.
        """
        names = {name: command for command, name in self._commands.names.items()}
        own = [self._incoming.handler, *self._commands.handlers]

        for group, handlers in self._application.handlers.items():
            authors = [handler for handler in handlers if handler not in own]

            # At most one handler of a group is given an update.
            if authors and group in (UPDATE_GROUP, COMMAND_GROUP):
                raise SessionError(
                    f"handler group {group} is reserved for session_plugin_telegram, and the "
                    "application has a handler in it: move that handler to another group"
                )

            for name in sorted(names.keys() & set(_commands_of(authors))):
                raise SessionError(
                    f"the application has a handler for /{name}, which is a session command: "
                    "rename or turn off the session command, as in "
                    f"install(application, hub, commands={{'{names[name]}': ''}})"
                )


def _commands_of(handlers: Iterable[BaseHandler[Any, Any, Any]]) -> Iterator[str]:
    """Yield the names of all commands that handlers accept, in any state of a conversation."""
    for handler in handlers:
        if isinstance(handler, CommandHandler):
            yield from handler.commands
        elif isinstance(handler, ConversationHandler):
            yield from _commands_of(
                chain(handler.entry_points, *handler.states.values(), handler.fallbacks)
            )


def _is_initialized(bot: ExtBot[Any]) -> bool:
    try:
        # Set by a request that initializing makes.
        return bot.bot is not None
    except RuntimeError:
        return False

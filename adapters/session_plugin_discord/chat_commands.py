"""Our commands in a bot: by its prefix and as slash commands, renamed, grouped or left out as its
author wants it.

Nothing is synchronised with Discord here: that is for the author to do, once, by `tree.sync()`.
"""

from __future__ import annotations

import asyncio
import io
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from session_plugin import Chat, Notice, SessionError, SessionHub
from session_plugin.commands import (
    DESCRIPTIONS,
    TAKE_WORDS,
    Asked,
    Command,
    Reply,
    Spell,
    answer,
    check_names,
    cut,
    notice_text,
)
from session_plugin_discord.interactions import chat_of
from session_plugin_discord.own_messages import REMEMBERED, OwnMessages
from session_plugin_discord.remembered import Remembered
from session_plugin_discord.translate import shown_name, to_account, to_chat

logger = logging.getLogger("session_plugin.discord")

MOST_SLASH_COMMANDS = 100
"""How many global slash commands Discord lets an application have; a group is one."""
SLASH_NAME = re.compile(r"[\w-]{1,32}")
"""What Discord takes for a slash command's name, if it is in lower case; another is for a prefix
only.
"""
MOST_CHARACTERS = 2000
"""How long a message of a bot's may be."""
_MARKUP = re.compile(r"[\\_*~|`\[\]]")
ABOUT = "Your conversation with this bot, and your linked accounts"


class ChatCommands:
    """Our commands, in one bot."""

    def __init__(
        self,
        client: discord.Client,
        hub: SessionHub,
        own_messages: OwnMessages,
        names: Mapping[str, str] | None,
        group: str,
    ) -> None:
        """Check the names; add nothing yet.

        Raises:
            ValueError: a name is unknown or given twice.
        """
        self._client = client
        self._hub = hub
        self._own_messages = own_messages
        self._names = check_names(names)
        self._group = group
        self._prefixes: Remembered[int, str] = Remembered(REMEMBERED)
        self._added: list[tuple[Any, Any]] = []

    # In the bot and out of it

    def add(self) -> None:
        """Add what is offered: to a bot by its prefix, and to the command tree of any client that
        has one.

        Raises:
            SessionError: the bot has a command of one of our names.
        """
        bot, tree = self._bot, self._tree
        added = [] if bot is None else [(bot, command) for command in self._by_prefix()]
        if tree is not None:
            added += [(tree, command) for command in self._by_slash(has_prefix=bot is not None)]
        self._check_clashes(added)
        for place, command in added:
            place.add_command(command)
        self._added = added

    def remove(self) -> None:
        """Take out what was added and is still there."""
        for place, command in self._added:
            if place.get_command(command.name) is command:
                place.remove_command(command.name)
        self._added = []

    @property
    def _bot(self) -> Any:
        return (
            self._client
            if isinstance(self._client, commands.Bot | commands.AutoShardedBot)
            else None
        )

    @property
    def _tree(self) -> app_commands.CommandTree[Any] | None:
        state: Any = self._client._connection  # a plain client has no public name for its tree
        tree: app_commands.CommandTree[Any] | None = state._command_tree
        return tree

    def _by_prefix(self) -> list[Any]:
        made: list[Any] = [
            self._prefix_command(command, name) for command, name in self._names.items()
        ]
        if not self._group or not made:
            return made
        group: Any = commands.Group(
            self._overview(), name=self._group, help=ABOUT, invoke_without_command=True
        )
        for command in made:
            group.add_command(command)
        return [group]

    def _by_slash(self, *, has_prefix: bool) -> list[Any]:
        names = {
            command: name
            for command, name in self._names.items()
            if not has_prefix or (SLASH_NAME.fullmatch(name) and name == name.lower())
        }
        made: list[Any] = [self._slash_command(command, name) for command, name in names.items()]
        if not self._group or not made:
            return made
        group = app_commands.Group(name=self._group, description=ABOUT)
        for command in made:
            group.add_command(command)
        return [group]

    def _prefix_command(self, command: Command, name: str) -> commands.Command[Any, ..., None]:
        async def run(ctx: commands.Context[Any], *, words: str = "") -> None:
            prefix = self._prefixes[ctx.channel.id] = ctx.prefix or ""
            chat = to_chat(ctx.channel, ctx.guild, bot_id=self._bot_id)
            reply = await self._answer(command, words, chat, ctx.author, prefix)
            await self._send(ctx.channel, reply)

        return commands.Command(run, name=name, help=DESCRIPTIONS[command])

    def _slash_command(self, command: Command, name: str) -> app_commands.Command[Any, ..., None]:
        async def run(interaction: discord.Interaction) -> None:
            await self._answer_interaction(interaction, command, "")

        async def run_with(interaction: discord.Interaction, words: str = "") -> None:
            await self._answer_interaction(interaction, command, words)

        described = app_commands.describe(words="What you would type behind it")(run_with)
        callback: Any = described if command in TAKE_WORDS else run
        return app_commands.Command(name=name, description=DESCRIPTIONS[command], callback=callback)

    def _overview(self) -> Any:
        async def run(ctx: commands.Context[Any]) -> None:
            if ctx.guild is not None:
                await self._hub.burn_codes(ctx.message.content)
            spell = self._speller(ctx.prefix or "")
            lines = [f"{spell(command)}: {DESCRIPTIONS[command]}" for command in self._names]
            await self._send(ctx.channel, Reply(text="\n".join(lines)))

        return run

    def _check_clashes(self, added: list[tuple[Any, Any]]) -> None:
        tree = self._tree
        theirs = [] if tree is None else tree.get_commands(type=discord.AppCommandType.chat_input)
        for place, command in added:
            if place.get_command(command.name) is not None:
                raise SessionError(
                    clash_text(command.name, "slash command" if place is tree else "command")
                )
        if len(theirs) + sum(place is tree for place, _ in added) > MOST_SLASH_COMMANDS:
            raise SessionError(
                f"Discord takes {MOST_SLASH_COMMANDS} slash commands, and the bot has "
                f"{len(theirs)}: put ours into one by "
                'install(bot, hub, group="session"), or turn some off by its commands argument'
            )

    def explained(self, error: BaseException) -> SessionError | None:
        """Say what to do about a command of the author's that came after ours and has one of our
        names.
        """
        seen: BaseException | None = error
        while seen is not None:
            if isinstance(
                seen, commands.CommandRegistrationError | app_commands.CommandAlreadyRegistered
            ):
                ours = [command.name for _, command in self._added]
                return SessionError(clash_text(seen.name, "command")) if seen.name in ours else None
            seen = getattr(seen, "original", None) or seen.__cause__
        return None

    # Which messages and interactions are ours

    async def is_own_message(self, message: discord.Message, *, until: float) -> bool:
        """Tell whether a message is one of our commands; it is none if the author does not tell the
        prefix until then.

        The time is the event loop's.
        """
        if message.author.bot or self._bot is None:
            return False  # nor does discord.py carry out what a bot says
        content = message.content.casefold()
        if not any(command.name.casefold() in content for command in self._ours):
            return False  # most messages: asking for the prefix may cost the author a query
        try:
            async with asyncio.timeout_at(until):
                context = await self._bot.get_context(message)
        except (
            Exception
        ):  # the author's prefix: then discord.py carries nothing out either, or not yet
            logger.exception(
                "the bot's prefix could not be told, so a message is taken for no command of ours"
            )
            return False
        return (
            context.command is not None
            and (context.command.root_parent or context.command) in self._ours
        )

    def is_own_interaction(self, interaction: discord.Interaction) -> bool:
        """Tell whether an interaction is one of our commands."""
        command = interaction.command
        root = getattr(command, "root_parent", None) or command
        return root is not None and root in self._ours

    @property
    def _ours(self) -> list[Any]:
        return [command for _, command in self._added]

    # Answers

    async def _answer_interaction(
        self, interaction: discord.Interaction, command: Command, words: str
    ) -> None:
        """Answer so that nobody else can read it; at once, since Discord waits three seconds, and
        in full afterwards.
        """
        await interaction.response.defer(ephemeral=True)
        chat = chat_of(interaction, bot_id=self._bot_id)
        self._prefixes[int(chat.chat_id)] = "/"
        reply = await self._answer(command, words, chat, interaction.user, "/")
        for message in _messages(reply):
            await interaction.followup.send(**message, ephemeral=True)

    async def _answer(
        self, command: Command, words: str, chat: Chat, user: discord.abc.User, prefix: str
    ) -> Reply:
        asked = Asked(
            chat=chat,
            account=to_account(user),
            name=shown_name(user),
            spell=self._speller(prefix),
            offered=tuple(self._names),
        )
        reply = await answer(self._hub, command, words, asked)
        return (
            reply if command == "privacy" else replace(reply, text=_plain(reply.text))
        )  # that may be the author's text

    async def deliver(self, chat: Chat, notice: Notice) -> None:
        """Tell a person something in their direct chat."""
        prefix = self._prefixes.get(int(chat.chat_id)) or self._usual_prefix()
        text = _plain(notice_text(notice, spell=self._speller(prefix)))
        messageable = self._client.get_partial_messageable(int(chat.chat_id))
        await self._send(messageable, Reply(text=text))

    async def _send(self, where: discord.abc.Messageable, reply: Reply) -> None:
        """Send to a chat itself: a context's own `send` may be the author's, and take less."""
        for message in _messages(reply):
            await where.send(**message, nonce=self._own_messages.unrecorded_nonce())

    @property
    def _bot_id(self) -> int:
        user: Any = self._client.user  # whose id an old application does not share
        return int(user.id)

    def _speller(self, prefix: str) -> Spell:
        group = f"{self._group} " if self._group else ""
        return lambda command: f"{prefix}{group}{self._names.get(command, command)}"

    def _usual_prefix(self) -> str:
        """Give a prefix for somebody who has not used one since the bot started; a mention where
        nobody can tell.
        """
        prefix = getattr(self._client, "command_prefix", "/")
        if isinstance(prefix, str):
            return prefix
        if isinstance(prefix, list | tuple) and prefix:
            return str(prefix[0])
        return f"@{self._client.user.name} " if self._client.user is not None else ""


def _plain(text: str) -> str:
    """Let our words be shown as they are: there are names in them, and a name may be made up as a
    link to elsewhere.
    """
    return _MARKUP.sub(r"\\\g<0>", text)


def _messages(reply: Reply) -> Iterator[dict[str, Any]]:
    """Give a reply as messages that Discord takes: its text, in several where it is long, and a
    file each.
    """
    for part in cut(reply.text, most=MOST_CHARACTERS):
        yield {"content": part}
    for document in reply.documents:
        yield {"file": discord.File(io.BytesIO(document.content), document.name)}


def clash_text(name: str, what: str) -> str:
    """Say that two commands have one name, and what can be done about it."""
    return (
        f"the bot has a {what} {name} of its own: rename ours, turn it off by an empty name, "
        "or put all of ours into a "
        f'group, by install(bot, hub, commands={{"{name}": "..."}}) or group="session"'
    )
